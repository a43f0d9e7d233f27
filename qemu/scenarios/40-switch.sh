#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# the lower disk is switched under a mounted ext4 that is written to
#
# limit: 240 120

lower=$(disk v3)
sectors=$(blockdev --getsz "$lower")
mkfs.ext4 -q "$lower" 128M
# two ways to the same data
dmsetup create one --table "0 $sectors linear $lower 0"
dmsetup create two --table "0 $sectors linear $lower 0"
dmsetup create small --table "0 $((sectors / 2)) linear $lower 0"
dmsetup mknodes
mkdir -p /mnt/a
pt_create sw /dev/mapper/one
mount /dev/iot-sw /mnt/a

fio --name=load --directory=/mnt/a --thread --rw=randrw --bs=4k --size=4M --ioengine=libaio \
	--iodepth=8 --direct=1 --verify=crc32c --verify_fatal=1 --time_based \
	--runtime="$(often 60 8)" --gtod_reduce=1 --eta=never >/run/fio 2>&1 &
fio=$!
sleep 2

# asked <disk>: how often
asked() {
	awk '{ print $1 + $5 }' "/sys/block/$(dmsetup info -c --noheadings -o blkdevname "$1")/stat"
}

now=one next=two
for i in $(seq "$(often 40 5)"); do
	pt_set sw next=/dev/mapper/$next state=switch
	before=$(asked $now) mark=$(asked $next)
	usleep 300000
	[ "$(asked $now)" = "$before" ] || fail "switch $i: $now is still asked"
	! kill -0 $fio 2>/dev/null || [ "$(asked $next)" -gt "$mark" ] ||
		fail "switch $i: $next is not asked"
	was=$now now=$next next=$was
done

# what cannot be: the old one goes on
stays() { # path
	if (echo "$1" >"$PT/sw/next" && echo switch >"$PT/sw/state") 2>/run/err; then
		fail "switched to $1"
	fi
	echo "$1: $(cat /run/err)"
	[ "$(pt_state sw)" = started ] || fail "after a failed switch to $1: $(pt_state sw)"
	before=$(asked $now)
	dd if=/dev/iot-sw of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null ||
		fail "after a failed switch to $1: I/O fails"
	[ "$(asked $now)" -gt "$before" ] || fail "after a failed switch to $1: $now is not asked"
}
stays /dev/none
stays /run
stays /dev/mapper/small
stays /dev/iot-sw
dmsetup create loop --table "0 $sectors linear /dev/iot-sw 0" && dmsetup mknodes
[ ! -e /dev/mapper/loop ] || stays /dev/mapper/loop

wait $fio || fail "fio has seen an error: $(cat /run/fio)"
cat /run/fio
make_tree /mnt/a 30
umount /mnt/a
[ ! -e /dev/mapper/loop ] || dmsetup remove loop

# a partition scan of the upper disk waits for its I/O, and the switch not for the scan
pended() { sed -n 's/^pended //p' "$PT/sw/stats"; }
scan_pends() { [ "$(pended)" -gt "$mark" ]; }
blockdev --flushbufs /dev/iot-sw
mark=$(pended)
pt_set sw state=stop-wait
blockdev --rereadpt /dev/iot-sw &
scan=$!
wait_for 10 scan_pends || fail 'a scan of the partitions does not read'
pt_set sw next=/dev/mapper/$next state=switch state=start
wait $scan || fail 'the scan of the partitions has failed'
pt_destroy sw
dmsetup remove one two small
fsck_clean "$lower" || fail "the file system is not clean"
mount -o ro "$lower" /mnt/a
check_tree /mnt/a || fail "checksums differ"
