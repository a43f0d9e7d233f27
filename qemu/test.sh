#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh [all|stress|times] - the KUnit suites and the guest scenarios in QEMU. stress
# runs the suites of races alone, with their full counts; times measures the suites again.
#
# Environment: KERNEL (oldest, default, newest, a version), PROFILE (plain,
# debug), FILTER (a glob: suite or suite.case), LIMIT (seconds for the guest), SCALE (of
# stress: times as many rounds).
# The last line is "N passed, N failed, N skipped"; a run that cannot be
# trusted counts as failed.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"
# shellcheck source=guest.sh
. "$here/guest.sh"

KERNEL=${KERNEL:-default}
PROFILE=${PROFILE:-debug}
FILTER=${FILTER:-}

# MiB of a guest. kmemleak looks through all of it, twice.
TEST_MEMORY=1024

# What the scripts of guest.d take in the first guest, for a fair share of suites
SCRIPT_SECONDS=50

# The suites of races, and how many times as many rounds they have under stress
STRESS_SUITES='io_target_stress_*'
STRESS_SCALE=${SCALE:-20}

check_variables() {
	case $PROFILE in
	plain | debug) ;;
	*) die "PROFILE=$PROFILE is unknown" "use PROFILE=plain or PROFILE=debug" ;;
	esac
	if [[ $FILTER == *[^][A-Za-z0-9_*?.!-]* ]]; then
		die "FILTER=$FILTER is not a glob" \
			"use a suite or suite.case, with * and ?, e.g. FILTER='io_target_bdev.*'"
	fi
	if [[ ! $STRESS_SCALE =~ ^[1-9][0-9]*$ ]]; then
		die "SCALE=$STRESS_SCALE is not a number" "use e.g. SCALE=20, as without it"
	fi
	if [[ ! ${LIMIT:-1} =~ ^[1-9][0-9]*$ ]]; then
		die "LIMIT=$LIMIT is not a number" "use seconds, e.g. LIMIT=300"
	fi
}

# The suites, and before them what they test and the devices they test on.
test_modules() { # our modules, parameters of the test devices
	local dir=$1 module
	shift
	for module in module/io_target kunit/io_target_testdev kunit/io_target_kunit; do
		if [[ ! -f $dir/$module.ko ]]; then
			continue
		elif [[ $module == */io_target_testdev ]]; then
			guest_module "$dir/$module.ko" "$@"
		else
			guest_module "$dir/$module.ko"
		fi
	done
}

# What the scenarios load themselves: drivers that keep a target open, and those whose
# device, or provider, it can be.
scenario_modules() { # kernel build, our modules
	local module
	for module in demo/io_target_{example,demo,sum} passthru/io_target_passthru; do
		guest_stage_module "$2/module/$module.ko" >/dev/null
	done
	guest_stage_module "$1/drivers/block/null_blk/null_blk.ko" >/dev/null
}

# Any kernel complaint ends a test guest at once: the log stops where it is.
test_cmdline() {
	guest_append panic_on_warn=1 softlockup_panic=1 \
		sysctl.kernel.hung_task_panic=1 \
		kunit.enable=1 kunit.autorun=1 kunit.stats_enabled=2
	if [[ -n $FILTER ]]; then
		guest_append "kunit.filter_glob=$FILTER"
	fi
}

# test_guest <name> <seconds>: everything that a gate guest has but modules.
test_guest() {
	guest_begin "$1"
	guest_job "$here/job-test.sh"
	guest_conf PROFILE "$PROFILE"
	guest_conf FILTER "$FILTER"
	guest_conf LIMIT "$2"
	guest_add "$here/splats" etc/splats
	test_cmdline
}

test_channels() {
	guest_ticks
	guest_channel kmsg
	guest_channel verdict
}

test_scenarios() {
	local script
	for script in "$here"/guest.d/*.sh; do
		guest_add "$script" "guest.d/${script##*/}"
	done
}

test_disks() {
	guest_disk virtio "$(guest_pattern 128)" pattern128
	guest_disk virtio "$(guest_pattern 128)" second128
	guest_disk nvme "$(guest_pattern 64)" pattern64
}

# test_judge <seconds> <what repeats it> <run directory>...
test_judge() {
	local seconds=$1 repeat=$2 dir dirs=()
	shift 2
	for dir; do
		dirs+=(--dir "$dir")
	done
	python3 -B "$here/verdict.py" "${dirs[@]}" \
		--splats "$here/splats" --minimum "${MINIMUM-$here/minimum}" \
		--filter "$FILTER" --seconds "$seconds" --repeat "$repeat"
}

# test_boot <seconds> <what repeats it> <command that boots>...: run the guest that has
# been described last, and judge all that have been started.
test_boot() {
	local seconds=$1 repeat=$2
	shift 2
	guest_start "$@"
	guest_finish
	test_judge "$seconds" "$repeat" "${GUEST_DIRS[@]}"
}

# How QEMU is started with a kernel that kernel.sh has built.
qemu_boot() { # kernel build, seconds
	guest_boot "$1/arch/x86/boot/bzImage" "$TEST_MEMORY" "$2"
}

test_limit() {
	if [[ -n ${LIMIT:-} ]]; then
		echo "$LIMIT"
	elif [[ $PROFILE == debug ]]; then
		echo 1500
	else
		echo 800
	fi
}

# Can the guest be told which suites to run? 6.1 has no filter for those of modules.
chooses() { # kernel version
	[[ ! $1 =~ ^6\.1(\.|$) ]]
}

# suites_guest <name> <seconds> <globs> <scripts: yes or no> [parameters of the test
# devices]: a guest with the suites that the globs choose, or all of them, and with the
# scripts of guest.d, which are what the disks are for.
suites_guest() {
	local name=$1 seconds=$2 globs=$3 scripts=$4
	shift 4
	test_guest "$name" "$seconds"
	guest_conf SUITES "$globs"
	guest_conf SCRIPTS "$scripts"
	test_channels
	if [[ $scripts == yes ]]; then
		test_scenarios
		scenario_modules "$BUILD" "$MODULES"
		test_disks
	fi
	test_modules "$MODULES" "$@"
}

# Two guests side by side, with half of the suites each, on one CPU each. The races come
# last in the second one: that is when its other CPU comes in, and the first guest's is free.
test_parts() { # name, seconds, what repeats it
	local name=$1 seconds=$2 repeat=$3 parts
	mapfile -t parts < <(python3 -B "$here/split.py" cut "$here/times" qemu 2 "$SCRIPT_SECONDS")
	suites_guest "$name-1" "$seconds" "${parts[0]}" yes
	GUEST_SMP=1 guest_start qemu_boot "$BUILD" "$seconds"
	suites_guest "$name-2" "$seconds" "${parts[1]} $STRESS_SUITES" no
	guest_conf RACES "$STRESS_SUITES"
	guest_add /dev/null etc/late-cpus
	test_boot "$seconds" "$repeat" qemu_boot "$BUILD" "$seconds"
}

# All in one guest: what FILTER chooses, or a kernel that cannot choose.
test_whole() { # name, seconds, what repeats it, parameters of the test devices
	local name=$1 seconds=$2 repeat=$3
	shift 3
	suites_guest "$name" "$seconds" "" yes "$@"
	test_boot "$seconds" "$repeat" qemu_boot "$BUILD" "$seconds"
}

# One kernel. Leaves the run directories in GUEST_DIRS.
test_one() { # goal of make that repeats it, parameters of the test devices
	local goal=$1 limit version repeat
	shift
	version=$("$here/kernel.sh" version "$KERNEL")
	limit=$(test_limit)
	repeat="make $goal KERNEL=$KERNEL PROFILE=$PROFILE"
	step "test: kernel $version, profile $PROFILE${FILTER:+, FILTER=$FILTER}"
	if [[ -n $FILTER ]] && ! chooses "$version"; then
		echo "  note     6.1 has no filter for suites in modules: all of them run"
	fi
	BUILD=$("$here/kernel.sh" build "$KERNEL" "$PROFILE" | tail -n 1)
	MODULES=$("$here/modules.sh" "$BUILD" | tail -n 1)
	if [[ -z $FILTER ]] && chooses "$version"; then
		test_parts "test-$version-$PROFILE" "$limit" "$repeat"
	else
		test_whole "test-$version-$PROFILE" "$limit" "$repeat" "$@"
	fi
}

# The three kernels of the gate, each with its own last line, then the sum.
all_kernels() { # what to run, for each with another KERNEL and PROFILE
	local leg sum=(0 0 0) line bad=0 out lines=()
	out=$(mktemp)
	for leg in oldest:plain default:debug newest:plain; do
		KERNEL=${leg%:*} PROFILE=${leg#*:} "$@" | tee "$out" || bad=1
		line=$(tail -n 1 "$out")
		if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
			sum=($((sum[0] + BASH_REMATCH[1])) $((sum[1] + BASH_REMATCH[2]))
				$((sum[2] + BASH_REMATCH[3])))
		else
			line="no result"
			sum[1]=$((sum[1] + 1))
		fi
		lines+=("$(printf '  %-8s %-6s %s' "${leg%:*}" "${leg#*:}" "$line")")
	done
	rm -f "$out"
	printf '%s\n' "${lines[@]}"
	echo "${sum[0]} passed, ${sum[1]} failed, ${sum[2]} skipped"
	((bad == 0 && sum[1] == 0))
}

# Whatever stops us before the verdict still ends with a line to count.
counted() {
	local code=$?
	trap - EXIT
	if ((code != 0)) && [[ ! -e ${GUEST_DIRS[0]:-/nonexistent}/counts ]]; then
		echo "0 passed, 1 failed, 0 skipped"
	fi
	exit "$code"
}

main() {
	check_variables
	"$here/deps.sh" guest
	case ${1:-one} in
	one)
		trap counted EXIT
		test_one test
		;;
	stress)
		trap counted EXIT
		FILTER=${FILTER:-$STRESS_SUITES}
		LIMIT=${LIMIT:-2400}
		test_one test-stress "race_scale=$STRESS_SCALE"
		;;
	times)
		trap counted EXIT
		test_one test || true
		python3 -B "$here/split.py" measure "$here/times" qemu "${GUEST_DIRS[@]}"
		;;
	all) all_kernels "$here/test.sh" ;;
	*) die "test.sh: no such run: $1" "use test.sh, or test.sh all, stress or times" ;;
	esac
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	main "$@"
fi
