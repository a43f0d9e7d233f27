#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# disasm.sh [function]...: what the compiler makes of the functions that each
# request goes through, on the kernel that KERNEL and PROFILE name; first how many
# instructions each has, the rare ways included. With names: these functions.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

HOT=(io_target_prep_rw_buf io_target_submit io_target_submit_batch io_target_read
	iot_bio_submit iot_bio_submit_batch iot_bio_submit_run bio_done run_done
	iot_request_end)

# code <module> <function>
code() {
	objdump -dr --no-show-raw-insn "$1" | sed -n "/^[0-9a-f]* <$2>:/,/^$/p"
}

main() {
	local build dir name lines

	[[ $# -gt 0 ]] || set -- "${HOT[@]}"
	build=$("$here/kernel.sh" build "${KERNEL:-newest}" "${PROFILE:-plain}" | tail -n 1)
	dir=$("$here/modules.sh" "$build" | tail -n 1)
	for name; do
		lines=$(code "$dir/module/io_target.ko" "$name" | grep -cP '^\s+[0-9a-f]+:\t' || :)
		[[ $lines -gt 0 ]] || die "there is no function $name" "is it inlined? see module/"
		printf '%5d  %s\n' "$lines" "$name"
	done
	for name; do
		echo
		code "$dir/module/io_target.ko" "$name"
	done
}

main "$@"
