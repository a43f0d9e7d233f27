#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# modules.sh <kernel build dir> [make argument]...: build our modules against a
# kernel, beside the checkout. The last line on stdout is the directory; the
# modules lie in it as their sources do in the checkout (module/io_target.ko).
#
# Every option of the modules is on unless an argument says otherwise
# (CONFIG_IO_TARGET_X=n); the verifier is on for kernels with lockdep, the
# fault injector for kernels with debugfs, the tests for kernels with KUnit.
# Other arguments go to make (CC=clang). W=1 is always on, and C=2 (sparse) looks at what
# a build without it has made. What make printed is in build.log in the directory.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$QEMU_DIR/um/build.sh"

# kernel_has <build dir> <symbol>: in the kernel's configuration
kernel_has() {
	grep -qx "CONFIG_$2=y" "$1/.config"
}

# options <build dir>: what is on by default, as make arguments
options() {
	echo CONFIG_IO_TARGET=m
	if kernel_has "$1" UML; then
		# What no suite uses is not waited for.
		um_make_args "$1"
	else
		echo CONFIG_IO_TARGET_DEMO=m
		echo CONFIG_IO_TARGET_BENCH=m
		! kernel_has "$1" CONFIGFS_FS || echo CONFIG_IO_TARGET_PASSTHRU=m
	fi
	! kernel_has "$1" KUNIT || echo CONFIG_IO_TARGET_KUNIT_TEST=m
	! kernel_has "$1" DEBUG_FS || echo CONFIG_IO_TARGET_FAULT_INJECTION=y
	! kernel_has "$1" PROVE_LOCKING || echo CONFIG_IO_TARGET_VERIFIER=y
}

# sources: what a build reads, relative to the checkout
sources() {
	(
		cd "$TOP_DIR" || exit
		find Makefile Kconfig module include kunit -type f \
			\( -name '*.[chS]' -o -name Kbuild -o -name Makefile -o -name Kconfig \) \
			! -name '*.mod.c' 2>/dev/null | sort
	)
}

# mirror <dir>: a link per source file, so that objects stay out of the
# checkout and make still sees what changed. When files have gone, so must what
# was built from them: start again.
mirror() {
	local dir=$1 file link

	sources >"$dir.new"
	if [ -e "$dir/.sources" ] && [ -n "$(comm -13 "$dir.new" "$dir/.sources")" ]; then
		rm -rf "$dir"
	fi
	mkdir -p "$dir"
	while read -r file; do
		link=$dir/$file
		[ -L "$link" ] || {
			mkdir -p "${link%/*}"
			ln -s "$TOP_DIR/$file" "$link"
		}
	done <"$dir.new"
	mv "$dir.new" "$dir/.sources"
}

# forget: mirrors of checkouts that are gone
forget() {
	local link

	for link in "$(cache_dir modules)"/*/Makefile; do
		if [ -L "$link" ] && [ ! -e "$link" ]; then
			rm -rf "${link%/*}"
		fi
	done
}

# label <kernel build dir>: what the kernel calls itself
label() {
	cat "$1/include/config/kernel.release" 2>/dev/null || basename "$1"
}

# renew <dir>: make says nothing of an object that is up to date: what the compiler has
# complained of, in a source or in a header that it includes, is compiled again next time.
# (Sparse looks at all of them each time.)
renew() {
	local file

	grep -oE "$1/[^: ]+\.c:[0-9]" "$1/build.log" | sort -u | while read -r file; do
		rm -f "${file%.c:*}.o"
	done
}

# build <kernel build dir> <dir> <make arguments>...
build() {
	local kernel=$1 dir=$2
	shift 2

	mirror "$dir"
	# W=1 would run kernel-doc, too: slow, and make check has it
	PROGRESS_LOG=$dir/build.log with_progress "modules for $(label "$kernel")" 0 \
		make -C "$kernel" M="$dir" -j"${JOBS:-$(nproc)}" -k \
		--no-print-directory W=1 cmd_checkdoc= "$@" modules ||
		die "the modules did not build" "look at $dir/build.log"
	if grep -E 'warning:|^WARNING' "$dir/build.log" >&2 && [[ " $* " != *" C=2 "* ]]; then
		renew "$dir"
	fi
}

main() {
	local kernel dir key

	[ "$#" -gt 0 ] || die "usage: modules.sh <kernel build dir> [make argument]..."
	[ -r "$1/.config" ] || die "$1 is no kernel build directory" \
		"give one that qemu/kernel.sh build printed, or installed headers"
	kernel=$(realpath "$1")
	shift
	mapfile -t args < <(options "$kernel")
	args+=("$@")

	forget
	# one directory per checkout, kernel and set of options
	key=$(printf '%s\n' "$TOP_DIR" "$kernel" "${args[@]}" | grep -vx 'C=2' | sha256sum |
		cut -c1-12)
	dir=$(cache_dir modules)/${kernel##*/}-$key
	# before the build: the log of one that fails is there as well
	printf '%s\n' "$dir"
	lock_run "modules-${dir##*/}" build "$kernel" "$dir" "${args[@]}" >&2
}

main "$@"
