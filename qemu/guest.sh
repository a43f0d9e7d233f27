#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh - describe one QEMU guest, pack it, boot it, collect its channels.
#
# A library: source it after lib.sh. The order of use is
#
#	guest_begin <name>                  a run directory, $GUEST_DIR
#	guest_job <script>                  what PID 1 runs (see init)
#	guest_conf NAME value               shell variables of the job
#	guest_add <file> <path> [mode]      any file
#	guest_boot_module <file.ko>         loaded before the job, in this order
#	guest_module <file.ko> [params...]  listed in /etc/modules for the job
#	guest_channel <name> [host file]    /dev/iot/<name> there, a file here
#	guest_ticks                         /dev/iot/ticks: a line for each second of its own
#	guest_socket <name> <host socket>   the same in both directions
#	guest_disk virtio|nvme <file> <serial>   changes are dropped at the end
#	guest_append <words>                kernel command line
#	guest_qemu <words>                  more QEMU arguments
#	guest_boot <bzImage> <MiB> <seconds>
#
# A user-mode kernel takes the same description, but for disks, sockets and what is for
# QEMU: see um/boot.sh.
#
# GUEST_ACCEL and GUEST_SMP, when set, are QEMU's -accel and -smp instead of what the
# tests have.
#
# guest_boot leaves in $GUEST_DIR: console.log, one file per channel,
# modules (what was loaded), machine.err, and status ("exit", "timeout" or "error <code>").

GUEST_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GUEST_DIR=
# Grace periods that end as soon as they can, for guests that wait for many.
GUEST_RCU=(rcupdate.rcu_expedited=1
	rcutree.jiffies_till_first_fqs=0 rcutree.jiffies_till_next_fqs=1)
GUEST_DIRS=()
GUEST_PIDS=()
GUEST_KEEP=12

# Start the description of a new guest in a run directory of its own.
guest_begin() {
	local runs
	runs=$(cache_dir)/runs
	mkdir -p "$runs"
	guest_prune "$runs"
	GUEST_DIR=$(mktemp -d "$runs/$1.$(date +%m%d-%H%M%S).XXXX")
	GUEST_ROOT=$GUEST_DIR/root
	GUEST_APPEND=()
	GUEST_QEMU=()
	GUEST_CHANNELS=()
	GUEST_PORTS=0
	mkdir -p "$GUEST_ROOT"/{bin,etc,modules,dev,proc,sys,run,tmp}
	: >"$GUEST_ROOT/etc/boot-modules"
	: >"$GUEST_ROOT/etc/modules"
	: >"$GUEST_ROOT/etc/conf"
	guest_add "$(guest_busybox)" bin/busybox 755
	guest_add "$GUEST_HERE/init" init 755
}

# Old run directories go, the latest few stay for whoever reads logs. One that
# is younger than an hour may be in use by a run beside this one.
guest_prune() {
	find "$1" -mindepth 1 -maxdepth 1 -type d -mmin +60 -printf '%T@ %p\n' |
		sort -rn | tail -n +$((GUEST_KEEP + 1)) | cut -d' ' -f2- |
		xargs -r rm -rf --
}

# The busybox of the guest has no libraries there: it must be a static one.
guest_busybox() {
	local file
	file=$(command -v busybox) ||
		die "busybox is missing" "run: apt-get install busybox-static"
	if ldd "$file" >/dev/null 2>&1; then
		die "$file needs shared libraries" \
			"run: apt-get install busybox-static"
	fi
	echo "$file"
}

guest_add() {
	install -D -m "${3:-644}" "$1" "$GUEST_ROOT/$2"
}

guest_job() {
	guest_add "$1" job 755
}

# Quoted for the guest's shell: one assignment per line.
guest_conf() {
	printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}" >>"$GUEST_ROOT/etc/conf"
}

# Debug information makes a module ten times as large, and QEMU reads it all.
guest_stage_module() {
	local name=${1##*/}
	objcopy --strip-debug "$1" "$GUEST_ROOT/modules/$name" ||
		die "cannot pack $1" "is it a module? see: file $1"
	echo "/modules/$name"
}

guest_boot_module() {
	guest_stage_module "$1" >>"$GUEST_ROOT/etc/boot-modules"
}

guest_module() {
	local path
	path=$(guest_stage_module "$1")
	echo "$1" >>"$GUEST_DIR/modules"
	shift
	echo "$path${*:+ $*}" >>"$GUEST_ROOT/etc/modules"
}

guest_append() {
	GUEST_APPEND+=("$@")
}

guest_qemu() {
	GUEST_QEMU+=("$@")
}

# A one-way channel apart from the console: a virtio-serial port.
guest_channel() {
	GUEST_CHANNELS+=("$1=${2:-$GUEST_DIR/$1}")
	guest_port "$1" "file,path=${2:-$GUEST_DIR/$1}"
}

# Seconds as patience.py counts them: in those of its own clock a guest on a busy host gets
# less done.
guest_ticks() {
	mkfifo "$GUEST_DIR/ticks"
	GUEST_CHANNELS+=("ticks=$GUEST_DIR/ticks")
	guest_port ticks "pipe,path=$GUEST_DIR/ticks"
}

# A port with a socket at the host's end, for questions and answers.
guest_socket() { # name, host socket
	guest_port "$1" "socket,path=$2,server=on,wait=off"
}

guest_port() { # name, QEMU's character device
	if ((GUEST_PORTS++ == 0)); then
		guest_qemu -device virtio-serial-pci,id=iotser
	fi
	guest_qemu -chardev "$2,id=ch-$1" \
		-device "virtserialport,bus=iotser.0,chardev=ch-$1,name=iot.$1"
}

guest_disk() {
	guest_qemu -drive \
		"file=$2,if=none,id=disk-$3,format=raw,snapshot=on,cache=unsafe"
	case $1 in
	virtio) guest_qemu -device "virtio-blk-pci,drive=disk-$3,serial=$3" ;;
	nvme) guest_qemu -device "nvme,drive=disk-$3,serial=$3" ;;
	*) die "guest_disk: no such kind: $1" "use virtio or nvme" ;;
	esac
}

# A raw file in which the 8 bytes at offset N hold N, little-endian: whoever
# reads a wrong place sees which one. Made once, then only read.
guest_pattern() {
	local file
	file=$(cache_dir)/disks/pattern-$1M.img
	if [[ ! -f $file ]]; then
		mkdir -p "${file%/*}"
		python3 - "$1" >"$file.$$" <<-'PY'
			import array, sys
			MIB = 1 << 20
			for base in range(0, int(sys.argv[1]) * MIB, MIB):
			    words = array.array("Q", range(base, base + MIB, 8))
			    if sys.byteorder == "big":
			        words.byteswap()
			    sys.stdout.buffer.write(words.tobytes())
		PY
		mv "$file.$$" "$file"
	fi
	echo "$file"
}

guest_pack() {
	(cd "$GUEST_ROOT" && find . -mindepth 1 -printf '%P\0' | sort -z |
		cpio --quiet --null -o -H newc -R 0:0) >"$GUEST_DIR/initrd" ||
		die "cannot pack the guest's initramfs" "is the disk full? see: df -h"
	rm -rf "$GUEST_ROOT"
}

# guest_leak_words <kernel>: what its leak detector wants at boot. Newer kernels keep
# free objects in arrays (sheaves) that still name an object after it was handed out:
# kmemleak reads them and takes what is lost for found. A slab with checks has none.
guest_leak_words() {
	echo kmemleak=on
	if grep -qs ' kmemleak_scan$' "$1/System.map" && grep -qs sheaf "$1/System.map"; then
		echo slab_debug=F
	fi
}

# The kernel command line that every guest has. Emulation is 20 to 50 times
# slower than a machine: the kernel's own patience is stretched to match.
# maxcpus=1: QEMU before 8.1 can run a breakpoint that the kernel has already
# removed again, when one CPU patches code while another one translates it
# ("Oops: int3"). Nearly all patching is done at boot, so the second CPU comes
# after that, by init.
# no_timer_check: on a busy host the emulated timer may not have ticked when the kernel
# looks whether it does, which panics ("IO-APIC + timer doesn't work!").
guest_cmdline() { # kernel image
	local words=(
		console=ttyS0 loglevel=7 log_buf_len=16M printk.devkmsg=on
		panic=-1 oops=panic nmi_watchdog=0 watchdog_thresh=60
		rcupdate.rcu_cpu_stall_timeout=150
		"${GUEST_RCU[@]}"
		sysctl.kernel.hung_task_timeout_secs=240
		maxcpus=1 nokaslr nvme.poll_queues=1 no_timer_check
	)
	mapfile -t -O ${#words[@]} words < <(guest_leak_words "${1%/arch/*}")
	echo "${words[*]} ${GUEST_APPEND[*]}"
}

# With a thread for each CPU they really run at the same time, which the races
# in the debug profile are for. A plain kernel is so soon through its boot that
# the second CPU still sees it patch code (the clock's, a second later): there
# the CPUs take turns, and a breakpoint is never found stale.
guest_threads() {
	if [[ ${PROFILE:-} == debug ]]; then
		echo multi
	else
		echo single
	fi
}

# The arguments of QEMU that do not depend on who watches. Emulation only:
# a /dev/kvm that opens may still hang a kernel.
guest_machine() {
	local image=$1 memory=$2
	GUEST_ARGS=(
		-nodefaults -no-reboot -display none
		-machine q35
		-accel "${GUEST_ACCEL:-tcg,thread=$(guest_threads)}"
		-smp "${GUEST_SMP:-2}" -m "$memory"
		-kernel "$image" -initrd "$GUEST_DIR/initrd"
		-append "$(guest_cmdline "$image")"
		-device virtio-rng-pci
	)
	# A tenth of a second against one: no option ROMs, no boot menu.
	if [[ -f /usr/share/qemu/qboot.rom ]]; then
		GUEST_ARGS+=(-bios qboot.rom)
	fi
	GUEST_ARGS+=("${GUEST_QEMU[@]}")
}

# Boot and wait for the end. GUEST_WATCH, when set, is a command that is run
# beside QEMU with the process id appended; it must end when QEMU has.
guest_boot() {
	local image=$1 memory=$2 seconds=$3
	guest_pack
	guest_machine "$image" "$memory"
	TMPDIR=$GUEST_DIR python3 -B "$GUEST_HERE/patience.py" "$seconds" \
		"$GUEST_DIR/ticks" qemu-system-x86_64 "${GUEST_ARGS[@]}" \
		-serial "file:$GUEST_DIR/console.log" \
		</dev/null >"$GUEST_DIR/machine.err" 2>&1 &
	guest_wait "$!"
}

# Until the machine that runs as this process has ended.
guest_wait() {
	local pid=$1 watch='' code=0
	# shellcheck disable=SC2064 # the process id of now is meant
	trap "kill $pid 2>/dev/null; wait $pid; exit 130" INT TERM HUP
	if [[ -n ${GUEST_WATCH+set} ]]; then
		"${GUEST_WATCH[@]}" "$pid" &
		watch=$!
	fi
	wait "$pid" || code=$?
	trap - INT TERM HUP
	if [[ -n $watch ]]; then
		wait "$watch" || true
	fi
	guest_status "$code" >"$GUEST_DIR/status"
	rm -f "$GUEST_DIR/initrd"
}

guest_status() {
	case $1 in
	0) echo "exit" ;;
	124) echo "timeout" ;;
	*) echo "error $1" ;;
	esac
}

# guest_start <command>...: boot the guest that has been described last beside others.
# guest_finish: until all of these have ended. Their run directories are in GUEST_DIRS,
# in the order in which they were started.
guest_start() {
	(unset GUEST_WATCH && "$@") &
	GUEST_PIDS+=("$!")
	GUEST_DIRS+=("$GUEST_DIR")
}

guest_finish() {
	local pid watch=()
	# shellcheck disable=SC2064 # the process ids of now are meant
	trap "kill ${GUEST_PIDS[*]} 2>/dev/null; wait; exit 130" INT TERM HUP
	for pid in "${!GUEST_PIDS[@]}"; do
		watch+=("${GUEST_PIDS[pid]}" "${GUEST_DIRS[-${#GUEST_PIDS[@]} + pid]}/kmsg")
	done
	python3 -B "$GUEST_HERE/live.py" "${watch[@]}"
	wait "${GUEST_PIDS[@]}" || true
	trap - INT TERM HUP
	GUEST_PIDS=()
}

# Boot with the console on this terminal; returns when the guest powers off.
guest_interact() {
	guest_pack
	guest_machine "$1" "$2"
	TMPDIR=$GUEST_DIR qemu-system-x86_64 "${GUEST_ARGS[@]}" \
		-chardev stdio,id=con,mux=on,signal=off \
		-serial chardev:con -mon chardev=con
	rm -rf "$GUEST_DIR"
}
