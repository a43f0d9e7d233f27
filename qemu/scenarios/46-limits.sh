#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# what a disk says of itself: above it stands the same, also when it can less than before
#
# limit: 300 150

# shellcheck source=disks.sh
. /scenarios/disks.sh

# scsi <parameter>...: a disk like that, and the one above it
scsi() {
	[ ! -e "$PT/l" ] || pt_destroy l
	! grep -q '^scsi_debug ' /proc/modules || wait_for 10 rmmod scsi_debug ||
		fail "scsi_debug stays"
	load scsi_debug dev_size_mb=64 ndelay=10000 "$@"
	lower=$(basename "$(scsi_disk)")
	pt_create l "/dev/$lower"
	echo "== $*: $lower"
}

same_limits() {
	found=$(differences "$lower" iot-l)
	[ -z "$found" ] || fail "$found"
	[ "$(cat /sys/block/iot-l/queue/write_cache)" = 'write back' ] || fail 'no write cache'
}

# The kind of integrity data, and that memory must not change while it is written
same_integrity() {
	for name in format tag_size protection_interval_bytes; do
		[ "$(cat "/sys/block/iot-l/integrity/$name")" = \
			"$(cat "/sys/block/$lower/integrity/$name")" ] || fail "integrity/$name"
	done
	[ "$(cat "/sys/block/$lower/integrity/format")" != none ] || fail "there is no integrity"
}

# Written from a mapping, by who does not wait, and read back
files() {
	mkfs.ext4 -q /dev/iot-l
	mkdir -p /mnt/l
	mount /dev/iot-l /mnt/l
	fio --name=mapped --directory=/mnt/l --ioengine=mmap --rw=randwrite --bs=4k --size="$(often 8M 1M)" \
		--numjobs=2 --verify=crc32c --do_verify=1 --eta=never >/run/fio 2>&1 ||
		fail "$(cat /run/fio)"
	umount /mnt/l
	fsck_clean /dev/iot-l
	! dmesg | tail -n 200 | grep -iE 'protection error|guard tag|ref tag' || fail "protection"
}

for type in $(often '1 2 3' 1); do
	scsi "dif=$type" dix=1
	same_limits
	same_integrity
	[ "$type" != 1 ] || files
done
scsi sector_size=4096
same_limits
scsi physblk_exp=3 lowest_aligned=7
same_limits
scsi lbpu=1 unmap_granularity=64 unmap_alignment=32 unmap_max_blocks=4096
same_limits

# Withdrawn: what fails once is not there any more, above neither
scsi lbpu=1 lbpws=1
same_limits
errors=$(echo /sys/kernel/debug/scsi_debug/*/error)
if [ ! -e "$errors" ]; then
	echo "this kernel's scsi_debug takes no orders to refuse a command"
	exit 0
fi

refuse() { # opcode, once: an illegal request
	echo "2 -1 $1 0 0 0x2 0x5 0x20 0x0" >"$errors"
}

limit() { # attribute
	cat "/sys/block/iot-l/queue/$1"
}

refuse 0x93
blkdiscard -z -o 0 -l 1M /dev/iot-l || fail "zeroes do not fall back"
[ "$(limit write_zeroes_max_bytes)" = 0 ] || fail "write zeroes are still promised"
refuse 0x42
! blkdiscard -o 0 -l 1M /dev/iot-l 2>/run/err || fail "a lost discard was reported as done"
[ "$(limit discard_max_bytes)" = 0 ] || fail "discards are still promised"
! blkdiscard -o 0 -l 1M /dev/iot-l 2>/run/err || fail "a discard was reported as done"

# A disk that has lost them before is enabled all the same.
pt_destroy l
pt_create l "/dev/$lower"
[ "$(limit discard_max_bytes) $(limit write_zeroes_max_bytes)" = '0 0' ] ||
	fail "promised again: $(limit discard_max_bytes) $(limit write_zeroes_max_bytes)"
dd if=/dev/zero of=/dev/iot-l bs=64k count=16 oflag=direct
