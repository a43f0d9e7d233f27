#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# the lower disk grows under a mounted ext4, and shrinks
#
# limit: 120
# quick: no

lower=$(disk v1)
host resize v1 128

sectors_are() { # device, MiB
	[ "$(blockdev --getsize64 "$1")" = $(($2 << 20)) ]
}

wait_for 10 sectors_are "$lower" 128 || fail "the disk has $(blockdev --getsize64 "$lower") bytes"
pt_create gr "$lower"
mkfs.ext4 -q /dev/iot-gr
mkdir -p /mnt/a
mount /dev/iot-gr /mnt/a
make_tree /mnt/a 30

# grow <MiB> <attribute=value>...: who asks again sees what there is
grow() {
	host resize v1 "$1"
	wait_for 10 sectors_are "$lower" "$1" || fail "$lower is not $1 MiB"
	size=$1
	shift
	pt_set gr "$@"
	# soon, or it was the look of every 30 s
	wait_for 2 sectors_are /dev/iot-gr "$size" ||
		fail "after $*: $(blockdev --getsize64 /dev/iot-gr) bytes"
	before=$(df -k /mnt/a | awk 'END { print $2 }')
	resize2fs /dev/iot-gr >/run/resize 2>&1 || fail "resize2fs: $(cat /run/resize)"
	after=$(df -k /mnt/a | awk 'END { print $2 }')
	echo "$* at $size MiB: the file system had $before KiB, has $after"
	[ "$after" -gt $((before + 20000)) ] || fail "the file system has not grown"
}
grow 192 rescan=1
grow 256 state=stop state=start
# what there was not before is there
dd if=/dev/zero of=/mnt/a/big bs=1M count=140 conv=fsync 2>/dev/null
check_tree /mnt/a || fail "checksums differ"
sync
umount /mnt/a
fsck_clean /dev/iot-gr || fail "the file system is not clean"
fsck_clean "$lower" || fail "the file system is not clean on the lower disk"

# it shrinks: said once, and what has been cut off is refused
host resize v1 64
wait_for 10 sectors_are "$lower" 64 || fail "$lower is not 64 MiB"
pt_set gr rescan=1
wait_for 2 sectors_are /dev/iot-gr 64 || fail "the upper disk has not shrunk"
dmesg | grep 'gr: .*has shrunk from 268435456 to 67108864' || fail "nothing is said of it"
dd if=/dev/iot-gr of=/dev/null bs=1M skip=63 count=1 iflag=direct 2>/dev/null ||
	fail "what is left cannot be read"
[ "$(dd if=/dev/iot-gr bs=1M skip=64 count=1 iflag=direct 2>/dev/null | wc -c)" = 0 ] ||
	fail "there is something behind the end"
! dd if=/dev/zero of=/dev/iot-gr bs=1M seek=64 count=1 oflag=direct conv=notrunc 2>/run/err ||
	fail "written behind the end"
cat /run/err
fio_verify left /dev/iot-gr --ioengine=libaio --iodepth=8 --bs=4k --size=4M >/run/fio ||
	fail "$(cat /run/fio)"
pt_destroy gr
host resize v1 128
wait_for 10 sectors_are "$lower" 128 || fail "the disk has not its size again"
