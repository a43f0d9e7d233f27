#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run a guest, and end it when it has had its time: timeout(1) for a busy host.

    patience.py SECONDS TICKS COMMAND...

A second counts for as much of it as the guest could run in, if it wanted to: when each
of its threads waits three seconds for a CPU for every second that it has one, the limit
takes four times as long. One that hangs without doing anything has all of its time.
TICKS is a FIFO that gets a line for each such second, so that the guest can count them,
too; one that is not there is no matter. Ends as the command does, with 128 + the signal if
that was killed, or with 124 if it was ended here.
"""

import os
import signal
import subprocess
import sys
import time


def waited(pid):
    """Nanoseconds that its threads have run, and waited to run."""
    ran = waits = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                words = file.read().split()
            ran, waits = ran + int(words[0]), waits + int(words[1])
    except (OSError, ValueError, IndexError):
        pass			# it ends, or this kernel does not count: real time then
    return ran, waits


def share(before, after):
    """How much of the time between two looks it could run, if it wanted to."""
    ran, waits = after[0] - before[0], after[1] - before[1]
    if ran <= 0 or waits <= 0:		# a thread that ended takes its times with it
        return 1.0
    return ran / (ran + waits)


class Ticks:
    """Never waits for the guest: what it does not read in time is lost."""

    def __init__(self, path):
        self.told = 0
        self.fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK) if os.path.exists(path) else None

    def tell(self, used):
        while self.fifo is not None and self.told + 1 <= used:
            self.told += 1
            try:
                os.write(self.fifo, b"\n")
            except BlockingIOError:
                pass


def watch(child, limit, ticks):
    used, then, before = 0.0, time.monotonic(), waited(child.pid)
    while used < limit:
        ticks.tell(used)
        try:
            return child.wait(1)
        except subprocess.TimeoutExpired:
            pass
        now, after = time.monotonic(), waited(child.pid)
        used += (now - then) * share(before, after)
        then, before = now, after
    return None


def end(child):
    """Not asked: a user-mode kernel would run more of itself, and no guest has anything to lose."""
    child.kill()
    child.wait()


def main(limit, ticks, *command):
    child = subprocess.Popen(command, close_fds=False)

    def stop(*_):
        end(child)
        sys.exit(143)

    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(number, stop)
    code = watch(child, float(limit), Ticks(ticks))
    if code is None:
        end(child)
        return 124
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
