#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Kernel configurations from the fragments in configs/. Source it after lib.sh.
#
# A fragment line may end in "# since X.Y" or "# until X.Y" (inclusive): it
# counts only for kernels in that range.

# um-*: of the user-mode kernel, which shares nothing with the machines.
CONFIG_PROFILES='plain debug um-plain um-debug'

# config_profile <profile>: is there one of that name?
config_profile() {
	case " $CONFIG_PROFILES " in
	*" $1 "*) ;;
	*) die "unknown PROFILE '$1'" "one of: $CONFIG_PROFILES" ;;
	esac
}

# config_fragments [profile]: the files that make it
config_fragments() {
	local dir=$QEMU_DIR/configs

	case ${1:-} in
	um-*) printf '%s\n' "$dir/um.config" "$dir/$1.config" ;;
	*) printf '%s\n' "$dir/base.config" "$dir/devices.config" ${1:+"$dir/$1.config"} ;;
	esac
}

# config_wanted <X.Y> [profile]: the lines that this kernel must end up with
config_wanted() {
	local fragments

	mapfile -t fragments < <(config_fragments "${2:-}")
	awk -v version="$1" '
	function number(s,   part) {
		split(s, part, ".")
		return part[1] * 1000 + part[2]
	}
	match($0, /# (since|until) [0-9.]+$/) {
		split(substr($0, RSTART + 2), range, " ")
		if (range[1] == "since" && number(version) < number(range[2]))
			next
		if (range[1] == "until" && number(version) > number(range[2]))
			next
		$0 = substr($0, 1, RSTART - 1)
	}
	{ sub(/[ \t]+$/, "") }
	/^CONFIG_|^# CONFIG_.* is not set$/
	' "${fragments[@]}"
}

# config_make <source> <build dir> <make args>...: allnoconfig plus the lines in
# <build dir>/wanted, all of which must survive
config_make() {
	local src=$1 out=$2 log=$2/config.log lost
	shift 2

	make -C "$src" O="$out" KCONFIG_ALLCONFIG="$out/wanted" "$@" allnoconfig \
		>"$log" 2>&1 || {
		show_failure "$log"
		die "the kernel could not be configured" "look at $log"
	}
	# kconfig says nothing when a dependency takes a symbol away
	lost=$(config_lost "$out/wanted" "$out/.config")
	[ -z "$lost" ] || {
		rm -f "$out/.config"
		die "the kernel's Kconfig did not keep:
$lost" "correct qemu/configs/, or limit the line with '# since X.Y' or '# until X.Y'"
	}
}

# config_lost <wanted> <.config>: lines of the first that the second lacks
config_lost() {
	awk '
	{ name = /^# CONFIG_/ ? $2 : substr($0, 1, index($0, "=") - 1) }
	!/^CONFIG_|^# CONFIG_/ { next }
	NR == FNR { wanted[name] = $0; next }
	{ have[name] = $0 }
	END {
		for (name in wanted) {
			off = wanted[name] ~ /is not set$/
			if (off ? have[name] ~ /=/ : have[name] != wanted[name])
				printf "       %s (it has: %s)\n", wanted[name],
					have[name] ? have[name] : "nothing"
		}
	}' "$1" "$2" | sort
}
