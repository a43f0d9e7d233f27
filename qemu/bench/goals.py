# SPDX-License-Identifier: GPL-2.0
"""The goals: read from the file `goals`, held against measurements."""

import os
import re

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goals")
OTHER_KERNELS = 1.03	# the ratios were set on the newest one
BUSY = 1.8		# below this the machine had no second CPU to give


def lines():
    with open(FILE, encoding="ascii") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                yield line.split()


def names(text):
    """case[@device][/order][:build] as arguments of Figures.cost()."""
    match = re.fullmatch(r"(\w+)(?:@(\w+))?(?:/(\w+))?(?::(\w+))?", text)
    if not match:
        raise SystemExit(f"{FILE}: cannot read {text}")
    case, device, order, build = match.groups()
    return {"case": case, "device": device or "null", "order": order or "random",
            "build": build or "default"}


class Verdict:
    """One goal, held: passed, failed or skipped."""

    def __init__(self, ident, goal, measured, verdict, why=""):
        self.ident, self.goal, self.measured = ident, goal, measured
        self.verdict, self.why = verdict, why


def ratio_goal(words, figures, newest):
    """<id> <a> <= <factor> <b> [+ <n>] [held <factor>]"""
    ident, left, _, factor, right, *rest = words
    options = dict(zip(rest[::2], rest[1::2]))
    more = int(options.get("+", 0))
    a, b = figures.cost(**names(left)), figures.cost(**names(right))
    goal = f"{left} <= {factor} x {right}" + (f" + {more}" if more else "")
    if a is None or b is None:
        return Verdict(ident, goal, "-", "failed",
                       f"not measured: {left if a is None else right}")
    spare = 1 if newest else OTHER_KERNELS
    limit = float(factor) * b * spare + more
    shown = f"{a:.0f} of {limit:.0f} ({a / b:.3f} x {b:.0f})"
    if a <= limit:
        return Verdict(ident, goal, shown, "passed")
    why = f"{a - limit:.0f} instructions too many"
    if "held" in options and a <= float(options["held"]) * b * spare + more:
        return Verdict(ident, goal, shown, "skipped",
                       f"not reached, {why}; held at {options['held']}")
    return Verdict(ident, goal, shown, "failed", why)


def scale_goal(words, figures):
    """<id> scale <case> >= <factor>

    What computes, and the loop by hand, say whether there were two CPUs to be had.
    """
    ident, _, case, _, factor = words
    goal = f"{case}, 2 CPUs >= {factor} x 1 CPU"
    found = [s for s in figures.data["scale"] if s["scale"] == case]
    if not found:
        if "scale_skipped" in figures.data:
            return Verdict(ident, goal, "-", "skipped", figures.data["scale_skipped"])
        return Verdict(ident, goal, "-", "failed", "not measured")
    it = found[0]
    gain = it["together"] / max(it["alone"], 1)
    control = it["compute_together"] / max(it["compute_alone"], 1)
    shown = f"{gain:.2f} (computing alone: {control:.2f})"
    if gain >= float(factor):
        return Verdict(ident, goal, shown, "passed")
    if control < BUSY:
        return Verdict(ident, goal, shown, "skipped", "the machine was busy: no second CPU")
    for s in figures.data["scale"]:
        if s["scale"] == "floor" and s["together"] < float(factor) * s["alone"]:
            return Verdict(ident, goal, shown, "skipped", "the loop by hand gains no more:"
                           f" {s['together'] / max(s['alone'], 1):.2f}")
    return Verdict(ident, goal, shown, "failed", "the CPUs are in each other's way")


def over_floor(figures, case, build, device="fresh"):
    """The device is another one after each load, and the floor with it."""
    cost = figures.cost(case, device, build=build)
    floor = figures.cost("floor", device, build=build)
    return None if cost is None or floor is None else cost - floor


def build_goal(words, figures):
    """<id> build <case> <build> <n>"""
    ident, _, case, build, limit = words
    goal = f"{case} <= that of build {build} + {limit}"
    full, less = over_floor(figures, case, "default"), over_floor(figures, case, build)
    if full is None or less is None:
        return Verdict(ident, goal, "-", "failed", "not measured")
    more = full - less
    if more <= float(limit):
        return Verdict(ident, goal, f"{more:+.1f}", "passed")
    return Verdict(ident, goal, f"{more:+.1f}", "failed", "it is not free")


def added(figures, case, device, base):
    """What @device adds to an I/O of @base, which is below it."""
    cost, less = figures.cost(device=device, **case), figures.cost(device=base, **case)
    return None if cost is None or less is None else cost - less


def added_goal(words, figures, newest):
    """<id> added <case>[/<order>] <device> <= <factor> <device> over <device> [older <factor>]"""
    ident, _, name, device, _, factor, peer, _, base, *rest = words
    case = names(name)
    del case["device"]
    goal = f"{name}: added by {device} <= {factor} x by {peer}"
    a, b = added(figures, case, device, base), added(figures, case, peer, base)
    if a is None or b is None or b <= 0:
        return Verdict(ident, goal, "-", "failed", "not measured")
    limit = float(factor) * b * (1 if newest else OTHER_KERNELS)
    shown = f"{a:.0f} of {limit:.0f} ({a / b:.3f} x {b:.0f})"
    if a <= limit:
        return Verdict(ident, goal, shown, "passed")
    why = f"{a - limit:.0f} instructions too many"
    if not newest and rest and a <= float(rest[1]) * b:
        return Verdict(ident, goal, shown, "skipped", f"not reached, {why}; held at {rest[1]}")
    return Verdict(ident, goal, shown, "failed", why)


def fact_goal(words, figures):
    """<id> <fact> <= <number>"""
    ident, fact, _, limit = words
    value = figures.data.get(fact)
    goal = f"{fact} <= {limit}"
    if value is None:
        return Verdict(ident, goal, "-", "failed", "not reported")
    good = value <= int(limit)
    return Verdict(ident, goal, str(value), "passed" if good else "failed",
                   "" if good else f"{value - int(limit)} too many")


ONCE = {"scale": scale_goal, "build": build_goal}	# on the newest kernel


def hold(figures, newest):
    """All goals, in the order of the file."""
    verdicts = []
    for words in lines():
        if words[1] in ONCE:
            if newest:
                verdicts.append(ONCE[words[1]](words, figures))
        elif words[1] == "added":
            verdicts.append(added_goal(words, figures, newest))
        elif len(words) == 4:
            verdicts.append(fact_goal(words, figures))
        else:
            verdicts.append(ratio_goal(words, figures, newest))
    return verdicts


def count(newest):
    """How many goals a kernel has."""
    return sum(newest or words[1] not in ONCE for words in lines())


def table(verdicts):
    """For people."""
    wide = max(len(v.goal) for v in verdicts)
    print(f"  {'':4} {'goal':{wide}}  {'measured':32} ")
    for v in verdicts:
        mark = {"passed": "ok", "failed": "NOT MET", "skipped": "skipped"}[v.verdict]
        print(f"  {v.ident:4} {v.goal:{wide}}  {v.measured:32} {mark}"
              f"{': ' + v.why if v.why else ''}")
