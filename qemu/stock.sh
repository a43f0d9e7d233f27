#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stock.sh - the distribution's own kernel, for `make run`.
#
# Fetches the cloud kernel image of this Debian release and the headers that
# match it, and unpacks them in the cache; nothing is installed. The last line
# on stdout is the directory, which holds
#   version     the kernel release, for instance 6.1.0-50-cloud-amd64
#   package     the Debian package and its version
#   vmlinuz     the image
#   build/      the headers, usable as make -C build M=...
#   root/       what depmod and modprobe want as their root directory
#
# STOCK_SUITE=<codename> takes another Debian release than the host's.
# STOCK_REFRESH=1 looks for a newer package even if one is in the cache.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$QEMU_DIR/apt.sh"

# depmod and modprobe live there, and a plain user's PATH may not.
PATH=$PATH:/usr/sbin:/sbin

# The meta package linux-image-cloud-amd64 depends on the real one.
kernel_release() {
	apt_cache "$1" depends linux-image-cloud-amd64 |
		sed -n 's/^ *Depends: linux-image-\(.*-cloud-amd64\)$/\1/p' |
		head -n 1
}

# The headers of one flavour need those common to all, and the host programs
# of kbuild; they may also name an image or a compiler, which we do not want.
headers_packages() {
	echo "linux-headers-$2"
	apt_cache "$1" depends "linux-headers-$2" |
		sed -nE 's/^ *Depends: (linux-(headers-.*-common|kbuild-.*))$/\1/p'
}

# Two things in the headers only work when they are installed on a machine
# with Debian's own compiler: an absolute include, and the compiler's name.
adapt_headers() {
	local dir=$1

	# shellcheck disable=SC2016 # make expands this, not the shell
	sed -i 's|^include /usr/src/|include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))../|' \
		"$dir/Makefile"
	sed -i -e 's/^CC = .*/CC = gcc/' -e '/CROSS_COMPILE =/d' \
		-e '/^ifneq/d' -e '/^endif/d' "$dir/.kernelvariables"
	# With it kbuild would ask for pahole; modules load without BTF.
	rm -f "$dir/vmlinux"
	if grep -q '^include /' "$dir/Makefile"; then
		die "Debian's kernel headers are laid out in a new way" \
			"see what $dir/Makefile includes, and teach qemu/stock.sh"
	fi
}

unpack() {
	local dir=$1 release=$2 deb modules

	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root"
	done
	# Debian 13 moved /lib/modules to /usr/lib/modules; kmod wants /lib.
	if [ ! -e "$dir/root/lib" ]; then
		ln -s usr/lib "$dir/root/lib"
	fi
	modules=$dir/root/lib/modules/$release
	rm -f "$modules/build" "$modules/source"
	depmod -b "$dir/root" "$release"
	ln -s "root/boot/vmlinuz-$release" "$dir/vmlinuz"
	ln -s "root/usr/src/linux-headers-$release" "$dir/build"
	adapt_headers "$dir/build"
	echo "$release" >"$dir/version"
}

image_package() {
	# shellcheck disable=SC2016 # dpkg-deb expands this, not the shell
	dpkg-deb -W --showformat='${Package} ${Version}' \
		"$1"/debs/linux-image-*.deb
}

# Everything in a directory of its own first: a broken download leaves nothing
# that looks complete.
fetch() {
	local suite=$1 base=$2 release work dir

	step "looking up Debian's own kernel, linux-image-cloud-amd64 ($suite)"
	apt_update "$suite" ||
		die "no mirror of this machine has suite $suite" \
			"is the network there?"
	release=$(kernel_release "$suite")
	[ -n "$release" ] ||
		die "no linux-image-cloud-amd64 in suite $suite" \
			"set STOCK_SUITE to a Debian release that has one"
	dir=$base/$release
	if [ ! -e "$dir/version" ]; then
		step "fetching and unpacking Debian's own kernel, $release"
		work=$base/new
		rm -rf "$work"
		mkdir -p "$work/debs" "$work/root"
		mapfile -t packages < <(headers_packages "$suite" "$release")
		apt_download "$suite" "$work/debs" "linux-image-$release" \
			"${packages[@]}"
		unpack "$work" "$release"
		image_package "$work" >"$work/package"
		rm -rf "$work/debs" "$dir"
		mv "$work" "$dir"
	fi
	ln -sfn "$release" "$base/current"
}

main() {
	local suite base

	# shellcheck source=/dev/null
	suite=${STOCK_SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-}")}
	[ -n "$suite" ] || die "this Debian release has no codename" \
		"set STOCK_SUITE, for instance STOCK_SUITE=bookworm"
	base=$(cache_dir "stock/$suite")
	if [ -n "${STOCK_REFRESH:-}" ] || [ ! -e "$base/current/version" ]; then
		lock_run "stock-$suite" fetch "$suite" "$base" >&2
	fi
	realpath "$base/current"
}

main "$@"
