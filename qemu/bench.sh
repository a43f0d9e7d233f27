#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [check|reference] - what an I/O costs with the library and by hand, in QEMU.
#
# Without a word (make bench): all plans of qemu/bench, on one kernel; tables, a JSON
# file, and pictures where there is gnuplot. check (make
# bench-check): the goals of qemu/bench/goals alone, on three kernels; the last
# line is "N passed, N failed, N skipped". reference: make bench, whose figures and
# pictures are then the ones in the checkout that README.md shows; prints its tables.
#
# QEMU is told to count instructions as time (-icount shift=0), so that the guest's
# nanoseconds are instructions and the figures are the same on any machine. Two CPUs
# are a run of its own, in real time. Where KVM works there is a third, for wall time.
#
# Environment: KERNEL (oldest, default, newest, a version), JSON (a file for a copy
# of the figures), IO_TARGET_CACHE.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"
# shellcheck source=guest.sh
. "$here/guest.sh"

KERNEL=${KERNEL:-newest}
GUEST_RCU=()		# what is measured has the kernel's own patience
PROFILE=plain		# for guest.sh; anything else would measure the instruments
LIMIT=${LIMIT:-600}	# seconds for a guest
PLANS=$here/bench

bench_py() {
	python3 -B "$here/bench/bench.py" "$@"
}

# The options of each build that a plan may name, beside those of modules.sh.
build_options() {
	case $1 in
	default) ;;
	no_inject) echo CONFIG_IO_TARGET_FAULT_INJECTION=n ;;
	no_trace) echo CONFIG_IO_TARGET_TRACE=n ;;
	verifier) echo CONFIG_IO_TARGET_VERIFIER=y ;;
	*) die "qemu/bench/*.plan: no such build: $1" "see build_options in qemu/bench.sh" ;;
	esac
}

# add_build <kernel build> <name>: its modules, in a directory of their own there
add_build() {
	local dir module options
	mapfile -t options < <(build_options "$2")
	dir=$("$here/modules.sh" "$1" CONFIG_IO_TARGET_KUNIT_TEST=n \
		CONFIG_IO_TARGET_DEMO=n "${options[@]}" | tail -n 1)
	mkdir -p "$GUEST_ROOT/modules/$2"
	for module in module/{io_target,bench/io_target_bench,passthru/io_target_passthru}; do
		objcopy --strip-debug "$dir/$module.ko" \
			"$GUEST_ROOT/modules/$2/${module##*/}.ko"
	done
}

# words_of <plan> <first word>: what stands behind it, each once
words_of() {
	awk -v first="$2" '$1 == first && !seen[$2]++ { print $2 }' "$1"
}

# The guest has nothing else that makes a device-mapper device.
add_dmlinear() {
	mkdir -p "$GUEST_ROOT/bin"
	gcc -O2 -Wall -static -o "$GUEST_ROOT/bin/dmlinear" "$PLANS/dmlinear.c" ||
		die "qemu/bench/dmlinear.c does not build" "run: apt-get install gcc libc6-dev"
}

# describe <kernel build> <plan>: the guest, but for its machine
describe() {
	local name
	guest_begin bench
	guest_job "$here/job-bench.sh"
	guest_add "$2" etc/bench
	guest_add "$here/splats" etc/splats
	guest_channel result
	for name in $(words_of "$2" modules); do
		add_build "$1" "$name"
	done
	for name in $(words_of "$2" load); do
		guest_stage_module "$(find "$1/drivers/block" -name "$name.ko")" >/dev/null
	done
	if grep -q ^linear "$2"; then
		add_dmlinear
	fi
	if grep -q @bench "$2"; then
		guest_disk virtio "$(guest_pattern 64)" benchv
		guest_disk nvme "$(guest_pattern 64)" benchn
	fi
	# A line on the console is measured as well.
	guest_append quiet loglevel=3
}

machine_text() {
	printf '%s, %s' "$(qemu-system-x86_64 --version | sed -n '1s/ emulator version//; 1s/ (.*//p')" "$1"
}

# measure <kernel build> <plan> <json> <unit> <machine>: boot, and keep what came
measure() {
	# shellcheck disable=SC2034 # guest_boot runs it
	GUEST_WATCH=(python3 -B "$here/bench/bench.py" watch "$GUEST_DIR/result" "$2")
	guest_boot "$1/arch/x86/boot/bzImage" 1024 "$LIMIT"
	bench_py collect "$2" "$GUEST_DIR" "$3" "unit=$4" \
		"machine=$(machine_text "$5")" "date=$(date -u +%F)" && return
	warn "the figures are not complete; the guest's console: $GUEST_DIR/console.log"
	return 1
}

one_cpu() { # kernel build, json, plans
	local plan=$2.plan
	cat "${@:3}" >"$plan"
	describe "$1" "$plan"
	GUEST_ACCEL=tcg,thread=single GUEST_SMP=1
	# Or where the kernel begins to look for tags is chance, and a few instructions are.
	guest_qemu -icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01,clock=vm
	measure "$1" "$plan" "$2" instructions "one emulated CPU, time counted in instructions"
}

# A thread for each CPU. The kernel's patching of its own code, which QEMU before 8.1
# can trip over (see guest_cmdline), is over when the second CPU comes.
two_cpus() { # kernel build, json
	describe "$1" "$PLANS/cpus.plan"
	: >"$GUEST_ROOT/etc/late-cpus"
	GUEST_ACCEL=tcg,thread=multi GUEST_SMP=2
	measure "$1" "$PLANS/cpus.plan" "$2" nanoseconds "two emulated CPUs"
}

# with_cpus <kernel build> <json>: the second run, into the file of the first
with_cpus() {
	if (($(nproc) < 2)); then
		bench_py add "$2" "" "this machine has one CPU"
		return
	fi
	two_cpus "$1" "$2.cpus" || return
	bench_py add "$2" "$2.cpus" ""
}

# ---- KVM: only where the CPU has it, and a guest comes up in seconds ----

kvm_works() {
	grep -qE '^flags.*\b(vmx|svm)\b' /proc/cpuinfo && [[ -w /dev/kvm ]] || return
	describe "$1" /dev/null
	GUEST_ACCEL=kvm GUEST_SMP=1
	unset GUEST_WATCH
	guest_boot "$1/arch/x86/boot/bzImage" 512 20
	grep -qx end "$GUEST_DIR/result"
}

wall_time() { # kernel build, json
	local plan
	plan=$(mktemp)
	# Time is time there, whoever needs it, and there is a lot of it.
	sed '/^run /{ s/ waits=1//; s/ ios=[0-9]*//; s/$/ ios=32768/ }' "$PLANS/full.plan" >"$plan"
	describe "$1" "$plan"
	GUEST_ACCEL=kvm GUEST_SMP=2
	guest_qemu -cpu host
	measure "$1" "$plan" "$2" nanoseconds "KVM, $(cpu_name)" && bench_py table "$2"
	rm -f "$plan"
}

cpu_name() {
	sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -n 1
}

# ---- make bench ----

pictures() { # json
	if command -v gnuplot >/dev/null; then
		bench_py plots "$1" "${1%.json}-" &&
			echo "pictures: ${1%.json}-depth.svg, ${1%.json}-features.svg"
	else
		echo "no pictures: they need the package gnuplot-nox"
	fi
}

full() {
	local build json bad=0
	build=$("$here/kernel.sh" build "$KERNEL" plain | tail -n 1)
	json=$(cache_dir bench)/$("$here/kernel.sh" version "$KERNEL").json
	step "measuring on one CPU"
	one_cpu "$build" "$json" "$PLANS"/{full,forward,builds,observe,verifier}.plan || bad=1
	step "measuring on two CPUs"
	with_cpus "$build" "$json" || bad=1
	bench_py table "$json" || bad=1
	if kvm_works "$build"; then
		step "measuring wall time with KVM"
		wall_time "$build" "${json%.json}-kvm.json" || bad=1
	fi
	echo
	pictures "$json" || bad=1
	echo "figures: $json"
	[[ -z ${JSON:-} ]] || cp "$json" "$JSON"
	((bad == 0)) || die "something was not measured" "see the lines that begin with problem"
}

# For whoever commits: on a machine where nothing else runs.
reference() {
	local json
	KERNEL=newest
	full
	json=$(cache_dir bench)/$("$here/kernel.sh" version newest).json
	cp "$json" "$PLANS/reference.json"
	bench_py plots "$json" "$PLANS/"
	bench_py markdown "$json"
}

# ---- make bench-check ----

# A plain kernel 6.12 is nothing that the other tests need.
is_built() { # role
	compgen -G "$(cache_dir build)/linux-$("$here/kernel.sh" version "$1").*-plain-*/.complete" \
		>/dev/null
}

# check_one <role> <json>: the figures of one kernel
check_one() {
	local build bad=0
	step "bench-check: kernel $1"
	rm -f "$2"
	build=$("$here/kernel.sh" build "$1" plain | tail -n 1)
	if [[ $1 == newest ]]; then
		one_cpu "$build" "$2" "$PLANS"/{check,forward,builds}.plan || bad=1
		with_cpus "$build" "$2" || bad=1
	else
		one_cpu "$build" "$2" "$PLANS"/{check,forward}.plan || bad=1
	fi
	return $bad
}

check() {
	local role json kernels=()
	for role in oldest default newest; do
		json=$(cache_dir bench)/check-$role.json
		if [[ $role == default ]] && ! is_built default; then
			kernels+=("default=skip:its plain profile is not built (qemu/kernel.sh build default plain)")
		elif check_one "$role" "$json"; then
			kernels+=("$role=$json")
		elif [[ -e $json ]]; then
			kernels+=("$role=$json" "$role=fail:figures are missing, see above")
		else
			kernels+=("$role=fail:there are no figures, see above")
		fi
	done
	told=1
	bench_py check "${kernels[@]}"
}

# Whatever stops the check still ends with a line to count.
counted() {
	local code=$?
	trap - EXIT
	((code == 0)) || [[ -n ${told:-} ]] || echo "0 passed, 1 failed, 0 skipped"
	exit "$code"
}

main() {
	case ${1:-full} in
	full)
		"$here/deps.sh" guest
		# The pictures are an extra: not worth an error to who cannot install.
		if [[ $(id -u) == 0 ]] || sudo -n true 2>/dev/null; then
			"$here/deps.sh" bench || true
		fi
		full
		;;
	reference)
		"$here/deps.sh" bench
		reference
		;;
	check)
		"$here/deps.sh" guest
		trap counted EXIT
		check
		;;
	*) die "bench.sh: no such run: $1" "use bench.sh, bench.sh check or bench.sh reference" ;;
	esac
}

main "$@"
