#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# a disk that goes is looked for where it was: it comes back, or another one does
#
# limit: 300 150

# One block after the other, each a line with its number: who fails tries again.
write_blocks() { # device
	i=0
	while [ ! -e /run/enough ]; do
		if printf '%4095d\n' $i | dd of="$1" bs=4096 iflag=fullblock seek=$i \
			oflag=direct conv=notrunc 2>>/run/errors; then
			i=$((i + 1))
			echo $i >/run/count
		else
			echo once >>/run/failed
			usleep 20000
		fi
	done
}

begin() { # device
	rm -f /run/enough
	: >/run/errors
	: >/run/failed
	echo 0 >/run/count
	write_blocks "$1" &
	blocks=$!
}

# It may be about to be written.
written() {
	until read -r count </run/count; do
		usleep 1000
	done
	echo "$count"
}

beyond() { # count
	[ "$(written)" -gt "$1" ]
}

end() {
	touch /run/enough
	wait $blocks
}

failed() {
	wc -l </run/failed
}

# All that was acknowledged is there.
check_blocks() { # device
	dd if="$1" bs=4096 count="$(written)" iflag=direct 2>/dev/null |
		awk -v want="$(written)" '$1 != NR - 1 || length() != 4095 { exit 1 }
			END { if (NR != want) exit 1 }' || fail "$1 has not what was written"
}

state_is() { # name, state
	[ "$(pt_state "$1")" = "$2" ]
}

quiet() {
	before="$(written) $(failed)"
	usleep 500000
	[ "$(written) $(failed)" = "$before" ]
}

# What was under way has ended; then nothing is written and nothing fails, for this long.
waits_for() { # name, seconds
	wait_for 20 quiet || fail "I/O does not wait: $(written) $(failed)"
	before="$(written) $(failed)"
	sleep "$2"
	[ "$(written) $(failed)" = "$before" ] ||
		fail "I/O does not wait: $before, now $(written) $(failed)"
	state_is "$1" suspended || fail "while it is away: $(pt_state "$1")"
}

said_of() { # name, words
	dmesg | grep -q "$1: .*$2"
}

# shellcheck source=disks.sh
. /scenarios/disks.sh

# ---- a virtio disk: its going is told, so that not one request fails ----

lower=$(disk v1)
pt_create fo "$lower" follow=1 identity=size
begin /dev/iot-fo
for _ in $(seq "$(often 10 1)"); do
	mark=$(written)
	wait_for 20 beyond $((mark + 8)) || fail "nothing is written"
	host unplug v1
	wait_for 10 state_is fo suspended || fail "unplugged: $(pt_state fo)"
	waits_for fo 1
	plug_back virtio v1 "$lower"
	wait_for 30 state_is fo started || fail "plugged: $(pt_state fo)"
	mark=$(written)
	wait_for 20 beyond $((mark + 8)) || fail "nothing is written after its return"
done

# Another one in its place: of another size.
host unplug v1
wait_for 10 state_is fo suspended || fail "unplugged: $(pt_state fo)"
host resize v1 96
plug_back virtio v1 "$lower"
sum=$(sha256sum <"$lower")
wait_for 30 said_of fo 'another size' || fail "nothing is said of another disk"
waits_for fo "$(often 3 1)"
[ "$sum" = "$(sha256sum <"$lower")" ] || fail "another disk was written"
host unplug v1
host resize v1 128
plug_back virtio v1 "$lower"
wait_for 40 state_is fo started || fail "with its size again: $(pt_state fo)"
mark=$(written)
wait_for 20 beyond $((mark + 8)) || fail "nothing is written after its return"
end
echo "virtio: $(written) blocks, $(failed) errors"
[ "$(failed)" = 0 ] || fail "there were errors: $(tail -n 3 /run/errors)"
check_blocks /dev/iot-fo
pt_destroy fo
check_blocks "$lower"

# Nothing would tell it from another, and nobody has said that its size is enough.
! (pt_create un "$lower" follow=1) 2>/run/errors || fail "an unknown disk is followed"
dmesg | grep -q 'nothing tells .* from other disks' || fail "and nothing is said"
pt_destroy un

# ---- a disk on the network: its server is killed and comes back ----

nbd_load
nbd_connect
pt_create fn /dev/nbd0 follow=1 identity=size
# 6.1's nbd says nothing, and cannot be connected again while somebody has it open: there
# the device below has to be given up, and taken back, by hand.
case $(uname -r) in
6.1.*) by_hand=1 ;;
*) by_hand='' ;;
esac
begin /dev/iot-fn
for _ in $(seq "$(often 5 1)"); do
	mark=$(written)
	wait_for 20 beyond $((mark + 8)) || fail "nothing is written"
	host nbd kill
	[ -z "$by_hand" ] || pt_set fn state=suspend
	wait_for 30 state_is fn suspended || fail "its server was killed: $(pt_state fn)"
	wait_for 20 nbd_disconnected || fail "nbd does not end"
	waits_for fn "$(often 3 1)"
	nbd_connect
	[ -z "$by_hand" ] || pt_set fn state=resume
	wait_for 40 state_is fn started || fail "its server is back: $(pt_state fn)"
	mark=$(written)
	wait_for 20 beyond $((mark + 8)) || fail "nothing is written after its return"
done
end
echo "nbd: $(written) blocks, $(failed) errors"
[ "$(failed)" = 0 ] || fail "I/O did not wait: $(tail -n 3 /run/errors)"
check_blocks /dev/iot-fn
pt_destroy fn
check_blocks /dev/nbd0
nbd_end
