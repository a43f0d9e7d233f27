#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# the modules are loaded and unloaded, with a device and without
#
# limit: 240 60

lower=$(disk v1)
for i in $(seq "$(often 100 6)"); do
	pt_load
	if [ $((i % 2)) = 0 ]; then
		pt_create a "$lower"
		dd if=/dev/iot-a of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null
		! rmmod io_target_passthru 2>/dev/null || fail "unloaded, with a device"
		pt_destroy a
	fi
	rmmod io_target_passthru || fail "round $i: io_target_passthru cannot be unloaded"
	rmmod io_target || fail "round $i: io_target cannot be unloaded"
	[ ! -e "$PT" ] || fail "round $i: $PT is still there"
done
