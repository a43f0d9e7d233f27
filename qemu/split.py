#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Which guest runs which suites.

    split.py all FILE COLUMN PARTS                all suites
    split.py cut FILE COLUMN PARTS [SECONDS]      all suites but the races
    split.py measure FILE COLUMN RUN...

FILE has a line "suite seconds seconds" for each suite: the columns are qemu and um (the
user-mode kernel). cut prints a line of globs for each part, as few as will do, since each
is a load of the module; the parts take about as long when the first one has SECONDS of other
work, and the last one the races (io_target_stress_*), which no glob chooses. A suite that
FILE does not know belongs to one of them, too.

measure takes the times from run directories (kmsg) and writes them into FILE.
"""

import os
import sys

from ktap import Ktap, Log, since_begin

COLUMNS = ("qemu", "um")
PREFIX = "io_target_"
RACES = PREFIX + "stress_"
ALPHABET = "0123456789_abcdefghijklmnopqrstuvwxyz"		# as bytes are sorted
FAIR = 1.07		# the longest part, against the mean of all
HEADER = """# SPDX-License-Identifier: GPL-2.0
#
# Seconds per suite, in QEMU (debug profile, one CPU) and in a user-mode kernel: what
# split.py cuts by. "make times" measures them again.
"""


def load(path):
    times = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words and words[0] != "#":
                times[words[0]] = dict(zip(COLUMNS, map(float, words[1:])))
    return times


def save(path, times):
    with open(path, "w", encoding="ascii") as file:
        file.write(HEADER)
        for name in sorted(times):
            cells = "".join(f" {times[name].get(c, 0):6.1f}" for c in COLUMNS)
            file.write(f"{name:<36}{cells}\n")


class Pieces:
    """The names, cut into what globs can tell apart: a prefix and the character after it.

    At first one piece for each character after io_target_; a piece that is too long for
    a fair split, or has something in it that is to be left out, is cut again at its next
    character.
    """

    def __init__(self, times, without):
        self.times = {name: times[name] for name in times
                      if not (without and name.startswith(without))}
        self.without = without
        self.prefixes = []
        self.expand(PREFIX)

    def seconds(self, prefix):
        return sum(self.times[name] for name in self.times if name.startswith(prefix))

    def expand(self, prefix):
        if prefix in self.prefixes:
            return
        self.prefixes.append(prefix)
        for char in ALPHABET:
            if self.without.startswith(prefix + char) and prefix + char != self.without:
                self.expand(prefix + char)

    def list(self):
        """Prefixes and exact names, each with its seconds."""
        found = {}
        for prefix in self.prefixes:
            if prefix in self.times:
                found[prefix + "\0"] = self.times[prefix]
            for char in ALPHABET:
                piece = prefix + char
                if piece not in self.prefixes and piece != self.without:
                    found[piece] = self.seconds(piece)
        return found

    def cut_longest(self):
        """False when what takes longest is one suite."""
        pieces = self.list()
        longest = max(pieces, key=pieces.get)
        inside = [name for name in self.times if name.startswith(longest)]
        if len(inside) < 2:
            return False
        common = os.path.commonprefix(inside)
        # With all that lies between the two, so that each character has its place
        for length in range(len(longest), len(common) + 1):
            self.expand(common[:length])
        return True


def share_out(pieces, others):
    """Longest first, each to the part that has least to do."""
    loads, members = list(others), [[] for _ in others]
    for piece in sorted(pieces, key=lambda piece: (-pieces[piece], piece)):
        part = loads.index(min(loads)) if pieces[piece] else 0
        loads[part] += pieces[piece]
        members[part].append(piece)
    return loads, members


def globs(members):
    """Those that differ in their last character alone are one glob."""
    chars, found = {}, []
    for piece in sorted(members):
        if piece.endswith("\0"):
            found.append(piece[:-1])	# a suite whose name is the start of others
        else:
            chars.setdefault(piece[:-1], []).append(piece[-1])
    for prefix, last in chars.items():
        found.append(f"{prefix}[{''.join(last)}]*")
    return found


def plan(pieces, others):
    """The members of each part, from pieces that are as large as a fair split allows.

    Others has the seconds that each part takes for something else.
    """
    while True:
        loads, members = share_out(pieces.list(), others)
        if max(loads) <= FAIR * sum(loads) / len(loads) or not pieces.cut_longest():
            return members


def column_of(path, column):
    return {name: cells.get(column, 0) for name, cells in load(path).items()}


def show(parts):
    for members in parts:
        print(" ".join(globs(members)))


def everything(path, column, parts):
    show(plan(Pieces(column_of(path, column), ""), [0.0] * int(parts)))


def cut(path, column, parts, ahead="0"):
    times, others = column_of(path, column), [0.0] * int(parts)
    others[0] += float(ahead)
    others[-1] += sum(times[name] for name in times if name.startswith(RACES))
    show(plan(Pieces(times, RACES), others))


def seconds_of(run):
    """What each suite took: from the end of the one before it to its own."""
    lines = since_begin(Log(os.path.join(run, "kmsg")).lines)
    ktap, found = Ktap(lines).finish(), {}
    for case in ktap.cases:
        suite = case.name.split(".")[0]
        if suite.startswith(PREFIX):
            found[suite] = found.get(suite, 0) + case.seconds
    return found


def measure(path, column, *runs):
    times = load(path) if os.path.exists(path) else {}
    found = {}
    for run in runs:
        for suite, seconds in seconds_of(run).items():
            found[suite] = found.get(suite, 0) + seconds
    for suite in found:
        times.setdefault(suite, {})[column] = found[suite]
    save(path, {name: times[name] for name in times if name in found})


if __name__ == "__main__":
    {"all": everything, "cut": cut, "measure": measure}[sys.argv[1]](*sys.argv[2:])
