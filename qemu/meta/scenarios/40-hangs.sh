#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# it does not end, and the boot ends with it
#
# limit: 6

pt_create db "$(disk v1)"
pt_set db state=stop
dd if=/dev/iot-db of=/dev/null bs=4k count=1 iflag=direct
