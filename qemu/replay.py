# SPDX-License-Identifier: GPL-2.0
"""Replay a log of dm-log-writes and look for acknowledged files at every mark.

Used by host.py. A mark "NAME:SHA256" says that the file NAME of the ext4 file system
had been synced by then: with the writes before the mark alone, and after e2fsck has
replayed the journal, it must be there with this checksum, and so must those of the
marks before it (a few of them are looked at each time).
"""

import hashlib
import os
import random
import shutil
import struct
import subprocess

MAGIC, VERSION = 0x6A736677736872, 1
FLUSH, FUA, DISCARD, MARK, METADATA = 1, 2, 4, 8, 16
ENTRY = struct.Struct("<QQQQ")
ENV = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")


class Lost(ValueError):
    """What a replay is for."""


def entries(log):
    """(sector size, sector, count, flags, data) for each entry of the log."""
    magic, version, count, size = struct.unpack("<QQQI", log.read(28))
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError("this is no log of dm-log-writes")
    at = size
    for _ in range(count):
        log.seek(at)
        sector, sectors, flags, length = ENTRY.unpack(log.read(ENTRY.size))
        at += size
        if flags & MARK:
            yield size, sector, 0, flags, log.read(length)
        elif flags & DISCARD:
            yield size, sector, sectors, flags, b""
        else:
            log.seek(at)
            at += sectors * size
            yield size, sector, sectors, flags, log.read(sectors * size)


def tool(*command):
    return subprocess.run(command, env=ENV, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def check(image, work, wanted):
    """wanted: {name: checksum} of what must be on the image when its power has gone."""
    tool("cp", "--sparse=always", image, work)
    fsck = tool("e2fsck", "-p", work)
    if fsck.returncode > 1:
        raise Lost(f"e2fsck: {fsck.stdout.decode(errors='replace').strip()[-300:]}")
    with open(work + ".commands", "w", encoding="ascii") as commands:
        for name in wanted:
            print(f"dump /{name} {work}.{name}", file=commands)
    tool("debugfs", "-f", commands.name, work)
    for name, checksum in wanted.items():
        data = b""
        if os.path.exists(f"{work}.{name}"):
            with open(f"{work}.{name}", "rb") as file:
                data = file.read()
            os.unlink(f"{work}.{name}")
        if hashlib.sha256(data).hexdigest() != checksum:
            raise Lost(f"{name} is {'gone' if not data else 'not what was synced'}")


def replay(log_path, base, directory):
    """Returns a line of figures; raises Lost at the first mark that does not hold."""
    image, work = (os.path.join(directory, name) for name in ("replayed.img", "look.img"))
    shutil.copyfile(base, image)
    seen, marks, writes, flushes = {}, 0, 0, 0
    with open(log_path, "rb") as log, open(image, "r+b", buffering=0) as disk:
        for size, sector, count, flags, data in entries(log):
            flushes += bool(flags & (FLUSH | FUA))
            if flags & MARK and b":" in data:
                name, _, checksum = data.rstrip(b"\0").decode().partition(":")
                wanted = dict(random.sample(sorted(seen.items()), min(3, len(seen))))
                seen[name] = wanted[name] = checksum
                try:
                    check(image, work, wanted)
                except Lost as lost:
                    raise Lost(f"at mark {name}: {lost}") from None
                marks += 1
            elif count:
                disk.seek(sector * size)
                disk.write(data if data else bytes(count * size))
                writes += 1
    return f"{marks} marks, {writes} writes, {flushes} with flush or FUA"
