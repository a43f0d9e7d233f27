#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The benchmark on the host's side: what the guest said, as files, tables and pictures.

bench.py watch RESULT PLAN PID            progress while the guest (PID) runs
bench.py collect PLAN DIR OUT KEY=VALUE.. a run directory into a JSON file
bench.py add JSON OTHER WHY               the two CPUs of OTHER; or WHY there are none
bench.py table JSON                       for people
bench.py plots JSON PREFIX                PREFIXdepth.svg, PREFIXfeatures.svg
bench.py markdown JSON...                 the tables of the README
bench.py check ROLE=JSON...               goals; ROLE=skip:why, ROLE=fail:why
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import goals
import markdown
import measured
import plots
import table
from live import alive


def watch(result, plan, pid):
    """One line that moves on a terminal; a line every 20 s elsewhere."""
    lines, begun = len(measured.plan_lines(plan)), time.monotonic()
    tty, said = sys.stderr.isatty(), begun
    while alive(int(pid)):
        time.sleep(0.5)
        done, figures = 0, 0
        if os.path.exists(result):
            with open(result, encoding="utf-8", errors="replace") as file:
                for line in file:
                    done += line.startswith("line ")
                    figures += line.startswith('{"case"') or line.startswith('{"scale"')
        now = time.monotonic()
        text = f"    guest {now - begun:4.0f} s, step {done} of {lines}, {figures} figures"
        if tty:
            sys.stderr.write(f"\r{text:<78}")
            sys.stderr.flush()
        elif now - said >= 20:
            print(text, file=sys.stderr, flush=True)
            said = now
    if tty:
        sys.stderr.write(f"\r{'':78}\r")


def collect(plan, directory, out, *facts):
    """0 if all came; else says what did not. What came is kept in any case."""
    run = measured.Run(plan, f"{directory}/result", f"{directory}/status")
    measured.save(out, run, dict(fact.split("=", 1) for fact in facts))
    for problem in run.problems:
        print(f"  problem  {problem}", file=sys.stderr)
    return 1 if run.problems else 0


def check(*kernels):
    """The last line counts, as all commands of the project do."""
    sums = {"passed": 0, "failed": 0, "skipped": 0}
    for kernel in kernels:
        role, what = kernel.split("=", 1)
        if what.startswith("skip:"):
            print(f"\n{role}: skipped: {what[5:]}")
            sums["skipped"] += goals.count(role == "newest")
            continue
        if what.startswith("fail:"):
            print(f"\n{role}: FAILED: {what[5:]}")
            sums["failed"] += 1
            continue
        figures = measured.Figures(what)
        print(f"\n{role}: {figures.data.get('kernel', 'no kernel')}")
        verdicts = goals.hold(figures, role == "newest")
        goals.table(verdicts)
        for v in verdicts:
            sums[v.verdict] += 1
    if sums["failed"]:
        print("\nall figures of a kernel: make bench KERNEL=<kernel>; the goals: qemu/bench/goals")
    print(", ".join(f"{n} {what}" for what, n in sums.items()))
    return 1 if sums["failed"] or not sums["passed"] else 0


def add_scale(main, other, why):
    """The figures of the second run into the file of the first."""
    with open(main, encoding="ascii") as file:
        data = json.load(file)
    if why:
        data["scale_skipped"] = why
    else:
        with open(other, encoding="ascii") as file:
            data["scale"] = json.load(file)["scale"]
    with open(main, "w", encoding="ascii") as out:
        out.write(measured.text(data))
    return 0


def show(path):
    table.report(measured.Figures(path))
    return 0


def readme(*paths):
    markdown.report([measured.Figures(path) for path in paths])
    return 0


def draw(path, prefix):
    plots.both(measured.Figures(path), prefix)
    return 0


COMMANDS = {"watch": watch, "collect": collect, "add": add_scale, "table": show,
            "plots": draw, "markdown": readme, "check": check}


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]) or 0)
