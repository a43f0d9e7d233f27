#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: every static check of the project, one line each.
#
#   qemu/check.sh              all checks
#   qemu/check.sh NAME...      only these (qemu/check.sh --list)
#
# Nothing is written to the checkout: sources are mirrored to the cache as
# symlinks and built there.  Every tool is first shown a file with a planted
# bug (qemu/check/bugs.*.in); a tool that does not complain about that file
# has not really run, and its check fails.

set -euo pipefail
shopt -s inherit_errexit
# Tools speak English here, and sort and comm agree on an order.
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

# shellcheck source=lib.sh
. "$here/lib.sh"
# shellcheck source=um/build.sh
. "$here/um/build.sh"
# shellcheck source=check/text.sh
. "$here/check/text.sh"
# shellcheck source=check/build.sh
. "$here/check/build.sh"

# Two checkouts that share a cache must not share mirrors.
work=$(cache_dir "check/$(printf '%s' "$root" | cksum | cut -d' ' -f1)")
show=15			# findings shown of a failed check
passed=0 failed=0 skipped=0

# name | function | arguments | what it does
table() {
	cat <<-'END'
	layout          check_layout       - top level, file sizes, SPDX, versions, exports
	docs-exports    check_exports      - every exported symbol has kernel-doc
	readme          check_readme       - the example of README.md is module/demo/example.c
	ids             check_ids          - the table of assertions in README.md names tests
	shellcheck      check_shell        - all shell files
	python          check_python       - all python files compile
	checkpatch      check_patch        - checkpatch --strict of the newest kernel
	kernel-doc      check_kdoc         - kernel-doc -Wall of the newest kernel
	gcc-quick       check_gcc    quick   gcc W=1, as make quick has them
	gcc-oldest      check_gcc    oldest  gcc W=1, as make test has them
	gcc-default     check_gcc    default gcc W=1, as make test has them
	gcc-newest      check_gcc    newest  gcc W=1, as make test has them
	gcc-sid         check_sid    sid     gcc W=1, all options on, the newest kernel of Debian sid
	gcc-bare        check_bare   default gcc W=1, all options off
	sparse-oldest   check_sparse oldest  sparse C=2
	sparse-default  check_sparse default sparse C=2
	sparse-newest   check_sparse newest  sparse C=2
	clang-oldest    check_clang  oldest  clang W=1, all options on
	clang-default   check_clang  default clang W=1, all options on
	clang-newest    check_clang  newest  clang W=1, all options on
	END
}

# All files of the project: tracked, and new ones that are not ignored.
# Without git (a tarball) everything that is not hidden or built.
project_files() {
	if git -c safe.directory='*' -C "$root" rev-parse >/dev/null 2>&1; then
		git -c safe.directory='*' -C "$root" \
			ls-files --cached --others --exclude-standard
	else
		(cd "$root" && find . -type f \
			! -path './.git/*' ! -name '*.o' ! -name '*.ko' \
			! -name '.*.cmd' ! -name '*.mod*' | cut -c3-)
	fi | while IFS= read -r file; do
		# deleted, but not yet so for git
		[[ -f $root/$file ]] && printf '%s\n' "$file"
	done | sort -u
}

# A check calls this and returns 2; the reason is shown.
skip() {
	printf '%s\n' "$*" >"$work/reason"
	return 2
}

# A check may say in a few words what it covered.
note() {
	printf '%s\n' "$*" >"$work/reason"
}

now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

report() { # verdict name microseconds text
	printf '%-7s %-15s %6d.%d s  %s\n' "$1" "$2" \
		$(($3 / 1000000)) $(($3 / 100000 % 10)) "$4"
}

show_findings() { # name log
	local total
	total=$(grep -c . "$2" || true)
	head -n "$show" "$2" | sed "s|$work/[^/]*/||g; s|^|        |"
	if ((total > show)); then
		echo "        ... and $((total - show)) more lines"
	fi
	echo "        whole list: $2"
	echo "        again:      qemu/check.sh $1"
}

# Runs one check.  It prints findings, one per line, on stdout, and returns 0
# (clean), 2 (skipped, said why), anything else is a failure.  A check that
# prints a finding has failed, whatever it returns.
run_check() { # name function argument
	local name=$1 func=$2 arg=$3 log=$work/$1.findings rc=0 began text used
	local live=
	rm -f "$work/reason"
	began=$(now)
	if [[ -t 2 ]]; then
		live=1
		printf '        %s ...\r' "$name" >&2
	fi
	# In a subshell of its own so that errexit is alive inside the check,
	# which it would not be under "if" or "||".
	set +e
	(set -e; cd "$root"; "$func" "$arg") >"$log" </dev/null
	rc=$?
	set -e
	[[ -z $live ]] || printf '\033[K' >&2
	used=$(($(now) - began))
	text=$(cat "$work/reason" 2>/dev/null || true)
	if ((rc == 2)) && [[ ! -s $log ]]; then
		skipped=$((skipped + 1))
		report skip "$name" "$used" "${text:-no reason given}"
	elif ((rc == 0)) && [[ ! -s $log ]]; then
		passed=$((passed + 1))
		report ok "$name" "$used" "$text"
	else
		failed=$((failed + 1))
		[[ -s $log ]] ||
			echo "the check itself ended with exit code $rc" >"$log"
		report 'not ok' "$name" "$used" \
			"$(grep -c . "$log" || true) lines to look at"
		show_findings "$name" "$log"
	fi
}

run_table() { # names, none = all
	local name func arg _what
	while read -r name func arg _what; do
		if (($# == 0)) || [[ " $* " == *" $name "* ]]; then
			run_check "$name" "$func" "$arg"
		fi
	done < <(table)
}

known_names() {
	local want
	for want; do
		table | grep "^$want " >/dev/null ||
			die "no check is called '$want'" \
			    "qemu/check.sh --list shows their names"
	done
}

if [[ ${1:-} == --list ]]; then
	table | awk '{ n = $1; $1 = $2 = $3 = ""; printf "%-15s %s\n", n, $0 }'
	exit 0
fi
known_names "$@"
# The three kernels by role are the point here, not one tree of the user's.
unset KERNEL_SRC
exec 8>"$work/lock"
flock -n 8 || die "another check of this checkout is running" \
		  "wait for it, then try again"
"$here/deps.sh" check
project_files >"$work/files"
run_table "$@"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
