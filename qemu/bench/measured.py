# SPDX-License-Identifier: GPL-2.0
"""What a benchmark guest has reported: read, checked for gaps, kept as JSON."""

import json
import os
import re


def plan_lines(path):
    """The lines of a plan that are carried out."""
    with open(path, encoding="ascii") as plan:
        return [line.split() for line in map(str.strip, plan)
                if line and not line.startswith("#")]


def parameter(words, name):
    """The value of name=value among the words of a line, or an empty text."""
    for word in words:
        if word.startswith(name + "="):
            return word[len(name) + 1:]
    return ""


def records(path):
    """What the guest has said, as (kind, value): line, record, failed, end."""
    with open(path, encoding="utf-8", errors="replace") as result:
        for line in map(str.strip, result):
            if line.startswith("{"):
                try:
                    yield "record", json.loads(line)
                except ValueError:
                    yield "failed", f"a line that is no JSON: {line[:60]}"
            elif match := re.match(r"line \d+ (.*)", line):
                yield "line", match.group(1).split()
            elif line == "end":
                yield "end", None
            elif line.startswith("failed "):
                yield "failed", line[7:]


def missing(words, got):
    """The names that a line asks for and that are not among what came."""
    wanted = [name for name in parameter(words, "cases").split(",") if name]
    have = {r.get("case") or r.get("scale") for r in got} | {r.get("group") for r in got}
    return [name for name in wanted if name not in have]


class Run:
    """The measurements of one guest, and what is wrong with them."""

    def __init__(self, plan, result, status):
        self.measured, self.scale, self.problems = [], [], []
        self.facts = {}
        self.ended = False
        self.done = 0
        self.result(result, len(plan_lines(plan)))
        with open(status, encoding="ascii") as file:
            how = file.read().strip()
        if how != "exit":
            self.problems.insert(0, f"the guest ended with: {how}")

    def result(self, path, lines):
        words, got, build = [], [], "default"
        if not os.path.exists(path):
            self.problems.append("the guest has said nothing")
            return
        for kind, value in records(path):
            if kind == "record":
                got.append(self.record(value, build))
                continue
            self.line_ended(words, got)
            words, got = [], []
            if kind == "line":
                words = value
                self.done += 1
                if words[0] == "modules":
                    build = words[1]
            elif kind == "failed":
                self.problems.append(value)
            else:
                self.ended = True
        if not self.ended:
            self.problems.append(f"it stopped at line {self.done} of {lines}"
                                 f"{': ' + ' '.join(words) if words else ''}")

    def record(self, value, build):
        if "errno" in value:
            self.problems.append(f"{value['case']} on {value['device']}, {value['size']} bytes,"
                                 f" {value['depth']} at a time: errno {value['errno']}")
        elif "case" in value:
            self.measured.append(dict(value, build=build))
        elif "scale" in value:
            self.scale.append(value)
        elif build == "default":
            self.facts.update(value)
        return value

    def line_ended(self, words, got):
        if not words or words[0] != "run":
            return
        if not any("case" in r or "scale" in r for r in got):
            self.problems.append(f"no figure came of: {' '.join(words)}")
        elif gone := missing(words, got):
            self.problems.append(f"not measured: {', '.join(gone)}, of: {' '.join(words[:4])}")


def save(path, run, facts):
    """One file for machines."""
    data = {"comment": "SPDX-License-Identifier: GPL-2.0"}
    data.update(facts)
    data.update(run.facts)
    data["measured"] = run.measured
    data["scale"] = run.scale
    with open(path, "w", encoding="ascii") as out:
        out.write(text(data))


def text(data):
    return "{\n" + ",\n".join(f'"{key}": {flat(value)}' for key, value in data.items()) + "\n}\n"


def flat(value):
    """A line for each measurement, so that two files can be compared."""
    if isinstance(value, list):
        return "[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]"
    return json.dumps(value)


class Figures:
    """The measurements of a file, by what they are of."""

    def __init__(self, path):
        with open(path, encoding="ascii") as file:
            self.data = json.load(file)
        self.by = {}
        for m in self.data["measured"]:
            self.by[m["case"], m["device"], m["order"], m["size"], m["depth"], m["build"]] = m

    def rows(self, **want):
        return [m for m in self.data["measured"]
                if all(m[key] == value for key, value in want.items())]

    def cost(self, case, device="null", order="random", size=4096, depth=32, build="default"):
        """Of one case; one that waits for each I/O has no depth. None: not measured."""
        for at in (depth, 1):
            if m := self.by.get((case, device, order, size, at, build)):
                return m["min"]
        return None
