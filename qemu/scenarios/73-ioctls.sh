#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# what a disk is asked beside reads and writes is answered as by the disk below
#
# limit: 120

# shellcheck source=disks.sh
. /scenarios/disks.sh

# asked <program> <words>...: on the disk below and on the one above, where nobody's
# opening may interfere
asked() {
	"$@" "$below" >/run/below 2>&1 || fail "below: $* $(cat /run/below)"
	"$@" "$above" >/run/above 2>&1 || fail "above: $* $(cat /run/above)"
	sed "s|$below|DISK|g; /^Local Time/d" /run/below >/run/below.same
	sed "s|$above|DISK|g; /^Local Time/d" /run/above >/run/above.same
	cmp -s /run/below.same /run/above.same ||
		fail "$*: below: $(cat /run/below) above: $(cat /run/above)"
	echo "$*: $(wc -c </run/above) bytes, the same"
}

# order <path> <number> <format> <values>...: an ioctl with a struct, from perl
order() {
	perl -e 'my ($path, $number, $format, @values) = @ARGV;
		open(my $disk, "+<", $path) or die "open: $!\n";
		my $arg = pack($format, map { oct } @values);
		defined(ioctl($disk, hex($number), $arg)) or die "$!\n";
		print join(" ", unpack($format, $arg)), "\n";' "$@"
}

# inquiry <page> <path>: what SG_IO brings, from perl: sg3_utils take every disk with a
# dynamic number for one of NVMe
cat >/run/inquiry.pl <<'END'
my ($page, $path) = @ARGV;
my ($sense, $data) = ("\0" x 32, "\0" x 252);
my $vital = $page ne "none";
my $command = pack("CCCnC", 0x12, $vital, $vital ? oct($page) : 0, 252, 0);
my $order = pack("iiCCSIPPPIIixxxxQCCCCSSiIIxxxx", ord("S"), -3, 6, 32, 0, 252,
	$data, $command, $sense, 5000, 0, 0, 0, (0) x 9);
open(my $disk, "<", $path) or die "open: $!\n";
defined(ioctl($disk, 0x2285, $order)) or die "$!\n";
print unpack("H*", $data), " status ", unpack("x64 C", $order), "\n";
END

inquiry() { perl /run/inquiry.pl "$@"; }

geometry() { order "$1" 301 CCSQ 0 0 0 0; }

# ---- SCSI: a disk of LIO, which keeps reservations ----

disks=$(lio_disks)
below=${disks% *}
pt_create s "$below" follow=1
above=/dev/iot-s
asked inquiry none
asked inquiry 0x83
asked inquiry 0x80
asked geometry
asked smartctl -i -d scsi

# The wwid of this one is that of the disk below: nothing else is said to tell it by.
pt_create u /dev/iot-s follow=1
pt_destroy u

# Registered and reserved above, seen below
order "$above" 401870c8 QQLL 0 0x1234 0 0 >/dev/null || fail 'register'
order "$above" 401070c9 QLL 0x1234 1 0 >/dev/null || fail 'reserve'
sg_persist --in --read-keys "$below" | grep -q 0x1234 || fail 'not registered below'
sg_persist --in --read-reservation "$below" | grep -q 'Write Exclusive' || fail 'not reserved below'
order "$above" 401070ca QLL 0x1234 1 0 >/dev/null || fail 'release'
! sg_persist --in --read-reservation "$below" | grep -q 'Write Exclusive' || fail 'not released'
order "$above" 401070c9 QLL 0x1234 3 0 >/dev/null || fail 'reserve again'
order "$above" 401870cb QQLL 0x1234 0x1234 3 0 >/dev/null || fail 'preempt'
order "$above" 401070cd QLL 0x1234 0 0 >/dev/null || fail 'clear'
! sg_persist --in --read-keys "$below" | grep -q 0x1234 || fail 'not cleared'

# Held back: told, not waited for
pt_set s state=stop
! inquiry none "$above" >/run/err 2>&1 || fail 'a stopped target answers'
pt_set s state=start
inquiry none "$above" >/dev/null || fail 'started, and no answer'

# Part of a disk: who may not send raw commands may not, for it would be to all of the disk.
raw() { setpriv --bounding-set -sys_rawio --inh-caps -sys_rawio perl /run/inquiry.pl none "$1"; }
raw "$above" >/dev/null || fail 'harmless commands to all of the disk are refused'
echo '2048,8192' | sfdisk -q "$above" || fail sfdisk
wait_for 10 test -b "${above}1" || fail 'no partition'
! raw "${above}1" >/run/err 2>&1 || fail 'a command through a partition above'
inquiry none "${above}1" >/dev/null || fail 'refused, with the capability'

# A switch: the other disk answers.
pt_set s "next=${disks#* }" state=stop-wait state=switch state=start
inquiry 0x80 "${disks#* }" >/run/below
inquiry 0x80 "$above" >/run/above
cmp -s /run/below /run/above || fail 'after a switch it is not the other disk that answers'
pt_destroy s

# ---- NVMe ----

below=$(disk n1)
pt_create n "$below"
above=/dev/iot-n
asked smartctl -i -d nvme
for bits in 32 64; do
	ioctls $bits "$below" 4e40 301 >/run/below
	ioctls $bits "$above" 4e40 301 >/run/above
	cmp -s /run/below /run/above || fail "$bits bits: $(cat /run/below) $(cat /run/above)"
	grep -q '4e40 = 1' /run/above || fail "$bits bits: no id of the namespace: $(cat /run/above)"
done

pt_destroy n
