#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# real drivers: each says, and shows, how a target serves it
#
# limit: 150

pt_load
load io_target_demo

PROBE=/sys/module/io_target_demo/parameters/probe
said=/run/said

# What the kernel says from here on is of the next probes.
mark() {
	echo "<6>io_target_demo: mark" >/dev/kmsg
}

# row <name> <what> <words expected>...: of probes that have been made. All in one, as
# processes are dear under emulation. A property is "no" only if no probe says more: each
# asks for no more access than it needs.
# shellcheck disable=SC2016 # awk's
row() {
	name=$1
	what=$2
	shift 2
	dmesg | awk -v name="$name" -v what="what=$what" -v said="$said" \
		-v wants="$(IFS=';' && echo "$*")" '
		!sub(/^.*io_target_demo: /, "") { next }
		$1 == "mark" { n = 0 }
		$2 == what { line[++n] = $0 }
		function learn(text,   word, count, pair) {
			count = split(text, word, " ")
			while (count > 2) {
				split(word[count--], pair, "=")
				if (!(pair[1] in is) || is[pair[1]] == "no")
					is[pair[1]] = pair[2]
			}
		}
		# A cancel is back at once; what is too late for that is meant by these 5 s.
		function late(   i, us) {
			for (i = 1; i <= n; i++) {
				us = line[i]
				if (sub(/^.* cancel_us=/, "", us) && us + 0 > 5000000)
					return line[i]
			}
		}
		function met(want,   i) {
			want = (want ~ /^op=/ ? "^probed .*" : "^probe .*") want "( |$)"
			for (i = 1; i <= n; i++)
				if (line[i] ~ want)
					return 1
		}
		END {
			for (i = 1; i <= n; i++) {
				print line[i] >said
				if (line[i] ~ /^probe /)
					learn(line[i])
				else if (match(line[i], / op=/)) {
					text = substr(line[i], RSTART + 4)
					sub(/waits=1 /, "", text)
					sub(/ head=.*/, "", text)
					done = done " " text
				}
			}
			printf "%-14s %-18s %-18s %-2s%s\n", name, is["reads"], is["writes"],
				is["ioctl"], done
			count = split(wants, want, ";")
			for (i = 1; i <= count; i++)
				if (!met(want[i]))
					missing = want[i]
			if (missing != "")
				for (i = 1; i <= n; i++)
					print line[i]
			if (missing != "")
				print "missing: " missing
			if (late())
				print "cancelled too late: " late()
			exit missing != "" || n == 0 || late() != ""
		}' || fail "$name"
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

# refuses <path> <words> <why>: who opens it is told by the driver
refuses() {
	! echo "$1 $2" >$PROBE 2>/run/err || fail "$1: was opened"
	grep -q "$3\$" /run/err || fail "$1: not '$3': $(cat /run/err)"
	printf '%-14s cannot be opened: %s\n' "${1#/dev/}" "$3"
}

# Of the last row: two reads gave something, and not the same.
noise() {
	heads=$(sed -n 's/^probed .* op=read .* head=//p' $said | grep -v '^\(00\)*$\|^\(a5\)*$' | sort -u)
	[ "$(echo "$heads" | wc -w)" = 2 ] || fail "$name: no noise: $heads"
}

# What the clock says to a program: six numbers of 4 bytes, from seconds up, months from 0
# and years from 1900, and others.
clock() {
	ioctls 64 /dev/rtc0 80247009 | sed 's/.*: //'
}

read_clock() { # not before, not after what the last row has read
	# shellcheck disable=SC2016 # perl's
	now=$(perl -e '@at = map {
			@t = unpack("V6", pack("H*", $_));
			sprintf "%04d-%02d-%02d %02d:%02d:%02d", $t[5] + 1900, $t[4] + 1, @t[3, 2, 1, 0]
		} @ARGV;
		print "$at[1]";
		exit(($at[0] gt $at[1]) + ($at[1] gt $at[2]))' \
		"$1" "$(sed -n 's/^probed .*op=ioctl .*head=//p' $said)" "$2") ||
		fail "$name: '$now' is not what programs have read: $1, $2"
	printf '%-14s read through a buffer of the kernel: %s\n' "$name" "$now"
}

# DTR is 1, RTS is 2: as the UART at 0x3e8 has them.
lines() { # device, how it is, what its lines are to be
	mcr=$(dd if=/dev/port bs=1 skip=1004 count=1 2>/dev/null | od -An -tu1)
	printf '%-14s %s: lines %d\n' "$1" "$2" $((mcr & 3))
	[ -n "$mcr" ] || fail "$1: cannot look at it"
	[ $((mcr & 3)) = "$3" ] || fail "$1: not $3"
}

port=$(grep -lx iot.echo /sys/class/virtio-ports/*/name)
port=/dev/$(basename "${port%/name}")
load loop
load scsi_debug dev_size_mb=1
wait_for 10 test -e /dev/sg0
# Whoever echoes must not be echoed to.
exec 8<>/dev/ttyS1 9<>/dev/hvc0
stty raw -echo <&8
stty raw -echo <&9

waits='waits=1 result=-125 by=canceller'
try='reads=tried-then-thread writes=tried-then-thread ioctl=0 nowait=1'
ready='reads=when-ready writes=when-ready ioctl=1 poll=1'
none='reads=no writes=no ioctl=1'
refused='op=read refused=-95;op=write refused=-95'
zeroes='head=(00){24}'
# Before what an ioctl has filled in, by way of the opener's memory
buffer='op=ioctl result=0 by=thread head='
entropy=${buffer}00010000
abc='result=[1-3] by=thread head=61(62(63)?)?'

printf '%-14s %-18s %-18s %-2s %s\n' device reads writes io 'what was seen'

# shellcheck disable=SC2086 # words are meant
{
	probe zero /dev/zero 'read write=abc' $try \
		"op=read result=4096 by=submitter $zeroes" 'op=write result=3 by=submitter'
	probe null /dev/null 'read write=abc' $try \
		'op=read result=0 by=submitter' 'op=write result=3 by=submitter'
	probe full /dev/full 'read write=abc' reads=thread writes=user ioctl=0 \
		"op=read result=4096 by=thread $zeroes" 'op=write refused=-95'
	probe 'full, user' /dev/full 'user write=abc' 'op=write result=-28 by=thread'
	probe random /dev/random 'read read write=abc ioctl=80045200:4' $ready "$entropy" \
		'op=read result=4096 by=submitter' 'op=write result=3 by=submitter'
	noise
	probe urandom /dev/urandom 'read read write=abc ioctl=80045200:4' ${try%%ioctl*} \
		ioctl=1 "$entropy" 'op=read result=4096 by=submitter' 'op=write result=3 by=submitter'
	noise
	# The oldest line begins with "5,0,0,-;Linux version".
	probe kmsg /dev/kmsg 'user read write=io_target_was_here' reads=user writes=when-ready ioctl=0 \
		'op=read result=[1-9][0-9]* by=thread head=352c302c302c2d3b4c696e7578.*' \
		'op=write result=18 by=thread'
	dmesg | grep -q 'io_target_was_here$' || fail "kmsg: no such line"
	probe tty /dev/ttyS1 'read write=abc patient read ioctl=80045432:4' $ready \
		"op=read $waits" 'op=write result=3 by=thread' "op=read $abc" "${buffer}41040000"
	probe 'tty, quiet' /dev/ttyS2 'read write=abc' $ready "op=read $waits" \
		'op=write result=3 by=thread'
	# The other end's own, which echoes.
	probe ptmx /dev/ptmx 'read write=abc patient read ioctl=80045432:4' $ready \
		"op=read $waits" 'op=write result=3 by=thread' "op=read $abc" "${buffer}..880000"
	probe hvc /dev/hvc0 'read write=abc patient read ioctl=80045432:4' $ready \
		"op=read $waits" 'op=write result=3 by=thread' "op=read $abc" "${buffer}00e50000"
	probe port "$port" 'user read write=abc patient read' reads=user writes=user \
		ioctl=0 "op=read $waits" 'op=write result=3 by=thread' "op=read $abc"
	probe 'hwrng, no user' /dev/hwrng read reads=user 'op=read refused=-95'
	probe hwrng /dev/hwrng 'user patient read read' reads=user writes=no ioctl=0 \
		'op=read result=4096 by=thread'
	noise
	# Opening has started it; the V, at the end, stops it when it is closed.
	probe 'watchdog, no V' /dev/watchdog0 'user ioctl=80045705' ioctl=1 \
		'op=ioctl result=0 by=thread'
	running=$(dmesg | grep -c 'watchdog did not stop') || fail "watchdog: no V, and stopped"
	probe watchdog /dev/watchdog0 'user read ioctl=80045705 ioctl=80045707:4 write=V' \
		reads=no writes=user ioctl=1 'op=read refused=-95' \
		'op=ioctl result=0 by=thread' "${buffer}1e000000" \
		'op=write result=1 by=thread'
	[ "$(dmesg | grep -c 'watchdog did not stop')" = "$running" ] || fail "watchdog: runs"
	before=$(clock)
	probe rtc /dev/rtc0 'user read write=A ioctl=7004 ioctl=80247009:36' reads=user \
		writes=no ioctl=1 "op=read $waits" 'op=write refused=-95' \
		'op=ioctl result=0 by=thread' "$buffer.{48}"
	read_clock "$before" "$(clock)"
	probe loop-control /dev/loop-control 'read write=A ioctl=4c82' $none \
		"$refused" 'op=ioctl result=[0-9]+ by=thread'
	probe nvme-generic "$(disk n1 | sed 's|nvme|ng|')" 'read write=A ioctl=4e40' $none \
		"$refused" 'op=ioctl result=1 by=thread'
	# It knows its opener by the task's own credentials, and wants no other's.
	probe sg /dev/sg0 'user read write=abc ioctl=2202 ioctl=2282:4' reads=user writes=user \
		'op=read result=-1 by=thread' 'op=write result=-1 by=thread' \
		'op=ioctl result=6000 by=thread' "${buffer}48770000"
}

refuses /dev/hwrng write=A 'Invalid argument'
exec 7<>"$port"
refuses "$port" read 'resource busy'
exec 7</dev/rtc0
refuses /dev/rtc0 read 'resource busy'
exec 7<&-
refuses /dev/nothing read 'No such file or directory'

# What opening a line does, for as long as it is open.
[ "$(cat /sys/class/tty/ttyS2/port)" = 0x3E8 ] || fail "ttyS2 is elsewhere"
lines ttyS2 'before it is opened' 0
pt_create quiet /dev/ttyS2 exclusive=0
lines ttyS2 'open' 3
pt_destroy quiet
lines ttyS2 'closed again' 0

# What 6.1 knows less of: that a pipe or a tap can be asked not to wait, and iterators
# for a timerfd.
case $(uname -r) in
6.1.*)
	adopted=thread ended=by=thread wait_ended=by=thread
	timer=user timer_ended=by=thread timer_waits=by=thread
	;;
*)
	adopted=when-ready ended=by=submitter wait_ended=by=canceller
	timer=when-ready timer_ended=by=submitter timer_waits=by=canceller
	;;
esac

probe 'tun, not set' /dev/net/tun 'read ioctl=800454cf:4' reads=when-ready ioctl=1 \
	"op=read result=-77 $ended" "${buffer}.371...."
mark
perl /scenarios/files.pl "${timer%when-ready}" >/run/names || fail "files: $(cat /run/names)"
while read -r name what; do
	case $name in
	pts)
		row "$name" "$what" reads=when-ready writes=when-ready ioctl=1 "op=read $waits" \
			'op=read result=5 by=thread head=68656c6c6f' 'op=write result=5 by=thread'
		;;
	eventfd)
		row "$name" "$what" reads=when-ready writes=user ioctl=0 "op=read $waits" \
			'op=read result=8 by=submitter head=0500000000000000' \
			'op=write refused=-95' 'op=write result=8 by=thread' \
			'op=read result=8 by=submitter head=(41){8}'
		;;
	timerfd)
		row "$name" "$what" reads=$timer writes=no 'op=write refused=-95' \
			"op=read waits=1 result=-125 $timer_waits" \
			"op=read result=8 $timer_ended head=0100000000000000"
		;;
	pipe-out)
		row "$name" "$what" reads=$adopted writes=no ioctl=1 "${buffer}05000000" \
			"op=read result=5 $ended head=68656c6c6f" \
			"op=read waits=1 result=-125 $wait_ended"
		;;
	pipe-in)
		row "$name" "$what" reads=no writes=$adopted ioctl=1 "op=write result=5 $ended"
		;;
	tun) # an ICMP echo request, of IPv4; a read begins with the header
		row "$name" "$what" reads=$adopted writes=$adopted ioctl=1 \
			"op=read waits=1 result=-125 $wait_ended" \
			"op=read result=84 $ended head=45000054.{8}4001.{4}0a6308010a6308020800.*" \
			"op=write result=24 $ended"
		;;
	tap) # the neighbour is looked for with a broadcast
		row "$name" "$what" reads=$adopted writes=$adopted ioctl=1 \
			"op=read waits=1 result=-125 $wait_ended" \
			"op=read result=42 $ended head=ffffffffffff.*" "op=write result=24 $ended"
		;;
	evdev) # behind the time: key 30, up or down
		row "$name" "$what" reads=user writes=user ioctl=1 "op=read $waits" \
			"${buffer}01000100" \
			'op=read result=[1-9][0-9]* by=thread head=.{32}01001e000[01]000000' \
			'op=write result=-22 by=thread'
		;;
	rtc) # a periodic interrupt, of those that came
		row "$name, ticking" "$what" reads=user ioctl=1 'op=read result=8 by=thread head=c0.*'
		;;
	inquiry)
		printf '%-14s forwarded, in the task of its opener: %s\n' sg "$what"
		[ "$what" = 'Linux   scsi_debug' ] || fail "sg: is '$what'"
		;;
	*) fail "files: $name" ;;
	esac
done </run/names
[ "$(wc -l </run/names)" = 10 ] || fail "files: $(cat /run/names)"
