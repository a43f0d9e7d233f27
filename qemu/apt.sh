#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Debian packages of any suite without touching the machine's apt: lists, cache
# and source list are our own, below the cache directory, one set per suite.
# Works as any user. The mirror is the one that the machine itself uses;
# signatures are checked against Debian's archive keyring.
#
# Source it after lib.sh:
#   apt_update <suite> [minutes]          fetch the lists, unless that new
#   apt_cache <suite> <args>...           apt-cache on them
#   apt_download <suite> <dir> <pkg>...   the .deb files of packages

APT_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_entries <etc dir>: "uri suites ; components" per enabled binary entry, of
# both formats of source lists
apt_entries() {
	local file

	for file in "$1"/sources.list "$1"/sources.list.d/*.list; do
		[ ! -r "$file" ] || sed -nE -e 's/#.*//' -e 's/\[[^]]*\]//' \
			-e 's/^[ \t]*deb[ \t]+([^ \t]+)[ \t]+([^ \t]+)[ \t]+(.*)/\1 \2 ; \3/p' \
			"$file"
	done
	for file in "$1"/sources.list.d/*.sources; do
		[ ! -r "$file" ] || { cat "$file" && echo; } | apt_stanzas
	done
}

# apt_stanzas: the same from deb822 stanzas: folded fields, several URIs
apt_stanzas() {
	awk '
	function flush(   i, n, uri) {
		if (f["types"] ~ /(^| )deb( |$)/ && f["enabled"] !~ /^ *(no|false)/) {
			n = split(f["uris"], uri, " ")
			for (i = 1; i <= n; i++)
				print uri[i], f["suites"], ";", f["components"]
		}
		split("", f)
		field = ""
	}
	/^#/ { next }
	/^[ \t]*$/ { flush(); next }
	/^[ \t]/ { f[field] = f[field] " " $0; gsub(/[ \t]+/, " ", f[field]); next }
	{
		field = tolower(substr($0, 1, index($0, ":") - 1))
		f[field] = substr($0, index($0, ":") + 1)
		gsub(/[ \t]+/, " ", f[field])
	}
	END { flush() }'
}

# apt_mirrors <etc dir>: URIs of the entries for the host's own release, main.
# Security, updates and most third-party entries have other suites; what is
# left and is not Debian's fails the signature check.
apt_mirrors() {
	local codename

	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt_entries "$1" | awk -v codename="$codename" '
	{
		own = component = after = 0
		for (i = 2; i <= NF; i++) {
			after = after || $i == ";"
			own = own || (!after && $i == codename)
			component = component || (after && $i == "main")
		}
	}
	own && component && !seen[$1]++ { print $1 }'
}

# apt_options <suite>: our own configuration, read after the host's (which may
# name a proxy), whose hooks around an update are not for us
apt_options() {
	local dir

	dir=$(cache_dir "apt/$1")
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	cat >"$dir/apt.conf" <<-END
		Dir::State "$dir";
		Dir::State::Lists "$dir/lists";
		Dir::State::status "/var/lib/dpkg/status";
		Dir::Cache "$dir";
		Dir::Cache::Archives "$dir/archives";
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "-";
		APT::Sandbox::User "$(id -un)";
		Acquire::Languages "none";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	END
	printf '%s\n' "$dir/apt.conf"
}

apt_cache() {
	local suite=$1
	shift
	apt-cache -c "$(apt_options "$suite")" "$@"
}

# apt_try <suite> <uri>: the lists from one mirror
apt_try() {
	local conf log status=0

	conf=$(apt_options "$1")
	log=${conf%/*}/update.log
	printf 'deb [signed-by=%s] %s %s main\n' "$APT_KEYRING" "$2" "$1" \
		>"${conf%/*}/sources.list"
	PROGRESS_LOG=$log with_progress "package lists of $1" 0 \
		apt-get -c "$conf" -q update || status=$?
	# apt calls a failed signature a warning as long as it has older lists
	if grep -qE 'NO_PUBKEY|Missing key' "$log"; then
		die "the machine does not know the key that signs suite $1" \
			"update the package debian-archive-keyring: apt-get install debian-archive-keyring"
	fi
	! grep -qE '^W: (An error occurred|Failed to fetch)|^E: ' "$log" || status=1
	return "$status"
}

# apt_update <suite> [minutes]: lists, unless they are newer than so many
# minutes. Says no (status 1) if no mirror has them.
apt_update() {
	local suite=$1 stamp

	stamp=$(cache_dir "apt/$suite")/updated
	fresh "$stamp" "${2:-60}" ||
		lock_run "apt-$suite" apt_update_locked "$suite" "$stamp" "${2:-60}"
}

apt_update_locked() {
	local suite=$1 stamp=$2 uri mirrors

	if fresh "$stamp" "$3"; then
		return 0		# the run that we waited for did it
	fi
	[ -r "$APT_KEYRING" ] || die "$APT_KEYRING is missing" \
		"run: apt-get install debian-archive-keyring"
	mapfile -t mirrors < <(apt_mirrors /etc/apt)
	[ "${#mirrors[@]}" -gt 0 ] ||
		die "/etc/apt has no entry for this Debian release with component main" \
			"add one, or use KERNEL_SRC=<kernel tree>"
	for uri in "${mirrors[@]}"; do
		if apt_try "$suite" "$uri"; then
			touch "$stamp"
			return 0
		fi
	done
	return 1
}

# apt_fetch <conf> <dir> <package>...: in the directory, as apt wants it
apt_fetch() {
	local conf=$1
	cd "$2" || return
	shift 2
	apt-get -c "$conf" -q download "$@"
}

# apt_download <suite> <dir> <package>...
apt_download() {
	local suite=$1 dir=$2
	shift 2

	with_progress "download of $1" 0 \
		apt_fetch "$(apt_options "$suite")" "$dir" "$@" ||
		die "could not download $* (suite $suite)" \
			"is the network there? lists that are too old go with: rm -r $(cache_dir "apt/$suite")"
}
