#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
# random values in every attribute: nothing oopses, hangs or stays
#
# limit: 7200 240

load null_blk queue_mode=2 nr_devices=2 memory_backed=1 gb=1
pt_load
cd "$PT" || exit
mkdir f
count=$(often 20000 150)
[ "$PROFILE" = debug ] || count=$((count / 10 + 200))
files=$(find f -maxdepth 1 -type f -perm -200 | sort | xargs)

# <count>: writes what means something, numbers, noise, and what is too long
write_values() {
	head -c $(($1 * 8)) /dev/urandom | hexdump -v -e '1/4 "%u " 1/4 "%u\n"' |
		awk -v files="$files" '
		function word(list,   w) { return w[1 + r2 % split(list, w, "|")] }
		BEGIN {
			n = split(files, file, " ")
			words = "start|stop|stop-wait|purge|suspend|resume|switch|0|1|y|n|on||-1|2|" \
				"/dev/nullb0|/dev/nullb1|/dev/zero|/dev/null|/dev/none|/run|/dev/iot-f|" \
				"/dev/vda|/|//|/dev/../dev/nullb0|uuid=|diskseq=1|size|kept|lost|4294967295|" \
				"18446744073709551616|0x7fffffff|-2147483648|%s%n%p|started|/dev/nullb0 x"
			for (i = 0; i < 5000; i++) long = long "/x"
		}
		{
			r1 = $1; r2 = $2
			f = file[1 + NR % n]
			kind = int(r1 / 16) % 8
			# half of the time what fits, so that it is often enabled
			if (kind < 2 && f ~ /enable$/) v = r2 % 2
			else if (kind < 3 && f ~ /path$|next$/) v = "/dev/nullb" r2 % 2
			else if (kind < 6) v = word(words)
			else if (kind == 6) v = r2 - 2147483648
			else if (r2 % 64 == 0) v = substr(long, 1, r2 % 9000)
			else v = sprintf("%c%c%c%c", r2 % 256, int(r2 / 256) % 256, \
				int(r2 / 65536) % 256, r1 % 256)
			print v > f
			close(f)
		}
		'
}

# something to hold, to send and to fail meanwhile, by who would not make a file of it
(
	while :; do
		if { dd if=/dev/iot-f of=/dev/null bs=4k count=8 iflag=direct &&
			blkdiscard -f -z -o 1048576 -l 65536 /dev/iot-f; } 2>>/run/errors; then
			echo once >>/run/reached
		else
			usleep 50000
		fi
	done
) &
writer=$!

# Whatever it has been told: it can be disabled, set up, and works.
tame() {
	echo start >f/state 2>/dev/null || true
	echo 0 >f/enable
	pt_set f follow=0 readonly=0 exclusive=1 max_pended=0 pend_timeout_ms=0 path=/dev/nullb0 enable=1
	[ "$(pt_state f)" = started ] || fail "after enable: $(pt_state f)"
	dd if=/dev/urandom of=/run/noise bs=64k count=4 2>/dev/null
	blkdiscard -f -z -l 262144 /dev/iot-f
	dd if=/run/noise of=/dev/iot-f bs=64k oflag=direct 2>/dev/null
	cmp -n 262144 /dev/iot-f /run/noise
}

# Two at a time: attributes meet each other, too.
total=$((count * $(echo "$files" | wc -w)))
spent=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	begun=$(cut -d. -f1 /proc/uptime)
	write_values $((total / 20)) &
	other=$!
	write_values $((total / 20))
	wait $other || fail "a writer of values has ended with $?"
	spent=$((spent + $(cut -d. -f1 /proc/uptime) - begun))
	tame
done
echo "$total values in $spent s"

kill $writer
echo "$(wc -l </run/reached) times to the disk, $(grep -c ': ' /run/errors) times not"
dmesg | grep 'f: .* refused' | sed 's/.*f: //; s/:.*//' | sort | uniq -c | sort -rn
dmesg | grep -q 'f: .* refused' || fail "nothing was ever refused"
for file in $files; do
	cat "$file" >/dev/null || echo "cannot read $file"
done
echo 0 >f/enable
rmdir f
