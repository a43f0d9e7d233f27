#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# fio writes, reads and verifies: virtio-blk, NVMe, null_blk; libaio and io_uring
#
# limit: 400 120

load null_blk queue_mode=2 nr_devices=1 memory_backed=1 gb=1 bs=512 irqmode=0
size=$(often 24M 4M)

mixed() { # name, lower device
	pt_create "$1" "$2"
	echo "== $1 on $2"
	fio_verify "$1-libaio" "/dev/iot-$1" --ioengine=libaio --iodepth=16 \
		--bsrange=512-64k --bs_unaligned=0 --size="$size"
	fio_verify "$1-uring" "/dev/iot-$1" --ioengine=io_uring --iodepth=16 \
		--bsrange=4k-128k --offset="$size" --size="$size"
	# polled, where the lower disk can be; null_blk with memory sleeps in its poll
	if [ "$1" != null ] && [ "$(cat "/sys/block/${2##*/}/queue/io_poll")" = 1 ]; then
		fio_verify "$1-polled" "/dev/iot-$1" --ioengine=io_uring --hipri \
			--iodepth=4 --bsrange=4k-16k --size="$(often 8M 1M)"
	fi
	# what is there now is also below, block by block
	cmp -n 1048576 "/dev/iot-$1" "$2"
	pt_destroy "$1"
}

mixed v "$(disk v1)"
mixed n "$(disk n1)"
mixed null /dev/nullb0
