#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a disk on the network: its server stalls, is killed, comes back
#
# limit: 200 120

# shellcheck source=disks.sh
. /scenarios/disks.sh

stuck() { # process
	grep -q '^State:.*D' "/proc/$1/status" 2>/dev/null
}

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

# It does not answer who opens it: whatever waits for that, what is known can be read, and the
# device disabled.
pt_create open "$(disk v1)"
host nbd stall
(exec /opt/bin/blockdev --rereadpt /dev/nbd0) &
reader=$!
wait_for 10 stuck $reader || fail "nbd does not stall"
mute() { # file, value
	(echo "$2" >"$PT/open/$1") 2>/dev/null &
	writer=$!
	wait_for 10 stuck $writer || fail "$1: it has been opened"
	for file in path next state stats; do
		timeout 5 cat "$PT/open/$file" >/dev/null || fail "$1: $file cannot be read"
	done
	echo 0 >"$PT/open/enable" &
	wait_for 20 ended $! || fail "$1: it cannot be disabled"
}
mute next /dev/nbd0
host nbd go
! wait $writer || fail "next: a device that was disabled has another one"
wait $reader

pt_set open path=/dev/nbd0 enable=1 state=suspend
host nbd stall
(exec /opt/bin/blockdev --rereadpt /dev/nbd0) &
reader=$!
wait_for 10 stuck $reader || fail "nbd does not stall again"
mute state resume
host nbd go
! wait $writer || fail "resume: a device that was disabled has been resumed"
wait $reader
rmdir "$PT/open"
nbd_end
