#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a disk on the network: its server stalls, is killed, comes back
#
# limit: 200 120

# shellcheck source=disks.sh
. /scenarios/disks.sh
nbd_load
nbd_connect
pt_create net /dev/nbd0

# it stalls, and goes on: nobody has seen an error
fio_verify stall /dev/iot-net --ioengine=libaio --iodepth=8 --bs=4k --size=8M \
	--time_based --runtime="$(often 18 9)" >/run/fio 2>&1 &
fio=$!
sleep 3
host nbd stall
sleep "$(often 10 4)"
host nbd go
wait $fio || fail "fio has seen an error: $(cat /run/fio)"

# it is killed: errors, and no hang
fio_job killed /dev/iot-net --rw=randrw --ioengine=libaio --iodepth=8 --bs=4k --size=8M \
	--time_based --runtime=60 >/run/fio 2>&1 &
fio=$!
sleep 3
host nbd kill
wait_for 50 ended $fio || fail "fio hangs, state $(pt_state net)"
! wait $fio || fail "fio has seen no error"
pt_destroy net || fail "cannot be disabled"
nbd-client -d /dev/nbd0 -nonetlink >/dev/null 2>&1 || true

# it comes back, with what was written
wait_for 10 nbd_disconnected || fail "nbd does not end"
nbd_connect
pt_create net /dev/nbd0
fio_verify back /dev/iot-net --ioengine=libaio --iodepth=8 --bs=4k --size=4M
pt_destroy net
nbd_end
