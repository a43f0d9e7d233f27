#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# job-bench.sh - the benchmark, inside the guest: one line of /etc/bench after the
# other, each a device and what to measure on it. What the module reports goes to
# the channel "result"; "end" there says that all of it came.
#
# Sourced by init (busybox ash). A line of /etc/bench is one of
#	modules <build>		the library and the benchmark of that build
#	load <module> [params]	a driver that stays
#	unload <module>
#	linear <device>		/dev/dm-0, dm-linear over all of it; with - for a device it goes
#	passthru <device>	/dev/iot-bench, the pass-through module over it; likewise
#	online			the CPUs that were kept out
#	set <file> <value>	writes it
#	run <params>		the benchmark, once
#	switch <name> <params>	the same, with the target's file <name> in debugfs set to 1
# where @<serial> in a parameter is the disk that the host gave this serial.

RESULT=/dev/iot/result

# Figures of a kernel in trouble are none.
told() {
	dmesg -c >/run/log
	sed -n 's/^\[[^]]*\] io_target_bench: //p' /run/log >&4
	if grep -E -f /etc/splats /run/log >/run/trouble; then
		echo "failed the kernel complains: $(head -n 1 /run/trouble)" >&4
		cat /run/log
		exit
	fi
}

failed() {
	told
	echo "failed $*" >&4
	tail -n 20 /run/log
	exit
}

disks() { # words
	for word; do
		case $word in
		*@*) echo "${word%%@*}$(wait_disk "${word#*@}")" ;;
		*) echo "$word" ;;
		esac
	done
}

# The target is there only while the benchmark is, which waits for this.
switch_on() { # name
	for file in /sys/kernel/debug/io_target/*/"$1"; do
		echo 1 >"$file"
	done
}

# The device is claimed by one of them at a time.
linear() { # device
	case $1 in
	-) dmlinear remove bench ;;
	*) dmlinear create bench "$1" && [ -b /dev/dm-0 ] ;;
	esac
}

passthru() { # device
	case $1 in
	-) rmmod io_target_passthru ;;
	*)
		insmod "$BUILD/io_target_passthru.ko" name=bench path="$1" &&
			[ -b /dev/iot-bench ]
		;;
	esac
}

bench_line() { # what, words
	what=$1
	module=$2
	shift
	case $what in
	modules)
		[ ! -e /sys/module/io_target ] || rmmod io_target
		BUILD=/modules/$module
		insmod "$BUILD/io_target.ko"
		;;
	load)
		shift
		insmod "/modules/$module.ko" "$@"
		;;
	unload) rmmod "$module" ;;
	linear | passthru) "$what" "$module" ;;
	online)
		online_cpus
		sleep 1
		;;
	set) echo "$2" >"$module" ;;
	switch)
		shift
		# shellcheck disable=SC2046 # words are meant
		insmod "$BUILD/io_target_bench.ko" wait_ms=2000 $(disks "$@") &
		sleep 1
		switch_on "$module" && wait $! && rmmod io_target_bench
		;;
	run)
		# shellcheck disable=SC2046 # words are meant
		insmod "$BUILD/io_target_bench.ko" $(disks "$@") &&
			rmmod io_target_bench
		;;
	esac
}

bench() {
	n=0
	while read -r line; do
		case $line in
		'' | '#'*) continue ;;
		esac
		n=$((n + 1))
		echo "line $n $line" >&4
		# shellcheck disable=SC2086 # words are meant
		bench_line $line 2>/run/err || failed "line $n: $line: $(cat /run/err)"
		told
	done </etc/bench
	echo end >&4
}

# The console is slow, and what it prints would be measured.
echo 4 >/proc/sys/kernel/printk
wait_channel result || exit
exec 4>$RESULT
# A second after its boot the kernel takes another clock, with a cheaper read, and in
# the first ones it patches its own code here and there.
sleep 5
dmesg -c >/dev/null
bench
