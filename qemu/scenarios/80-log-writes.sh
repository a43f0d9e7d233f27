#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# nothing that was acknowledged is lost, whenever the power goes (dm-log-writes)
#
# limit: 600 200

data=$(disk v1)
log=$(disk v3)
points=$(often 250 40)

# a file system whose every write from now on is in the log
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 -J size=4 "$data" 48M
sync
host snapshot v1 base
dmsetup create lw --table "0 $(blockdev --getsz "$data") log-writes $data $log"
dmsetup mknodes
pt_create lw /dev/mapper/lw
mkdir -p /mnt/a
mount /dev/iot-lw /mnt/a

# once its fsync has returned, a file is there for ever: the mark says which and what
for i in $(seq "$points"); do
	head -c $((i * 37 % 9000 + 1)) /dev/urandom >/run/f
	dd if=/run/f of="/mnt/a/f$i" bs=4k conv=fsync 2>/dev/null
	dmsetup message lw 0 mark "f$i:$(sha256sum </run/f | cut -c1-64)"
done
umount /mnt/a
pt_destroy lw
dmsetup remove lw
host replay v3 base || fail "something that was acknowledged is lost"
marks=$(said)
[ "${marks%% *}" = "$points" ] || fail "only ${marks%% *} marks are in the log"
