#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# job-test.sh - the gate, inside the guest: run everything, unload everything,
# look for leaks, read the log and the taint, and only then write the verdict.
#
# Sourced by init (busybox ash). /etc/modules lists the modules in load order,
# with parameters. From /etc/conf: PROFILE, FILTER, SUITES (globs, when this guest runs a
# part of the suites), RACES (the one of them that wants all CPUs, in a guest that has booted
# with one), SCRIPTS ("no" without those of /guest.d), LIMIT (the host's patience in
# seconds), and META, which the meta tests use to make a bad guest of this.
# JOB, when set, is another function to run (see job-scenarios.sh).

MARK='iot: end of run'
PROBLEMS=/run/problems
LOG=/run/kmsg
# shellcheck disable=SC2034 # ash only: for the scenarios in /guest.d
IO_TARGET=/modules/io_target.ko
SUITES_MODULE=/modules/io_target_kunit.ko

problem() { # kind, text
	say "problem: $1: $2"
	echo "problem $1 $2" >>$PROBLEMS
}

# The whole kernel log goes out through its own channel as it is written, and
# into a file for our own reading. The mark ends it, so that "wait" is enough
# to know that every line has left.
start_log() {
	wait_channel kmsg || return 1
	wait_channel verdict || return 1
	last="$MARK"
	if [ "$META" = cut ]; then
		last='    ok 1 '
	fi
	# By way of cat: a read with less room than a record needs is an error, and
	# awk leaves little.
	mkfifo /run/kmsg_fifo
	cat /dev/kmsg >/run/kmsg_fifo &
	READER=$!
	awk -v port=/dev/iot/kmsg -v file=$LOG -v last="$last" '
		{ print > port; fflush(port); print > file; fflush(file) }
		index($0, ";" last) { exit }
	' /run/kmsg_fifo &
	LOGGER=$!
	say "begin"
}

end_log() {
	say "${MARK#iot: }"
	wait "$LOGGER"
	kill "$READER"
}

# The thread of the running case. Blocked or running tasks alone may miss it:
# it may sleep interruptibly.
case_stack() {
	for task in /proc/[0-9]*; do
		grep -qs '^kunit_try_catch' "$task/comm" || continue
		if grep -q . "$task/stack"; then
			say "the case sleeps in"
			while read -r line; do
				say "  ${line#* }"
			done <"$task/stack"
		else
			say "the case runs, on one of these CPUs"
			echo l >/proc/sysrq-trigger
		fi
	done
}

# Seconds that count: the host says when one is over, see patience.py. A guest that is not
# told has its own.
start_ticks() {
	wait_channel ticks || return 0
	(
		count=0
		while read -r _; do
			count=$((count + 1))
			echo $count >/run/ticks.new
			mv /run/ticks.new /run/ticks
		done </dev/iot/ticks
	) &
}

ticks() {
	cat /run/ticks 2>/dev/null || cut -d. -f1 /proc/uptime
}

# A quarter of the host's patience without a line in the log is a hang: show
# who hangs where, and end. (When no CPU runs us any more, the host ends it.)
start_watch() {
	echo 1 >/proc/sys/kernel/sysrq
	start_ticks
	(
		before='' since=0
		while sleep 2; do
			size=$(wc -c <$LOG)
			now=$(ticks)
			if [ "$size" != "$before" ]; then
				before=$size since=$now
			fi
			[ $((now - since)) -ge $((LIMIT / 4)) ] || continue
			say "hang: no line for $((now - since)) s"
			case_stack
			echo w >/proc/sysrq-trigger
			echo b >/proc/sysrq-trigger
		done
	) &
}

leak_file=/sys/kernel/debug/kmemleak

start_leaks() {
	[ "$PROFILE" = debug ] || return 0
	# Only we scan, so that "twice" means twice.
	if ! { echo scan=off >$leak_file && echo clear >$leak_file; } 2>/run/err; then
		problem leak "kmemleak refuses: $(cat /run/err)"
	fi
}

# Every allocation of a task that asks for it (make_it_fail) fails, no other's.
start_faults() {
	for dir in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc; do
		[ -d $dir ] || continue
		for knob in task-filter:Y ignore-gfp-wait:N ignore-gfp-highmem:N min-order:0 \
			cache-filter:N verbose:0 interval:1 times:-1 probability:100; do
			[ ! -e "$dir/${knob%:*}" ] || echo "${knob#*:}" >"$dir/${knob%:*}"
		done
	done
}

leak_scan() {
	if ! echo scan >$leak_file 2>/run/err; then
		problem leak "kmemleak refused a scan: $(cat /run/err)"
	fi
	cat $leak_file >/run/leaks
	grep -c '^unreferenced object' /run/leaks
}

# An object must be 5 s old before kmemleak calls it lost (LEAK_AGE says when this kernel
# has another mind, in microseconds). A second scan separates a lost object from one whose only pointer was on the move.
check_leaks() {
	LEAKS='- -'
	[ "$PROFILE" = debug ] || return 0
	say "looking for leaks"
	usleep "${LEAK_AGE:-5500000}"
	LEAKS="$(leak_scan)"
	LEAKS="$LEAKS $(leak_scan)"
	[ "$LEAKS" = "0 0" ] && return 0
	problem leak "unreferenced objects in two scans: $LEAKS"
	head -n 48 /run/leaks | while IFS= read -r line; do
		say "leak| $line"
	done
}

load() { # module path, parameters
	insmod "$@" 2>/run/err || {
		problem load "$(cat /run/err)"
		return 1
	}
}

unload() { # module path
	name=${1##*/}
	name=$(echo "${name%.ko}" | tr - _)
	grep -q "^$name " /proc/modules || return 0
	# For the host, which names addresses of what is gone by then.
	say "text $name $(cat "/sys/module/$name/sections/.text" 2>/dev/null)"
	rmmod "$name" 2>/run/err || {
		problem unload "$(cat /run/err)"
		return 1
	}
}

load_all() {
	while read -r module; do
		if [ -n "$SUITES" ] && [ "$module" = "$SUITES_MODULE" ]; then
			load_parts
			continue
		fi
		say "insmod $module"
		# shellcheck disable=SC2086 # a path and its parameters
		load $module
	done </etc/modules
}

# The suites run while their module is loaded: once for each glob, which KUnit reads then.
load_parts() {
	glob=/sys/module/kunit/parameters/filter_glob
	# Word by word, and not as file names
	set -f
	# shellcheck disable=SC2086 # words are meant
	set -- $SUITES
	set +f
	for part; do
		say "suites $part"
		[ "$part" != "$RACES" ] || online_cpus
		printf %s "$part" >$glob	# a newline would be part of it
		load "$SUITES_MODULE" && unload "$SUITES_MODULE"
	done
}

unload_all() {
	tac /etc/modules | while read -r module _; do
		say "rmmod $module"
		unload "$module"
	done
	left=$(wc -l </proc/modules)
	if [ "$left" -gt "$BOOT_MODULES" ]; then
		problem unload "still loaded: $(cut -d' ' -f1 /proc/modules | xargs)"
	fi
}

# FILTER is a glob for "suite" or "suite.case", as KUnit understands it.
wanted() {
	[ -n "$FILTER" ] || return 0
	case $FILTER in
	*.*) matches "$FILTER" "guest.$1" ;;
	*) matches "$FILTER" guest ;;
	esac
}

matches() { # glob, text
	# shellcheck disable=SC2254 # the glob is meant as one
	case $2 in
	$1) return 0 ;;
	*) return 1 ;;
	esac
}

# What a kernel thread cannot do: each script of /guest.d prints one line per
# case, "ok name", "not ok name" or "ok name # SKIP reason"; other lines are
# diagnostics. All of them together are the suite "guest".
run_scenarios() {
	: >/run/scenarios
	for script in /guest.d/[0-9]*.sh; do
		[ -e "$script" ] || continue
		name=${script##*/[0-9][0-9]-}
		wanted "${name%.sh}" || continue
		say "scenario ${name%.sh}"
		# shellcheck source=/dev/null
		(. "$script") >/run/out 2>&1 || echo "not ok ${name%.sh}.exit" >>/run/out
		grep -qE '^(not )?ok ' /run/out || echo "not ok ${name%.sh}" >>/run/out
		cat /run/out >>/run/scenarios
	done
	[ -s /run/scenarios ] || return 0
	awk '
		function line(s) { printf "<6>%s\n", s > "/dev/kmsg"; fflush("/dev/kmsg") }
		/^(not )?ok / { n++ }
		{ text[NR] = $0 }
		END {
			line("KTAP version 1"); line("1..1")
			line("    KTAP version 1"); line("    # Subtest: guest")
			line("    1.." n)
			for (i = 1; i <= NR; i++) {
				if (text[i] ~ /^not ok /) {
					fail++; result = "not ok"
				} else if (text[i] ~ /^ok /) {
					result = "ok"
					if (text[i] ~ / # SKIP/) skip++; else pass++
				} else {
					line("    # " text[i])
					continue
				}
				sub(/^(not )?ok /, "", text[i])
				line("    " result " " ++k " " text[i])
			}
			line("# Totals: pass:" pass + 0 " fail:" fail + 0 \
				" skip:" skip + 0 " total:" n)
			line((fail ? "not ok" : "ok") " 1 guest")
		}' /run/scenarios
}

# Our own count, from KUnit's per-suite totals; the host counts the single
# results instead, and the two have to agree.
count_cases() {
	awk -F';' '
		{ sub(/^[^;]*;/, "") }
		/^ *# Totals: pass:/ {
			n = split($0, part, /[: ]+/)
			for (i = 1; i < n; i++) {
				if (part[i] == "pass") pass += part[i + 1]
				if (part[i] == "fail") fail += part[i + 1]
				if (part[i] == "skip") skip += part[i + 1]
			}
			totals = 1
		}
		/^(not )?ok [0-9]/ {
			# A suite that never began has no totals: it is one case.
			if (!totals && /^not/) fail++
			else if (!totals && / # SKIP/) skip++
			totals = 0
		}
		END { print pass + 0, fail + 0, skip + 0 }' $LOG
}

# /etc/splats has one extended regular expression per line, the host's own.
check_log() {
	sed -n '/;iot: begin$/,$p' $LOG | grep -v '^[0-9,]*[^;]*;iot: ' |
		grep -E -f /etc/splats | grep -v '; *# ' >/run/splats || return 0
	problem splat "$(wc -l </run/splats) lines, first: $(head -n1 /run/splats | cut -d';' -f2-)"
}

# O (out of tree), E (unsigned) and N (tests ran) are normal here.
check_taint() {
	TAINT=$(cat /proc/sys/kernel/tainted) || problem taint "cannot be read"
	bad=
	for flag in 1:F 3:R 4:M 5:B 7:D 9:W 14:L; do
		[ $((TAINT >> ${flag%:*} & 1)) = 0 ] || bad="$bad ${flag#*:}"
	done
	[ -z "$bad" ] || problem taint "flags$bad (mask $TAINT)"
}

write_verdict() {
	counts=$(count_cases)
	if [ "$META" = lie ]; then
		counts="1$counts"
	fi
	result=pass
	[ ! -s $PROBLEMS ] && [ "$(echo "$counts" | cut -d' ' -f2)" = 0 ] || result=fail
	{
		echo "verdict 1"
		echo "cases $counts"
		echo "leaks $LEAKS"
		echo "taint $TAINT"
		cat $PROBLEMS
		echo "result $result"
		echo "end"
	} >/run/verdict
	cat /run/verdict >/dev/iot/verdict
}

job() {
	: >$PROBLEMS
	start_log || return 1
	start_watch
	BOOT_MODULES=$(wc -l </proc/modules)
	start_leaks
	start_faults
	mkfifo /run/io_target_fifo	# for the suites: what cannot be a target
	[ "$SCRIPTS" = no ] || run_scenarios
	load_all
	unload_all
	check_leaks
	end_log
	check_log
	check_taint
	[ "$META" = mute ] || write_verdict
}

"${JOB:-job}"
