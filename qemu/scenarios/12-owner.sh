#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# devices are root's alone, and what may not be written is not, on whatever way
#
# limit: 90

lower=$(disk v1)
pt_create own "$lower"
pt_create chr /dev/zero exclusive=0
mkdir "$PT/spare"

# As somebody else, with nothing of root's.
nobody() {
	setpriv --reuid=1000 --regid=1000 --clear-groups "$@" 2>/run/err
}

denied() { # command...
	! nobody "$@" || fail "another user can: $*"
	grep -q 'Permission denied' /run/err || fail "$* gave: $(cat /run/err)"
	echo "denied: $*"
}

for node in /dev/iot-own /dev/iot-chr; do
	[ "$(stat -c '%a %u %g' $node)" = '600 0 0' ] || fail "$node: $(stat -c '%a %u %g' $node)"
	denied dd if=$node of=/dev/null bs=4k count=1
	denied dd if=/dev/zero of=$node bs=4k count=1 conv=notrunc
done
denied mkdir "$PT/mine"
denied rmdir "$PT/spare"
# shellcheck disable=SC2016 # for the other shell
for file in "$PT"/spare/* "$PT"/own/*; do
	[ -n "$(find "$file" -maxdepth 0 -type f -perm -200)" ] || continue
	denied sh -c 'echo 1 >"$1"' sh "$file"
done
[ "$(pt_state own)" = started ] || fail "somebody has changed it: $(pt_state own)"
pt_destroy chr

# A disk that may not be written: no write, no discard, no zeroes, no late write-back.
refuses() { # why
	dd if=/dev/urandom of=/run/new bs=64k count=4 2>/dev/null
	before=$(dd if="$lower" bs=64k count=16 iflag=direct 2>/dev/null | sha256sum)
	! dd if=/run/new of=/dev/iot-own bs=64k conv=notrunc,fsync 2>/dev/null || fail "$1: fsync"
	! dd if=/run/new of=/dev/iot-own bs=64k conv=notrunc oflag=direct 2>/dev/null ||
		fail "$1: direct"
	! blkdiscard -f -l 262144 /dev/iot-own 2>/dev/null || fail "$1: discard"
	! blkdiscard -f -z -l 262144 /dev/iot-own 2>/dev/null || fail "$1: zeroes"
	! mkfs.ext4 -q -F /dev/iot-own 2>/dev/null || fail "$1: mkfs"
	sync
	[ "$before" = "$(dd if="$lower" bs=64k count=16 iflag=direct 2>/dev/null | sha256sum)" ] ||
		fail "$1: it was written"
	dd if=/dev/iot-own of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null ||
		fail "$1: cannot be read"
	echo "$1: not written"
}

dd if=/dev/urandom of=/dev/iot-own bs=64k count=16 conv=notrunc,fsync 2>/dev/null
pt_set own enable=0 readonly=1 enable=1
refuses readonly=1
blockdev --setrw /dev/iot-own 2>/dev/null || true
refuses "readonly=1, after --setrw"
pt_set own enable=0 readonly=0
blockdev --setro "$lower"
pt_set own enable=1
refuses "a lower disk that is read only"
pt_set own enable=0
blockdev --setrw "$lower"
pt_set own enable=1
dd if=/run/new of=/dev/iot-own bs=64k conv=notrunc,fsync 2>/dev/null ||
	fail "it cannot be written any more"

# A mounted disk above is in use: the lower one stays, and so does what is mounted.
mkfs.ext4 -q /dev/iot-own
mkdir -p /mnt/a
mount /dev/iot-own /mnt/a
! pt_create two /dev/iot-own 2>/dev/null || fail "a mounted upper disk was taken"
! mkfs.ext4 -q -F "$lower" 2>/dev/null || fail "a claimed lower disk was formatted"
echo kept >/mnt/a/file
umount /mnt/a
fsck_clean /dev/iot-own || fail "the file system is not clean"
