#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# shell.sh - an interactive guest with the modules at hand (make shell).
#
# Environment: KERNEL (default: default), PROFILE (default: debug), APPEND
# (more words for the kernel command line).

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test.sh
. "$here/test.sh"

shell_modules() {
	local file
	while read -r file; do
		guest_module "$file"
	done < <(find "$1/" -name '*.ko' | sort)
}

shell_main() {
	local build dir memory=1024
	check_variables
	"$here/deps.sh" guest
	build=$("$here/kernel.sh" build "$KERNEL" "$PROFILE" | tail -n 1)
	dir=$("$here/modules.sh" "$build" | tail -n 1)
	if [[ $PROFILE == debug ]]; then
		memory=2048
	fi
	guest_begin shell
	guest_job "$here/job-shell.sh"
	test_disks
	shell_modules "$dir"
	guest_append kunit.enable=1 quiet
	# shellcheck disable=SC2086 # words are meant
	guest_append ${APPEND:-}
	guest_interact "$build/arch/x86/boot/bzImage" "$memory"
}

shell_main
