#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# The fault injector as root uses it: rules are written to debugfs by echo, and a
# driver that knows nothing of them (the example) sees its device fail.

inject=/sys/kernel/debug/io_target
lower=/modules/null_blk.ko
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

# text: what the example has said since it was loaded last; a worker may be late
says() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		dmesg | tail -n +"$mark" | grep -qF "example: $1" && return 0
		sleep 1
	done
	echo "the example has not said: $1"
	dmesg | tail -n +"$mark" | grep -F 'example: '
	return 1
}

load_user() {
	mark=$(($(dmesg | wc -l) + 1))
	insmod $user disk=/dev/nullb0
}

# text: in the rules of the example's target
lists() {
	grep -qF "$1" $inject/target.*/inject && return 0
	echo "not in the rules: $1"
	cat $inject/target.*/inject
	return 1
}

root_only() {
	for file in "$inject/inject" "$inject/fail_nth"; do
		[ "$(stat -c %a "$file")" = 600 ] || return 1
	done
}

bad_text() {
	! echo 'op=read error=NONSENSE' >$inject/inject 2>/dev/null &&
		dmesg | tail | grep -q 'io_target: .*inject refused: error='
}

# A driver reads while it is loaded: it begins with the default rule.
first_read_fails() {
	echo 'op=read error=EIO count=1' >$inject/inject &&
		load_user &&
		says 'waiting: -5 bytes' &&
		says 'without waiting: 65536 bytes' &&
		lists 'op=read error=EIO count=1 (matched 1 fired 1)' &&
		rmmod io_target_example
}

# The second read hangs until the target's own rules are cleared.
second_read_hangs() {
	echo 'op=read never every=2' >$inject/inject &&
		load_user &&
		says 'waiting: 4096 bytes' &&
		lists 'held 1 delayed 0' &&
		! dmesg | tail -n +"$mark" | grep -qF 'without waiting: ' &&
		echo clear | tee $inject/target.*/inject >/dev/null &&
		says 'without waiting: 65536 bytes' &&
		lists 'held 0 delayed 0' &&
		rmmod io_target_example
}

# Nobody releases it: the driver's close gets it back with an error.
close_releases() {
	load_user &&
		lists 'held 1 delayed 0' &&
		rmmod io_target_example &&
		says 'without waiting: -5 bytes'
}

cleared() {
	echo clear >$inject/inject &&
		load_user &&
		says 'waiting: 4096 bytes' &&
		says 'without waiting: 65536 bytes' &&
		lists 'held 0 delayed 0' &&
		rmmod io_target_example
}

# The first allocation for a new target is that of its open.
no_memory() {
	echo 'op=alloc count=1' >$inject/inject || return 1
	! load_user 2>/run/insmod &&
		grep -qi memory /run/insmod &&
		! grep -q '^io_target_example ' /proc/modules &&
		dmesg | tail -n +"$mark" | grep -q 'io_target: .*open of /dev/nullb0 failed (-ENOMEM)' &&
		echo clear >$inject/inject &&
		load_user && rmmod io_target_example
}

# The count is that of the task that writes it, also after exec, and of no child.
# Whether the module is loaded then is a matter of insmod, which may try again.
one_task() {
	# shellcheck disable=SC2016 # for the other shell
	sh -c 'echo 1 >"$1/fail_nth" && insmod "$2" disk=/dev/nullb0 && cat "$1/fail_nth" &&
		rmmod io_target_example && exec insmod "$2" disk=/dev/nullb0' \
		sh $inject $user >/run/left 2>/dev/null
	rmmod io_target_example 2>/dev/null
	[ "$(cat /run/left)" = 1 ] && [ "$(cat $inject/fail_nth)" = 0 ]
}

refused() { # module: it is in use
	! rmmod "$1" 2>/dev/null && grep -q "^$1 " /proc/modules
}

# module: as soon as the orphan has ended, which a worker sees to
goes() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rmmod "$1" 2>/dev/null && return 0
		sleep 1
	done
	echo "$1 cannot be unloaded"
	return 1
}

# The driver has gone, its read has not: it was given up after five seconds.
orphan_keeps_modules() {
	echo 'op=read delay=3600000 count=1' >$inject/inject &&
		load_user &&
		says 'waiting: -110 bytes' &&
		rmmod io_target_example &&
		refused io_target &&
		refused null_blk &&
		echo release | tee $inject/target.*/inject >/dev/null &&
		goes null_blk
}

insmod "$IO_TARGET"
if [ -e $inject/inject ]; then
	insmod $lower
	result inject_root_only root_only
	result inject_bad_text bad_text
	result inject_first_read_fails first_read_fails
	result inject_second_read_hangs second_read_hangs
	result inject_close_releases close_releases
	result inject_cleared cleared
	result inject_no_memory no_memory
	result inject_one_task one_task
	result inject_orphan_keeps_modules orphan_keeps_modules
	goes io_target
else
	echo "ok inject # SKIP built without CONFIG_IO_TARGET_FAULT_INJECTION"
	rmmod io_target
fi
