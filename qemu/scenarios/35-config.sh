#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# what configfs refuses, and that the errno of the open reaches who writes
#
# limit: 90

lower=$(disk v1)
pt_load
cd "$PT" || exit

# refused <text> <file> <value>: the write fails with this error
refused() {
	if (echo "$3" >"$2") 2>/run/err; then
		fail "'$3' was accepted as $2, not: $1"
	fi
	grep -q "$1" /run/err || fail "'$3' as $2 gave: $(cat /run/err), not: $1"
	echo "$2 <- '$3': $1"
}

mkdir a b
refused 'Invalid argument' a/enable 1		# no path
refused 'Invalid argument' a/path ''
refused 'Invalid argument' a/path dev/vdb
for file in enable readonly exclusive; do
	refused 'Invalid argument' a/$file perhaps
	refused 'Invalid argument' a/$file ''
done
for file in max_pended pend_timeout_ms; do
	refused 'Invalid argument' a/$file -1
	refused 'Invalid argument' a/$file 99999999999999999999
	refused 'Invalid argument' a/$file many
done
refused 'No such device' a/state start		# not enabled
! (echo 1 >a/stats) 2>/dev/null || fail "stats can be written"

echo /dev/none >a/path
refused 'No such file or directory' a/enable 1
mkdir -p /run/dir
echo /run/dir >a/path
! (echo 1 >a/enable) 2>/run/err || fail "a directory was enabled"
cat /run/err
mkfifo /run/fifo
echo /run/fifo >a/path
! (echo 1 >a/enable) 2>/run/err || fail "a fifo was enabled"
[ "$(cat a/enable)" = 0 ] || fail "enable is $(cat a/enable) after a failure"

# a file system stays with who has mounted it
mkfs.ext4 -q "$lower"
mkdir -p /mnt/a
mount "$lower" /mnt/a
echo "$lower" >a/path
refused 'Device or resource busy' a/enable 1
umount /mnt/a
echo 1 >a/enable
! mount "$lower" /mnt/a 2>/run/err || fail "the lower disk of a device was mounted"
cat /run/err
[ "$(stat -c %a /dev/iot-a)" = 600 ] || fail "mode of the node: $(stat -c %a /dev/iot-a)"
refused 'Device or resource busy' a/path /dev/other
refused 'Device or resource busy' a/readonly 1
refused 'Invalid argument' a/state jump

# two on one disk: only if both say so
echo "$lower" >b/path
refused 'Device or resource busy' b/enable 1
echo 0 >a/enable
echo 0 >a/exclusive
echo 0 >b/exclusive
echo 1 >a/enable
echo 1 >b/enable
cmp -n 65536 /dev/iot-a /dev/iot-b
echo 0 >b/enable
echo 0 >a/enable

# a disk that cannot be written, and one that shall not be
not_written() { # device
	before=$(head -c 65536 "$lower" | sha256sum)
	! dd if=/dev/urandom of="$1" bs=4k count=1 oflag=direct 2>/run/err ||
		fail "$1 can be written"
	cat /run/err
	[ "$before" = "$(head -c 65536 "$lower" | sha256sum)" ] || fail "$1 was written"
}
echo 1 >a/exclusive
echo 1 >a/readonly
echo 1 >a/enable
[ "$(blockdev --getro /dev/iot-a)" = 1 ] || fail "readonly=1, and the disk is not"
not_written /dev/iot-a
blockdev --setrw /dev/iot-a 2>/dev/null || true
not_written /dev/iot-a
echo 0 >a/enable
echo 0 >a/readonly
blockdev --setro "$lower"
echo 1 >a/enable
not_written /dev/iot-a
echo 0 >a/enable
blockdev --setrw "$lower"

for name in 'x y' 'x!' "$(printf 'x\001')" abcdefghijklmnopqrstuvwxyz; do
	! mkdir "$name" 2>/run/err || fail "'$name' is a name"
	cat /run/err
done
for name in A 0 a.b_c-1 abcdefghijklmnopqrst; do
	mkdir $name
	echo "$lower" >$name/path
	echo 1 >$name/enable
	[ -b "/dev/iot-$name" ] || fail "there is no /dev/iot-$name"
	echo 0 >$name/enable
	rmdir $name
done

# the module stays while there is a directory, and what is enabled can be removed
! rmmod io_target_passthru 2>/dev/null || fail "unloaded, with devices"
echo 1 >a/enable
rmdir a b
[ ! -e /dev/iot-a ] || fail "the directory has gone, the device has not"
rmmod io_target_passthru
