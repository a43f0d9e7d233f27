#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# errors of the lower device come through, and only they (dm-error, dm-flakey)
#
# limit: 120 90

lower=$(disk v1)
sectors=$(blockdev --getsz "$lower")

# the middle third fails
third=$((sectors / 3 / 8 * 8))
dmsetup create bad <<-END
	0 $third linear $lower 0
	$third $third error
	$((third * 2)) $((sectors - third * 2)) linear $lower $((third * 2))
END
dmsetup mknodes
pt_create e /dev/mapper/bad
good() { dd if=/dev/iot-e of=/dev/null bs=4k count=4 skip="$1" iflag=direct 2>/dev/null; }
good 0 || fail "a good sector cannot be read"
! good $((third / 8 + 10)) || fail "a bad sector was read"
! good $((third / 8 - 2)) || fail "a read over the edge has succeeded"
good $((third / 4 + 2)) || fail "a good sector cannot be read after a bad one"
! dd if=/dev/zero of=/dev/iot-e bs=4k count=1 seek=$((third / 8 + 1)) oflag=direct 2>/run/err ||
	fail "a bad sector was written"
cat /run/err
[ "$(pt_state e)" = started ] || fail "errors have made it $(pt_state e)"
pt_destroy e
dmsetup remove bad

# up a second, down a second
dmsetup create flaky --table "0 $sectors flakey $lower 0 1 1"
dmsetup mknodes
pt_create f /dev/mapper/flaky
fio_job errors /dev/iot-f --rw=randwrite --bs=4k --ioengine=libaio --iodepth=4 --size=8M \
	--time_based --runtime=8 --continue_on_error=all >/run/fio 2>&1 || true
grep -E 'err=|total=|errors' /run/fio
grep -q 'total_err=[1-9]\|errors *: total=[1-9]' /run/fio || fail "no error has come through"
dmsetup suspend flaky
dmsetup load flaky --table "0 $sectors linear $lower 0"
dmsetup resume flaky
fio_verify after /dev/iot-f --ioengine=libaio --iodepth=8 --bs=4k --size=4M
