#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# the lowest disk is frozen: so is the file system above two devices on each other
#
# limit: 90

lower=$(disk v1)
dmsetup create low --table "0 $(blockdev --getsz "$lower") linear $lower 0"
dmsetup mknodes
pt_create one /dev/mapper/low
pt_create two /dev/iot-one
mkfs.ext4 -q /dev/iot-two 32M
mkdir -p /mnt/a
mount /dev/iot-two /mnt/a

write_on() {
	i=0
	while [ ! -e /run/enough ]; do
		i=$((i + 1))
		dd if=/dev/urandom of=/mnt/a/f$((i % 50)) bs=4k count=3 conv=fsync 2>/dev/null
		echo $i >/run/count.new
		mv /run/count.new /run/count
	done
}

beyond() { # count
	[ -s /run/count ] && [ "$(cat /run/count)" -gt "$1" ]
}

still() {
	was=$(cat /run/count)
	usleep 500000
	[ "$(cat /run/count)" = "$was" ]
}

echo 0 >/run/count
write_on &
writer=$!
for _ in $(seq "$(often 10 2)"); do
	wait_for 20 beyond "$(cat /run/count)" || fail "nothing is written"
	dmsetup suspend low
	wait_for 20 still || fail "it is written to while it is frozen"
	# what was written is below, and clean: a copy could be made now
	case $(uname -r) in
	6.1.*) ;;	# does not tell who stands above
	*) fsck_clean "$lower" || fail "not clean while it is frozen" ;;
	esac
	dmsetup resume low
	wait_for 20 beyond "$(cat /run/count)" || fail "nothing is written after the thaw"
done
touch /run/enough
wait $writer
umount /mnt/a
fsck_clean /dev/iot-two || fail "the file system is not clean"
pt_destroy two
pt_destroy one
dmsetup remove low
