#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# dm-linear, dm-crypt and a partition table above a forwarded disk
#
# limit: 150 90

lower=$(disk v1)
pt_create up "$lower"
sectors=$(blockdev --getsz /dev/iot-up)
mkdir -p /mnt/a

dmsetup create lin --table "0 $((sectors / 2)) linear /dev/iot-up 2048"
dmsetup mknodes
fio_verify linear /dev/mapper/lin --ioengine=io_uring --iodepth=8 --bsrange=4k-32k \
	--size="$(often 16M 4M)"
cmp -n 1048576 -s /dev/mapper/lin "$lower" && fail "dm-linear's offset is lost"
dmsetup remove lin

key=$(head -c 64 /dev/urandom | hexdump -v -e '/1 "%02x"')
dmsetup create secret --table "0 $sectors crypt aes-xts-plain64 $key 0 /dev/iot-up 0"
dmsetup mknodes
mkfs.ext4 -q /dev/mapper/secret 16M
mount /dev/mapper/secret /mnt/a
make_tree /mnt/a 40
echo "nobody shall read this" >/mnt/a/plain
umount /mnt/a
fsck_clean /dev/mapper/secret || fail "the encrypted file system is not clean"
mount -o ro /dev/mapper/secret /mnt/a
check_tree /mnt/a || fail "checksums differ above dm-crypt"
umount /mnt/a
dmsetup remove secret
! head -c 16777216 "$lower" | grep -q "nobody shall read" || fail "it is not encrypted"

printf 'label: dos\nsize=20M\nsize=20M\n' | sfdisk -q /dev/iot-up
blockdev --rereadpt /dev/iot-up
wait_for 5 test -b /dev/iot-up2 || fail "no partitions: $(ls /dev/iot-*)"
mkfs.ext4 -q /dev/iot-up2
mount /dev/iot-up2 /mnt/a
make_tree /mnt/a 40
umount /mnt/a
pt_destroy up
[ ! -e /dev/iot-up2 ] || fail "the partitions are still there"
blockdev --rereadpt "$lower"
fsck_clean "${lower}2" || fail "the file system in the partition is not clean"
mount -o ro "${lower}2" /mnt/a
check_tree /mnt/a || fail "checksums differ in the partition"
umount /mnt/a
dd if=/dev/zero of="$lower" bs=4k count=1 oflag=direct 2>/dev/null
blockdev --rereadpt "$lower"
