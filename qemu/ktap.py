# SPDX-License-Identifier: GPL-2.0
"""KTAP as KUnit prints it on 6.1 to 7.x, and the kernel log that carries it.

Used by verdict.py. Log reads what /dev/kmsg gave (and notices what it did not
give); Ktap makes cases of nested results, counts every leaf (each parameter of
a case), and notes everything that does not add up as a Problem.
"""

import re

END_MARK = "iot: end of run"
BEGIN_MARK = "iot: begin"

RECORD = re.compile(r"^(\d+),(\d+),(\d+),[^;]*;(.*)$")
CONSOLE = re.compile(r"^\[ *(\d+)\.(\d+)\](?:\[ *[TC]\d+\])? ?(.*)$")
RESULT = re.compile(r"^(ok|not ok) (\d+)(?: -)? ?(.*?)(?: # (SKIP|TODO)\b ?(.*))?$")
STATS = re.compile(r"^# (\S+): pass:(\d+) fail:(\d+) skip:(\d+) total:(\d+)$")


def plural(count, noun):
    return f"{count} {noun}" + ("" if count == 1 else "s")


class Problem:
    """One reason why a run is not good; kind is a word that tests match on."""

    def __init__(self, kind, text, lines=()):
        self.kind, self.text, self.lines = kind, text, list(lines)


class Case:
    def __init__(self, name, status, reason, seconds, notes):
        self.name, self.status, self.reason = name, status, reason
        self.seconds, self.notes = seconds, notes


class Group:
    """The results between one KTAP header and the line that sums them up."""

    def __init__(self, name="", header=False):
        self.name, self.header, self.plan = name, header, None
        self.results, self.cases, self.first, self.last = 0, [], None, None


class Ktap:
    """Nested KTAP, from (seconds, text) pairs of one kernel log."""

    def __init__(self, lines):
        self.cases, self.problems, self.suites = [], [], {}
        self.groups, self.notes, self.stats = {}, [], {}
        self.last_time = None
        for seconds, text in lines:
            self.line(seconds, text)

    def line(self, seconds, text):
        body = text.lstrip(" ")
        depth = (len(text) - len(body)) // 4
        result = RESULT.match(body)
        if body.startswith("KTAP version"):
            self.open(depth)
            self.last_time = seconds
        elif body.startswith("# Subtest: "):
            self.group(depth).name = body[len("# Subtest: "):].strip()
        elif re.fullmatch(r"1\.\.\d+", body):
            self.group(depth).plan = int(body[3:])
        elif result:
            self.result(depth, seconds, result)
        else:
            stats = STATS.match(body)
            if stats:
                self.stats[stats[1]] = [int(n) for n in stats.groups()[1:]]
            elif not body.startswith(("# Totals: ", "# module: ", "# speed: ")):
                self.notes.append(text)

    def group(self, depth):
        return self.groups.setdefault(depth, Group())

    def open(self, depth):
        for inner in sorted((d for d in self.groups if d >= depth), reverse=True):
            group = self.groups.pop(inner)
            if inner:
                self.cut(group)
            else:
                self.check_plan(group)
        self.groups[depth] = Group(header=True)

    def cut(self, group):
        self.problems.append(Problem(
            "ktap", f"{group.name or 'a suite'} is cut after "
            f"{plural(group.results, 'result')} of {group.plan or '?'}"))

    def check_plan(self, group, wanted=True):
        if group.plan is None:
            if wanted and group.header:
                self.problems.append(Problem(
                    "plan", f"{group.name or 'the run'} has no plan line (1..N)"))
        elif group.plan != group.results:
            self.problems.append(Problem(
                "plan", f"{group.name or 'the run'} planned {group.plan}, "
                f"{plural(group.results, 'result')} came"))

    def result(self, depth, seconds, match):
        status = {"ok": "pass", "not ok": "fail"}[match[1]]
        name = match[3].strip()
        if match[4] == "SKIP" and status == "pass":
            status = "skip"
        parent, child = self.group(depth), self.groups.pop(depth + 1, None)
        if not depth and parent.plan == parent.results and match[2] == "1":
            # 6.1 announces no suites of modules: they begin where a plan is met.
            parent = self.groups[0] = Group()
        parent.results += 1
        parent.last = name
        # KUnit numbers suites over several modules: only inner numbers start at 1.
        if depth and int(match[2]) != parent.results:
            self.problems.append(Problem(
                "ktap", f"{parent.name}: result {match[2]} ({name}) came as "
                f"number {parent.results}, lines are missing"))
            parent.results = int(match[2])
        if child:
            self.check_plan(child, wanted=depth == 0)
            cases = self.inner(depth, name, status, child)
        else:
            begun = self.last_time if self.last_time is not None else seconds
            cases = [Case(name, status, (match[5] or "").strip(),
                          seconds - begun, self.notes)]
        self.notes, self.last_time = [], seconds
        for case in cases:
            if depth:
                case.name = f"{parent.name or '?'}.{case.name}" if depth == 1 else case.name
        if depth:
            parent.cases += cases
        else:
            self.cases += cases
            self.suites[name] = self.suites.get(name, 0) + len(cases)

    def inner(self, depth, name, status, child):
        """The cases of a finished suite (depth 0) or of a parameterised case."""
        cases = child.cases
        if child.name != name:
            self.problems.append(Problem(
                "ktap", f"results of {child.name} are summed up as {name}"))
        if depth:
            for case in cases:
                case.name = f"{name}.{case.name}"
            self.hidden_skips(name, cases)
        if status == "fail" and not any(case.status == "fail" for case in cases):
            # The setup or the end of a suite failed, not one of its cases.
            cases = cases + [Case(f"{name}.(itself)", "fail", "", 0, self.notes)]
        return cases

    def hidden_skips(self, name, cases):
        """6.1 prints a skipped parameter as plain ok; only its totals tell."""
        if name not in self.stats:
            return
        _, _, skipped, total = self.stats.pop(name)
        if total != len(cases):
            self.problems.append(Problem(
                "ktap", f"{name} ran {plural(total, 'parameter')}, "
                f"{plural(len(cases), 'result')} came"))
        hidden = skipped - sum(case.status == "skip" for case in cases)
        for case in [case for case in cases if case.status == "pass"][:max(hidden, 0)]:
            case.status, case.reason = "skip", "this kernel prints neither which parameter nor why"

    def finish(self):
        """Nothing more will come: what is open now was cut."""
        for depth in sorted(self.groups, reverse=True):
            group = self.groups.pop(depth)
            if depth:
                self.cut(group)
                self.cases += group.cases
            else:
                self.check_plan(group)
        return self

    def where(self):
        """The suite that is running, and the last result in it."""
        open_ = [self.groups[d] for d in sorted(self.groups) if d]
        if not open_:
            return "", ""
        return open_[0].name, open_[-1].last or ""


class Log:
    """The kernel log: complete or not, and its lines."""

    def __init__(self, path):
        self.lines, self.gaps, self.records, self.ended = [], 0, 0, False
        self.expected = 0
        for raw in read(path):
            match = RECORD.match(raw)
            if match:
                self.record(match)

    def record(self, match):
        sequence = int(match[2])
        self.gaps += sequence - self.expected
        self.expected = sequence + 1
        self.records += 1
        seconds = int(match[3]) / 1e6
        text = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), match[4])
        self.lines += [(seconds, line) for line in text.rstrip("\n").split("\n")]
        self.ended = self.ended or text == END_MARK


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().replace("\r", "").split("\n")
    except FileNotFoundError:
        return []


def since_begin(lines):
    for index, (_, text) in enumerate(lines):
        if text == BEGIN_MARK:
            return lines[index:]
    return lines
