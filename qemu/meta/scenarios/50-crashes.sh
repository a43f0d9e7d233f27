#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# the kernel dies
#
# limit: 30

echo c >/proc/sysrq-trigger
sleep 100
