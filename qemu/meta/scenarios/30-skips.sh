#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# it cannot run here
#
# limit: 30

skip "for a reason"
