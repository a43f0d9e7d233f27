#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Progress of guests that run, for people: live.py PID FILE [PID FILE]...

FILE is the kernel log of the guest (or what boots it) PID. One line that moves on a
terminal; a line every 30 s elsewhere. Ends when all of them have.
"""

import os
import sys
import time

from ktap import Ktap, Log, plural, since_begin

EVERY = 30		# seconds
TICK = 0.1


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Guest:
    def __init__(self, pid, path):
        self.pid, self.path, self.size = int(pid), path, 0
        self.seen, self.text = 0, "booting"

    def look(self):
        """Reads the log again if there is more of it."""
        if os.path.exists(self.path) and os.path.getsize(self.path) != self.size:
            self.size = os.path.getsize(self.path)
            log = Log(self.path)
            ktap = Ktap(log.lines)
            marks = [t[5:] for _, t in since_begin(log.lines)[1:] if t.startswith("iot: ")]
            self.seen = len(ktap.cases) + sum(len(g.cases) for g in ktap.groups.values())
            self.text = ktap.where()[0] or (marks[-1] if marks else "starting")
        if not alive(self.pid):
            self.text = ""


def line_of(guests, seconds):
    for guest in guests:
        guest.look()
    seen = plural(sum(guest.seen for guest in guests), "case")
    text = ", ".join(guest.text.removeprefix("io_target_") for guest in guests if guest.text)
    return f"  {'guest' if len(guests) == 1 else 'guests':<8} {seconds:3.0f} s  {seen}  {text}"


def show(guests):
    """What is shown is read, and no more often: the guests need the CPUs."""
    tty, begun = sys.stderr.isatty(), time.monotonic()
    said = begun
    while any(alive(guest.pid) for guest in guests):
        time.sleep(TICK)
        now = time.monotonic()
        if tty and now - said >= 1:
            sys.stderr.write(f"\r{line_of(guests, now - begun)[:78]:<78}")
            sys.stderr.flush()
            said = now
        elif now - said >= EVERY:
            print(line_of(guests, now - begun), file=sys.stderr, flush=True)
            said = now
    if tty:
        sys.stderr.write(f"\r{'':78}\r")


if __name__ == "__main__":
    words = sys.argv[1:]
    show([Guest(pid, path) for pid, path in zip(words[::2], words[1::2])])
