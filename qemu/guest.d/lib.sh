#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh - what the scripts of pass-through devices have in common; no script of its own.

# A case is <prefix><name>, and what it is depends on how the command ends.
# shellcheck disable=SC2154 # prefix is the script's
result() { # name command...
	if (shift && "$@"); then
		echo "ok $prefix$1"
	else
		echo "not ok $prefix$1"
	fi
}
