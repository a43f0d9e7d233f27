#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# swap and dirty pages are on a disk that is away, and memory is short
#
# limit: 900 600
# boot: own
# memory: 256 768
# quick: no

# The scenario may be swapped out itself: nothing that brings the disk back depends on it.

# The hog has had 60 MiB written out.
swapped_out() {
	! ended $hog || fail "$(cat /run/hog)"
	awk '/^SwapTotal/ { total = $2 } /^SwapFree/ { free = $2 }
		END { exit total - free < 60 * 1024 }' /proc/meminfo
}

swapped() { # pages, out
	sed -n 's/^pswpout //p' /proc/vmstat
}

# The hog counts the MiB that it has written to.
written() {
	cat /run/written 2>/dev/null || echo 0
}

beyond() { # MiB
	[ "$(written)" -gt "$1" ]
}

# fio writes into the page cache, and reads back.
dirty() {
	until [ -e /run/enough ]; do
		fio_job dirty /mnt/s/file --direct=0 --rw=randwrite --bs=4k --size=16M \
			--verify=crc32c --do_verify=1 >/run/fio 2>&1 || return 1
	done
}

is_started() {
	[ "$(pt_state s)" = started ]
}

# The kernel makes its own things of a disk that is plugged in, and has no memory but what is
# free then: nothing here is clean, and can be dropped.
echo 300 >/proc/sys/vm/watermark_scale_factor

mkdir -p /mnt/s
pt_create s "$(disk v3)" follow=1 identity=size cache=kept
printf '2048,655360,S\n657408,,L\n' | sfdisk -q /dev/iot-s || fail sfdisk
wait_for 10 test -b /dev/iot-s2 || fail "there are no partitions"
mkswap /dev/iot-s1 >/dev/null
swapon /dev/iot-s1 || fail swapon
mkfs.ext4 -q /dev/iot-s2
mount -o errors=remount-ro /dev/iot-s2 /mnt/s

# The hog wants more than there is.
available=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
perl /scenarios/hog.pl $((available + 120)) /run/written /run/enough >/run/hog 2>&1 &
hog=$!
wait_for 120 swapped_out || fail "nothing is swapped out"
dirty &
dirty=$!
before=$(swapped)
for _ in $(seq "$(often 3 1)"); do
	host away virtio v3 20
	wait_for 60 is_started || fail "it is back, and $(pt_state s)"
	wait_for 300 beyond $(($(written) + 64)) || fail "what is swapped out does not come back"
done
touch /run/enough
wait $dirty || fail "$(cat /run/fio)"
wait $hog || fail "$(cat /run/hog)"
! dmesg | grep -E 'Out of memory|Write-error on swap|Read-error on swap' || fail "see above"
[ "$(swapped)" -gt "$before" ] || fail "memory was not short"
echo "$(written) MiB of $((available + 120)) written; $(($(swapped) - before)) pages swapped out"
swapoff /dev/iot-s1 || fail swapoff
umount /mnt/s
fsck_clean /dev/iot-s2 || fail "the file system is not clean"
pt_destroy s
