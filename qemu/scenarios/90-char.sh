#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# char devices: zeros are zeros, random bytes are even, a disk of bytes keeps them
#
# limit: 120

pt_create zero /dev/zero exclusive=0
[ -c /dev/iot-zero ] || fail "no char device for a char path"
[ "$(stat -c %a /dev/iot-zero)" = 600 ] || fail "mode: $(stat -c %a /dev/iot-zero)"
dd if=/dev/iot-zero of=/run/zero bs=64k count=16 2>/dev/null
dd if=/dev/zero of=/run/want bs=64k count=16 2>/dev/null
cmp /run/zero /run/want || fail "zeros are not"
dd if=/dev/urandom of=/dev/iot-zero bs=64k count=4 || fail "cannot write to it"
[ -e /dev/iot-zero ] && pt_destroy zero

# Chi-square of the counts of 256 values with 255 degrees of freedom: beyond these
# bounds once in 10^9. And nothing twice.
pt_create random /dev/urandom exclusive=0
dd if=/dev/iot-random of=/run/one bs=4k count=64 2>/dev/null
dd if=/dev/iot-random of=/run/two bs=4k count=64 2>/dev/null
! cmp -s /run/one /run/two || fail "the same bytes twice"
chi=$(hexdump -v -e '/1 "%u\n"' /run/one | awk '
	{ n[$1]++ }
	END {
		e = NR / 256
		for (i = 0; i < 256; i++) x += (n[i] - e) * (n[i] - e) / e
		printf "%d\n", x
	}')
echo "chi-square $chi of $(wc -c </run/one) bytes"
[ "$(wc -c </run/one)" = 262144 ] || fail "it is short"
{ [ "$chi" -gt 140 ] && [ "$chi" -lt 415 ]; } || fail "these bytes are not random"
pt_destroy random

# what there is no room for, and what ends at once
pt_create full /dev/full exclusive=0
! dd if=/dev/zero of=/dev/iot-full bs=4k count=1 2>/run/err || fail "/dev/full has taken it"
grep -q 'No space left' /run/err || fail "not its error: $(cat /run/err)"
pt_destroy full
pt_create null /dev/null exclusive=0
[ "$(dd if=/dev/iot-null bs=4k count=1 2>/dev/null | wc -c)" = 0 ] || fail "there was something"
dd if=/dev/urandom of=/dev/iot-null bs=4k count=4 2>/dev/null
pt_destroy null

# read only is read only, and a stopped one waits
pt_create ro /dev/zero exclusive=0 readonly=1
! dd if=/dev/zero of=/dev/iot-ro bs=4k count=1 2>/run/err || fail "readonly=1 was written"
cat /run/err
pt_set ro state=stop
dd if=/dev/iot-ro of=/run/zero bs=4k count=1 2>/dev/null &
reader=$!
sleep 1
kill -0 $reader || fail "a read has ended on a stopped device"
pt_set ro state=start
wait $reader
cmp -n 4096 /run/zero /run/want || fail "zeros are not, after a stop"
pt_destroy ro
