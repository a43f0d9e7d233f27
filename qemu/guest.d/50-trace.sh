#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# What root sees of a target: its directory in debugfs, and its events in tracefs,
# while a driver (the example) reads 4096 and 65536 bytes.

tracing=/run/tracing
events=$tracing/events/io_target
files=/sys/kernel/debug/io_target
user=/modules/io_target_example.ko

result() { # name command...
	name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
	fi
}

one_directory() {
	[ "$(echo $files/target.*)" = "$files/target.*" ] &&
		insmod $user disk=/dev/nullb0 &&
		[ "$(echo $files/target.* | wc -w)" = 1 ] &&
		dir=$(echo $files/target.*)
}

# name value
counted() {
	grep -qx "$1  *$2" "$dir/counters" && return 0
	echo "$1 is not $2"
	cat "$dir/counters"
	return 1
}

# The second read, without waiting, may take its time.
readable() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		counted completed 2 >/dev/null && break
		sleep 1
	done
	counted submitted 2 && counted completed 2 && counted in_flight 0 &&
		counted errors 0 &&
		grep -qx 'state  *started' "$dir/state" &&
		grep -qx 'device  *nullb0' "$dir/state" &&
		grep -qx 'sent  *0' "$dir/requests" &&
		grep -qx none "$dir/last_error" &&
		! grep -q . "$dir/orphans"
}

root_only() {
	for file in "$dir"/*; do
		case $(stat -c %a "$file") in
		400 | 600) ;;
		*) return 1 ;;
		esac
	done
}

switched() {
	grep -qx 'off, 0 requests' "$dir/latency" &&
		echo 1 >"$dir/latency" &&
		grep -qx 'on, 0 requests' "$dir/latency" &&
		! echo 2 >"$dir/latency" 2>/dev/null &&
		! echo 'resetresetreset' >"$dir/latency" 2>/dev/null &&
		echo reset >"$dir/latency"
}

# The target is released by a worker. It still takes latencies.
directory_goes() {
	rmmod io_target_example || return 1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -e "$dir" ] || return 0
		sleep 1
	done
	return 1
}

# pattern: in the trace, so often
traced() {
	[ "$(grep -cE "$1" /run/trace)" = "$2" ] && return 0
	echo "not $2 times in the trace: $1"
	grep -v '^#' /run/trace
	return 1
}

# Stamps of another CPU may order the lines otherwise: each is looked for by itself.
events_told() {
	one='nr=[0-9]+ target=nullb0'
	cat $tracing/trace >/run/trace
	traced "open: $one device=nullb0 flags=read err=0" 1 &&
		traced "state: $one before=closed state=starting wish=starting" 1 &&
		traced "state: $one before=starting state=started wish=started" 1 &&
		traced "submit: $one req=[0-9a-fx]+ op=read pos=0 len=4096 flags=bounce" 1 &&
		traced "submit: $one req=[0-9a-fx]+ op=read pos=[0-9]+ len=65536 flags=" 1 &&
		traced "complete: $one req=[0-9a-fx]+ op=read pos=0 len=4096 result=4096 status=0 not_sent=0" 1 &&
		traced "complete: .* len=65536 result=65536 status=0 not_sent=0" 1 &&
		traced "state: $one before=started state=closed wish=closed" 1 &&
		traced ' (cancel|deadline|orphan|pend|remove): ' 0 &&
		traced ' (submit|complete): ' 4
}

# A field as a script would ask for it
filtered() {
	echo 'len == 65536 && target == "nullb0"' >$events/submit/filter &&
		echo >$tracing/trace &&
		insmod $user disk=/dev/nullb0 &&
		rmmod io_target_example &&
		cat $tracing/trace >/run/trace &&
		traced ' submit: ' 1 &&
		traced ' complete: ' 2 &&
		echo 0 >$events/submit/filter
}

goes() {
	echo 0 >$events/enable
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rmmod io_target 2>/dev/null && return 0
		sleep 1
	done
	return 1
}

mkdir -p $tracing
insmod "$IO_TARGET"
if [ -d $files ] && mount -t tracefs none $tracing && [ -d $events ]; then
	insmod /modules/null_blk.ko
	echo 1 >$events/enable
	result debugfs_one_directory one_directory
	result debugfs_readable readable
	result debugfs_root_only root_only
	result debugfs_latency switched
	result debugfs_directory_goes directory_goes
	result trace_events events_told
	result trace_filter filtered
	result trace_unload goes
	rmmod null_blk
	umount $tracing
else
	echo "not ok trace"
	rmmod io_target
fi
