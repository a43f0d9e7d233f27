#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# scenarios.sh [quick|list] - real programs on io_target_passthru's devices, in QEMU.
#
# Each file of qemu/scenarios is one scenario: a shell script for the guest, with a
# header of "# <word>: <value>" lines:
#	limit:	seconds after which it hangs (debug profile), and for quick runs
#		if that is another number; a plain kernel has a third of it
#	boot:	"own", when what it does to the machine is too much for others
#	memory:	of such a machine, in MiB, for a plain kernel and for the debug profile
#	quick:	"no", when it is not part of a quick run
#	since:	the first kernel that can do it
# Those that do not mind share a boot; two guests run side by side, with half of them each.
# A boot that dies takes the running scenario with it; the rest have another one. What a
# guest must not leave behind (leaks, complaints of the kernel, taint, modules) counts as in
# make test, per boot.
#
# Environment: KERNEL, PROFILE as for make test, or KERNEL=all: those of make test-all,
# one after the other; SCENARIO (a name or a glob), SCENARIO_DIR (other scenarios). The
# last line is "N passed, N failed, N skipped".

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test.sh
. "$here/test.sh"

SCENARIO=${SCENARIO:-}
SCENARIO_DIR=${SCENARIO_DIR:-$here/scenarios}
QUICK=
SUM=(0 0 0)

# header <name> <word>: the value, or nothing
header() {
	sed -n "1,/^[^#]/s/^# $2:[ 	]*//p" "$SCENARIO_DIR/$1.sh"
}

# Patience is for the debug profile under emulation, and twice that for a machine half as
# fast as that on which it was set.
limit_of() { # name
	local full quick limit
	read -r full quick < <(header "$1" limit) || true
	limit=${full:-60}
	if [[ -n $QUICK ]]; then
		limit=${quick:-$limit}
	fi
	if [[ $PROFILE == plain ]]; then
		limit=$((limit / 3 + 10))
	fi
	echo "$((2 * limit))"
}

wanted() { # name
	if [[ -n $SCENARIO ]]; then
		# shellcheck disable=SC2053 # the glob is meant as one
		[[ $1 == $SCENARIO || ${1#*-} == $SCENARIO ]]
	else
		[[ -z $QUICK || $(header "$1" quick) != no ]]
	fi
}

names() {
	local file name
	for file in "$SCENARIO_DIR"/[0-9]*.sh; do
		name=${file##*/}
		name=${name%.sh}
		if wanted "$name"; then
			echo "$name"
		fi
	done
}

list() {
	local name
	while read -r name; do
		printf '  %-18s %s\n' "$name" "$(sed -n '4s/^# //p' "$SCENARIO_DIR/$name.sh")"
	done < <(names)
}

# An older kernel than it needs: said, and counted.
too_old() { # name
	local since
	since=$(header "$1" since)
	[[ -n $since && $(printf '%s\n' "$since" "$VERSION" | sort -V | head -n 1) != "$since" ]]
}

# ---- one guest ----

# A disk that QEMU can take away and give back, empty: a sparse file.
disk() { # virtio|nvme, name, MiB
	local driver=virtio-blk-pci
	if [[ $1 == nvme ]]; then
		driver=nvme
	fi
	truncate -s "$3M" "$GUEST_DIR/disks/$2.img"
	# Only what hangs on a port of its own can come and go.
	guest_qemu -device "pcie-root-port,id=port-$2,chassis=$((++PORTS)),slot=$PORTS"
	guest_qemu -blockdev "driver=raw,node-name=$2,discard=unmap,cache.no-flush=on,file.driver=file,file.filename=$GUEST_DIR/disks/$2.img" \
		-device "$driver,bus=port-$2,drive=$2,serial=$2,id=dev-$2"
}

disks() {
	PORTS=0
	mkdir "$GUEST_DIR/disks"
	guest_qemu -blockdev "driver=raw,node-name=programs,read-only=on,file.driver=file,file.filename=$PROGRAMS/guest.img" \
		-device virtio-blk-pci,drive=programs,serial=programs
	disk virtio v1 128
	disk virtio v2 128
	disk virtio v3 512
	disk nvme n1 128
	multipath
}

# A namespace of two controllers, each of which can be taken away
multipath() {
	local path
	guest_qemu -device nvme-subsys,id=mp,nqn=mp
	for path in mpa mpb; do
		guest_qemu -device "pcie-root-port,id=port-$path,chassis=$((++PORTS)),slot=$PORTS" \
			-device "nvme,bus=port-$path,subsys=mp,serial=mp,id=dev-$path"
	done
	truncate -s 64M "$GUEST_DIR/disks/mp.img"
	guest_qemu -blockdev "driver=raw,node-name=mp,cache.no-flush=on,file.driver=file,file.filename=$GUEST_DIR/disks/mp.img" \
		-device nvme-ns,drive=mp,bus=dev-mpa,nsid=1,shared=on
}

# What 32-bit programs ask, see there: no package has it.
own_programs() {
	mkdir -p "$GUEST_ROOT/bin"
	gcc -O1 -Wall -static -nostdlib -ffreestanding -fno-stack-protector -no-pie \
		-fno-tree-loop-distribute-patterns \
		-o "$GUEST_ROOT/bin/ioctls" "$here/scenarios/ioctls.c" ||
		die "qemu/scenarios/ioctls.c does not build" "run: apt-get install gcc"
}

modules() {
	local module
	for module in module/io_target module/passthru/io_target_passthru module/demo/io_target_demo; do
		guest_stage_module "$MODULES/$module.ko" >/dev/null
	done
	# Wherever this kernel has them, with what they need
	for module in brd loop nbd null_blk scsi_debug zsmalloc zram libcrc32c target_core_mod \
		tcm_loop bcache md-mod linear md-linear raid0 raid1 raid456 raid6_pq xor \
		async_{tx,memcpy,xor,pq,raid6_recov} dm-bufio dm-verity dm-bio-prison \
		dm-persistent-data dm-thin-pool; do
		find "$BUILD" -name "$module.ko" | while IFS= read -r module; do
			guest_stage_module "$module" >/dev/null
		done
	done
}

# The host's end: device_del and the like, servers. See host.py.
ends() {
	SOCKETS=$(mktemp -d)
	guest_socket host "$SOCKETS/host"
	guest_qemu -qmp "unix:$SOCKETS/qmp,server=on,wait=off"
	guest_qemu -netdev user,id=net0,restrict=off \
		-device virtio-net-pci,netdev=net0,romfile=
	# All that is written to these comes back.
	guest_socket echo "$SOCKETS/echo-port"
	guest_qemu -chardev "socket,path=$SOCKETS/echo-tty,server=on,wait=off,id=echo-tty" \
		-device isa-serial,chardev=echo-tty,index=1
	guest_qemu -chardev "socket,path=$SOCKETS/echo-hvc,server=on,wait=off,id=echo-hvc" \
		-device virtconsole,bus=iotser.0,chardev=echo-hvc
	# Nothing comes out of this one.
	guest_qemu -chardev null,id=quiet-tty -device isa-serial,chardev=quiet-tty,index=2
	guest_qemu -device i6300esb
	guest_ticks
	guest_channel kmsg
	guest_channel verdict
	guest_channel out
}

describe() { # names
	local name limits=''
	guest_begin "scenarios-$VERSION-$PROFILE"
	guest_job "$here/job-scenarios.sh"
	guest_add "$here/job-test.sh" gate 755
	guest_add "$here/splats" etc/splats
	guest_add "$here/scenarios/lib.sh" scenarios/lib.sh
	guest_add "$here/scenarios/remove.sh" scenarios/remove.sh
	guest_add "$here/scenarios/disks.sh" scenarios/disks.sh
	guest_add "$here/scenarios/files.pl" scenarios/files.pl
	guest_add "$here/scenarios/hog.pl" scenarios/hog.pl
	guest_add "$here/../module/passthru/README.md" scenarios/README.md
	for name in "$@"; do
		guest_add "$SCENARIO_DIR/$name.sh" "scenarios/$name.sh"
		limits+=" $name:$(limit_of "$name")"
	done
	guest_conf PROFILE "$PROFILE"
	guest_conf QUICK "$QUICK"
	guest_conf SCENARIOS "$limits"
	# The disks answer on threads of their own. Where the CPUs take turns QEMU before 8.1 makes
	# no barriers for these either: under load an interrupt of a disk gets lost.
	GUEST_ACCEL=tcg,thread=multi
	guest_add /dev/null etc/late-cpus
	guest_append panic_on_warn=1 softlockup_panic=1 sysctl.kernel.hung_task_panic=1
	# What is on its way when an NVMe disk goes is lost, and ends after this time.
	guest_append nvme_core.io_timeout=8
	own_programs
	modules
	ends
	disks
}

# It ends when QEMU has.
host_end() { # its process id
	python3 -B "$here/host.py" "$SOCKETS" "$GUEST_DIR" "$PROGRAMS/nbdkit" "$1" \
		>"$GUEST_DIR/host.log" 2>&1
}

# The longest that all of them may take, with the boot and the checks at the end.
patience() {
	local name total=180
	for name in "$@"; do
		total=$((total + $(limit_of "$name") + 20))
	done
	echo "$total"
}

memory_of() { # name, the first one of a boot
	local plain debug
	read -r plain debug < <(header "$1" memory) || true
	if [[ $PROFILE == debug ]]; then
		echo "${debug:-2048}"
	else
		echo "${plain:-1024}"
	fi
}

boot_guest() { # names
	# shellcheck disable=SC2034 # guest_boot runs it
	GUEST_WATCH=(host_end)
	guest_boot "$BUILD/arch/x86/boot/bzImage" "$(memory_of "$1")" "$(patience "$@")"
	rm -rf "$SOCKETS" "$GUEST_DIR/disks"
}

judge() { # run directory, names; leaves results there
	local dir=$1
	shift
	python3 -B "$here/scenarios.py" --dir "$dir" --splats "$here/splats" \
		--repeat "make scenarios KERNEL=$KERNEL PROFILE=$PROFILE" "$@" || true
}

# part <number> <name>...: every second name, from the first or the second on
part() {
	local first=$(($1 + 1))
	shift
	while ((first <= $#)); do
		echo "${!first}"
		first=$((first + 2))
	done
}

# boot <name>...: all of them, in two guests. The run directories are in GUEST_DIRS.
boot() {
	local i mine
	GUEST_DIRS=()
	for i in 0 1; do
		mapfile -t mine < <(part $i "$@")
		if ((${#mine[@]})); then
			describe "${mine[@]}"
			guest_start boot_guest "${mine[@]}"
		fi
	done
	guest_finish
	for i in "${!GUEST_DIRS[@]}"; do
		mapfile -t mine < <(part "$i" "$@")
		judge "${GUEST_DIRS[i]}" "${mine[@]}"
	done
}

# count <result> [times]
count() {
	case $1 in
	pass) SUM[0]=$((SUM[0] + 1)) ;;
	fail) SUM[1]=$((SUM[1] + 1)) ;;
	skip) SUM[2]=$((SUM[2] + 1)) ;;
	esac
}

# boot_all <name>...: boot until each of them has a result. The first one of a boot
# always gets one, if only that the guest died.
boot_all() {
	local left=("$@") result name over
	while ((${#left[@]})); do
		boot "${left[@]}"
		over=' '
		while read -r result name; do
			count "$result"
			over+="$name "
		done < <(cat "${GUEST_DIRS[@]/%//results}")
		mapfile -t left < <(for name in "${left[@]}"; do
			[[ $over == *" $name "* ]] || echo "$name"
		done)
	done
}

prepare() {
	VERSION=$("$here/kernel.sh" version "$KERNEL")
	step "scenarios: kernel $VERSION, profile $PROFILE${SCENARIO:+, SCENARIO=$SCENARIO}"
	PROGRAMS=$("$here/programs.sh" | tail -n 1)
	BUILD=$("$here/kernel.sh" build "$KERNEL" "$PROFILE" | tail -n 1)
	MODULES=$("$here/modules.sh" "$BUILD" | tail -n 1)
}

run() {
	local name shared=() own=()
	prepare
	while read -r name; do
		if too_old "$name"; then
			printf '  skip  %-20s needs kernel %s\n' "$name" "$(header "$name" since)"
			count skip
		elif [[ $(header "$name" boot) == own ]]; then
			own+=("$name")
		else
			shared+=("$name")
		fi
	done < <(names)
	((${#shared[@]} + ${#own[@]} + SUM[2])) ||
		die "SCENARIO=$SCENARIO is no scenario" "see: qemu/scenarios.sh list"
	boot_all "${shared[@]}"
	for name in "${own[@]}"; do
		boot_all "$name"
	done
	echo "$(elapsed $SECONDS), logs in ${GUEST_DIR%/*}"
	told=1
	echo "${SUM[0]} passed, ${SUM[1]} failed, ${SUM[2]} skipped"
	((SUM[1] == 0))
}

# Whatever stops us still ends with a line to count.
ended() {
	local code=$?
	trap - EXIT
	if ((code != 0)) && [[ -z ${told:-} ]]; then
		echo "${SUM[0]} passed, $((SUM[1] + 1)) failed, ${SUM[2]} skipped"
	fi
	exit "$code"
}

scenarios_main() {
	FILTER=
	check_variables
	case ${1:-full} in
	full) ;;
	quick) QUICK=1 ;;
	list)
		list
		return
		;;
	*) die "scenarios.sh: no such run: $1" "use scenarios.sh, scenarios.sh quick or scenarios.sh list" ;;
	esac
	if [[ $KERNEL == all ]]; then
		all_kernels "$here/scenarios.sh" "$@"
		return
	fi
	"$here/deps.sh" guest
	trap ended EXIT
	run
}

scenarios_main "$@"
