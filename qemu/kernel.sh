#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernels of the tests: found, fetched, configured, built once, cached.
#
#   kernel.sh version <kernel>                 6.12
#   kernel.sh source  <kernel>                 the unpacked source tree
#   kernel.sh build   <kernel> <plain|debug>   the build directory
#   kernel.sh build   <kernel> um-<plain|debug>  of the user-mode kernel
#   kernel.sh prepare <kernel> <gcc|clang>     a tree in which modules compile
#   kernel.sh update                           look for newer packages
#   kernel.sh list                             what the cache holds
#
# <kernel> is oldest, default, newest, sid (the newest of that suite), or a version of which a
# Debian suite has the source.
# KERNEL_SRC=<tree> takes that source tree instead, whatever <kernel> says.
# The answer is the last line on stdout; the rest goes to stderr.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$QEMU_DIR/apt.sh"
. "$QEMU_DIR/config.sh"
. "$QEMU_DIR/um/build.sh"

OLDEST=6.1	OLDEST_SUITE=bookworm
DEFAULT=6.12	DEFAULT_SUITE=trixie
NEWEST_SUITE=trixie-backports

# Where a version is looked for
SUITES=("$OLDEST_SUITE" "$DEFAULT_SUITE" sid testing "$NEWEST_SUITE")

# The newest kernel moves; this is the last one that all tests passed on.
NEWEST_GREEN=7.3

# Lines that a build logs, for the percentage of the live counter.
BUILD_LINES=2400
UM_BUILD_LINES=1150

JOBS=${JOBS:-$(nproc)}

# suite_versions <suite>: X.Y for each of its source packages
suite_versions() {
	apt_cache "$1" pkgnames linux-source- |
		sed -nE 's/^linux-source-([0-9]+\.[0-9]+)$/\1/p' | sort -V
}

# latest_version <role> <suite>: its highest; looked up once a day, and the last answer is
# good enough without a network
latest_version() {
	local file found

	file=$(cache_dir src)/$1
	if ! fresh "$file" 1440; then
		if apt_update "$2"; then
			found=$(suite_versions "$2" | tail -n 1)
			[ -z "$found" ] || printf '%s\n' "$found" >"$file"
		elif [ -s "$file" ]; then
			warn "cannot look for a newer kernel: using $(cat "$file")"
		fi
		[ "$1" != newest ] || newest_warn "$(cat "$file" 2>/dev/null || echo 0)"
	fi
	[ -s "$file" ] || die "found no linux-source-X.Y in suite $2" \
		"is the network there? or use KERNEL_SRC=<tree>"
	cat "$file"
}

newest_version() { latest_version newest "$NEWEST_SUITE"; }

newest_warn() {
	if [ "$(printf '%s\n' "$NEWEST_GREEN" "$1" | sort -V | tail -n 1)" != "$NEWEST_GREEN" ]; then
		warn "newest is $1, and the last one recorded green is $NEWEST_GREEN (NEWEST_GREEN in qemu/kernel.sh)"
	fi
}

# tree_version <source tree>: 6.12.107
tree_version() {
	make -s --no-print-directory -C "$1" kernelversion 2>/dev/null ||
		die "$1 is not a kernel source tree" "KERNEL_SRC must name one"
}

# short_version <kernel>: the role or version as X.Y
short_version() {
	if [ -n "${KERNEL_SRC:-}" ]; then
		tree_version "$KERNEL_SRC" | cut -d. -f1,2
		return
	fi
	case $1 in
	oldest | "$OLDEST") echo "$OLDEST" ;;
	default | "$DEFAULT") echo "$DEFAULT" ;;
	newest) newest_version ;;
	sid) latest_version sid sid ;;
	*)
		[ -e "$(cache_dir src)/$1/Makefile" ] || suite_of "$1" >/dev/null ||
			die "unknown KERNEL '$1'" \
				"one of: oldest default newest sid $(every_version | xargs)"
		echo "$1"
		;;
	esac
}

every_version() {
	local suite

	for suite in "${SUITES[@]}"; do
		! (apt_update "$suite") >/dev/null 2>&1 || suite_versions "$suite"
	done | sort -Vu
}

# suite_of <X.Y>: the first that has it. The newest is in the backports alone, and needs no
# lists of others.
suite_of() {
	local suite

	if [ "$1" = "$(cat "$(cache_dir src)/newest" 2>/dev/null)" ]; then
		echo "$NEWEST_SUITE"
		return
	fi
	for suite in "${SUITES[@]}"; do
		if (apt_update "$suite" >&2) && suite_versions "$suite" | grep -qxF "$1"; then
			echo "$suite"
			return
		fi
	done
	return 1
}

# source_tree <kernel>: fetched if it is not there. src/X.Y is a link to the
# tree of the last point release that was fetched.
source_tree() {
	local version link

	if [ -n "${KERNEL_SRC:-}" ]; then
		tree_version "$KERNEL_SRC" >/dev/null
		realpath "$KERNEL_SRC"
		return
	fi
	version=$(short_version "$1")
	link=$(cache_dir src)/$version
	[ -e "$link/Makefile" ] ||
		lock_run "source-$version" source_fetch "$version" "$link" >&2
	realpath "$link"
}

# source_fetch <X.Y> <link>: the newest point release that the mirror has
source_fetch() {
	local version=$1 link=$2 suite full

	[ ! -e "$link/Makefile" ] || [ -n "${UPDATE:-}" ] || return 0
	suite=$(suite_of "$version")
	step "kernel $version: source package linux-source-$version of $suite"
	apt_update "$suite" || die "no package lists of suite $suite" \
		"is the network there? or use KERNEL_SRC=<tree>"
	full=$(source_point_release "$suite" "$version")
	[ -n "$full" ] || die "suite $suite has no linux-source-$version" \
		"the kernels of qemu/kernel.sh need another suite, or use KERNEL_SRC=<tree>"
	[ -e "${link%/*}/linux-$full/Makefile" ] ||
		source_download "$suite" "$version" "${link%/*}/linux-$full"
	ln -sfn "linux-$full" "$link"
}

# source_point_release <suite> <X.Y>: 6.12.107 from version 6.12.107-1
source_point_release() {
	apt_cache "$1" show "linux-source-$2" |
		sed -n 's/^Version: \([0-9.]*\).*/\1/p' | sort -V | tail -n 1
}

# source_download <suite> <X.Y> <dir>: in a directory of its own first: what
# breaks on the way leaves nothing that looks complete
source_download() {
	local work

	work=$(mktemp -d "${3%/*}/new.XXXXXX")
	# shellcheck disable=SC2064 # this directory, not a later one
	trap "rm -rf '$work'" EXIT
	apt_download "$1" "$work" "linux-source-$2"
	with_progress "unpack linux-source-$2" 0 source_unpack "$work"
	mv "$work/tree" "$3"
}

source_unpack() {
	dpkg-deb -x "$1"/*.deb "$1/root" && mkdir "$1/tree" &&
		XZ_OPT=-T0 tar -C "$1/tree" --strip-components=1 -xf "$1"/root/usr/src/*.tar.xz
}

# build_dir <source> <kind> <wanted>: named after all that decides the result
build_dir() {
	local src=$1 kind=$2 compiler=gcc key

	[ "$kind" != clang ] || compiler=clang
	key=$({
		printf '%s\n' "$3"
		"$compiler" --version | head -n 1
		[ -z "${KERNEL_SRC:-}" ] || printf '%s\n' "$src"
	} | sha256sum | cut -c1-12)
	cache_dir "build/linux-$(tree_version "$src")-$kind-$key"
}

# build_config <source> <dir> <wanted> <make args>...: once; a directory that an
# interrupted run left goes on from there
build_config() {
	local src=$1 out=$2 wanted=$3
	shift 3

	[ ! -e "$src/.config" ] || die "$src has been built in place" \
		"run: make -C $src mrproper"
	[ ! -e "$out/.config" ] || return 0
	printf '%s\n' "$wanted" >"$out/wanted"
	config_make "$src" "$out" "$@"
}

# build_run <source> <dir> <label> <lines> <make args>...
build_run() {
	local src=$1 out=$2 label=$3 lines=$4 start=$SECONDS
	shift 4

	PROGRESS_LOG=$out/build.log with_progress "$label" "$lines" \
		make -C "$src" O="$out" -j"$JOBS" "$@" ||
		die "the kernel did not build" "look at $out/build.log"
	echo $((SECONDS - start)) >"$out/.complete"
}

# build_locked <source> <dir> <profile> <wanted>
build_locked() {
	local label args=() goals=(bzImage modules) lines=$BUILD_LINES

	# somebody's own tree may have changed since: make decides
	[ ! -e "$2/.complete" ] || [ -n "${KERNEL_SRC:-}" ] || return 0
	label="kernel $(tree_version "$1") $3"
	[ -e "$2/.complete" ] ||
		step "$label: building, once for all later runs (about 5 to 10 minutes)"
	if [[ $3 == um-* ]]; then
		um_overlay "$1" "$2"
		mapfile -t args < <(um_make_args "$2")
		goals=(linux modules) lines=$UM_BUILD_LINES
	fi
	build_config "$1" "$2" "$4" "${args[@]}"
	build_run "$1" "$2" "$label" "$lines" "${args[@]}" "${goals[@]}"
}

kernel_build() {
	local src dir wanted

	config_profile "$2"
	src=$(source_tree "$1")
	wanted=$(config_wanted "$(short_version "$1")" "$2")
	if [[ $2 == um-* ]]; then
		um_capable "$src"
		wanted+=$'\n'$(um_key)
	fi
	dir=$(build_dir "$src" "$2" "$wanted")
	if [ ! -e "$dir/.complete" ] || [ -n "${KERNEL_SRC:-}" ]; then
		lock_run "build-${dir##*/}" build_locked "$src" "$dir" "$2" "$wanted" >&2
	fi
	printf '%s\n' "$dir"
}

# prepare_locked <source> <dir> <wanted> <compiler>: what modules need to compile; nothing
# is linked, so there is no Module.symvers (build with KBUILD_MODPOST_WARN=1)
prepare_locked() {
	local label

	label="kernel $(tree_version "$1") $4"
	[ ! -e "$2/.complete" ] || return 0
	build_config "$1" "$2" "$3" CC="$4"
	build_run "$1" "$2" "$label" 0 CC="$4" modules_prepare
}

clang_fits() { # kernel, source
	local need have

	command -v clang >/dev/null || die "clang is missing" "run: qemu/deps.sh check"
	need=$("$2/scripts/min-tool-version.sh" llvm)
	have=$(clang -dumpversion)
	[ "$(printf '%s\n' "$need" "$have" | sort -V | head -n 1)" = "$need" ] ||
		die "kernel $(short_version "$1") needs clang $need, here is $have" \
			"use an older kernel or a newer clang"
}

kernel_prepare() {
	local src dir wanted kind=$2

	src=$(source_tree "$1")
	case $2 in
	gcc) kind=prepared ;;
	clang) clang_fits "$1" "$src" ;;
	*) die "cannot prepare a tree for '$2'" "one of: gcc clang" ;;
	esac
	# the profiles have options that only a newer clang can build
	wanted=$(config_wanted "$(short_version "$1")")
	dir=$(build_dir "$src" "$kind" "$wanted")
	lock_run "build-${dir##*/}" prepare_locked "$src" "$dir" "$wanted" "$2" >&2
	printf '%s\n' "$dir"
}

# kernel_update: newer point releases, perhaps a newer newest
kernel_update() {
	local version

	rm -f "$(cache_dir src)"/{newest,sid} "$(cache_dir apt)"/*/updated
	for version in "$OLDEST" "$DEFAULT" "$(newest_version)" "$(latest_version sid sid)"; do
		UPDATE=1 lock_run "source-$version" source_fetch "$version" \
			"$(cache_dir src)/$version" >&2
	done
}

kernel_list() {
	local dir state

	printf '%-44s %8s  %s\n' "in $(cache_dir)" size 'state'
	for dir in "$(cache_dir src)"/linux-* "$(cache_dir build)"/linux-*; do
		[ -d "$dir" ] || continue
		case $dir in
		*/src/*) state=source ;;
		*) state=$(elapsed "$(cat "$dir/.complete" 2>/dev/null || echo 0)") ;;
		esac
		[ "$state" != 0s ] || state='not finished'
		printf '%-44s %8s  %s\n' "${dir##*/}" "$(du -sh "$dir" | cut -f1)" "$state"
	done
}

usage() {
	sed -n '/^# The kernels/,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 1
}

case "${1:-} $#" in
'version 2') short_version "$2" ;;
'list 1') kernel_list ;;
'source 2')
	"$QEMU_DIR/deps.sh" build
	source_tree "$2"
	;;
'build 3')
	"$QEMU_DIR/deps.sh" build
	kernel_build "$2" "$3"
	;;
'prepare 3')
	"$QEMU_DIR/deps.sh" build
	kernel_prepare "$2" "$3"
	;;
'update 1') kernel_update ;;
*) usage ;;
esac
