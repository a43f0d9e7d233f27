#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# disks.sh - disks that come and go, for the scenarios that take them away: scsi_debug's, those
# that the host plugs in, and one on the network.

# ---- scsi_debug, of which there is one disk ----

scsi_node() {
	echo "/dev/$(basename "$(echo /sys/bus/pseudo/devices/adapter0/host*/target*/*/block/*)")"
}

# The node is there a while before it can be opened.
scsi_there() {
	(: <"$(scsi_node)") 2>/dev/null
}

scsi_disk() {
	wait_for 20 scsi_there || fail "there is no disk of scsi_debug"
	scsi_node
}

scsi_delete() { # disk
	echo 1 >"/sys/block/${1##*/}/device/delete"
}

scsi_scan() {
	echo '- - -' >"$(echo /sys/bus/pseudo/devices/adapter0/host*/scsi_host/host*/scan)"
}

# ---- the kernel's own SCSI target, with two disks in memory ----

LIO=/sys/kernel/config/target
LIO_PORT=$LIO/loopback/naa.5001405000000001/tpgt_1

lio_up() {
	load target_core_mod
	load tcm_loop
	mkdir -p $LIO/core/rd_mcp_0 $LIO_PORT
	echo naa.5001405000000002 >$LIO_PORT/nexus
	for lun in 0 1; do
		mkdir $LIO/core/rd_mcp_0/disk$lun $LIO_PORT/lun/lun_$lun
		echo rd_pages=8192 >$LIO/core/rd_mcp_0/disk$lun/control
		echo 1 >$LIO/core/rd_mcp_0/disk$lun/enable
		echo "0123456789abcde$lun" >$LIO/core/rd_mcp_0/disk$lun/wwn/vpd_unit_serial
		ln -s $LIO/core/rd_mcp_0/disk$lun $LIO_PORT/lun/lun_$lun/disk
	done
}

lio_nodes() {
	grep -l LIO-ORG /sys/block/sd*/device/vendor 2>/dev/null |
		sed 's|/sys/block/|/dev/|; s|/device.*||'
}

lio_there() {
	# shellcheck disable=SC2046 # words are meant
	set -- $(lio_nodes)
	[ $# = 2 ] && (: <"$1" && : <"$2") 2>/dev/null
}

lio_disks() {
	lio_up
	wait_for 20 lio_there || fail "there are no disks of LIO"
	lio_nodes | xargs
}

lio_down() {
	[ -d $LIO ] || return 0
	rm -f $LIO_PORT/lun/lun_*/disk
	rmdir $LIO_PORT/lun/lun_* $LIO_PORT $LIO/loopback/naa.* $LIO/loopback \
		$LIO/core/*/disk* $LIO/core/rd_mcp_0
}

# ---- back under the same name: another one is given until the lost disk is given up ----

scsi_back() { # disk
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		scsi_scan
		now=$(scsi_disk)
		[ "$now" != "$1" ] || return 0
		scsi_delete "$now"
		usleep 200000
	done
	fail "it is back as $now, not as $1"
}

plug_back() { # kind, serial, disk
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		host plug "$1" "$2"
		now=$(disk "$2")
		[ "$now" != "$3" ] || return 0
		host unplug "$2"
		usleep 200000
	done
	fail "it is back as $now, not as $3"
}

# ---- another NVMe disk, an empty one ----

# 6.12 takes its queues' limits_lock with an NVMe queue frozen, and asks a SCSI disk with that
# lock held. Where what was buffered goes to NVMe, and a SCSI disk leaves, lockdep sees a cycle.
# It forgets an NVMe queue with its disk.
nvme_renew() { # serial
	host unplug "$1"
	wait_for 20 disk_gone "$1" || fail "the NVMe disk $1 stays"
	host plug nvme "$1"
}

# ---- /dev/nbd0, whose server runs on the host ----

nbd_load() {
	ip link set lo up
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0 2>/dev/null || true
	load nbd nbds_max=1
}

nbd_connected() {
	[ "$(cat /sys/block/nbd0/size)" -gt 0 ] && [ -e /sys/block/nbd0/pid ]
}

nbd_disconnected() {
	! [ -e /sys/block/nbd0/pid ]
}

nbd_connect() {
	host nbd start
	nbd-client 10.0.2.2 "$(said)" /dev/nbd0 -b 4096 -t 30 -nonetlink >/run/nbd 2>&1 &
	wait_for 15 nbd_connected || fail "no connection: $(cat /run/nbd)"
}

nbd_end() {
	nbd-client -d /dev/nbd0 -nonetlink
	host nbd kill
}

# ---- the first partition of a disk ----

part() { # disk
	case $1 in
	*[0-9]) echo "${1}p1" ;;
	*) echo "${1}1" ;;
	esac
}

# ---- what a disk and the one above it say of themselves ----

# The upper disk has these of its own: how requests queue, which are the lower one's; a write
# cache, so that no flush is lost above when the disk is another one day; and what is set
# for a queue and not for a disk.
own='write_cache fua scheduler nr_requests nomerges rq_affinity io_timeout wbt_lat_usec
	io_poll io_poll_delay iostats add_random read_ahead_kb throttle_sample_time
	async_depth'

is_own() { # file
	case " $(echo "$own" | xargs) " in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

differences() { # disk, the one above: a line for each
	for file in /sys/block/"$1"/queue/*; do
		name=${file##*/}
		if [ ! -f "$file" ] || is_own "$name"; then
			continue
		fi
		below=$(cat "$file" 2>/dev/null) || continue
		above=$(cat "/sys/block/$2/queue/$name" 2>/dev/null) || above=missing
		[ "$above" = "$below" ] || echo "$name: $above, below $below"
	done
}
