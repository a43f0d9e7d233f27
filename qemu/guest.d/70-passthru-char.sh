#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# Pass-through char devices, made in configfs above devices of each kind: with positions,
# without, with entry points for user pointers only, and a tty.

# shellcheck source=lib.sh
. /guest.d/lib.sh

prefix=passthru_char_
config=/sys/kernel/config/io_target

# put <device> <attribute> <value>
put() {
	echo "$3" 2>/dev/null >"$config/$1/$2"
}

# make <device> <path>
make() {
	mkdir "$config/$1" && put "$1" path "$2" && put "$1" enable 1 &&
		[ "$(stat -c '%a %F' "/dev/iot-$1")" = "600 character special file" ]
}

remove() {
	put "$1" enable 0 && rmdir "$config/$1" && ! [ -e "/dev/iot-$1" ]
}

zeroes() {
	make z /dev/zero &&
		[ "$(dd if=/dev/iot-z bs=64k count=64 | md5sum)" = \
			"$(dd if=/dev/zero bs=64k count=64 | md5sum)" ] &&
		dd if=/dev/zero of=/dev/iot-z bs=4k count=4 && remove z
}

full() {
	make f /dev/full && ! dd if=/dev/zero of=/dev/iot-f bs=4k count=1 2>/run/said &&
		grep -q 'No space left' /run/said && remove f
}

# As many ones as zeroes, more or less: 262144 bits, of which the half are 131072.
random() {
	make r /dev/urandom || return 1
	ones=$(dd if=/dev/iot-r bs=32k count=1 | od -v -An -tu1 |
		awk '{ for (i = 1; i <= NF; i++) for (b = $i; b; b = int(b / 2)) n += b % 2 }
			END { print n }')
	[ "$ones" -gt 129000 ] && [ "$ones" -lt 133000 ] && remove r
}

# The log of the kernel: read by user pointer, one record at a time; written by iterator.
# Who waits for more can be ended.
user_pointers() {
	make k /dev/kmsg && echo "passed through $$" >/dev/iot-k || return 1
	timeout 2 cat /dev/iot-k >/run/log
	[ $? = 143 ] && grep -q "passed through $$" /run/log && remove k
}

# A regular file: what is written is there, and a position is one.
regular() {
	dd if=/dev/urandom of=/run/lower bs=64k count=4 &&
		dd if=/run/lower of=/run/second bs=64k skip=1 count=1 && make f /run/lower &&
		dd if=/dev/iot-f bs=64k skip=1 count=1 | cmp - /run/second &&
		dd if=/run/second of=/dev/iot-f bs=64k seek=3 count=1 conv=notrunc,fsync &&
		dd if=/run/lower bs=64k skip=3 count=1 | cmp - /run/second && remove f
}

# What is asked while it is stopped is answered when it is started.
held() {
	make z /dev/zero && put z state stop || return 1
	dd if=/dev/iot-z of=/run/held bs=4k count=1 &
	until grep -qx 'pended [1-9].*' $config/z/stats; do
		sleep 1
	done
	kill -0 $! && put z state start && wait $! && [ "$(stat -c %s /run/held)" = 4096 ] &&
		put z state stop || return 1
	dd if=/dev/iot-z of=/run/held bs=4k count=1 &
	until grep -qx 'pended 2.*' $config/z/stats; do
		sleep 1
	done
	kill $!
	wait $!
	[ $? = 143 ] && put z state purge && ! dd if=/dev/iot-z of=/dev/null count=1 &&
		put z state start && dd if=/dev/iot-z of=/dev/null count=1 && remove z
}

# Neither for writing what is for reading, nor above another.
refused() {
	mkdir $config/z && put z readonly 1 && put z path /dev/zero && put z enable 1 &&
		dd if=/dev/iot-z of=/dev/null count=1 &&
		! dd if=/dev/zero of=/dev/iot-z count=1 && mkdir $config/y &&
		put y path /dev/iot-z && ! put y enable 1 && rmdir $config/y &&
		! put z next /dev/iot-z && remove z
}

with_module() {
	mount -t configfs configfs /sys/kernel/config 2>/dev/null
	insmod "$IO_TARGET" && insmod /modules/io_target_passthru.ko || return 1
	result zeroes zeroes
	result full full
	result random random
	result user_pointers user_pointers
	result regular regular
	result holds_while_stopped held
	result refuses refused
	rmmod io_target_passthru && rmmod io_target
}

result module with_module
