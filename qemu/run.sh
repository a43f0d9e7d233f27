#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh - `make run`: the demo driver at work on a stock Debian kernel.
#
# The host makes a disk with known files in it, boots the distribution's own
# kernel with it in QEMU, lets the guest insert io_target.ko and the demo
# driver, and compares what they report with what the host knows.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# mke2fs and modprobe live there, and a plain user's PATH may not.
PATH=$PATH:/usr/sbin:/sbin

disk_mib=16
scratch_mib=8
limit=${LIMIT:-120}	# seconds for the guest; it needs about 10

# What the disk holds: text, numbers, and noise that is new in every run, so that
# no stale answer can pass.
make_files() {
	local dir=$1

	mkdir "$dir"
	echo "A file on the disk that the host made." >"$dir/hello.txt"
	seq 1 300000 >"$dir/numbers.txt"
	head -c $((disk_mib * 1024 * 1024 / 2)) /dev/urandom >"$dir/noise.bin"
}

make_disks() {
	make_files files
	truncate -s "${disk_mib}M" disk.img
	mke2fs -q -t ext4 -O ^has_journal -d files disk.img
	truncate -s "${scratch_mib}M" scratch.img
	sha256sum disk.img >expected
	(cd files && sha256sum -- *) >>expected
}

# Copy a module, without the compression that Debian 13 has.
copy_module() {
	case $1 in
	*.xz) xz -dc "$1" >"$2/$(basename "$1" .xz)" ;;
	*) cp "$1" "$2/" ;;
	esac
}

# Debian's modules for a virtio disk, in the order in which to insert them.
# Some of them are built in; modprobe knows which.
stock_modules() {
	local stock=$1 to=$2 path

	modprobe -a -d "$stock/root" -S "$(cat "$stock/version")" \
		--show-depends virtio_pci virtio_blk |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r path; do
			copy_module "$path" "$to"
			basename "$path" .xz
		done >"$to/order"
}

make_initramfs() {
	local stock=$1 modules=$2 root=initramfs

	mkdir -p $root/bin $root/modules
	cp "$(command -v busybox)" $root/bin/
	cp "$QEMU_DIR/run-init" $root/init
	chmod 755 $root/init
	cp "$QEMU_DIR/splats" $root/
	stock_modules "$stock" $root/modules
	cp "$modules/module/io_target.ko" "$modules"/module/demo/*.ko \
		$root/modules/
	(cd $root && find . | cpio --quiet -o -H newc -R 0:0) >initramfs.cpio
}

# One CPU: with two, what is measured is how soon the host's scheduler wakes the
# thread that emulates the idle one. The devices have a thread of their own.
boot() {
	local stock=$1

	python3 "$QEMU_DIR/peer.py" peer.sock "$limit" peer.result \
		qemu-system-x86_64 -nodefaults -no-user-config -display none \
		-machine pc -accel tcg -smp 1 -m 512 -no-reboot \
		-kernel "$stock/vmlinuz" -initrd initramfs.cpio \
		-append "earlyprintk=ttyS0,keep console=ttyS1 no_timer_check loglevel=7 panic=-1 rdinit=/init" \
		-chardev file,id=people,path=console.log \
		-device isa-serial,index=0,chardev=people \
		-chardev socket,id=peer,path=peer.sock \
		-device isa-serial,index=1,chardev=peer \
		-chardev file,id=report,path=report \
		-device isa-serial,index=2,irq=5,chardev=report \
		-drive if=none,id=disk,file=disk.img,format=raw,readonly=on \
		-device virtio-blk-pci,drive=disk \
		-drive if=none,id=scratch,file=scratch.img,format=raw \
		-device virtio-blk-pci,drive=scratch
}

run_in() {
	local work=$1 stock modules status=0

	stock=$("$QEMU_DIR/stock.sh" | tail -n 1)
	step "building the modules against $(cat "$stock/version")"
	modules=$("$QEMU_DIR/modules.sh" "$stock/build" | tail -n 1)
	cd "$work" || return
	rm -rf ./*
	step "making a disk of $disk_mib MiB with known files in it"
	make_disks
	make_initramfs "$stock" "$modules"
	step "booting $(cat "$stock/package") in QEMU (software emulation)"
	PROGRESS_LOG=$work/qemu.log with_progress "guest at work" 0 boot "$stock" ||
		status=$?
	sha256sum scratch.img >>expected
	python3 "$QEMU_DIR/report.py" "$work" "$status" "$(cat "$stock/package")"
}

main() {
	"$QEMU_DIR/deps.sh" run
	lock_run run run_in "$(cache_dir run)"
}

main "$@"
