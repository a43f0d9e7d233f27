#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# it leaves a module behind that a process has in use
#
# limit: 30

load brd rd_nr=1
setsid sleep 1000 </dev/ram0 &
sleep 1
