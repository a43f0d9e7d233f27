#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh [build|guest|check|run|bench|quick|all]...: see that the Debian packages of a job
# are there. Root (or a sudo that asks nothing) installs them; anybody else gets
# the command to run.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# kernels and modules
build=(gcc libc6-dev make flex bison bc perl python3 libelf-dev libssl-dev
	cpio kmod gzip xz-utils tar util-linux dpkg debian-archive-keyring)
# a guest: the emulator and what its file systems are made from
guest=(qemu-system-x86 busybox-static gcc libc6-dev cpio gzip kmod e2fsprogs
	python3 util-linux)
# the stock kernel's guest, and modules for it
run=("${guest[@]}" make libelf-dev xz-utils dpkg debian-archive-keyring)
bench=("${guest[@]}" gnuplot-nox)
# user-mode kernels, which need no emulator
quick=(busybox-static gcc libc6-dev cpio kmod python3 util-linux)
check=(sparse shellcheck clang perl python3 git)

packages=()
for group in "${@:-all}"; do
	case $group in
	build) packages+=("${build[@]}") ;;
	guest) packages+=("${guest[@]}") ;;
	run) packages+=("${run[@]}") ;;
	quick) packages+=("${quick[@]}") ;;
	bench) packages+=("${bench[@]}") ;;
	check) packages+=("${check[@]}" "${build[@]}") ;;
	all) packages+=("${build[@]}" "${run[@]}" "${check[@]}") ;;
	*) die "unknown group '$group'" "one of: build guest check run bench quick all" ;;
	esac
done

mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
ensure_packages "${packages[@]}"
