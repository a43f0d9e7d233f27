#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a zoned disk: the device above has its zones, and they are written and reset through it
#
# limit: 240 90

zone=8192	# sectors

queue() { # disk, attribute
	cat "/sys/block/$1/queue/$2"
}

# What both say of their zones, and of each of them
same_zones() {
	for attribute in zoned chunk_sectors nr_zones max_open_zones max_active_zones \
		zone_append_max_bytes zone_write_granularity; do
		[ "$(queue iot-z $attribute)" = "$(queue "$1" $attribute)" ] ||
			fail "$attribute: $(queue iot-z $attribute), below $(queue "$1" $attribute)"
	done
	blkzone report /dev/iot-z >/run/above
	blkzone report "/dev/$1" >/run/below
	cmp /run/above /run/below || fail "$(diff /run/above /run/below | head)"
	[ "$(wc -l </run/above)" = "$(queue iot-z nr_zones)" ] || fail "$(wc -l </run/above) zones"
}

# <number> <condition>: "em", "fu", ...
zone_is() {
	blkzone report -o $(($1 * zone)) -c 1 /dev/iot-z | grep -q "zcond:[ 0-9]*($2)" ||
		fail "not $2: $(blkzone report -o $(($1 * zone)) -c 1 /dev/iot-z)"
}

load null_blk queue_mode=2 nr_devices=2 memory_backed=1 gb=1 zoned=1 zone_size=4 \
	zone_nr_conv=2 zone_max_open=8
pt_create z /dev/nullb0
[ "$(queue iot-z zoned)" = host-managed ] || fail "zoned: $(queue iot-z zoned)"
same_zones nullb0

# written in sequence, zone by zone, and read back
fio_job zones /dev/iot-z --zonemode=zbd --rw=randwrite --bs=4k --ioengine=libaio --iodepth=8 \
	--offset=16M --size="$(often 64M 16M)" --max_open_zones=4 --verify=crc32c \
	--verify_fatal=1 --do_verify=1 >/run/fio 2>&1 || fail "$(cat /run/fio)"
zone_is 4 fu
same_zones nullb0

# reset, opened, closed, finished: below it is the same
blkzone reset -o $((4 * zone)) -c 2 /dev/iot-z
zone_is 4 em
blkzone open -o $((4 * zone)) -c 1 /dev/iot-z
zone_is 4 oe
blkzone close -o $((4 * zone)) -c 1 /dev/iot-z
blkzone finish -o $((5 * zone)) -c 1 /dev/iot-z
zone_is 5 fu
same_zones nullb0

# in sequence, or not at all
put() { # place in blocks
	dd if=/dev/zero of=/dev/iot-z bs=4k seek=$(($1)) count=1 oflag=direct conv=notrunc 2>/run/err
}
put "40 * zone / 8" || fail "the first block: $(cat /run/err)"
! put "40 * zone / 8 + 2" || fail "written out of sequence"
# newer kernels want to be told where a zone is after an error: the report does that
zone_is 40 oi
put "40 * zone / 8 + 1" || fail "the second block: $(cat /run/err)"
put 3 || fail "a conventional zone is written anywhere: $(cat /run/err)"

# a stopped one does not know its zones, and holds what is written
pt_set z state=stop
! blkzone report /dev/iot-z >/dev/null 2>&1 || fail "zones of a stopped device"
put "40 * zone / 8 + 2" &
writer=$!
sleep 1
kill -0 $writer || fail "written to a stopped device"
pt_set z state=start
wait $writer
same_zones nullb0

# it is disabled while it is asked, again and again
(
	until [ -e /run/enough ]; do
		blkzone report /dev/iot-z || true
	done
) >/run/reports 2>/dev/null &
asker=$!
for _ in $(seq "$(often 20 5)"); do
	pt_disable z || fail "not disabled while it is asked for its zones"
	pt_set z enable=1
done
touch /run/enough
wait $asker
grep -q zcond /run/reports || fail "its zones were never told"

# another one with such zones; not one with others
pt_set z next=/dev/nullb1
pt_set z state=switch
same_zones nullb1
zone_is 40 em
pt_destroy z

# read only: what changes zones is refused
pt_create z /dev/nullb0 readonly=1
! blkzone reset -o $((40 * zone)) -c 1 /dev/iot-z 2>/dev/null || fail "readonly=1 was reset"
zone_is 40 oi
pt_destroy z

# the library's own requests, to the disk itself: appends are told where they have gone
# (the kernel has them emulated, or the disk knows them), and zones change as a whole
demo=/sys/module/io_target_demo/parameters/probe
load io_target_demo
at=$((60 * zone * 512))
dmesg -c >/dev/null
echo "/dev/nullb0 at=$at append append append close finish append reset append" >$demo
dmesg | sed -n 's/.*probed what=[^ ]* op=\([a-z]*\) result=\(-*[0-9]*\) .*pos=\([0-9]*\).*/\1 \2 \3/p' >/run/probed
cat >/run/want <<-END
	append 4096 $at
	append 4096 $((at + 4096))
	append 4096 $((at + 8192))
	close 0 $at
	finish 0 $at
	append -5 $at
	reset 0 $at
	append 4096 $at
END
cmp -s /run/want /run/probed || fail "$(diff /run/want /run/probed)"
