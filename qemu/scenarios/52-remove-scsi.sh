#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a SCSI disk is deleted under fio, again and again
#
# limit: 1500 120

# shellcheck source=remove.sh
. /scenarios/remove.sh
# shellcheck source=disks.sh
. /scenarios/disks.sh
# shellcheck disable=SC2154 # of one_removal
away() { scsi_delete "$lower"; }
back() { scsi_scan; }
load scsi_debug dev_size_mb=32 ndelay=200000
removals "$(often 50 3)" scsi_disk
