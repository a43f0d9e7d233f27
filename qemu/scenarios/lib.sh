#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# lib.sh - what the scenarios have in common: devices of io_target_passthru, disks,
# loads, questions to the host. Sourced by each of them, under set -eu.
#
# A scenario fails by fail, by a command that fails, or by its limit. It need not
# clean up: processes, mounts, devices and modules are taken down after it.

PT=/sys/kernel/config/io_target
answer=	# of the host, to the last question

# busybox takes its own before those of PATH.
mount() { /opt/bin/mount "$@"; }
umount() { /opt/bin/umount "$@"; }
blkdiscard() { /opt/bin/blkdiscard "$@"; }
blockdev() { /opt/bin/blockdev "$@"; }
setpriv() { /opt/bin/setpriv "$@"; }
losetup() { /opt/bin/losetup "$@"; }

fail() { # text
	echo "FAIL: $*"
	exit 1
}

skip() { # why
	echo "$*"
	exit 77
}

# full and quick runs differ in how often
often() { # full, quick
	if [ -n "$QUICK" ]; then
		echo "$2"
	else
		echo "$1"
	fi
}

# ---- modules and devices ----

load() { # module, parameters
	module=$1
	shift
	grep -q "^$(echo "$module" | tr - _) " /proc/modules || insmod "/modules/$module.ko" "$@"
}

pt_load() {
	load io_target
	load io_target_passthru
}

# pt_create <name> <path> [attribute=value]...: gives /dev/iot-<name>
pt_create() {
	pt_load
	mkdir "$PT/$1" || return 1
	pt_set "$1" "path=$2" || return 1
	name=$1
	shift 2
	pt_set "$name" "$@" enable=1 || return 1
	wait_for 5 test -e "/dev/iot-$name"
}

# pt_set <name> attribute=value...
pt_set() {
	pt=$PT/$1
	shift
	for word; do
		echo "${word#*=}" >"$pt/${word%%=*}" || return 1
	done
}

# What closed the device last may still be about to.
pt_destroy() { # name
	wait_for 10 pt_disable "$1" && rmdir "$PT/$1"
}

pt_disable() {
	echo 0 >"$PT/$1/enable"
} 2>/dev/null

pt_state() { # name
	cat "$PT/$1/state"
}

# wait_for <seconds> <command>...: until it succeeds
wait_for() {
	tries=$(($1 * 10))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 100000
	done
}

# The disk that the host gave this serial.
# The paths to an NVMe disk that has several are hidden: they have no node.
disk_of() { # serial
	grep -ls "^$1 *$" /sys/block/*/serial /sys/block/*/device/serial |
		sed -n '\,/nvme[0-9]*c,!s,^/sys/block/\([^/]*\).*,/dev/\1,p' | head -n 1
}

disk() { # serial
	wait_for 10 disk_there "$1" || fail "there is no disk $1"
	disk_of "$1"
}

disk_there() {
	[ -n "$(disk_of "$1")" ]
}

disk_gone() {
	! disk_there "$1"
}

# ---- the host ----

# host <words>: asks host.py, prints its answer; "error why" fails
host() {
	[ -n "${HOST_OPEN:-}" ] || exec 5<>/dev/iot/host
	HOST_OPEN=1
	echo "$*" >&5
	read -r answer <&5
	echo "host: $*: $answer"
	[ "${answer%% *}" = ok ]
}

# What it said last, behind the ok.
said() {
	echo "${answer#ok }"
}

# ---- loads ----

ended() { # process
	! kill -0 "$1" 2>/dev/null
}

# fio's words for every job: no threads of its own beside, little to measure
fio_job() { # name, device, words
	job=$1
	device=$2
	shift 2
	fio --name="$job" --filename="$device" --thread --direct=1 --gtod_reduce=1 \
		--group_reporting --eta=never --allow_mounted_write=1 --norandommap=0 \
		--randseed="$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')" "$@"
}

# Each block that was written is read back and its checksum compared.
fio_verify() { # name, device, words
	name=$1
	device=$2
	shift 2
	fio_job "$name" "$device" --rw=randrw --verify=crc32c --verify_fatal=1 \
		--verify_backlog=32 "$@"
}

# ---- files ----

# A tree of files, and their checksums in <dir>/SUMS.
make_tree() { # dir, files
	(
		cd "$1" || exit
		for i in $(seq "$2"); do
			mkdir -p "d$((i % 7))"
			head -c $((i * 997 % 70000 + 1)) /dev/urandom >"d$((i % 7))/f$i"
		done
		ln -s d1 link
		find . -type f -exec sha256sum {} + >/run/SUMS
		mv /run/SUMS .
		wc -l <SUMS
	)
}

check_tree() { # dir
	(cd "$1" && sha256sum -c SUMS >/run/sums 2>&1) || {
		grep -v ': OK$' /run/sums | head -n 5
		return 1
	}
}

fsck_clean() { # device
	e2fsck -f -n "$1" >/run/fsck 2>&1 && return 0
	cat /run/fsck
	return 1
}
