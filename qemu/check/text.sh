# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The checks that only read text.  Sourced by qemu/check.sh, which runs them in
# the top directory.  Findings go to stdout, one per line; none when clean.
# shellcheck disable=SC2154 # here, root and work are set by check.sh

max_lines=500

# The names in $work/files that match an extended regular expression.
files_like() {
	grep -E "$1" "$work/files" || true
}

# ---- layout: rules of this project that no tool knows ----

layout_top() {
	local top='module include kunit qemu Makefile Kconfig README.md' entry
	while read -r entry; do
		[[ $entry == .* || " $top " == *" $entry "* ]] ||
			echo "$entry: does not belong at the top level ($top)"
	done < <(cut -d/ -f1 "$work/files" | sort -u)
}

layout_sizes() {
	files_like '\.(c|h|sh|py|in)$|(Makefile|Kbuild|Kconfig)$' | xargs -rd '\n' wc -l |
		awk -v most="$max_lines" '
			$2 != "total" && $1 > most {
				print $2 ": " $1 " lines, more than " most ": split it"
			}'
}

# Binary files are left out: a picture of the manual has no comments.
layout_spdx() {
	xargs -rd '\n' grep -Il . <"$work/files" | xargs -rd '\n' awk '
		FNR == 1 { without[FILENAME] }
		FNR <= 5 && /SPDX-License-Identifier:/ { delete without[FILENAME] }
		END { for (file in without) print file ":1: no SPDX-License-Identifier line" }'
}

# A pattern that no line of these files may have.
layout_never() { # files-regex pattern why
	files_like "$1" | { xargs -rd '\n' grep -HnE -e "$2" -- || true; } | sed "s|\$|   <- $3|"
}

check_layout() {
	local code='^(module|include|kunit)/.*(\.[ch]|Kbuild|Makefile)$|^qemu/.*\.[ch]$'
	layout_top
	layout_sizes
	layout_spdx
	# Everything but module/compat*.h; grep has no "except this file".
	layout_never "$code" '\bLINUX_VERSION_CODE\b|\bKERNEL_VERSION\b' \
		'only module/compat*.h tests versions' |
		grep -vE '^module/compat(_disk|_file)?\.h:' || true
	layout_never '\.[ch]$' \
		'^\s*EXPORT_SYMBOL(_NS|_IF_KUNIT)?\s*\(' \
		'exports are EXPORT_SYMBOL_GPL'
	layout_never '.' '(deb|ftp|archive|snapshot|security)\.[a-z.]*debian\.org' \
		'the mirror is read from the host, never written down'
	note "$(wc -l <"$work/files") files"
}

# ---- exports: what a user can call is described ----

check_exports() {
	local file symbol count=0
	while IFS=: read -r file symbol; do
		count=$((count + 1))
		files_like '^(module|include)/.*\.[ch]$' |
			xargs -r grep -qE "^ \* $symbol(\(\))? - " ||
			echo "$file: $symbol is exported and has no kernel-doc"
	done < <(files_like '^module/.*\.c$' | xargs -r grep -HoE \
			'^EXPORT_SYMBOL(_NS)?_GPL\([a-z0-9_]+' | sed 's/:.*(/:/')
	note "$count symbols"
}

# ---- the example of the manual is the one that the demo builds ----

# The first C block of README.md that has a module_init.
readme_example() {
	awk '/^```c$/ { on = 1; text = ""; next }
	     /^```$/ { if (on && text ~ /module_init/) { printf "%s", text; exit }
		       on = 0 }
	     on { text = text $0 "\n" }' README.md
}

check_readme() {
	local example=module/demo/example.c
	[[ -e README.md && -e $example ]] ||
		skip "README.md or $example is not there yet"
	readme_example >"$work/example.c"
	[[ -s $work/example.c ]] || {
		echo "README.md: no \`\`\`c block with a module_init"
		return 1
	}
	diff -U0 --label README.md --label "$example" "$work/example.c" "$example"
	note "the same as $example, which the demo builds"
}

# ---- every assertion that the manual lists has a test ----

check_ids() {
	local suites
	mapfile -t suites < <(files_like '^kunit/.*_kunit\.c$')
	# Without its table the manual must not pass.
	python3 -B qemu/check/ids.py /dev/null "${suites[@]}" |
		grep 'A1 has no row' >/dev/null || {
		echo "qemu/check/ids.py does not miss a table that is not there"
		return 1
	}
	python3 -B qemu/check/ids.py README.md "${suites[@]}"
	note "$(grep -cE '^\| [ASCTLF][0-9]+ \|' README.md) ids"
}

# ---- shell and python ----

# dialect:file for every shell file.  busybox's shell is nearest to dash.
shell_files() {
	local file first
	while IFS= read -r file; do
		IFS= read -r first <"$file" || true
		case $first in
		'#!'*bash*)			echo "bash:$file" ;;
		'#!'*/sh* | '#!'*' sh'*)	echo "dash:$file" ;;
		*) [[ $file != *.sh ]] ||	echo "bash:$file" ;;
		esac
	done < <(files_like '(\.sh|/[^./]+|/\.[^/]+/[^./]+|-init)$')
}

check_shell() {
	local dialect list
	{ shellcheck -s bash -f gcc qemu/check/bugs.sh.in || true; } |
		grep SC2086 >/dev/null || {
		echo "shellcheck does not find the planted bug"
		return 1
	}
	shell_files >"$work/shell"
	for dialect in bash dash; do
		list=$(sed -n "s/^$dialect://p" "$work/shell")
		[[ -n $list ]] || continue
		xargs -r shellcheck -x -P SCRIPTDIR -s "$dialect" -f gcc \
			<<<"$list" || true
	done
	note "$(wc -l <"$work/shell") files"
}

# compile() in memory: py_compile would leave a __pycache__ in the checkout.
py_compiles() {
	python3 - "$@" <<-'END'
	import sys
	bad = 0
	for name in sys.argv[1:]:
	    try:
	        with open(name, encoding="utf-8") as f:
	            compile(f.read(), name, "exec")
	    except (SyntaxError, ValueError) as e:
	        print(f"{name}:{getattr(e, 'lineno', 0)}: {e}")
	        bad = 1
	sys.exit(bad)
	END
}

check_python() {
	local list
	if py_compiles qemu/check/bugs.py.in >/dev/null; then
		echo "the planted syntax error is not found"
		return 1
	fi
	mapfile -t list < <(files_like '\.py$')
	note "${#list[@]} files"
	((${#list[@]} == 0)) || py_compiles "${list[@]}"
}

# ---- checkpatch ----

# The two exceptions, and there are no others:
# compat.h is where LINUX_VERSION_CODE is tested (it is also "a constant on the
# left side"); trace.h has the layout that trace macros have in all the kernel.
patch_ignores() {
	case $1 in
	module/compat.h | module/compat_disk.h | module/compat_file.h) echo LINUX_VERSION_CODE,CONSTANT_COMPARISON ;;
	module/trace.h)	echo OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,SPACING ;;
	*) echo none ;;
	esac
}

# Prints path:line: LEVEL:TYPE: text.  HOME is moved away so that a
# .checkpatch.conf of the user changes nothing.
checkpatch() { # tree ignore-types files...
	local tree=$1 ignore=$2
	shift 2
	HOME=$work perl "$tree/scripts/checkpatch.pl" --no-tree --strict \
		--terse --show-types --no-summary --color=never \
		--ignore "$ignore" -f "$@" |
		grep -vE '^total: |^$' || true
}

check_patch() {
	local tree file ignore
	tree=$("$here/kernel.sh" source newest | tail -n 1)
	mkdir -p "$work/style"
	cp qemu/check/bugs.c.in "$work/style/bugs.c"
	checkpatch "$tree" none "$work/style/bugs.c" |
		grep ':SPACING:' >/dev/null || {
		echo "checkpatch does not find the planted bug"
		return 1
	}
	files_like '^(module|include|kunit|qemu)/.*\.[ch]$' >"$work/patch"
	export -f checkpatch
	export work
	# Files without an exception share runs, one file each otherwise.
	while IFS= read -r file; do
		ignore=$(patch_ignores "$file")
		[[ $ignore == none ]] || checkpatch "$tree" "$ignore" "$file"
	done <"$work/patch"
	while IFS= read -r file; do
		[[ $(patch_ignores "$file") != none ]] || echo "$file"
	done <"$work/patch" |
		xargs -r -P "$(nproc)" -n 4 \
			bash -c 'checkpatch "$@"' checkpatch "$tree" none
	note "$(wc -l <"$work/patch") files, Linux $("$here/kernel.sh" version newest)"
}

# ---- kernel-doc ----

kernel_doc() { # tree files...
	local tree=$1
	shift
	PYTHONDONTWRITEBYTECODE=1 python3 "$tree/scripts/kernel-doc" \
		-none -Wall "$@" 2>&1 | awk '!seen[$0]++' || true
}

check_kdoc() {
	local tree files
	tree=$("$here/kernel.sh" source newest | tail -n 1)
	mkdir -p "$work/style"
	cp qemu/check/bugs.c.in "$work/style/bugs.c"
	kernel_doc "$tree" "$work/style/bugs.c" |
		grep "'y' not described" >/dev/null || {
		echo "kernel-doc does not find the planted bug"
		return 1
	}
	# A file without any such comment is no finding.
	mapfile -t files < <(files_like \
		'^include/.*\.h$|^module/.*\.[ch]$|^kunit/.*\.[ch]$' |
		xargs -r grep -lE '^\s*/\*\*$')
	note "${#files[@]} files with kernel-doc comments"
	((${#files[@]} == 0)) || kernel_doc "$tree" "${files[@]}"
}
