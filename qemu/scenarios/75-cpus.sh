#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a CPU goes and comes under fio
#
# limit: 150 90

cpu=/sys/devices/system/cpu/cpu1/online
[ -w $cpu ] || skip "there is no second CPU to take away"
load null_blk queue_mode=2 nr_devices=1 memory_backed=1 gb=1
pt_create c /dev/nullb0
fio_verify cpus /dev/iot-c --ioengine=libaio --iodepth=16 --numjobs=2 --bs=4k --size=8M \
	--offset_increment=8M --time_based --runtime="$(often 30 10)" >/run/fio 2>&1 &
fio=$!
rounds=0
while kill -0 $fio 2>/dev/null; do
	echo 0 >$cpu
	usleep 300000
	echo 1 >$cpu
	usleep 300000
	rounds=$((rounds + 1))
done
echo "$rounds rounds"
wait $fio || fail "fio has seen an error: $(cat /run/fio)"
[ $rounds -ge 5 ] || fail "only $rounds rounds"
pt_set c state=stop-wait state=start
