#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# char devices: ioctls of 32-bit programs are answered as by the device below
#
# limit: 60

zcat /proc/config.gz | grep -q '^CONFIG_IA32_EMULATION=y' ||
	skip "this kernel runs no 32-bit programs"

# answers <bits> <path> <numbers>...
answers() {
	ioctls "$@" || fail "$2: cannot be opened"
}

# same <name> <path> <numbers>...: through /dev/iot-<name> as on the device below, in which
# nobody else's opening may interfere. Leaves what a 32-bit and a 64-bit program heard.
same() {
	name=$1
	path=$2
	shift 2
	for bits in 32 64; do
		answers $bits "$path" "$@" >/run/below-$bits
	done
	pt_create "$name" "$path" exclusive=0
	for bits in 32 64; do
		answers $bits "/dev/iot-$name" "$@" >/run/above-$bits
		sed "s|^|$path, $bits bits: |" /run/above-$bits
		cmp -s /run/below-$bits /run/above-$bits ||
			fail "$path, $bits bits: not as below: $(cat /run/below-$bits)"
	done
	pt_destroy "$name"
}

# said <bits> <number> <expected>: an extended regular expression, of the whole answer
said() {
	grep -qxE "$2 = $3" "/run/above-$1" || fail "$name, $1 bits: $2 is not $3"
}

# What a tty says of its UART has a pointer in it: 60 bytes, or 72. Settings and the window
# are the same to both.
same tty /dev/ttyS2 541e 5401 5413
said 32 541e '0: 0400000002000000e8030000.{96}'
said 64 541e '0: 0400000002000000e8030000.{120}'
said 32 5401 '0: .{72}'
said 32 5413 '0: 0{16}'

# The number has the size in it: each of the two is for one kind of program alone.
same rtc /dev/rtc0 8004700b 8008700b
said 32 8004700b '0: [0-9a-f]{8}'
said 64 8004700b '-25: '
said 64 8008700b '0: [0-9a-f]{16}'

# Drivers to whom it makes no difference: those that have their pointer converted (once
# there is entropy enough its count stays as it is), ...
head -c 1 /dev/random >/run/random
same random /dev/urandom 80045200 5299
said 32 80045200 '0: 00010000'
said 32 5299 '-22: '

# ... and those that have said nothing about 32-bit programs: they get no answer.
same trace /sys/kernel/tracing/per_cpu/cpu0/trace_pipe_raw 0
said 32 0 '-25: '
said 64 0 '0: '
