#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# odd disks, and such as lie on others: md, bcache, dm, NVMe with two paths, loop, zram
#
# limit: 2400 400

# shellcheck source=disks.sh
. /scenarios/disks.sh

# A quick run has those that send on what they were given, in place or in pieces.
wanted() { # kind
	[ -z "$QUICK" ] && return 0
	case $1 in
	dm-crypt | raid5 | bcache | multipath) ;;
	*) return 1 ;;
	esac
}

# ---- what is done with each ----

# All of it, over and over with the same requests, and read back
requests() { # disk
	load io_target
	insmod /modules/io_target_demo.ko "scratch=$1" || fail "$kind: requests: $(dmesg | tail -n 3)"
	rmmod io_target_demo
}

blocks() { # disk
	fio_job blocks "$1" --rw=randwrite --bsrange=4k-64k --ioengine=libaio --iodepth=16 \
		--size=2M --verify=crc32c --do_verify=1 >/run/fio 2>&1 ||
		fail "$kind: $(cat /run/fio)"
}

files() { # disk
	mkfs.ext4 -q "$1" || fail "$kind: mkfs"
	mkdir -p /mnt/k
	mount "$1" /mnt/k || fail "$kind: mount"
	fio_job files /mnt/k/file --rw=randwrite --bs=4k --ioengine=libaio --iodepth=16 \
		--size=1M --fsync=32 --verify=crc32c --do_verify=1 >/run/fio 2>&1 ||
		fail "$kind: $(cat /run/fio)"
	umount /mnt/k
	fsck_clean "$1" || fail "$kind: the file system is not clean"
}

# Requests to it; then a pass-through disk above, which says the same of itself
stack() { # kind, disk
	kind=$1
	wait_for 20 test -b "$2" || fail "$kind: there is no $2"
	requests "$2"
	pt_create k "$2"
	blocks /dev/iot-k
	files /dev/iot-k
	found=$(differences "$(basename "$(realpath "$2")")" iot-k)
	[ -z "$found" ] || fail "$kind: $found"
	pt_destroy k
	echo "$kind: ok"
}

sectors() { blockdev --getsz "$1"; }

load_those() { # modules
	for module; do
		[ ! -e "/modules/$module.ko" ] || load "$module"
	done
}

# ---- device mapper ----

# dm_create <name> <table>: nobody else makes the nodes
dm_create() {
	{ dmsetup create "$1" --table "$2" && dmsetup mknodes; } || fail "dmsetup create $1 $2"
}

dm() { # kind, target and its words: over the first disk
	kind=$1
	shift
	wanted "$kind" || return 0
	dm_create k "0 $(sectors "$one") $*"
	stack "$kind" /dev/mapper/k
	dmsetup remove --retry k
}

thin() {
	load_those libcrc32c dm-bufio dm-bio-prison dm-persistent-data dm-thin-pool
	dd if=/dev/zero of="$two" bs=4k count=1 oflag=direct 2>/dev/null
	dm_create pool "0 $(sectors "$one") thin-pool $two $one 128 0"
	dmsetup message pool 0 'create_thin 0'
	dm_create thin '0 20480 thin /dev/mapper/pool 0'
	stack thin /dev/mapper/thin
	dmsetup remove --retry thin
	dmsetup remove --retry pool
}

# Read alone: it is what it was sealed as.
verity() {
	load dm-bufio
	load dm-verity
	hash=$(veritysetup format "$one" "$two" | sed -n 's/^Root hash:[\t ]*//p')
	salt=$(veritysetup dump "$two" | sed -n 's/^Salt:[\t ]*//p')
	[ -n "$hash" ] || fail 'verity: no hash'
	dmsetup create -r sealed --table "0 $(sectors "$one") verity 1 $one $two 4096 4096 \
		$(($(sectors "$one") / 8)) 1 sha256 $hash $salt" || fail 'verity: dmsetup'
	dmsetup mknodes
	pt_create k /dev/mapper/sealed
	[ "$(sha256sum </dev/iot-k)" = "$(sha256sum <"$one")" ] || fail 'verity: other data'
	! dd if=/dev/zero of=/dev/iot-k bs=4k count=1 oflag=direct 2>/dev/null ||
		fail 'verity: it can be written'
	pt_destroy k
	dmsetup remove --retry sealed
	echo 'verity: ok'
}

# ---- md ----

md() { # level, disks
	level=$1
	shift
	wanted "$level" || return 0
	load md-mod
	# shellcheck disable=SC2046	# words
	load_those $(md_modules "$level")
	case $level in
	raid1 | raid5) copies='--bitmap=none --assume-clean' ;;
	*) copies= ;;
	esac
	# shellcheck disable=SC2086	# of $copies, words
	mdadm --create /dev/md0 --run --force --level="${level#raid}" --raid-devices=$# \
		$copies --metadata=1.2 "$@" >/run/mdadm 2>&1 ||
		fail "md $level: $(cat /run/mdadm)"
	stack "$level" /dev/md0
	mdadm --stop /dev/md0 >/run/mdadm 2>&1 || fail "md $level: $(cat /run/mdadm)"
	for member; do
		mdadm --zero-superblock "$member"
	done
}

# The modules of a level, and those that they need, as far as this kernel has them as modules.
# md-linear has been called linear.
md_modules() {
	case $1 in
	raid5) echo libcrc32c xor async_tx async_memcpy async_xor raid6_pq async_pq async_raid6_recov raid456 ;;
	linear) echo linear md-linear ;;
	*) echo "$1" ;;
	esac
}

# ---- bcache, writing back, with its cache on the other disk ----

bcache_stopped() {
	! ls -d /sys/fs/bcache/*-* >/dev/null 2>&1
}

bcache() {
	load bcache
	for member in "$one" "$two"; do
		dd if=/dev/zero of="$member" bs=64k count=1 oflag=direct 2>/dev/null
	done
	make-bcache --wipe-bcache --bucket 16k --writeback -B "$one" -C "$two" >/run/bcache 2>&1 ||
		fail "bcache: $(cat /run/bcache)"
	for member in "$two" "$one"; do
		echo "$member" >/sys/fs/bcache/register || fail "bcache: $member"
	done
	wait_for 20 test -b /dev/bcache0 || fail 'no bcache'
	grep -q '\[writeback\]' /sys/block/bcache0/bcache/cache_mode || fail 'bcache writes through'
	stack bcache /dev/bcache0
	echo 1 >/sys/block/bcache0/bcache/stop
	for set in /sys/fs/bcache/*-*; do
		echo 1 >"$set/stop"
	done
	wait_for 20 bcache_stopped || fail 'bcache does not stop'
}

# ---- NVMe with two paths, one of which goes ----

multipath() {
	head=$(disk mp)
	stack multipath "$head"
	echo '2048,24576' | sfdisk -q "$head" || fail 'sfdisk multipath'
	stack 'multipath, a partition' "$(part "$head")"
	pt_create k "$head"
	fio_job path /dev/iot-k --rw=randwrite --bs=4k --ioengine=libaio --iodepth=16 --size=8M \
		--time_based --runtime=10 --verify=crc32c --verify_backlog=256 >/run/fio 2>&1 &
	fio=$!
	sleep 3
	host unplug mpb
	wait $fio || fail "a path goes: $(cat /run/fio)"
	pt_destroy k
	echo 'multipath, a path less: ok'
	host unplug mpa	# as nvme_renew() does, so that lockdep forgets it
	wait_for 20 disk_gone mp || fail 'multipath: it stays without a path'
}

# ---- loop, zram ----

loops() {
	load loop
	for direct in off on; do
		node=$(losetup -f)
		losetup --direct-io=$direct "$node" "$one" || fail "losetup $direct"
		stack "loop, direct $direct" "$node"
		losetup -d "$node"
	done
}

zram() {
	load zsmalloc
	load zram
	echo 12M >/sys/block/zram0/disksize
	stack zram /dev/zram0
	echo 1 >/sys/block/zram0/reset
}

# ---- disks that lie on nothing, and are odd ----

null() { # kind, attribute=value...
	kind=$1
	shift
	wanted "$kind" || return 0
	load null_blk nr_devices=0
	dir=/sys/kernel/config/nullb/nullbk
	mkdir $dir
	for setting in size=12 memory_backed=1 queue_mode=2 "$@"; do
		echo "${setting#*=}" >"$dir/${setting%%=*}" || fail "$kind: $setting"
	done
	echo 1 >$dir/power
	stack "$kind" /dev/nullbk
	echo 0 >$dir/power
	rmdir $dir
	rmmod null_blk
}

scsi() { # kind, parameter=value...
	kind=$1
	shift
	wanted "$kind" || return 0
	load scsi_debug dev_size_mb=12 ndelay=10000 "$@"
	stack "$kind" "$(scsi_disk)"
	wait_for 10 rmmod scsi_debug || fail 'scsi_debug stays'
}

brd() {
	load brd rd_nr=1 rd_size=12288
	stack brd /dev/ram0
	rmmod brd
}

null 'null_blk, virtual boundary' virt_boundary=1 blocksize=512
null 'null_blk, 16 sectors at once' max_sectors=16 blocksize=4096
null 'null_blk, one tag' hw_queue_depth=1 submit_queues=1
scsi 'scsi, blocks of 512'
scsi 'scsi, blocks of 4096' sector_size=4096
scsi 'scsi, 4096 on 512' physblk_exp=3
scsi 'scsi, unmap in 32 KiB' lbpu=1 unmap_granularity=64 unmap_alignment=32
scsi 'scsi, WRITE SAME' lbpws=1
if wanted brd; then
	brd
fi

# ---- three real disks, 12 MiB of each ----

for serial in v1 v2 n1; do
	echo '2048,24576' | sfdisk -q "$(disk $serial)" || fail "sfdisk $serial"
done
one=$(part "$(disk v1)") two=$(part "$(disk v2)") three=$(part "$(disk n1)")

dm dm-linear linear "$one" 0
dm dm-delay delay "$one" 0 2
dm dm-flakey flakey "$one" 0 3600 0
dm dm-dust dust "$one" 0 512
dm dm-crypt crypt aes-xts-plain64 \
	0000000000000000000000000000000011111111111111111111111111111111 0 "$one" 0 1 sector_size:4096
md raid0 "$one" "$two"
md raid1 "$one" "$three"
md raid5 "$one" "$two" "$three"
md linear "$one" "$two"
for kind in thin verity bcache multipath loops zram; do
	if wanted $kind; then
		$kind
	fi
done
nvme_renew n1
