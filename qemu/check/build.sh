# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The checks that build our modules: gcc, clang, sparse.  Sourced by
# qemu/check.sh.
# shellcheck disable=SC2154 # here, root and work are set by check.sh
#
# gcc and sparse look at the modules of the tests (see modules.sh), so that these are not
# built for the checks alone. The others have a mirror: one that was built without a
# finding is kept and built incrementally next time.  One that had findings, or was
# interrupted, is built from scratch: make would not print the warnings of an
# up-to-date object again.

# The kernel that each role is built with for the tests.
kernel_dir() { # role
	case $1 in
	quick) "$here/kernel.sh" build newest um-debug ;;
	default) "$here/kernel.sh" build default debug ;;
	*) "$here/kernel.sh" build "$1" plain ;;
	esac | tail -n 1
}

version_of() { # role
	"$here/kernel.sh" version "${1/quick/newest}"
}

# All options of our Kconfig: CONFIG_X=m for tristate, CONFIG_X=y for bool.
all_options() {
	awk '$1 == "config" || $1 == "menuconfig" { name = $2 }
	     $1 == "tristate" { print "CONFIG_" name "=m" }
	     $1 == "bool" || $1 == "def_bool" { print "CONFIG_" name "=y" }
	' "$root/Kconfig"
}

# Brings the mirror up to date: a symlink per file.  A file that went away may
# have left an object, which make would take for a source: start again then.
mirror() { # dir
	local dir=$1 file
	if [[ -e $dir/.dirty ]] || stale_links "$dir"; then
		rm -rf "$dir"
	fi
	mkdir -p "$dir"
	: >"$dir/.dirty"
	while IFS= read -r file; do
		[[ -L $dir/$file ]] && continue
		mkdir -p "$dir/$(dirname "$file")"
		ln -s "$root/$file" "$dir/$file"
	done < <(mirror_files)
}

mirror_files() {
	files_like '^(Makefile|Kconfig)$|^(module|include|kunit)/'
}

stale_links() { # dir
	local dir=$1
	[[ -d $dir ]] || return 1
	comm -13 <(mirror_files | sort) \
		 <(cd "$dir" && find . -type l | cut -c3- | sort) |
		grep . >/dev/null
}

mirror_clean() { # dir
	rm -f "$1/.dirty"
}

kmake() { # kernel-dir dir args...
	local kernel=$1 dir=$2
	shift 2
	make -k -C "$kernel" M="$dir" -j"$(nproc)" --no-print-directory "$@" 2>&1
}

# What counts in the output of a build.  A diagnostic in a header of the
# kernel counts too: a wrong printk() format of ours is reported there.
# make's own lines only repeat that there was an error.
findings() {
	grep -E '[Ww]arning:|WARNING|[Ee]rror:|ERROR' | grep -v '^make' |
		grep -vE "${expected:-^\$}" || true
}

# Which file it is in does not matter: the position may be that of an inline
# function of the kernel.
uses_guard() { # function
	local sources
	mapfile -t sources < <(mirror_files | grep '\.[ch]$')
	awk -v name="$1" '
		!inside && /^[a-z]/ && index($0, name "(") && !/;$/ { inside = 1 }
		inside && /guard\(/ { found = 1 }
		/^}/ { inside = 0 }
		END { exit !found }' "${sources[@]}"
}

# sparse does not know that guard() unlocks at the end of the scope, so what it
# says of the lock balance holds only for functions without one.
without_guards() {
	local line
	while IFS= read -r line; do
		if [[ $line =~ "context imbalance in '"([a-z0-9_]+)"'" ]]; then
			! uses_guard "${BASH_REMATCH[1]}" || continue
		fi
		printf '%s\n' "$line"
	done
}

# Builds, and prints the findings.  A build that fails without a recognised
# line shows its end.
build_findings() { # kernel-dir dir args...
	local log=$2/.log rc=0
	kmake "$@" >"$log" || rc=$?
	tell_findings "$log" "$rc"
}

tell_findings() { # log, exit code of make
	local found
	found=$(findings <"$1" | sort -u | without_guards)
	if [[ -n $found ]]; then
		printf '%s\n' "$found"
	elif (($2)); then
		tail -n 10 "$1"
	else
		return 0
	fi
	return 1
}

# The same build of the planted bug must have a finding that matches.
planted() { # kernel-dir pattern args...
	local kernel=$1 pattern=$2 dir
	shift 2
	dir=$work/planted
	rm -rf "$dir"
	mkdir -p "$dir"
	cp "$here/check/bugs.c.in" "$dir/bugs.c"
	echo 'obj-m += bugs.o' >"$dir/Kbuild"
	kmake "$kernel" "$dir" "$@" bugs.o >"$dir/.log" || true
	findings <"$dir/.log" | grep -e "$pattern" >/dev/null || {
		echo "the planted bug was not found ($pattern): the tool did not run"
		tail -n 5 "$dir/.log"
		return 1
	}
}

# One build of ours with one set of flags.  The options are an array so that
# an empty set is possible.
check_build() { # role name planted-pattern flags... -- options...
	local role=$1 name=$2 pattern=$3 kernel dir flags=()
	shift 3
	while [[ $1 != -- ]]; do
		flags+=("$1")
		shift
	done
	shift
	kernel=$(kernel_of "$role" "$name")
	planted "$kernel" "$pattern" "${flags[@]}"
	dir=$work/$name
	mirror "$dir"
	build_findings "$kernel" "$dir" "${flags[@]}" "$@"
	built "$dir"
	mirror_clean "$dir"
	note "Linux $(version_of "$role"), $modules modules"
}

# The modules of the tests, built or looked at with these arguments.
check_modules() { # role, planted-pattern, arguments of modules.sh...
	local role=$1 pattern=$2 kernel dir rc=0 machine=()
	shift 2
	kernel=$(kernel_dir "$role")
	[[ $role != quick ]] || mapfile -t machine < <(um_make_args "$kernel")
	planted "$kernel" "$pattern" W=1 "${machine[@]}" "$@"
	dir=$("$here/modules.sh" "$kernel" "$@" 2>/dev/null) || rc=$?
	tell_findings "$dir/build.log" "$rc"
	built "$dir"
	note "Linux $(version_of "$role"), $modules modules"
}

kernel_of() { # role name
	case $2 in
	clang-*) "$here/kernel.sh" prepare "$1" clang | tail -n 1 ;;
	gcc-sid) "$here/kernel.sh" prepare "$1" gcc | tail -n 1 ;;
	*) kernel_dir "$1" ;;
	esac
}

built() { # dir; sets modules
	modules=$(find "$1" -name '*.ko' | wc -l)
	((modules > 0)) || {
		echo "nothing was built"
		return 1
	}
}

check_gcc() { # role
	check_modules "$1" 'unused-but-set'
}

check_bare() { # role
	check_build "$1" gcc-bare 'unused-but-set' W=1 -- CONFIG_IO_TARGET=m
}

# ---- sparse: C=2 where gcc has built, which is not built again ----

# Newer kernels have a script that tells whether sparse can parse them; make
# only prints a warning then, and checks nothing.
sparse_capable() { # role
	local tester
	tester=$("$here/kernel.sh" source "$1" | tail -n 1)/scripts/checker-valid.sh
	[[ ! -e $tester ]] || [[ $("$tester" sparse) == 1 ]]
}

check_sparse() { # role
	sparse_capable "$1" ||
		skip "sparse $(sparse --version) cannot parse Linux $("$here/kernel.sh" version "$1")"
	check_modules "$1" 'dereference of noderef' C=2
}

# ---- where no kernel has been built ----

# modpost does not know the symbols of such a kernel.
check_prepared() { # role, name, flags...
	local role=$1 name=$2
	shift 2
	mapfile -t options < <(all_options)
	expected='Module.symvers is missing|suppressed [0-9]+ unresolved|Symbol version dump|modpost: .* undefined!$'
	check_build "$role" "$name" 'unused-but-set' W=1 "$@" KBUILD_MODPOST_WARN=1 -- \
		"${options[@]}"
}

check_sid() { # role
	check_prepared "$1" gcc-sid
}

check_clang() { # role
	local tree have need
	command -v clang >/dev/null || skip "no clang is installed"
	tree=$("$here/kernel.sh" source "$1" | tail -n 1)
	have=$(clang -dumpversion)
	need=$("$tree/scripts/min-tool-version.sh" llvm)
	[[ $(printf '%s\n' "$need" "$have" | sort -V | head -n 1) == "$need" ]] ||
		skip "Linux $("$here/kernel.sh" version "$1") needs clang $need, here is $have"
	check_prepared "$1" "clang-$1" CC=clang
}
