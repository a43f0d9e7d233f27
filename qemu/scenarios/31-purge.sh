#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a purged disk fails what comes, and works again after its start
#
# limit: 60

lower=$(disk v1)
pt_create db "$lower"
pt_set db state=stop
# held, then failed by the purge
dd if=/dev/iot-db of=/dev/null bs=4k count=1 iflag=direct 2>/run/held &
held=$!
sleep 1
kill -0 $held || fail "a read has ended on a stopped device: $(cat /run/held)"
pt_set db state=purge
! wait $held || fail "a purged read has succeeded"
! dd if=/dev/iot-db of=/dev/null bs=4k count=1 iflag=direct 2>/run/dd ||
	fail "a read of a purged device has succeeded"
cat /run/dd
pt_set db state=start
dd if=/dev/iot-db of=/dev/null bs=4k count=1 iflag=direct
# and with a limit: a held read ends by itself
pt_destroy db
pt_create db "$lower" pend_timeout_ms=1500
pt_set db state=stop
! timeout 20 dd if=/dev/iot-db of=/dev/null bs=4k count=1 iflag=direct 2>/run/dd ||
	fail "a read has succeeded on a stopped device"
cat /run/dd
grep -qi 'timed out\|error' /run/dd || fail "a held read has not ended after pend_timeout_ms"
pt_set db state=start
