#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a virtio disk is taken away under fio, again and again
#
# limit: 1500 120

# shellcheck source=remove.sh
. /scenarios/remove.sh
away() { host unplug v1; }
back() { host plug virtio v1; }
removals "$(often 50 3)" "disk v1"
