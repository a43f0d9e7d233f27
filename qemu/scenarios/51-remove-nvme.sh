#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# an NVMe disk is taken away under fio, again and again
#
# limit: 2400 240

# shellcheck source=remove.sh
. /scenarios/remove.sh
away() { host unplug n1; }
back() { host plug nvme n1; }
removals "$(often 50 3)" "disk n1"
