#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Benchmark results, whole and damaged, and goals on both sides of their limits.

Ends with the counts.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import goals  # noqa: E402 (the path comes first)
import measured  # noqa: E402

PLAN = "# two\nmodules default\nrun disk=d cases=a,b\nmodules less\nrun disk=d cases=a\n"
CASE = ('{{"case":"{}","group":"g","device":"null","order":"random","size":4096,'
        '"depth":32,"min":{},"median":1.0}}\n')
GOOD = ('line 1 modules default\nline 2 run disk=d cases=a,b\n'
        '{"kernel":"k","request_bytes":384}\n' + CASE.format("a", 100.0) + CASE.format("b", 200.0)
        + 'line 3 modules less\nline 4 run disk=d cases=a\n' + CASE.format("a", 90.0) + 'end\n')

# name, what the guest said, how it ended, the problem (or none)
RESULTS = (
    ("whole", GOOD, "exit", None),
    ("timeout", GOOD, "timeout", "ended with: timeout"),
    ("cut", GOOD.replace("end\n", ""), "exit", "stopped at line 4 of 4"),
    ("nothing", None, "exit", "said nothing"),
    ("empty", "", "exit", "stopped at line 0 of 4"),
    ("a case is missing", GOOD.replace(CASE.format("b", 200.0), ""), "exit", "not measured: b"),
    ("a line without figures", GOOD.replace(CASE.format("a", 90.0), ""), "exit", "no figure"),
    ("the guest gave up", GOOD.replace("end\n", "failed line 4: no\n"), "exit", "line 4: no"),
    ("half a line", GOOD.replace('"median":1.0}', '"medi', 1), "exit", "no JSON"),
    ("a case failed", GOOD.replace("end\n", '{"case":"c","device":"d","size":1,"depth":1,'
                                   '"errno":-5}\nend\n'), "exit", "errno -5"),
)

SCALE = '{{"scale":"a","cpus":2,"alone":100,"together":{},"compute_alone":100,' \
        '"compute_together":{}}}\n'

# Two devices above the null one, on which a costs 100.
ADDED = "line 5 modules default\n" + "".join(
    CASE.format("a", cost).replace("null", device)
    for cost, device in ((120.0, "on"), (140.0, "beside")))

# name, goal, added to the result, on the newest kernel, verdict
GOALS = (
    ("at the limit", "1 a <= 0.50 b", "", True, "passed"),
    ("beyond the limit", "1 a <= 0.49 b", "", True, "failed"),
    ("with more", "1 a <= 0.49 b + 2", "", True, "passed"),
    ("an older kernel may need more", "1 a <= 0.49 b", "", False, "passed"),
    ("but not much", "1 a <= 0.48 b", "", False, "failed"),
    ("not reached, but held", "1 a <= 0.40 b held 0.50", "", True, "skipped"),
    ("not reached, and worse", "1 a <= 0.40 b held 0.49", "", True, "failed"),
    ("reached, and held", "1 a <= 0.50 b held 0.60", "", True, "passed"),
    ("the left is missing", "1 z <= 1.00 b", "", True, "failed"),
    ("the right is missing", "1 a <= 1.00 b/sequential", "", True, "failed"),
    ("another build", "1 a:less <= 0.90 a", "", True, "passed"),
    ("a fact", "1 request_bytes <= 384", "", True, "passed"),
    ("a worse fact", "1 request_bytes <= 383", "", True, "failed"),
    ("no such fact", "1 bytes <= 383", "", True, "failed"),
    ("two CPUs", "1 scale a >= 1.70", SCALE.format(170, 200), True, "passed"),
    ("two CPUs in the way", "1 scale a >= 1.70", SCALE.format(169, 200), True, "failed"),
    ("a busy machine", "1 scale a >= 1.70", SCALE.format(169, 150), True, "skipped"),
    ("nor by hand", "1 scale a >= 1.70", SCALE.format(169, 200)
     + SCALE.format(169, 200).replace('"a"', '"floor"'), True, "skipped"),
    ("but by hand", "1 scale a >= 1.70", SCALE.format(169, 200)
     + SCALE.format(170, 200).replace('"a"', '"floor"'), True, "failed"),
    ("two CPUs not measured", "1 scale a >= 1.70", "", True, "failed"),
    ("what is added, at the limit", "1 added a on <= 0.50 beside over null", ADDED, True, "passed"),
    ("and beyond it", "1 added a on <= 0.49 beside over null", ADDED, True, "failed"),
    ("on an older kernel", "1 added a on <= 0.49 beside over null", ADDED, False, "passed"),
    ("not there either", "1 added a on <= 0.48 beside over null", ADDED, False, "failed"),
    ("but held there", "1 added a on <= 0.40 beside over null older 0.50", ADDED, False, "skipped"),
    ("and not met there", "1 added a on <= 0.40 beside over null older 0.49", ADDED, False,
     "failed"),
    ("nor on the newest", "1 added a on <= 0.40 beside over null older 0.50", ADDED, True,
     "failed"),
    ("nothing on top", "1 added b on <= 1.00 beside over null", ADDED, True, "failed"),
    ("a peer for nothing", "1 added a on <= 9.00 null over null", ADDED, True, "failed"),
    ("a build without its floor", "1 build a less 5", "", True, "failed"),
)


def write(directory, name, text):
    path = os.path.join(directory, name)
    if text is not None:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    return path


def run(directory, result, status="exit"):
    """The files of a run, read."""
    return measured.Run(write(directory, "plan", PLAN), write(directory, "result", result),
                        write(directory, "status", status + "\n"))


def try_result(result, status, want):
    with tempfile.TemporaryDirectory() as directory:
        problems = run(directory, result, status).problems
    if want is None:
        return not problems
    return any(want in problem for problem in problems)


def try_goal(goal, more, newest, want):
    with tempfile.TemporaryDirectory() as directory:
        data = run(directory, GOOD.replace("end\n", more + "end\n"))
        path = os.path.join(directory, "json")
        measured.save(path, data, {})
        goals.FILE = write(directory, "goals", "# one\n" + goal + "\n")
        verdicts = goals.hold(measured.Figures(path), newest)
    return [v.verdict for v in verdicts] == [want]


def main():
    good = bad = 0
    for test, args in [(try_result, r) for r in RESULTS] + [(try_goal, g) for g in GOALS]:
        if test(*args[1:]):
            good += 1
        else:
            bad += 1
            print(f"  FAIL  {args[0]}: wanted {args[-1]}")
    print(f"{good} passed, {bad} failed, 0 skipped")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
