#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# char devices: one by one, by libaio, by io_uring and mapped; what was written is there
#
# limit: 120

lower=$(disk v1)
mkfs.ext4 -q "$lower"
mkdir -p /mnt/a
mount "$lower" /mnt/a
size=$(often 4194304 1048576)
head -c "$size" /dev/zero >/mnt/a/bytes
head -c "$size" /dev/zero >/run/bytes

# <name> <device> <words>: verified; no char device takes O_DIRECT
chars() {
	name=$1
	device=$2
	shift 2
	fio --name="$name" --filename="$device" --thread --gtod_reduce=1 --eta=never \
		--rw=randrw --bs=4k --size="$size" --verify=crc32c --verify_fatal=1 \
		--verify_backlog=32 --invalidate=0 "$@" >/run/fio 2>&1 ||
		fail "$name: $(cat /run/fio)"
	grep -q 'err= 0' /run/fio || fail "$name: $(cat /run/fio)"
	echo "$name: $(grep -E '^ *(read|READ)' /run/fio | head -n 1)"
}

for file in /mnt/a/bytes /run/bytes; do
	pt_create by $file
	[ -c /dev/iot-by ] || fail "no char device for a file"
	chars "psync $file" /dev/iot-by --ioengine=psync
	chars "libaio $file" /dev/iot-by --ioengine=libaio --iodepth=8
	chars "io_uring $file" /dev/iot-by --ioengine=io_uring --iodepth=8
	# the same through both
	cmp /dev/iot-by $file || fail "$file differs from what is read through the device"
	pt_destroy by
done

# Stopped under a load: all of it waits, and goes on.
pt_create by /mnt/a/bytes
fio --name=held --filename=/dev/iot-by --thread --ioengine=io_uring --iodepth=8 --rw=randrw \
	--bs=4k --size="$size" --verify=crc32c --verify_fatal=1 --verify_backlog=32 --invalidate=0 \
	--time_based --runtime=5 --eta=never >/run/fio 2>&1 &
fio=$!
sleep 2
pt_set by state=stop-wait
sleep 1
kill -0 $fio || fail "it has ended while stopped: $(cat /run/fio)"
pt_set by state=start
wait $fio || fail "an error after a stop: $(cat /run/fio)"
! dmesg | grep 'by: .*refused' || fail "complaints of who only asks whether it would wait"
pt_destroy by

# Mapped: zeroes, each process its own.
pt_create zero /dev/zero exclusive=0
for engine in psync libaio io_uring mmap; do
	fio --name=$engine --filename=/dev/iot-zero --thread --ioengine=$engine --rw=read \
		--bs=64k --size=1M --invalidate=0 --eta=never >/run/fio 2>&1 ||
		fail "$engine: $(cat /run/fio)"
	grep -q 'err= 0' /run/fio || fail "$engine: $(cat /run/fio)"
done
pt_destroy zero
