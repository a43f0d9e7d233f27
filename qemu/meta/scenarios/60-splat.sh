#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# it passes, but the kernel has complained
#
# limit: 30

echo '<4>WARNING: meant to be seen' >/dev/kmsg
