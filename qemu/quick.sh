#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# quick.sh [stress|times] - the KUnit suites at native speed, in user-mode kernels.
#
# The newest kernel is built as a program (ARCH=um) with two CPUs and the instruments of
# the debug profile. Several of them run side by side, each with a part of the suites: the
# suites wait more than they calculate. What a run is judged by is what make test has.
# stress runs the races alone, with their full counts; times measures the suites again.
#
# Environment: KERNEL_SRC, PROFILE (plain, debug), FILTER (a glob: suite or suite.case),
# LIMIT (seconds), SCALE (of stress), UM_PARTS (how many at once). The last line is
# "N passed, N failed, N skipped".

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test.sh
. "$here/test.sh"
# shellcheck source=um/boot.sh
. "$here/um/boot.sh"

UM_PARTS=${UM_PARTS:-3}
# Each MiB is looked through for pointers, twice; some cases have 64 MiB in use.
UM_MEMORY=640

# One for each line of globs, all at once.
quick_parts() { # name, seconds, parameters of the test devices
	local name=$1 seconds=$2 globs i=0
	shift 2
	while read -r globs; do
		suites_guest "quick-$name$((++i))" "$seconds" "$globs" no "$@"
		guest_start um_boot "$BUILD/linux" "$UM_MEMORY" "$seconds"
	done
	guest_finish
}

quick_all() { # seconds
	quick_parts '' "$1" < <(python3 -B "$here/split.py" all "$here/times" um "$UM_PARTS")
}

quick_some() { # seconds, parameters of the test devices
	quick_parts one "$@" <<<''
}

quick_prepare() {
	KERNEL=newest
	step "quick: kernel $("$here/kernel.sh" version "$KERNEL"), user mode, profile $PROFILE${FILTER:+, FILTER=$FILTER}"
	um_check
	BUILD=$("$here/kernel.sh" build "$KERNEL" "um-$PROFILE" | tail -n 1)
	MODULES=$("$here/modules.sh" "$BUILD" | tail -n 1)
}

# The suite "guest" of the minimum is the scripts of guest.d, which want QEMU's machine.
quick_minimum() {
	MINIMUM=$(cache_dir um)/minimum
	awk '$1 == "guest" { less = $2; next } { line[NR] = $0 }
	END {
		for (i = 1; i <= NR; i++)
			if (split(line[i], word) == 2 && word[1] == "total")
				print "total", word[2] - less
			else
				print line[i]
	}' "$here/minimum" >"$MINIMUM"
}

quick_main() {
	local what=${1:-all} seconds=${LIMIT:-300} goal=quick
	check_variables
	trap counted EXIT
	"$here/deps.sh" quick
	quick_prepare
	quick_minimum
	case $what in
	stress)
		goal=test-stress seconds=${LIMIT:-1200}
		FILTER=${FILTER:-$STRESS_SUITES}
		quick_some "$seconds" "race_scale=$STRESS_SCALE"
		;;
	all | times)
		if [[ -n $FILTER ]]; then
			quick_some "$seconds"
		else
			quick_all "$seconds"
		fi
		;;
	*) die "quick.sh: no such run: $what" "use quick.sh, quick.sh stress or quick.sh times" ;;
	esac
	if [[ $what == times ]]; then
		python3 -B "$here/split.py" measure "$here/times" um "${GUEST_DIRS[@]}"
	fi
	test_judge "$seconds" "make $goal PROFILE=$PROFILE" "${GUEST_DIRS[@]}"
}

quick_main "$@"
