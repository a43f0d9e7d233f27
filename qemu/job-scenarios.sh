#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# job-scenarios.sh - the scenarios, inside the guest: one after the other, each from a
# clean state, then what the gate checks at the end of make test.
#
# Sourced by init (busybox ash). From /etc/conf: SCENARIOS ("name:limit" words), QUICK,
# PROFILE. A scenario has a shell and a session of its own; it has failed when that
# ends with another status than 0 (77: it cannot run here, and its last line says why).

# shellcheck disable=SC2034 # the gate's: only its functions
JOB=:
# shellcheck source=job-test.sh
. /gate
# shellcheck source=scenarios/lib.sh
. /scenarios/lib.sh
# shellcheck source=scenarios/disks.sh
. /scenarios/disks.sh

OUT=/run/scenario.log

programs() {
	mkdir -p /opt /lib64 /mnt
	disk=$(wait_disk programs) && busybox mount -t ext4 -o ro "$disk" /opt || return 1
	ln -s /opt/lib/ld-linux-x86-64.so.2 /lib64/
	export LD_LIBRARY_PATH=/opt/lib PATH=/opt/bin:$PATH QUICK PROFILE
}

# The processes of a scenario: those of its session that still run.
members() { # session
	for stat in /proc/[0-9]*/stat; do
		read -r text <"$stat" || continue
		# shellcheck disable=SC2086 # words are meant
		set -- "$1" ${text##*) }
		[ "$5" != "$1" ] || [ "$2" = Z ] || basename "${stat%/stat}"
	done 2>/dev/null
}

kill_members() { # session
	for try in 1 2 3 4 5 6 7 8 9 10; do
		live=$(members "$1" | xargs)
		[ -n "$live" ] || return 0
		# shellcheck disable=SC2086 # words are meant
		kill -KILL $live 2>/dev/null
		usleep $((try * 100000))
	done
	echo "processes that cannot be killed: $live"
	return 1
}

# Layers come off in any order: again, until nothing is left.
take_down() {
	for try in 1 2 3 4 5 6; do
		swapoff -a 2>/dev/null
		awk '$2 ~ "^/mnt/" { print $2 }' /proc/mounts | tac | xargs -r -n 1 umount
		dmsetup remove_all --retry >/dev/null 2>&1
		for dir in "$PT"/*/; do
			[ -d "$dir" ] && pt_destroy "$(basename "$dir")" >/dev/null 2>&1
		done
		losetup -D 2>/dev/null
		lio_down 2>/dev/null
		for module in io_target_demo io_target_passthru io_target loop brd nbd null_blk \
			scsi_debug tcm_loop target_core_mod zram zsmalloc bcache raid0 raid1 \
			linear md_linear raid456 async_raid6_recov async_pq async_xor async_memcpy \
			async_tx raid6_pq xor md_mod dm_thin_pool dm_bio_prison \
			dm_persistent_data dm_verity dm_bufio libcrc32c; do
			rmmod $module 2>/dev/null
		done
		[ "$(cut -d' ' -f1 /proc/modules | sort | xargs)" = "$BASE_MODULES" ] &&
			dmsetup ls | grep -q '^No devices' && return 0
		usleep 500000
	done
	echo "still there: $(cut -d' ' -f1 /proc/modules | xargs), $(dmsetup ls | xargs)," \
		"$(echo "$PT"/*), $(grep ' /mnt' /proc/mounts)"
	return 1
}

notes() {
	tail -n "$1" $OUT | while IFS= read -r line; do
		echo "<6>    # $line" >/dev/kmsg
	done
}

# After its limit a scenario hangs: show who, and end the guest. The host begins
# another one with what is left.
watch_limit() { # name, seconds
	(
		began=$(ticks)
		while [ $(($(ticks) - began)) -lt "$2" ]; do
			sleep 1
		done
		notes 12
		cat $OUT >&6
		say "hang: $1 has not ended after $2 s"
		echo w >/proc/sysrq-trigger
		echo b >/proc/sysrq-trigger
	) &
	WATCH=$!
}

result() { # status, name
	NUMBER=$((NUMBER + 1))
	case $1 in
	0)
		PASS=$((PASS + 1))
		line="ok $NUMBER $2"
		;;
	77)
		SKIP=$((SKIP + 1))
		line="ok $NUMBER $2 # SKIP $(tail -n 1 $OUT)"
		;;
	*)
		FAIL=$((FAIL + 1))
		notes 20
		line="not ok $NUMBER $2"
		;;
	esac
	echo "<6>    $line" >/dev/kmsg
}

scenario() { # name, seconds
	say "scenario $1"
	echo "=== $1" >&6
	: >$OUT
	watch_limit "$1" "$2"
	# shellcheck disable=SC2016 # for the other shell
	setsid sh -euc '. /scenarios/lib.sh; . "/scenarios/$1.sh"' scenario "$1" \
		>$OUT 2>&1 </dev/null &
	session=$!
	wait $session
	status=$?
	clean=0
	{ kill_members $session && take_down; } >>$OUT 2>&1 || clean=1
	kill "$WATCH" 2>/dev/null
	[ $clean = 0 ] || status=1
	cat $OUT >&6
	result "$status" "$1"
	return $clean
}

# A scenario that leaves something behind spoils the others: they get a new boot.
run_all() {
	# shellcheck disable=SC2086 # words are meant
	set -- $SCENARIOS
	NUMBER=0 PASS=0 FAIL=0 SKIP=0
	printf '<6>%s\n' 'KTAP version 1' '1..1' '    KTAP version 1' \
		'    # Subtest: scenarios' >/run/ktap
	while read -r line; do
		echo "$line" >/dev/kmsg
	done </run/ktap
	BASE_MODULES=$(cut -d' ' -f1 /proc/modules | sort | xargs)
	for word; do
		scenario "${word%:*}" "${word##*:}" || break
	done
	echo "<6>    1..$NUMBER" >/dev/kmsg
	echo "<6># Totals: pass:$PASS fail:$FAIL skip:$SKIP total:$NUMBER" >/dev/kmsg
	[ $FAIL = 0 ] && line=ok || line='not ok'
	echo "<6>$line 1 scenarios" >/dev/kmsg
}

scenarios() {
	: >$PROBLEMS
	start_log && wait_channel out && wait_channel host || return 1
	start_ticks
	exec 6>/dev/iot/out
	programs || return 1
	clock_settles
	online_cpus
	BOOT_MODULES=$(wc -l </proc/modules)
	start_leaks
	run_all
	unload_all
	check_leaks
	end_log
	check_log
	check_taint
	write_verdict
}

scenarios
