#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn what the demo driver reported into the report of `make run`.

report.py DIRECTORY QEMU_STATUS PACKAGE

DIRECTORY holds report (the guest's records, one a line: a kind, then key=value
pairs; text= takes the rest of the line), expected (sha256sum lines of the
host), peer.result (what the echo peer heard on the console) and console.log.
Every checksum of the guest is compared with the host's. Exits with 1 if one
differs or is missing, or if the guest did not get to its end.
"""

import errno
import pathlib
import re
import sys

# Bits of /proc/sys/kernel/tainted that an out-of-tree, unsigned module sets.
TAINT_NORMAL = (1 << 12) | (1 << 13)

# How many records of each kind a whole run has: a chapter that says less than
# it should is a failure too.
COMPLETE = {"example": 2, "pass": 7, "scratch": 2, "stream": 2, "echo": 1,
            "delivered": 1, "provider": 1, "error": 11}


class Comparisons:
    """Counts what was compared, and remembers what differed."""

    def __init__(self):
        self.matched = 0
        self.different = []

    def check(self, good, what):
        """Note one comparison and return the word for the table."""
        if good:
            self.matched += 1
            return "yes"
        self.different.append(what)
        return "NO"


def parse(text):
    """Yield (kind, fields) for each line of the guest."""
    for line in text.splitlines():
        head, found, tail = line.strip().partition("text=")
        words = head.split()
        if not words:
            continue
        fields = dict(word.partition("=")[::2] for word in words[1:])
        if found:
            fields["text"] = tail
        yield words[0], fields


def load(directory):
    """Read the guest's records, the host's checksums and the peer's count."""
    def read(name):
        path = directory / name
        return path.read_text(errors="replace") if path.exists() else ""

    records, said = {}, []
    for kind, fields in parse(read("report")):
        # The library's own lines belong to what the driver reports next.
        if kind == "log":
            said.append(fields["text"])
            continue
        fields["log"], said = said, []
        records.setdefault(kind, []).append(fields)
    expected = {name.lstrip("*"): digest for digest, name in
                (line.split(None, 1) for line in read("expected").splitlines())}
    peer = next((fields for _, fields in parse("peer " + read("peer.result"))),
                {})
    return records, expected, peer


def size(count):
    """A number of bytes for people."""
    count = int(count)
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} B"


def seconds(record):
    """The time of a record; the clock's grain keeps it above zero."""
    return max(int(record["ns"]), 1) / 1e9


def table(head, rows):
    """Print rows in columns; columns of numbers are set flush right."""
    if not rows:
        print("    nothing")
        return
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head] + rows)
              for i in range(len(head))]
    numeric = [all(re.fullmatch(r"-|[\d.]+( [KMG]?i?B)?", row[i])
                   for row in rows) for i in range(len(head))]
    for row in [head] + rows:
        cells = [cell.rjust(width) if right else cell.ljust(width)
                 for cell, width, right in zip(row, widths, numeric)]
        print("    " + "  ".join(cells).rstrip())


def title(text):
    """A heading of the report."""
    print(f"\n  {text}")


def show_example(records, compare):
    """The driver that the README shows."""
    title("The README's example driver, inserted and removed")
    lines = records.get("example", [])
    for one in lines:
        print(f"    {one['text']}")
    compare.check(all(one["text"].endswith(" bytes") for one in lines),
                  "the example driver did not say what it read")


def describe(opened, block, served):
    """The properties of one device, in words."""
    path = opened["path"]
    if path in block:
        one = block[path]
        words = [f"{one['sector']} B sectors"]
        if int(one["max"]):
            words.append(f"{size(one['max'])} at once")
        words += [text for key, text in (("readonly", "read-only"),
                                         ("cache", "write cache"),
                                         ("discard", "discard"))
                  if one[key] == "1"]
        return ", ".join(words)
    one = served.get(path, {})
    words = [f"{what}: {one[what].replace('-', ' ')}"
             for what in ("reads", "writes") if one.get(what, "no") != "no"]
    return ", ".join((["a stream"] if one.get("stream") == "1" else []) + words)


def show_opened(records):
    """What was opened, and what the library found out about it."""
    title("What was opened")
    block, served = ({one["path"]: one for one in records.get(kind, [])}
                     for kind in ("block", "served"))
    rows = []
    for one in records.get("opened", []):
        rows.append([one["path"], one["backend"],
                     size(one["bytes"]) if int(one["bytes"]) else "-",
                     one["access"].replace(",", ", "),
                     describe(one, block, served)])
    table(["path", "backend", "size", "opened for", "properties"], rows)


def show_passes(records, expected, compare):
    """The whole disk, several times; the point of the exercise."""
    title("The whole disk through the blocking and the asynchronous path")
    passes = records.get("pass", [])
    rows = []
    for one in passes:
        took = seconds(one)
        good = compare.check(one["sha256"] == expected.get("disk.img"),
                             f"disk read {one['how']}, depth {one['depth']}")
        rows.append([one["how"].replace("-", " "), one["depth"],
                     one["requests"], size(one["chunk"]), f"{took:.3f}",
                     f"{int(one['requests']) / took:.0f}",
                     f"{int(one['bytes']) / took / (1 << 20):.1f}",
                     one["sha256"][:12], good])
    table(["path", "depth", "requests", "each", "seconds", "I/Os per s",
           "MiB/s", "sha256", "as on the host"], rows)
    show_gain(passes)


def show_gain(passes):
    """One sentence: what sending without waiting was worth."""
    rate = {(one["how"], int(one["depth"])):
            int(one["requests"]) / seconds(one) for one in passes}
    blocking = rate.get(("blocking", 1))
    best = max((key for key in rate if key[0] == "async"),
               key=rate.get, default=None)
    if blocking and best:
        print(f"    Sent as soon as ready, {best[1]} at a time, the same reads "
              f"ran at {rate[best] / blocking:.1f} times the rate of waiting "
              "for each.")


def show_files(records, expected, compare):
    """Files of the mounted disk, through the file backend."""
    rows = []
    for one in records.get("file", []):
        name = pathlib.PurePath(one["path"]).name
        good = compare.check(one["sha256"] == expected.get(name),
                             f"file {one['path']}")
        rows.append([one["path"], size(one["bytes"]), f"{seconds(one):.3f}",
                     one["sha256"][:12], good])
    names = [name for name in expected if not name.endswith(".img")]
    compare.check(len(rows) == len(names),
                  f"{len(names)} files on the disk, {len(rows)} were read")
    title("The files on that disk, mounted, each opened as a target")
    table(["file", "size", "seconds", "sha256", "as on the host"], rows)


def show_scratch(records, expected, compare):
    """Written, flushed, read back; and what the host finds afterwards."""
    title("The scratch disk: written, flushed, read back")
    rows, last = [], {}
    for one, last in zip(records.get("scratch", []), records.get("compare", [])):
        back = compare.check(last["sent"] == last["got"],
                             f"read back from {one['path']}, {one['how']}")
        took = seconds(one)
        rows.append([one["how"], one["depth"], size(one["bytes"]),
                     size(one["chunk"]), f"{took:.3f}",
                     f"{int(one['bytes']) / took / (1 << 20):.1f}",
                     last["sent"][:12], back])
    table(["path", "depth", "written", "each", "seconds", "MiB/s",
           "sha256", "same read back"], rows)
    good = compare.check(last.get("sent", "none") == expected.get("scratch.img"),
                         "the scratch disk as the host finds it")
    if rows:
        print("    As the host finds the disk after the guest has gone: "
              f"{'the same' if good == 'yes' else 'NOT the same'}")


def show_chars(records, peer, compare):
    """Character devices."""
    title("Character devices")
    rows = []
    for one in records.get("stream", []):
        good = compare.check(one["ok"] == "1", f"{one['path']}: {one['text']}")
        rows.append([one["path"], one["op"], size(one["bytes"]),
                     f"{seconds(one):.3f}", one["text"], good])
    heard = (peer.get("sha256", "") + ",").split(",")
    for one, at_peer in zip(records.get("echo", []), heard):
        same = one["sent"] == one["got"] == at_peer
        good = compare.check(same, f"the echo on {one['path']}")
        rows.append([one["path"], "write, read", size(one["bytes"]),
                     f"{seconds(one):.3f}", "came back from a peer on the host, "
                     f"{one['sent'][:12]}", good])
    for one, at_peer in zip(records.get("delivered", []), heard[1:]):
        same = one["sent"] == one["got"] == at_peer and one["dropped"] == "0"
        good = compare.check(same, f"the stream on {one['path']}")
        rows.append([one["path"], "stream", size(one["bytes"]),
                     f"{seconds(one):.3f}", f"delivered in {one['buffers']} pieces, "
                     f"{one['dropped']} dropped, {one['sent'][:12]}", good])
    compare.check(peer.get("console") == "1",
                  "the kernel has not printed to the console that was listened to")
    table(["path", "what", "bytes", "seconds", "result", "as expected"], rows)


def show_providers(records, compare):
    """Drivers that serve each other."""
    title("One driver asks another for something, by name")
    for one in records.get("provider", []):
        compare.check(one["own"] == one["got"], f"the answer of {one['name']}")
        print(f"    {one['name']}, ioctl {one['cmd']}: {one['in']} bytes in, "
              f"{one['out']} out: {one['got'][:12]} in {seconds(one) * 1e6:.0f} us")


def errno_name(number):
    """-22 -> -EINVAL; a count stays a count."""
    number = int(number)
    return f"-{errno.errorcode[-number]}" if -number in errno.errorcode \
        else str(number)


def show_errors(records, compare):
    """What a mistake gets."""
    title("What a mistake gets: an errno and a line in the kernel log")
    errors = records.get("error", [])
    width = max((len(one["text"]) for one in errors), default=0)
    for one in errors:
        good = compare.check(one["got"] == one["want"], one["text"])
        wanted = "" if good == "yes" else f"  NO: wanted {errno_name(one['want'])}"
        print(f"    {one['text'].ljust(width)}  {errno_name(one['got'])}{wanted}")
        for line in one["log"]:
            print(f"        {line}")


def check_guest(records, status, compare):
    """Did the guest get to its end, in good health?"""
    guest = {}
    for one in records.get("guest", []):
        guest.update(one)
    ended = {"124": "the guest did not end in time and was stopped"}
    compare.check(status == "0" and guest.get("result") == "done",
                  ended.get(status, "the guest did not get to its end"))
    for kind, count in COMPLETE.items():
        found = len(records.get(kind, []))
        compare.check(found == count,
                      f"{found} instead of {count} records '{kind}'")
    for one in records.get("failed", []):
        compare.check(False, f"the demo driver: {one['text']} "
                             f"({errno_name(one['errno'])})")
    for one in records.get("trouble", []):
        compare.check(False, f"the kernel's log: {one['text']}")
    if guest.get("error"):
        compare.check(False, f"the guest: {guest['text']}")
    bad = int(guest.get("tainted", 0)) & ~TAINT_NORMAL
    compare.check(not bad, f"the guest's kernel is tainted ({bad:#x})")


def excerpt(console):
    """Where the kernel complains or the driver gives up, or else the end."""
    lines = console.read_text(errors="replace").splitlines() \
        if console.exists() else []
    splats = pathlib.Path(__file__).with_name("splats").read_text()
    splat = re.compile("|".join(splats.split("\n")[:-1] +
                                ["io_target_demo: failed"]))
    for number, line in enumerate(lines):
        if splat.search(line):
            return "This is in the middle", lines[max(number - 2, 0):number + 30]
    return "The end", lines[-12:]


def verdict(directory, compare):
    """The last lines."""
    total = compare.matched + len(compare.different)
    if not compare.different:
        print(f"\n{total} comparisons, all as expected: io_target works on "
              "this kernel.")
        return 0
    print(f"\n{len(compare.different)} of {total} comparisons FAILED:")
    for what in compare.different:
        print(f"  - {what}")
    console = directory / "console.log"
    what, lines = excerpt(console)
    print(f"{what} of the guest's console:")
    for line in lines:
        print(f"  | {line.rstrip()}")
    print(f"All of it is in {console}, the driver's records in "
          f"{directory / 'report'}.")
    print("`make shell` gives a guest with the modules to try things by hand.")
    return 1


def main(directory, status, package):
    """Print the whole report."""
    records, expected, peer = load(directory)
    compare = Comparisons()
    guest = next(iter(records.get("guest", [])), {})
    print(f"\nio_target on {package} "
          f"({guest.get('kernel', 'did not start')}), software emulation")
    check_guest(records, status, compare)
    show_example(records, compare)
    show_opened(records)
    show_passes(records, expected, compare)
    show_files(records, expected, compare)
    show_scratch(records, expected, compare)
    show_chars(records, peer, compare)
    show_providers(records, compare)
    show_errors(records, compare)
    return verdict(directory, compare)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
