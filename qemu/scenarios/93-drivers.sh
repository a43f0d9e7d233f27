#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# real drivers: each says, and shows, how a target serves it
#
# limit: 120

load io_target
load io_target_demo

PROBE=/sys/module/io_target_demo/parameters/probe
said=/run/said

# The kernel's lines of the probes of that name, since the last mark.
mark() {
	echo "<6>io_target_demo: mark" >/dev/kmsg
}

heard() { # what
	dmesg | sed -n 's/^.*io_target_demo: //p' | awk -v what="what=$1" '
		$1 == "mark" { text = "" }
		$2 == what { text = text $0 "\n" }
		END { printf "%s", text }'
}

field() { # name
	sed -n "s/^probe .* $1=\([^ ]*\).*/\1/p" $said | tail -n 1
}

# row <name> <what> <words expected>...: of a probe that has been made
row() {
	name=$1
	what=$2
	shift 2
	heard "$what" >$said
	done=$(sed -n 's/^probed [^ ]* op=//p' $said | xargs | sed 's/waits=1 //g')
	printf '%-14s %-18s %-18s %-2s %s\n' "$name" "$(field reads)" "$(field writes)" \
		"$(field ioctl)" "$done"
	for want; do
		case $want in
		op=*) grep -q "^probed .*$want" $said || wrong "$want" ;;
		*) grep -q "^probe .*$want\( \|\$\)" $said || wrong "$want" ;;
		esac
	done
}

wrong() { # what was expected
	cat $said
	fail "$name: not $1"
}

# probe <name> <path> <words> <words expected>...
probe() {
	mark
	echo "$2 $3" >$PROBE || fail "$1: cannot be opened"
	name=$1
	what=$2
	shift 3
	row "$name" "$what" "$@"
}

port=$(grep -lx iot.echo /sys/class/virtio-ports/*/name)
port=/dev/$(basename "${port%/name}")
load loop
load scsi_debug dev_size_mb=1
wait_for 10 test -e /dev/sg0
exec 8<>/dev/ttyS1
stty raw -echo <&8

waits='waits=1 result=-125 by=canceller'
try='reads=tried-then-thread writes=tried-then-thread ioctl=0 nowait=1'
ready='reads=when-ready writes=when-ready ioctl=1 poll=1'
none='reads=no writes=no ioctl=1'

printf '%-14s %-18s %-18s %-2s %s\n' device reads writes io 'what was seen'

# shellcheck disable=SC2086 # words are meant
{
	probe zero /dev/zero 'read write=abc' $try \
		'op=read result=4096 by=submitter' 'op=write result=3 by=submitter'
	probe null /dev/null 'read write=abc' $try \
		'op=read result=0 by=submitter' 'op=write result=3 by=submitter'
	probe full /dev/full 'read write=abc' reads=thread writes=user \
		'op=read result=4096 by=thread' 'op=write refused=-95'
	probe random /dev/random 'read write=abc' $ready \
		'op=read result=4096 by=submitter' 'op=write result=3 by=submitter'
	probe urandom /dev/urandom 'read write=abc' ${try%%ioctl*} ioctl=1 \
		'op=read result=4096 by=submitter' 'op=write result=3 by=submitter'
	probe kmsg /dev/kmsg 'user read write=io_target_was_here' reads=user writes=when-ready \
		'op=read result=[1-9][0-9]* by=thread' 'op=write result=18 by=thread'
	probe tty /dev/ttyS1 'read write=abc read' $ready "op=read $waits" \
		'op=write result=3 by=thread' 'op=read result=[1-3] by=thread'
	probe 'tty, quiet' /dev/ttyS2 'read write=abc' $ready "op=read $waits" \
		'op=write result=3 by=thread'
	probe hvc /dev/hvc0 'read write=abc' $ready "op=read $waits" \
		'op=write result=3 by=thread'
	probe ptmx /dev/ptmx 'read write=abc read' $ready "op=read $waits" \
		'op=write result=3 by=thread' 'op=read result=[1-3] by=thread'
	probe port "$port" 'user read write=abc read' reads=user writes=user "op=read $waits" \
		'op=write result=3 by=thread' 'op=read result=[1-3] by=thread'
	probe 'hwrng, no user' /dev/hwrng read reads=user 'op=read refused=-95'
	probe hwrng /dev/hwrng 'user read' reads=user writes=no 'op=read result=4096 by=thread'
	# Opening has started it; the V, at the end, stops it when it is closed.
	probe watchdog /dev/watchdog0 'user ioctl=80045705 write=V' reads=no writes=user \
		'op=ioctl result=0 by=thread' 'op=write result=1 by=thread'
	probe rtc /dev/rtc0 'user read ioctl=7004' reads=user writes=no \
		"op=read $waits" 'op=ioctl result=0 by=thread'
	probe loop-control /dev/loop-control 'read ioctl=4c82' $none \
		'op=read refused=-95' 'op=ioctl result=[0-9]* by=thread'
	probe nvme-generic "$(echo /dev/ng*n1)" 'read ioctl=4e40' $none \
		'op=read refused=-95' 'op=ioctl result=1 by=thread'
	# It knows its opener by the task's own credentials, and wants no other's.
	probe sg /dev/sg0 'user read write=abc ioctl=2202' reads=user writes=user \
		'op=read result=-1 by=thread' 'op=write result=-1 by=thread' \
		'op=ioctl result=6000 by=thread'
}

# What 6.1 knows less of: that a pipe or a tap can be asked not to wait, and iterators
# for a timerfd.
case $(uname -r) in
6.1.*) adopted=thread ended='by=thread' timer=user ;;
*) adopted=when-ready ended='by=submitter' timer=when-ready ;;
esac

mark
perl /scenarios/files.pl >/run/names || fail "files: $(cat /run/names)"
while read -r name what; do
	case $name in
	eventfd)
		row "$name" "$what" reads=when-ready writes=user \
			'op=read result=8 by=submitter' "op=read $waits" 'op=write refused=-95'
		;;
	timerfd)
		row "$name" "$what" reads=$timer writes=no
		[ $timer = user ] || row "$name" "$what" "op=read $waits" 'op=read result=8 by=[st]'
		;;
	pipe-out)
		row "$name" "$what" reads=$adopted writes=no "op=read result=5 $ended" \
			'op=read waits=1 result=-125'
		;;
	pipe-in)
		row "$name" "$what" reads=no writes=$adopted "op=write result=5 $ended"
		;;
	tap)
		row "$name" "$what" reads=$adopted writes=$adopted 'op=read waits=1 result=-125' \
			'op=read result=42 by=[st]' "op=write result=24 $ended"
		;;
	evdev)
		row "$name" "$what" reads=user writes=no "op=read $waits" \
			'op=read result=[1-9][0-9]* by=thread'
		;;
	esac
done </run/names
[ "$(wc -l </run/names)" = 6 ] || fail "files: $(cat /run/names)"
