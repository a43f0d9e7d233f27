#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# I/O that a thread of the library sends counts for the cgroup of who has
# submitted it: the example waits with a timeout for 4096 bytes, which a worker
# reads, and reads 65536 itself.

lower=/modules/null_blk.ko
user=/modules/io_target_example.ko
root=/run/cgroup
group=$root/example

bytes_read() { # of the disk, by the group
	sed -n "s/^$dev .*rbytes=\([0-9]*\).*/\1/p" $group/io.stat
}

result() { # name command...
	name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
	fi
}

all_counted() {
	# In a shell of its own, since the group stays with who is in it.
	sh -c "echo \$\$ >$group/cgroup.procs; insmod $user disk=/dev/nullb0"
	rmmod io_target_example
	echo "rbytes of $dev in the group: $(bytes_read)"
	[ "$(bytes_read)" = $((4096 + 65536)) ]
}

mkdir -p $root
if mount -t cgroup2 none $root && echo +io >$root/cgroup.subtree_control; then
	mkdir $group
	insmod "$IO_TARGET"
	insmod $lower
	dev=$(cat /sys/block/nullb0/dev)
	result cgroup_of_submitter all_counted
	rmmod null_blk
	rmmod io_target
	rmdir $group
	umount $root
else
	echo "not ok cgroup_of_submitter"
fi
