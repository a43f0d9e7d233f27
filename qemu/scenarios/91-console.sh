#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# char devices that are streams: a tty and a virtio port with an echo at the far end
#
# limit: 90

# shellcheck disable=SC3045 # read -t is busybox's
line_of() { # seconds
	read -r -t "$1" line <&7
}

# Sent and come back, through one opening.
echoes() { # device, lines
	for i in $(seq "$2"); do
		echo "line $i of $1" >&7
		line_of 20 || fail "$1: no echo of line $i"
		[ "$line" = "line $i of $1" ] || fail "$1: line $i is '$line'"
	done
	! line_of 1 || fail "$1: from nowhere: $line"
	echo "$1: $2 lines"
}

# Who waits for what does not come: is ended by purge, by a signal, by disable.
waiters() { # name
	dev=/dev/iot-$1
	dd if="$dev" of=/dev/null bs=1 count=1 2>/run/err &
	waiter=$!
	sleep 1
	! ended $waiter || fail "$dev: there was something to read: $(cat /run/err)"
	kill $waiter
	wait_for 10 ended $waiter || fail "$dev: a reader cannot be killed"
	for how in state=purge enable=0; do
		dd if="$dev" of=/dev/null bs=1 count=1 2>/run/err &
		waiter=$!
		sleep 1
		! ended $waiter || fail "$dev: there was something to read: $(cat /run/err)"
		pt_set "$1" $how
		wait_for 10 ended $waiter || fail "$dev: $how does not end a reader"
		! wait $waiter || fail "$dev: $how gave what was not there"
		echo "$dev: $how: $(head -n 1 /run/err)"
		[ $how = enable=0 ] || pt_set "$1" state=start
	done
	pt_set "$1" enable=1
}

# What is written to a stopped device is sent in its order.
held() { # name
	pt_set "$1" state=stop
	(
		for i in 1 2 3; do
			echo "held $i" >&7
		done
	) &
	sender=$!
	sleep 1
	! ended $sender || fail "$1: a write has ended on a stopped device"
	pt_set "$1" state=start
	for i in 1 2 3; do
		line_of 20 || fail "$1: nothing after a stop"
		[ "$line" = "held $i" ] || fail "$1: '$line' in place of 'held $i'"
	done
	wait $sender
}

# Ahead of the others, as a tty has the line discipline of who opens it first.
[ -c /dev/ttyS1 ] || fail "there is no /dev/ttyS1"
exec 8<>/dev/ttyS1
stty raw -echo <&8
wait_channel() {
	grep -lx "iot.$1" /sys/class/virtio-ports/*/name | head -n 1
}
port=$(wait_channel echo)
[ -n "$port" ] || fail "there is no port"
port=/dev/$(basename "${port%/name}")

for pair in tty:/dev/ttyS1 port:"$port"; do
	name=${pair%%:*}
	pt_create "$name" "${pair#*:}" exclusive=0
	exec 7<>"/dev/iot-$name"
	echoes "/dev/iot-$name" "$(often 200 20)"
	held "$name"
	if [ "$name" = tty ]; then
		# busybox complains of the size of the window, which a line has not
		[ "$(stty -a <&7 2>/dev/null)" = "$(stty -a <&8 2>/dev/null)" ] ||
			fail "not the tty's settings: $(stty -a <&7)"
		stty -a <&7 2>/dev/null | grep -q -- '-icanon' || fail "it is not raw"
		stty 9600 <&7
		[ "$(stty speed <&8)" = 9600 ] || fail "speed is $(stty speed <&8) below"
	else
		! stty -a <&7 2>/dev/null || fail "a port is no tty"
	fi
	exec 7<&-
	waiters "$name"
	pt_destroy "$name"
done
