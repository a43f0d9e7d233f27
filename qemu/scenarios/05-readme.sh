#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# what the manual of the pass-through devices has its readers type in "make shell"
#
# limit: 90

one=$(disk v1)
two=$(disk v2)
# its commands are its indented lines
grep '^    ' /scenarios/README.md |
	sed "s#/dev/vdb#SECOND#g; s#/dev/vda#$one#g; s#SECOND#$two#g" >/run/typed
[ "$(wc -l </run/typed)" -gt 15 ] || fail "there is little to type in it"
head -c 1048576 /dev/urandom >/run/noise
dd if=/run/noise of="$one" bs=1M conv=fsync 2>/dev/null
cat >>/run/typed <<'END'
wait
END
sh -eux /run/typed </dev/null || fail "it does not work as it is written"
cmp "$one" "$two" >/run/cmp 2>&1 && fail "what waited has gone to the old disk, too"
cmp -n 1048576 "$one" /run/noise || fail "the old disk was written to"
cmp -n 1048576 "$two" /dev/zero || fail "what waited is not on the new disk"
cmp "$one" "$two" 1048576 1048576 || fail "the copy that it makes is none"
[ -z "$(ls "$PT")" ] || fail "something is left: $(ls "$PT")"
