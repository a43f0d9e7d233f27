#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# A pass-through disk, made in configfs above a virtio disk: what root can do with it,
# and what he is told when he cannot. More is in qemu/scenarios.

# shellcheck source=lib.sh
. /guest.d/lib.sh

prefix=passthru_
config=/sys/kernel/config/io_target
lower=/dev/vda
dir=$config/t
upper=/dev/iot-t

# put <attribute> <value>
put() {
	echo "$2" 2>/dev/null >"$dir/$1"
}

# refused <attribute> <value>: and nothing is changed by that
refused() {
	before=$(cat "$dir/$1")
	put "$1" "$2" && return 1
	[ "$(cat "$dir/$1")" = "$before" ]
}

# stands_on <disk>: so lsblk shows it. Before 6.9 a link is not made, see compat_disk.h.
stands_on() {
	case $(uname -r) in
	6.[1-8].*) ;;
	*) [ -e "/sys/block/iot-t/slaves/$1" ] ;;
	esac
}

stands_not_on() { # disk
	! [ -e "/sys/block/iot-t/slaves/$1" ]
}

make() {
	mkdir $dir && put path $lower && put enable 1 &&
		[ "$(stat -c '%a %F' $upper)" = "600 block special file" ] &&
		[ "$(cat /sys/block/iot-t/size)" = "$(cat /sys/block/vda/size)" ] &&
		stands_on vda && [ "$(cat $dir/state)" = started ]
}

same() {
	[ "$(dd if=$upper bs=64k count=64 iflag=direct | md5sum)" = \
		"$(dd if=$lower bs=64k count=64 iflag=direct | md5sum)" ]
}

written() {
	dd if=/dev/urandom of=/run/random bs=64k count=16 &&
		dd if=/run/random of=$upper bs=64k seek=8 conv=fsync &&
		dd if=$lower bs=64k skip=8 count=16 iflag=direct | cmp - /run/random
}

pended() {
	grep -qx 'pended [1-9].*' $dir/stats
}

# What is read while it is stopped comes when it is started.
held() {
	put state stop && [ "$(cat $dir/state)" = stopped ] || return 1
	dd if=$upper of=/run/held bs=64k skip=8 count=16 iflag=direct &
	until pended; do
		sleep 1
	done
	kill -0 $! && put state start && wait $! && cmp /run/held /run/random
}

purged() {
	put state purge && ! dd if=$upper of=/dev/null bs=4k count=1 iflag=direct &&
		put state start && dd if=$upper of=/dev/null bs=4k count=1 iflag=direct
}

suspended() {
	put state suspend && [ "$(cat $dir/state)" = suspended ] &&
		stands_not_on vda || return 1
	dd if=$upper of=/run/held bs=64k skip=8 count=16 iflag=direct &
	put state resume && wait $! && cmp /run/held /run/random &&
		stands_on vda
}

# The same data on two disks: who reads on does not see which it is.
switched() {
	dd if=$lower of=/dev/vdb bs=64k count=64 conv=fsync || return 1
	put state stop
	dd if=$upper of=/run/held bs=64k skip=8 count=16 iflag=direct &
	put next /dev/vdb && [ "$(cat $dir/next)" = /dev/vdb ] && put state switch &&
		[ "$(cat $dir/state) $(cat $dir/path)" = "stopped /dev/vdb" ] &&
		stands_on vdb && stands_not_on vda &&
		put state start && wait $! && cmp /run/held /run/random &&
		! put state switch && put next $lower && put next '' &&
		[ "$(cat $dir/next)" = '' ] && put next $lower && put state switch
}

# Neither itself, nor what lies above it, nor what is smaller.
no_loops() {
	mkdir $config/u && echo $upper >$config/u/path && echo 1 >$config/u/enable &&
		refused next $upper && refused next /dev/iot-u && refused next /dev/nvme0n1 &&
		refused next /dev/vdc && refused next /dev/zero && rmdir $config/u
}

# A path that has become a link to what lies above it, by the time that it is opened again.
no_loops_later() {
	mkdir $config/u && ln -sf /dev/vdb /run/link && echo /run/link >$config/u/path &&
		echo 1 >$config/u/enable && echo suspend >$config/u/state || return 1
	ln -sf /dev/iot-u /run/link
	! echo resume 2>/dev/null >$config/u/state || return 1
	echo 0 >$config/u/enable && ln -sf /dev/zero /run/link && echo 1 >$config/u/enable &&
		echo suspend >$config/u/state || return 1
	ln -sf /dev/iot-u /run/link
	! echo resume 2>/dev/null >$config/u/state || return 1
	ln -sf /dev/zero /run/link && echo resume >$config/u/state &&
		dd if=/dev/iot-u of=/dev/null bs=512 count=1 && rmdir $config/u
}

# A disk has one owner.
busy() {
	mkdir $config/u && echo $lower >$config/u/path || return 1
	! echo 1 >$config/u/enable && rmdir $config/u
}

# What is wrong with a path is said when it is written, or when it is to be opened.
bad_paths() {
	put enable 0
	refused path nothing && refused path '' && refused path $dir/state || return 1
	for path in /nothing /dev /nothing/at/all; do
		put path "$path" && ! put enable 1 && [ "$(cat $dir/enable)" = 0 ] || return 1
	done
	put path $lower && put enable 1
}

bad_input() {
	bad_paths && refused path /dev/vdb && refused readonly 1 &&
		refused state nonsense && refused enable 2 && refused enable '' &&
		! mkdir $config/0123456789012345678901234567890 &&
		! mkdir "$config/a b"
}

read_only() {
	put enable 0 && put readonly 1 && put enable 1 &&
		[ "$(cat /sys/block/iot-t/ro)" = 1 ] &&
		! dd if=/run/random of=$upper bs=4k count=1 conv=fsync &&
		put enable 0 && put readonly 0
}

gone() {
	put enable 1 && rmdir $dir && ! [ -e $upper ]
}

# Made by parameters, disabled by hand, and unloaded.
by_parameters() {
	insmod /modules/io_target_passthru.ko path=$lower name=p &&
		[ "$(cat $config/p/state)" = started ] && echo 0 >$config/p/enable &&
		[ "$(cat $config/p/state)" = disabled ] && rmmod io_target_passthru
}

# Above a disk that does not answer: who waits for it keeps nobody from looking, or from
# breaking that off.
gets_through() {
	mkdir $config/s && echo $upper >$config/s/path && echo 1 >$config/s/enable &&
		put state stop || return 1
	dd if=/dev/iot-s of=/run/held bs=64k skip=8 count=16 iflag=direct &
	reader=$!
	until pended; do
		sleep 1
	done
	echo stop-wait >$config/s/state 2>/dev/null &
	stopper=$!
	until [ "$(cat $config/s/state)" = stopped ]; do
		sleep 1
	done
	kill -0 $stopper && kill -0 $reader && echo start >$config/s/state && ! wait $stopper &&
		kill -0 $reader && put state start && wait $reader &&
		cmp /run/held /run/random && rmdir $config/s
}

with_module() {
	mount -t configfs configfs /sys/kernel/config 2>/dev/null
	insmod "$IO_TARGET" && insmod /modules/io_target_passthru.ko || return 1
	result made make
	result reads_the_same same
	result writes_through written
	result holds_while_stopped held
	result purges purged
	result suspends suspended
	result switches switched
	result refuses_loops no_loops
	result refuses_later_loops no_loops_later
	result claims_its_disk busy
	result refuses_bad_input bad_input
	result is_controlled gets_through
	result is_read_only read_only
	result goes gone
	rmmod io_target_passthru || return 1
	result is_made_by_parameters by_parameters
	rmmod io_target
}

result module with_module
