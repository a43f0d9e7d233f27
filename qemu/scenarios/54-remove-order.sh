#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a disk is removed in order: a file system above it writes back, as one on the disk itself does
#
# limit: 100
# since: 6.9

# shellcheck source=disks.sh
. /scenarios/disks.sh

mkdir -p /mnt/o

# The disk's driver goes on answering until nobody needs the disk. NVMe's is no witness: it says
# first that the disk is empty.
unbind() {
	device=$(realpath "/sys/block/${lower##*/}/device")
	driver=$(realpath "$device/driver")
	echo "${device##*/}" >"$driver/unbind"
}

bind_again() {
	echo "${device##*/}" >"$driver/bind"
}

# Files that nobody has synced are on the disk, and nothing can be written any more.
check() { # what is mounted, and what then
	mkfs.ext4 -q -F "$1" || fail "$kind: mkfs"
	mount "$1" /mnt/o || fail "$kind: mount"
	make_tree /mnt/o 30 >/dev/null
	unbind
	! touch /mnt/o/later 2>/dev/null || fail "$kind: it can still be written"
	umount /mnt/o
	if [ -e "$PT/o" ]; then
		[ "$(pt_state o)" = removed ] || fail "$kind: $(pt_state o)"
		pt_destroy o
	fi
	bind_again
	wait_for 10 test -b "$2" || fail "$kind: there is no $2"
	# Some of it may be in the journal alone, which is carried out now.
	mount -o ro "$2" /mnt/o || fail "$kind: mount again"
	check_tree /mnt/o || fail "$kind: what was written is not all there"
	umount /mnt/o
	fsck_clean "$2" || fail "$kind: the file system is not clean"
	echo "$kind: ok"
}

lower=$(disk v1)
kind='the disk itself'
check "$lower" "$lower"
kind='above it'
pt_create o "$lower"
check /dev/iot-o "$lower"
kind='a partition above it'
echo '2048,65536' | sfdisk -q "$lower" || fail "$kind: sfdisk"
pt_create o "$lower"
wait_for 10 test -b /dev/iot-o1 || fail "$kind: there is none"
check /dev/iot-o1 "$(part "$lower")"
