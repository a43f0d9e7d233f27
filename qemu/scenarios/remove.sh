#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# remove.sh - what the scenarios 5x have in common: a disk goes while fio uses the
# device above it. Their own are away and back.

# Everybody is told: fio by errors, whoever reads the state, who comes later.
one_removal() { # what prints the disk
	lower=$($1)
	pt_create r "$lower"
	fio_job load /dev/iot-r --rw=randrw --bs=4k --ioengine=libaio --iodepth=8 --size=16M \
		--time_based --runtime=60 >/run/fio 2>&1 &
	fio=$!
	usleep $((300000 + $(od -An -N2 -tu2 /dev/urandom) * 10))
	kill -0 $fio || fail "fio has ended too soon: $(cat /run/fio)"
	away || fail "the disk cannot be taken away"
	wait_for 20 ended $fio || fail "fio hangs, state $(pt_state r)"
	! wait $fio || fail "fio has seen no error"
	# 6.1 does not tell who has a disk open: there an error does, and that has been
	wait_for 5 is_removed || fail "the device is $(pt_state r)"
	wait_for 5 is_dead || fail "the disk above lives on"
	[ "$(dd if=/dev/iot-r bs=4k count=1 iflag=direct 2>/dev/null | wc -c)" = 0 ] ||
		fail "a disk that has gone can be read"
	pt_destroy r || fail "a device without its disk cannot be disabled"
	! dmesg | grep ' r: purge refused' || fail "it is told what its owner has not done"
}

is_removed() {
	[ "$(pt_state r)" = removed ]
}

is_dead() {
	[ "$(cat /sys/block/iot-r/size)" = 0 ]
}

removals() { # times, what prints the disk
	for _ in $(seq "$1"); do
		one_removal "$2"
		back || fail "the disk does not come back"
	done
	# the last one works, and can be written
	pt_create r "$($2)"
	fio_verify after /dev/iot-r --ioengine=libaio --iodepth=8 --bs=4k --size=2M >/run/fio ||
		fail "$(cat /run/fio)"
	echo "$1 removals"
}
