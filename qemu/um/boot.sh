# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Boot what guest.sh describes in a user-mode kernel, which is a process of this machine:
# native speed, and nothing about it needs more than a user has. Source it after guest.sh.
#
#	um_boot <linux> <MiB> <seconds>     leaves what guest_boot leaves
#
# It has two CPUs. The channels are serial lines there, which the host has open as files.

UM_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=build.sh
. "$UM_HERE/build.sh"

# um_check: what would stop it, before it says so in its own words
um_check() {
	[[ $(uname -m) == x86_64 ]] ||
		die "a user-mode kernel of this machine ($(uname -m)) has one CPU only" \
			"run: make test (QEMU)"
	grep -qw errno /proc/sys/kernel/seccomp/actions_avail 2>/dev/null ||
		die "this machine's kernel has no seccomp filters" "run: make test (QEMU)"
}

# um_preload: the library that saves system calls, compiled once; see signals.c
um_preload() {
	local file

	file=$(cache_dir um)/signals-$(cksum <"$UM_HERE/signals.c" | cut -d' ' -f1).so
	if [[ ! -e $file ]]; then
		gcc -O2 -Wall -shared -fPIC -o "$file.$$" "$UM_HERE/signals.c" ||
			die "qemu/um/signals.c does not build" "run: apt-get install gcc libc6-dev"
		mv "$file.$$" "$file"
	fi
	echo "$file"
}

# Its memory is a file, in /dev/shm if there is room: with 64 MiB, as in a container,
# it would die of SIGBUS in the middle of a test.
um_tmpdir() { # MiB
	local room
	room=$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1)
	if [[ -w /dev/shm ]] && ((${room:-0} > $1 * 3)); then
		echo /dev/shm
	else
		echo "$GUEST_DIR"
	fi
}

um_cmdline() { # linux
	local words=(
		con=null 'con0=null,fd:1' root=98:0
		loglevel=7 log_buf_len=16M printk.devkmsg=on
		panic=-1 oops=panic noreboot "${GUEST_RCU[@]}"
		sysctl.kernel.hung_task_timeout_secs=60
	)
	mapfile -t -O ${#words[@]} words < <(guest_leak_words "${1%/*}")
	echo "${words[*]} ${GUEST_APPEND[*]}"
}

# The channels are descriptors of this shell; the guest is told which line is which.
um_lines() {
	local channel file fd
	UM_LINES=() UM_FDS=()
	for channel in "${GUEST_CHANNELS[@]}"; do
		file=${channel#*=}
		echo "${channel%%=*} ttyS${#UM_FDS[@]}" >>"$GUEST_ROOT/etc/lines"
		if [[ -p $file ]]; then
			exec {fd}<>"$file"
			UM_LINES+=("ssl${#UM_FDS[@]}=fd:$fd,null")
		else
			exec {fd}>>"$file"
			UM_LINES+=("ssl${#UM_FDS[@]}=null,fd:$fd")
		fi
		UM_FDS+=("$fd")
	done
}

# um_leak_age <linux>: how old kmemleak wants what is lost to be there, in milliseconds
um_leak_age() {
	sed -n 's/^#define MSECS_MIN_AGE[[:space:]]*\([0-9]*\).*/\1/p' "${1%/*}/mm/kmemleak.c"
}

# When it has gone, so have its helpers: they die with it.
um_boot() {
	local linux=$1 memory=$2 seconds=$3 preload dir fd age
	age=$(um_leak_age "$linux")
	[[ -z $age ]] || guest_conf LEAK_AGE $((age * 1500))
	preload=$(um_preload)
	dir=$(um_tmpdir "$memory")
	um_lines
	guest_pack
	# shellcheck disable=SC2046 # words are meant
	python3 -B "$GUEST_HERE/patience.py" "$seconds" "$GUEST_DIR/ticks" \
		env "LD_PRELOAD=$preload" "TMPDIR=$dir" "HOME=$GUEST_DIR" \
		"$linux" "mem=${memory}M" ncpus=2 seccomp=on \
		"initrd=$GUEST_DIR/initrd" rdinit=/init \
		"${UM_LINES[@]}" $(um_cmdline "$linux") \
		</dev/null >"$GUEST_DIR/console.log" 2>"$GUEST_DIR/machine.err" &
	for fd in "${UM_FDS[@]}"; do
		exec {fd}>&-
	done
	guest_wait "$!"
	# Its other CPUs still run when the first one leaves main(), and may abort then: a
	# matter of the user-mode kernel, when nothing of ours is left in it.
	if tail -n 1 "$GUEST_DIR/console.log" | grep -q 'reboot: Power down'; then
		echo "exit" >"$GUEST_DIR/status"
	fi
}
