#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a disk on the network: its server stalls, is killed, comes back
#
# limit: 200 120

connect() {
	nbd-client 10.0.2.2 "$port" /dev/nbd0 -b 4096 -t "$1" -nonetlink >/run/nbd 2>&1 &
	wait_for 15 connected || fail "no connection: $(cat /run/nbd)"
}

connected() {
	[ "$(cat /sys/block/nbd0/size)" -gt 0 ] && [ -e /sys/block/nbd0/pid ]
}

ended() {
	! kill -0 "$1" 2>/dev/null
}

ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0 2>/dev/null || true
host nbd start
port=$(said)
load nbd nbds_max=1
connect 30
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
host nbd start
port=$(said)
wait_for 10 sh -c '! [ -e /sys/block/nbd0/pid ]' || fail "nbd does not end"
connect 30
pt_create net /dev/nbd0
fio_verify back /dev/iot-net --ioengine=libaio --iodepth=8 --bs=4k --size=4M
pt_destroy net
nbd-client -d /dev/nbd0 -nonetlink
host nbd kill
