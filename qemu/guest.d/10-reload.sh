#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# The module can be loaded and unloaded any number of times.

reload_five_times() {
	for round in 1 2 3 4 5; do
		insmod "$IO_TARGET" || return 1
		rmmod io_target || return 1
		if grep -q '^io_target ' /proc/modules; then
			echo "round $round: rmmod succeeded, the module is still there"
			return 1
		fi
	done
}

if reload_five_times; then
	echo "ok reload_five_times"
else
	echo "not ok reload_five_times"
fi
