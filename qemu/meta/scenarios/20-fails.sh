#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a command fails that nobody looks at
#
# limit: 30

pt_load
false
echo "this is not reached"
