#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# programs.sh - the programs that the scenarios use, with their libraries.
#
# They are Debian's, of this machine's release: fetched with an apt state of our own
# and unpacked in the cache, nothing is installed. fio is built from its source
# package: Debian's loads the clients of half a dozen network stores first, and under
# emulation that takes longer than a short job. The last line on stdout is the
# directory, which holds
#   guest.img   a read-only ext4 image with bin/ and lib/, for the guest's /opt
#   nbdkit      runs that program on this machine
#   root/       the unpacked packages

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$QEMU_DIR/apt.sh"

# mke2fs lives there, and a plain user's PATH may not.
PATH=$PATH:/usr/sbin:/sbin

packages=(e2fsprogs util-linux mount fdisk dmsetup nbd-client nbdkit perl-base mdadm
	bcache-tools cryptsetup-bin sg3-utils smartmontools)
fio_needs=(libaio1 libaio-dev zlib1g-dev)

# Of the guest; each is looked up below the unpacked packages.
programs=(mke2fs e2fsck resize2fs debugfs dumpe2fs mount umount losetup blkdiscard blockdev
	blkzone sfdisk fsfreeze setpriv dmsetup nbd-client perl mdadm make-bcache veritysetup
	sg_persist smartctl)

# Debian 13 calls some of the libraries by other names.
aio_packages() {
	local name
	for name in "${fio_needs[@]}"; do
		if [[ -n $(apt_cache "$1" search --names-only "^$name$") ]]; then
			echo "$name"
		else
			echo "${name}t64"
		fi
	done
}

# apt as on a machine on which nothing is installed: otherwise it insists on the
# versions that are, which may come from another suite.
apt_bare() { # suite, arguments
	local conf
	conf=$(apt_options "$1")
	shift
	apt-get -c "$conf" -o Dir::State::status=/dev/null -q "$@"
}

# Everything that the packages need, and what fio is linked with.
closure() { # suite
	apt_bare "$1" -s --no-install-recommends install "${packages[@]}" |
		sed -n 's/^Inst \([^ ]*\) .*/\1/p'
	aio_packages "$1"
}

download() { # suite, dir, packages
	cd "$2" && apt_bare "$1" download "${@:3}"
}

unpack() { # debs, root
	local deb
	for deb in "$1"/*.deb; do
		dpkg-deb -x "$deb" "$2"
	done
	# What the packages of a merged /usr expect to find there.
	for deb in bin sbin lib lib64; do
		[[ -e $2/$deb ]] || ln -s "usr/$deb" "$2/$deb"
	done
}

# The lists of an entry of its own: the machine has none of sources.
fio_source() { # suite, dir
	local conf options
	conf=$(apt_options "$1")
	mkdir -p "$2/lists/partial"
	sed 's/^deb /deb-src /' "${conf%/*}/sources.list" >"$2/sources.list"
	options=(-c "$conf" -q -o "Dir::State::Lists=$2/lists"
		-o "Dir::Etc::sourcelist=$2/sources.list")
	apt-get "${options[@]}" update &&
		(cd "$2" && apt-get "${options[@]}" --download-only source fio) &&
		mkdir -p "$2/fio" &&
		find "$2" -name 'fio_*.orig.tar.*' ! -name '*.asc' -exec \
			tar -x --strip-components=1 -C "$2/fio" -f {} ';'
}

# Without the engines that need somebody's server.
fio_build() { # dir, root
	local lib=("$2"/usr/lib/*-linux-gnu)
	export C_INCLUDE_PATH=$2/usr/include LIBRARY_PATH=${lib[0]}
	cd "$1" &&
		./configure --build-static --disable-native --disable-numa --disable-rdma \
			--disable-rados --disable-rbd --disable-http --disable-gfapi \
			--disable-libnfs --disable-dfs --disable-xnvme --disable-libzbc \
			--disable-pmem --disable-tcmalloc --disable-shm &&
		make -j"${JOBS:-$(nproc)}" fio && strip fio
}

# loader <root>: the dynamic linker of the unpacked packages
loader() {
	local found=("$1"/lib64/ld-linux-*.so.* "$1"/usr/lib64/ld-linux-*.so.*)
	local file
	for file in "${found[@]}"; do
		if [[ -e $file ]]; then
			realpath "$file"
			return
		fi
	done
	die "the package libc6 has no dynamic linker in lib64" "teach qemu/programs.sh"
}

library_path() { # root
	local dirs=("$1"/usr/lib/*-linux-gnu "$1"/lib/*-linux-gnu)
	(IFS=:; echo "${dirs[*]}")
}

# find_program <root> <name>
find_program() {
	local dir
	for dir in usr/sbin usr/bin sbin bin; do
		if [[ -x $1/$dir/$2 ]]; then
			echo "$1/$dir/$2"
			return
		fi
	done
	die "no package has the program $2" "see the list in qemu/programs.sh"
}

# What the dynamic linker would load, by its own account.
pack() { # root, tree
	local name file
	mkdir -p "$2/bin" "$2/lib"
	for name in "${programs[@]}"; do
		file=$(find_program "$1" "$name")
		cp -L "$file" "$2/bin/$name"
		"$loader" --library-path "$libraries" --list "$file" |
			sed -n 's/^.* => \(\/[^ ]*\) .*/\1/p'
	done | sort -u | xargs -I{} cp -L {} "$2/lib/"
	cp -L "$loader" "$2/lib/"
	ln -s mke2fs "$2/bin/mkfs.ext4"
}

make_image() { # tree, image
	local size
	size=$(du -sm "$1" | cut -f1)
	truncate -s $((size + size / 4 + 4))M "$2"
	mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$1" "$2"
}

make_all() { # suite, dir
	local work=$2.new loader libraries
	rm -rf "$work"
	mkdir -p "$work"/{debs,root,source}
	mapfile -t names < <(closure "$1")
	((${#names[@]} > 20)) || die "apt does not know ${packages[*]} of suite $1" \
		"is component main in /etc/apt?"
	(with_progress "download of the programs" 0 download "$1" "$work/debs" "${names[@]}") ||
		die "could not download the programs" "is the network there?"
	unpack "$work/debs" "$work/root"
	with_progress "source of fio" 0 fio_source "$1" "$work/source" ||
		die "the mirror has no source of fio (suite $1)" "is the network there?"
	(with_progress "building fio" 0 fio_build "$work/source/fio" "$work/root") ||
		die "fio does not build"
	loader=$(loader "$work/root")
	libraries=$(library_path "$work/root")
	pack "$work/root" "$work/tree"
	cp "$work/source/fio/fio" "$work/tree/bin/"
	make_image "$work/tree" "$work/guest.img"
	rm -rf "$work"/{debs,source,tree} "$work"/root/usr/share/{doc,man,locale,i18n}
	mv "$work" "$2"
	loader=$(loader "$2/root")
	printf '#!/bin/sh\nexec %q --library-path %q %q "$@"\n' "$loader" \
		"$(library_path "$2/root")" "$(find_program "$2/root" nbdkit)" >"$2/nbdkit"
	chmod 755 "$2/nbdkit"
}

make_once() { # suite, dir
	[[ ! -e $2/nbdkit ]] || return 0
	step "fetching the programs of the scenarios: fio, ${packages[*]}"
	apt_update "$1" 1440 || die "no mirror of this machine has suite $1" \
		"is the network there?"
	rm -rf "$2"
	make_all "$1" "$2"
}

main() {
	local suite dir
	# shellcheck source=/dev/null
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[[ -n $suite ]] || die "this Debian release has no codename"
	# What makes them is in this file: another one makes others.
	dir=$(cache_dir programs)/$suite-$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)
	lock_run programs make_once "$suite" "$dir" >&2
	printf '%s\n' "$dir"
}

main "$@"
