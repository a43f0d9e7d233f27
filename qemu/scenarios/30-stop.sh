#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a disk that is stopped under fio is quiet until its start, and no I/O fails
#
# limit: 150

lower=$(disk v1)
pt_create db "$lower"

# what the lower disk has been asked for so far, and what is on its way
quiet_for() { # seconds
	read -r before <"/sys/block/${lower##*/}/stat"
	sleep "$1"
	read -r after <"/sys/block/${lower##*/}/stat"
	# the 10th and 11th are milliseconds, which may be added up late
	[ "$(echo "$before" | awk '{ print $1, $3, $5, $7, $9 }')" = \
		"$(echo "$after" | awk '{ print $1, $3, $5, $7, $9 }')" ] || {
		echo "$before"
		echo "$after"
		return 1
	}
}

fio_verify load /dev/iot-db --ioengine=libaio --iodepth=16 --bs=4k --size=8M \
	--time_based --runtime="$(often 20 12)" >/run/fio 2>&1 &
fio=$!
sleep 3

pt_set db state=stop
[ "$(pt_state db)" = stopped ] || fail "after stop: $(pt_state db)"
sleep 1 # what had been sent ends
quiet_for "$(often 5 2)" || fail "the lower disk is asked for I/O while the device is stopped"
kill -0 $fio || fail "fio has ended: $(cat /run/fio)"
pt_set db state=start
[ "$(pt_state db)" = started ] || fail "after start: $(pt_state db)"

sleep 1
pt_set db state=stop-wait
quiet_for 2 || fail "stop-wait returned before all I/O had ended"
pt_set db state=start

# a drain, again and again
for _ in 1 2 3 4 5; do
	pt_set db state=stop-wait state=start
done

wait $fio || fail "fio has seen an error: $(cat /run/fio)"
cat /run/fio
grep -q 'err= 0' /run/fio || fail "fio has counted errors"
