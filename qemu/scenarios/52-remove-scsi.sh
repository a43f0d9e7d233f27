#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a SCSI disk is deleted under fio, again and again
#
# limit: 1500 120

# shellcheck source=remove.sh
. /scenarios/remove.sh
scsi_disk() {
	wait_for 10 scsi_there || fail "there is no disk of scsi_debug"
	echo "/dev/$(basename "$(echo /sys/bus/pseudo/devices/adapter0/host*/target*/*/block/*)")"
}
scsi_there() {
	[ -e "$(echo /sys/bus/pseudo/devices/adapter0/host*/target*/*/block/*)" ]
}
# shellcheck disable=SC2154 # of one_removal
away() { echo 1 >"/sys/block/${lower##*/}/device/delete"; }
back() { echo '- - -' >"$(echo /sys/bus/pseudo/devices/adapter0/host*/scsi_host/host*/scan)"; }
load scsi_debug dev_size_mb=32 ndelay=200000
removals "$(often 50 3)" scsi_disk
