#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a disk that is followed goes while its device is enabled, disabled, frozen or moved
#
# limit: 600 120

# shellcheck source=disks.sh
. /scenarios/disks.sh

pause() { # ms at the most
	usleep $(($(od -An -N2 -tu2 /dev/urandom) * $1 / 66))
}

away_soon() { # ms at the most
	pause "$1"
	scsi_delete "$lower" 2>/dev/null || true
}

# What is to end although the disk is away, and stays away until it has.
must_end() { # file, value
	(echo "$2" >"$PT/e/$1") 2>/dev/null &
	teller=$!
	away_soon 150 &
	wait_for 30 ended $teller || fail "$1=$2 hangs in round $i, state $(pt_state e)"
	wait
}

pt_load
load scsi_debug dev_size_mb=32 ndelay=400000
mkdir "$PT/e"
for i in $(seq "$(often 60 7)"); do
	lower=$(scsi_disk)
	echo 16 >"/sys/block/${lower##*/}/queue/max_sectors_kb"
	pt_set e "path=$lower" follow=1 identity=size
	case $((i % 3)) in
	0)	# while it is enabled, its partitions being read
		must_end enable 1
		;;
	1)	# while it is disabled, with much to be written out
		pt_set e enable=1
		# or the last close would write it
		exec 7<>/dev/iot-e
		dd if=/dev/zero of=/dev/iot-e bs=1M count=24 2>/dev/null
		must_end enable 0
		exec 7>&-
		;;
	2)	# while it is given up and taken back by hand
		pt_set e enable=1
		away_soon 200 &
		for _ in 1 2 3; do
			pt_set e state=suspend rescan=1 state=resume 2>/dev/null || true
		done
		wait
		;;
	esac
	scsi_scan
	wait_for 30 pt_disable e || fail "it cannot be disabled in round $i"
done
rmdir "$PT/e"
