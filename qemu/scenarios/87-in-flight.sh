#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# disks go by surprise with what ext4 and fio have in flight, and come back: no error, or
# one where what is in their caches may have gone with them
#
# limit: 2400 240

state_is() { # state
	[ "$(pt_state fl)" = "$1" ]
}

fio_runs() {
	kill -0 $fio 2>/dev/null
}

# The disk is away for a while, with 32 writes in flight and fsyncs between them.
gone_for_a_while() {
	usleep $((200000 + $(od -An -N2 -tu2 /dev/urandom) * 10))
	away || fail "$kind: the disk cannot be taken away"
	wait_for 20 state_is suspended || fail "$kind: unplugged, and $(pt_state fl)"
	usleep 500000
	back || fail "$kind: the disk does not come back"
	wait_for 40 state_is started || fail "$kind: back, and $(pt_state fl)"
}

# Everything above goes on as if nothing had been.
in_flight() { # kind, disk, identity
	kind=$1 lower=$2
	pt_create fl "$lower" follow=1 "identity=$3" cache=kept
	mkfs.ext4 -q -F /dev/iot-fl >/dev/null 2>&1 || fail "$kind: mkfs"
	mount -t ext4 -o errors=remount-ro /dev/iot-fl /mnt/fl || fail "$kind: mount"
	fio_job busy /mnt/fl/file --rw=randwrite --bs=4k --ioengine=libaio --iodepth=32 \
		--size=16M --fsync=16 --time_based --runtime="$(often 90 12)" >/run/fio 2>&1 &
	fio=$!
	times=0
	while fio_runs; do
		gone_for_a_while
		times=$((times + 1))
	done
	wait $fio || fail "$kind: $(cat /run/fio)"
	[ $times -ge "$(often 20 2)" ] || fail "$kind: gone only $times times"
	{ touch /mnt/fl/after && sync; } || fail "$kind: the mount has become read-only"
	umount /mnt/fl || fail "$kind: umount"
	fsck_clean /dev/iot-fl
	echo "$kind: gone $times times; $(sed -n 's/ *\(write: [^(]*\).*/\1/p' /run/fio)"
	pt_destroy fl
}

# Another name is given as long as the lost one has not been given up.
plug_back() { # kind, serial
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		host plug "$1" "$2"
		[ "$(disk "$2")" != "$lower" ] || return 0
		host unplug "$2"
		usleep 200000
	done
	return 1
}

mkdir -p /mnt/fl
away() { host unplug v1; }
back() { plug_back virtio v1; }
in_flight virtio "$(disk v1)" size

# With its cache lost, who is above learns of it; what he knows to be stable is there.
lower=$(disk v1)
pt_create fl "$lower" follow=1 identity=size
# Its lazy initialisation asks for a flush, too, and does not care how that ends.
mkfs.ext4 -q -F -E lazy_itable_init=0 /dev/iot-fl >/dev/null 2>&1 || fail "lost: mkfs"
mount -t ext4 -o errors=remount-ro /dev/iot-fl /mnt/fl || fail "lost: mount"
{ head -c 100000 /dev/urandom >/mnt/fl/stable && sync; } || fail "lost: sync"
sum=$(sha256sum </mnt/fl/stable)
kind=lost
# Writes until the loss, of which nobody asks for a flush, as fio does of a new file.
(
	while [ ! -e /run/enough ]; do
		dd if=/dev/zero of=/mnt/fl/loose bs=64k count=4 oflag=direct conv=notrunc 2>/dev/null
	done
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
back() { plug_back nvme n1; }
# 6.12 takes its queues' limits_lock with an NVMe queue frozen, and asks a SCSI disk with that
# lock held: lockdep sees a cycle when what is buffered goes to NVMe, and a SCSI disk leaves.
case "$PROFILE $(uname -r)" in
"debug 6.12."*) echo "NVMe: not together with SCSI, under lockdep of this kernel" ;;
*) in_flight NVMe "$(disk n1)" size ;;
esac

scsi_dir=/sys/bus/pseudo/devices/adapter0
scsi_disk() {
	wait_for 10 scsi_there || return 1
	scsi=/dev/$(basename "$(echo $scsi_dir/host*/target*/*/block/*)")
}
scsi_there() {
	[ -e "$(echo $scsi_dir/host*/target*/*/block/*)" ]
}
away() { echo 1 >"/sys/block/${lower##*/}/device/delete"; }
scsi_back() {
	echo '- - -' >"$(echo $scsi_dir/host*/scsi_host/host*/scan)"
	scsi_disk
}
back() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		scsi_back || return 1
		[ "$scsi" != "$lower" ] || return 0
		echo 1 >"/sys/block/${scsi##*/}/device/delete"
		usleep 200000
	done
	return 1
}
load scsi_debug dev_size_mb=64 ndelay=200000
scsi_disk || fail "there is no disk of scsi_debug"
in_flight SCSI "$scsi" size
rmmod scsi_debug

# 6.1's nbd cannot be connected again while somebody has it open.
case $(uname -r) in
6.1.*) exit 0 ;;
esac
connected() {
	[ "$(cat /sys/block/nbd0/size)" -gt 0 ] && [ -e /sys/block/nbd0/pid ]
}
disconnected() {
	! [ -e /sys/block/nbd0/pid ]
}
connect() {
	host nbd start
	port=$(said)
	nbd-client 10.0.2.2 "$port" /dev/nbd0 -b 4096 -t 30 -nonetlink >/run/nbd 2>&1 &
	wait_for 15 connected
}
away() { host nbd kill && wait_for 20 disconnected; }
back() { connect; }
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0 2>/dev/null || true
load nbd nbds_max=1
connect || fail "no connection: $(cat /run/nbd)"
in_flight nbd /dev/nbd0 size
nbd-client -d /dev/nbd0 -nonetlink
host nbd kill
