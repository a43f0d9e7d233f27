#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Helpers that every script of qemu/ sources: the cache, lines for people,
# a live counter around a long command, locks, packages.
#
# Everything for people goes to stderr, so that a script's stdout can carry its
# one result (a directory, a version) to the caller.

set -euo pipefail
shopt -s inherit_errexit

QEMU_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export TOP_DIR=${QEMU_DIR%/*}

# cache_dir [sub/dir]: make and print a directory of the cache
cache_dir() {
	local dir=${IO_TARGET_CACHE:-${HOME:-/tmp}/.cache/io_target}${1:+/$1}

	[ -d "$dir" ] || mkdir -p "$dir" ||
		die "cannot create $dir" "set IO_TARGET_CACHE to a writable directory"
	printf '%s\n' "$dir"
}

# step <text>: one line that says what happens now
step() {
	printf '==> %s\n' "$1" >&2
}

# warn <text>: something to know that does not stop the work
warn() {
	printf 'warning: %s\n' "$1" >&2
}

# die <what went wrong> [what to do]
die() {
	printf 'error: %s\n' "$1" >&2
	[ -z "${2:-}" ] || printf '       %s\n' "$2" >&2
	exit 1
}

# fresh <file> <minutes>: is it there and not older than that?
fresh() {
	[ -n "$(find "$1" -mmin "-$2" 2>/dev/null)" ]
}

# elapsed <seconds>: 75 -> 1m15s
elapsed() {
	if [ "$1" -lt 60 ]; then
		printf '%ds' "$1"
	else
		printf '%dm%02ds' $(($1 / 60)) $(($1 % 60))
	fi
}

# progress_line <label> <expected> <log> <start>: label, count, time
progress_line() {
	local lines count

	lines=$(wc -l 2>/dev/null <"$3" || echo 0)
	count=$lines
	if [ "$lines" -eq 0 ]; then
		count=''
	elif [ "$2" -gt 0 ]; then
		# the expectation is what an earlier run logged: an estimate
		count="$lines/$2 ($((lines < $2 ? lines * 100 / $2 : 99))%)"
	fi
	printf '    %-30s %s  %s' "$1" "$count" "$(elapsed $((SECONDS - $4)))"
}

# progress_ticker <shell to watch> <label> <expected> <log>: runs beside the
# command. On a terminal one line that is rewritten, else a line every 30 s.
progress_ticker() {
	local owner=$1 pause=30 before='' after='\n' start=$SECONDS nap=''

	if [ -t 2 ]; then
		pause=0.5 before='\r\033[K' after=''
	fi
	trap '[ -z "$nap" ] || kill "$nap" 2>/dev/null; exit 0' TERM
	while kill -0 "$owner" 2>/dev/null; do
		# wait, unlike sleep itself, ends at once when TERM comes
		sleep "$pause" &
		nap=$!
		wait "$nap" || :
		printf "$before%s$after" "$(progress_line "${@:2}" "$start")" >&2
	done
}

# show_failure <log>: the lines that a person wants to see first, without make's
# own, and with the paths of a mirrored build as they are in the checkout
show_failure() {
	local lines

	lines=$(grep -nE '\b[Ee]rror\b|ERROR|^E: |\*\*\*|undefined|No such file|not found' \
		"$1" | grep -vE '^[0-9]+:make(\[[0-9]+\])?: .*Error [0-9]+$' |
		tail -n 20 || :)
	[ -n "$lines" ] || lines=$(tail -n 20 "$1")
	printf '%s\n    whole log: %s\n' "${lines//"${1%/*}/"/}" "$1" >&2
}

# with_progress <label> <expected lines or 0> <command>...
# The output goes to a log (PROGRESS_LOG, else one in the cache). The command's
# status is returned; on failure the end of the log is shown.
with_progress() {
	local label=$1 expected=$2 start=$SECONDS status=0 log ticker
	shift 2

	log=${PROGRESS_LOG:-$(cache_dir log)/${label//[^A-Za-z0-9._-]/-}.log}
	: >"$log"
	progress_ticker "$BASHPID" "$label" "$expected" "$log" &
	ticker=$!
	"$@" >"$log" 2>&1 </dev/null || status=$?
	kill "$ticker" 2>/dev/null || :
	wait "$ticker" 2>/dev/null || :

	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$status" -ne 0 ]; then
		printf '    %-30s failed after %s\n' "$label" \
			"$(elapsed $((SECONDS - start)))" >&2
		show_failure "$log"
		return "$status"
	fi
	printf '    %-30s done in %s\n' "$label" "$(elapsed $((SECONDS - start)))" >&2
}

# lock_run <name> <command>...: only one at a time on this machine. The command
# runs in a subshell and does not inherit the lock.
lock_run() {
	local file

	file=$(cache_dir lock)/${1//[^A-Za-z0-9._-]/-}
	(
		flock -n 9 || {
			step "waiting: another run works on $1"
			flock 9
		}
		shift
		"$@" 9>&-
	) 9>"$file"
}

# packages_missing <package>...: those that are not installed
packages_missing() {
	local have

	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || :)
	printf '%s\n' "$@" | grep -vxFf <(sed -n 's/^installed //p' <<<"$have") || :
}

# as_root <command>...: directly or through a sudo that asks nothing
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

apt_install() {
	# an update may fail for an unrelated third-party entry: the install decides
	as_root apt-get -q update || :
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y --no-install-recommends install "$@"
}

# ensure_packages <package>...: install what is missing, or say how
ensure_packages() {
	local missing

	command -v dpkg-query >/dev/null ||
		die "this machine is no Debian: cannot tell whether $* are installed" \
			"the test machine needs Debian 12 or 13"
	mapfile -t missing < <(packages_missing "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0

	if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
		die "missing packages: ${missing[*]}" \
			"run: sudo apt-get install --no-install-recommends ${missing[*]}"
	fi
	step "installing ${missing[*]}"
	lock_run packages with_progress "apt-get install" 0 apt_install "${missing[@]}" ||
		die "apt-get could not install: ${missing[*]}" \
			"see the lines above, install them by hand and try again"
}
