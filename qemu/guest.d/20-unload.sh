#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# While a target is open, neither the library nor the driver of the lower device, nor
# the one that has registered what it has open by name, can be unloaded; as soon as it
# is closed, all can.

lower=/modules/null_blk.ko
user=/modules/io_target_example.ko

provider=/modules/io_target_sum.ko
asker=/modules/io_target_demo.ko

# module: it is in use, says the kernel
refused() {
	if rmmod "$1" 2>/run/rmmod; then
		echo "$1 was unloaded while a target is open"
		return 1
	fi
	grep -qi 'busy\|temporarily unavailable\|in use' /run/rmmod || {
		cat /run/rmmod
		return 1
	}
	grep -q "^$1 " /proc/modules
}

result() { # name command...
	name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
	fi
}

# Right after the close in the example's exit, without a pause.
unload_at_once() {
	rmmod io_target_example && rmmod null_blk && rmmod io_target
}

# The demo keeps it open until it goes; then its name is free again, too.
provider_at_once() {
	rmmod io_target_demo && rmmod io_target_sum && insmod $provider &&
		rmmod io_target_sum && rmmod io_target
}

insmod "$IO_TARGET"
insmod $lower
insmod $user disk=/dev/nullb0
result unload_library_refused refused io_target
result unload_lower_refused refused null_blk
result unload_at_once_after_close unload_at_once

insmod "$IO_TARGET"
insmod $provider
insmod $asker provider=1
result unload_provider_refused refused io_target_sum
result unload_provider_at_once_after_close provider_at_once
