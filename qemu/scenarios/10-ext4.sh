#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# an ext4 file system on a forwarded disk is whole, seen through the lower one
#
# limit: 120

lower=$(disk v1)
pt_create db "$lower"
mkfs.ext4 -q /dev/iot-db
mkdir -p /mnt/a
mount /dev/iot-db /mnt/a
make_tree /mnt/a "$(often 200 60)"
check_tree /mnt/a || fail "checksums differ before the cache is dropped"
rm -r /mnt/a/d3
mkdir /mnt/a/more
make_tree /mnt/a/more 20
sync
fstrim -v /mnt/a || echo "no fstrim here"
umount /mnt/a

fsck_clean /dev/iot-db || fail "the file system is not clean"
pt_destroy db
fsck_clean "$lower" || fail "the file system is not clean on the lower disk"
mount -o ro "$lower" /mnt/a
check_tree /mnt/a/more || fail "checksums differ on the lower disk"
# all but what was removed
(cd /mnt/a && sed '/ \.\/d3\//d' SUMS >/run/sums.left && sha256sum -c /run/sums.left >/run/out) ||
	fail "checksums differ on the lower disk: $(grep -v ': OK$' /run/out | head -n 3)"
umount /mnt/a
