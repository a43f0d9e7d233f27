#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Each suite runs in one guest, known or not: tests of split.py."""

import fnmatch
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import split			# noqa: E402 (needs the path)

ROUNDS = 300
PASSED = FAILED = 0


def check(what, good):
    global PASSED, FAILED
    PASSED, FAILED = PASSED + bool(good), FAILED + (not good)
    if not good:
        print(f"  FAIL split: {what}")


def homes(parts, name):
    return [i for i, members in enumerate(parts) for glob in split.globs(members)
            if fnmatch.fnmatchcase(name, glob)]


def one_home(times, without, parts, names):
    """All names have one part, and those that are left out have none."""
    planned = split.plan(split.Pieces(times, without), [5.0] + [0.0] * (parts - 1))
    wrong = [name for name in names
             if len(homes(planned, name)) != (not (without and name.startswith(without)))]
    return len(planned) == parts and not wrong


def real():
    path = os.path.join(os.path.dirname(HERE), "times")
    for column in split.COLUMNS:
        times = split.column_of(path, column)
        names = list(times) + [f"{name}_more" for name in times]
        for parts in (1, 2, 3, 5, 8):
            for without in ("", split.RACES):
                check(f"{column}, {parts} parts, without '{without}'",
                      one_home(times, without, parts, names))


def invented():
    """Names that are the start of each other, and seconds that cut deep."""
    dice = random.Random(1)
    for number in range(ROUNDS):
        words = ["".join(dice.choice("ab_") for _ in range(dice.randint(1, 4)))
                 for _ in range(dice.randint(1, 12))]
        names = {split.PREFIX + word for word in words} | {split.RACES + "a"}
        times = {name: dice.choice((0.0, 1.0, 30.0)) for name in names}
        check(f"invented names {number}", one_home(times, split.RACES, dice.randint(1, 4),
                                                   sorted(names)))


def main():
    real()
    invented()
    print(f"{PASSED} passed, {FAILED} failed, 0 skipped")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
