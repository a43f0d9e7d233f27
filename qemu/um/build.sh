# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a user-mode kernel is built with, apart from its configuration. Nothing in the
# source tree is changed: what differs lies in the build directory, where make looks
# first. Source it after lib.sh.

UM_DIR=$QEMU_DIR/um

# um_capable <source tree>: can it be built for several CPUs?
um_capable() {
	grep -qs 'UML_SUBARCH_SUPPORTS_SMP' "$1/arch/um/Kconfig" ||
		die "$(tree_version "$1") has no user-mode kernel with several CPUs" \
			"make quick needs Linux 7.0 or newer; make test runs on this one"
}

# What kmemleak calls lost must be this old, in milliseconds, instead of 5000: nothing
# runs any more when it looks, and a run of one suite would wait for that half of its time.
UM_LEAK_AGE=1000

# um_key: changes when a kernel that was built before must not be used
um_key() {
	{
		echo "$UM_LEAK_AGE"
		um_make_args .
		cat "$UM_DIR/Kconfig" "$UM_DIR/stacktrace.c"
	} | cksum | sed 's/^/# /'
}

# um_replace <file>: by what comes in, if that is something else: make looks at the time
um_replace() {
	mkdir -p "${1%/*}"
	cat >"$1.new"
	if cmp -s "$1.new" "$1"; then
		rm "$1.new"
	else
		mv "$1.new" "$1"
	fi
}

# um_overlay <source tree> <build dir>: our own files, instead of the tree's
um_overlay() {
	local stacks=arch/um/kernel/stacktrace.c

	awk '{ print }
	/^mainmenu/ { while ((getline line <ours) > 0) print line }' \
		ours="$UM_DIR/Kconfig" "$1/Kconfig" | um_replace "$2/Kconfig.um"
	if grep -qs '__kernel_text_address' "$1/$stacks"; then
		um_replace "$2/$stacks" <"$UM_DIR/stacktrace.c"
	else
		warn "$stacks is another one in this kernel: using that (slower?)"
	fi
	sed "s/^#define MSECS_MIN_AGE[[:space:]].*/#define MSECS_MIN_AGE $UM_LEAK_AGE/" \
		"$1/mm/kmemleak.c" | um_replace "$2/mm/kmemleak.c"
}

# um_make_args <build dir>: for every make of it. Less is optimised, so that it compiles
# sooner: the suites wait more than they calculate.
um_make_args() {
	printf '%s\n' ARCH=um "KBUILD_KCONFIG=$1/Kconfig.um" KCFLAGS=-O1
}
