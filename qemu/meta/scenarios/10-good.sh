#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a good one
#
# limit: 30

pt_create db "$(disk v1)"
dd if=/dev/iot-db of=/dev/null bs=4k count=1 iflag=direct
