#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# disks go by surprise with what ext4 and fio have in flight, and come back: no error, or
# one where what is in their caches may have gone with them
#
# limit: 2400 240

# shellcheck source=disks.sh
. /scenarios/disks.sh

state_is() { # state
	[ "$(pt_state fl)" = "$1" ]
}

# The disk is away for a while.
gone_for_a_while() {
	usleep $((200000 + $(od -An -N2 -tu2 /dev/urandom) * 10))
	away
	wait_for 20 state_is suspended || fail "$kind: unplugged, and $(pt_state fl)"
	usleep 500000
	back
	wait_for 40 state_is started || fail "$kind: back, and $(pt_state fl)"
}

# 32 writes in flight and fsyncs between them, for a while each time.
busy() {
	until [ -e /run/enough ]; do
		fio_job busy /mnt/fl/file --rw=randwrite --bs=4k --ioengine=libaio --iodepth=32 \
			--size=16M --fsync=16 --time_based --runtime=12 >/run/fio 2>&1 || return 1
	done
}

# ext4 and fio go on as if nothing had been.
in_flight() { # kind, disk, identity
	kind=$1 lower=$2
	pt_create fl "$lower" follow=1 "identity=$3" cache=kept
	mkfs.ext4 -q -F /dev/iot-fl >/dev/null 2>&1 || fail "$kind: mkfs"
	mount -t ext4 -o errors=remount-ro /dev/iot-fl /mnt/fl || fail "$kind: mount"
	rm -f /run/enough
	busy &
	fio=$!
	for _ in $(seq "$(often 20 2)"); do
		gone_for_a_while
		! ended $fio || break
	done
	touch /run/enough
	wait $fio || fail "$kind: $(cat /run/fio)"
	{ touch /mnt/fl/after && sync; } || fail "$kind: the mount has become read-only"
	umount /mnt/fl || fail "$kind: umount"
	fsck_clean /dev/iot-fl || fail "$kind: the file system is not clean"
	echo "$kind: $(sed -n 's/ *\(write: [^(]*\).*/\1/p' /run/fio)"
	pt_destroy fl
}

mkdir -p /mnt/fl
away() { host unplug v1; }
back() { plug_back virtio v1 "$lower"; }
in_flight virtio "$(disk v1)" size

# ext4 learns of a lost cache at its next fsync, and has what it had synced.
lower=$(disk v1)
pt_create fl "$lower" follow=1 identity=size
# Its lazy initialisation asks for a flush, too, and does not care how that ends.
mkfs.ext4 -q -F -E lazy_itable_init=0 /dev/iot-fl >/dev/null 2>&1 || fail "lost: mkfs"
mount -t ext4 -o errors=remount-ro /dev/iot-fl /mnt/fl || fail "lost: mount"
{ head -c 100000 /dev/urandom >/mnt/fl/stable && sync; } || fail "lost: sync"
sum=$(sha256sum </mnt/fl/stable)
kind=lost
rm -f /run/enough
# Direct writes go on until the loss, or until ext4 has learned of it of itself; fio would
# ask for an fsync of its new file.
(
	until [ -e /run/enough ]; do
		dd if=/dev/zero of=/mnt/fl/loose bs=64k count=4 oflag=direct conv=notrunc || break
	done 2>/dev/null
) &
writer=$!
gone_for_a_while
touch /run/enough
wait $writer
! dd if=/dev/zero of=/mnt/fl/later bs=64k count=1 conv=fsync 2>/run/dd ||
	fail "lost: an fsync after it succeeds"
dmesg | grep -q 'fl: the device is back, perhaps without' || fail "lost: nothing is said"
umount /mnt/fl
e2fsck -fy /dev/iot-fl >/run/fsck 2>&1 || [ $? = 1 ] || fail "lost: $(cat /run/fsck)"
mount -t ext4 /dev/iot-fl /mnt/fl || fail "lost: mount after it"
[ "$sum" = "$(sha256sum </mnt/fl/stable)" ] || fail "lost: what was stable is missing"
dd if=/dev/zero of=/mnt/fl/later bs=64k count=1 conv=fsync 2>/run/dd ||
	fail "lost: a second fsync fails: $(cat /run/dd)"
umount /mnt/fl
pt_destroy fl
echo "lost: $(cat /run/dd)"

away() { host unplug n1; }
back() { plug_back nvme n1 "$lower"; }
in_flight NVMe "$(disk n1)" size
nvme_renew n1

away() { scsi_delete "$lower"; }
back() { scsi_back "$lower"; }
load scsi_debug dev_size_mb=64 ndelay=200000
in_flight SCSI "$(scsi_disk)" size
rmmod scsi_debug

# 6.1's nbd cannot be connected again while somebody has it open.
case $(uname -r) in
6.1.*) exit 0 ;;
esac
away() { host nbd kill && wait_for 20 nbd_disconnected; }
back() { nbd_connect; }
nbd_load
nbd_connect
in_flight nbd /dev/nbd0 size
nbd_end
