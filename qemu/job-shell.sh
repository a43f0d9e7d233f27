#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
#
# job-shell.sh - an interactive guest: a shell, the modules at hand.

cat <<'TEXT'

  Modules are in /modules:   insmod /modules/io_target.ko
                             insmod /modules/io_target_kunit.ko   (runs the suites)
                             insmod /modules/io_target_passthru.ko
                             cd /sys/kernel/config/io_target      (see module/passthru/README.md)
  Disks: two of 128 MiB virtio-blk, 64 MiB NVMe; the 8 bytes at offset N hold N.
  exit or ^D powers off; ^A x kills QEMU.

TEXT
ls -C /modules /dev/vd* /dev/nvme*n* 2>/dev/null
mount -t configfs configfs /sys/kernel/config 2>/dev/null
echo 7 >/proc/sys/kernel/printk
cd /modules || exit
# A terminal of its own, so that ^C works.
setsid cttyhack sh
