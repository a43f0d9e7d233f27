#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# it runs in another boot than the one before
#
# limit: 30

! grep -q '^brd ' /proc/modules
