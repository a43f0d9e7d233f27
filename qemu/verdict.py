#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Read what guests left behind and decide, on the host, whether they passed.

    verdict.py --dir RUN [--dir RUN]... [...]   report for people, last line: the counts

RUN holds console.log, kmsg (the kernel log as /dev/kmsg gives it), verdict
(what the guest thinks) and status (how the machine ended). The cases are counted from
the result lines; the guest counts from KUnit's totals; the two must agree. Several
guests that had a part of the suites each are one run.
"""

import argparse
import os
import re
import subprocess
import sys

from ktap import CONSOLE, Ktap, Log, Problem, plural, read, since_begin

EXCERPT = 14
NOISE = re.compile(r"^(R[A-Z0-9]{1,2}:|R\d\d:|FS: |CS: |CR2|DR\d|Code: |Modules linked|"
                   r"Hardware name|Workqueue: |PKRU|Kernel Offset|EFLAGS|Tainted: |"
                   r" *\? | *</?(TASK|IRQ)>)")

HEX = re.compile(r" ([0-9a-f]{2} ){8}")


def taint_letters(mask):
    """The kernel's own letters, in bit order."""
    letters = "PFSRMBUDAWCIOELKXTNJ"
    if not mask.isdigit():
        return mask
    return "".join(c for i, c in enumerate(letters) if int(mask) >> i & 1) or "none"


def local(text):
    """The place in the checkout, instead of in the copy that was compiled."""
    return re.sub(r"/\S*/((?:kunit|module|include)/\S+\.[ch]:\d+)", r"\1", text)


def console_lines(path):
    lines = []
    for raw in read(path):
        match = CONSOLE.match(raw)
        lines.append((float(f"{match[1]}.{match[2]}"), match[3]) if match else (0.0, raw))
    return lines


class Symbols:
    """Names for addresses in modules that are unloaded when a leak is seen."""

    def __init__(self, modules, lines):
        bases = {}
        for _, text in lines:
            match = re.match(r"^iot: text (\S+) 0x([0-9a-f]+)$", text)
            if match:
                bases[match[1]] = int(match[2], 16)
        self.table = []
        for path in filter(None, modules):
            name = os.path.basename(path)[:-3].replace("-", "_")
            if name in bases:
                self.table += self.functions(path, name, bases[name])

    @staticmethod
    def functions(path, module, base):
        listing = subprocess.run(["nm", "-f", "sysv", path], check=False, text=True,
                                 capture_output=True).stdout
        for line in listing.splitlines():
            part = [word.strip() for word in line.split("|")]
            if len(part) == 7 and part[3] == "FUNC" and part[6] == ".text":
                start = base + int(part[1], 16)
                yield start, start + int(part[4], 16), f"{part[0]} [{module}]"

    def name(self, text):
        match = re.search(r"0x([0-9a-f]{16})$", text)
        address = int(match[1], 16) if match else 0
        for start, end, name in self.table:
            if start <= address < end:
                return f"{text[:match.start()]}{name}"
        return text


class Verdict:
    """What the guest thinks."""

    def __init__(self, path):
        self.counts, self.leaks, self.taint = None, "- -", "?"
        self.problems, self.result, self.whole = [], "", False
        for line in read(path):
            word, _, rest = line.partition(" ")
            if word == "cases" and re.fullmatch(r"\d+ \d+ \d+", rest):
                self.counts = tuple(int(n) for n in rest.split())
            elif word == "problem":
                self.problems.append(Problem(*rest.partition(" ")[::2]))
            elif word in ("leaks", "taint", "result"):
                setattr(self, word, rest)
            elif word == "end":
                self.whole = bool(self.counts and self.result)


class Run:
    """Everything about one guest; judge() fills problems."""

    def __init__(self, args, directory):
        self.args, self.dir = args, directory
        at = lambda name: os.path.join(directory, name)
        self.status = (read(at("status")) or [""])[0]
        self.log, self.verdict = Log(at("kmsg")), Verdict(at("verdict"))
        self.console = since_begin(console_lines(at("console.log")))
        self.errors = [line for line in read(at("machine.err")) if line.strip()]
        self.ktap = Ktap(self.log.lines)
        self.splats = re.compile("|".join(line for line in read(args.splats) if line))
        self.problems = []
        self.judge()

    def counts(self):
        return tuple(sum(case.status == status for case in self.ktap.cases)
                     for status in ("pass", "fail", "skip"))

    def judge(self):
        """A guest that died is one problem, not six; else look at everything."""
        death = self.died()
        self.ktap.finish()
        if death:
            self.problems = [death]
            return
        self.problems += self.channels() + self.ktap.problems + self.verdict.problems
        for problem in self.verdict.problems:
            problem.lines = self.evidence(problem.kind)
        if not any(problem.kind == "splat" for problem in self.problems):
            self.problems += self.host_splats()
        if self.verdict.whole:
            self.problems += self.agreement()

    def died(self):
        """The first splat tells more than the panic that it ended in."""
        texts = [text for _, text in self.console]
        panic = next((i for i, t in enumerate(texts) if "Kernel panic" in t), None)
        hang = next((i for i, t in enumerate(texts) if t.startswith("iot: hang: ")), None)
        if hang is not None and (panic is None or hang < panic):
            return Problem("hang", f"{texts[hang][11:]}{self.during()}",
                           self.hang_lines(texts[hang + 1:]))
        if panic is not None:
            first = next(i for i, t in enumerate(texts) if self.is_splat(t))
            if "int3" in texts[first]:
                texts.insert(first + 1, "QEMU before 8.1 can do this by itself; "
                             "a second run tells whether it was that")
            return Problem("panic", f"{texts[first].strip()}{self.during()}",
                           [t for t in texts[first + 1:] if not NOISE.match(t)])
        if self.status == "timeout":
            return Problem("hang", f"no end after {self.args.seconds} s{self.during()}",
                           texts[-EXCERPT:])
        if self.status != "exit":
            return Problem("machine", f"it ended with {self.status or 'no status'}"
                           f"{self.during()}", self.errors or texts[-EXCERPT:])
        return None

    @staticmethod
    def hang_lines(texts):
        """The stack of the case: it sleeps (the guest looked), or it runs."""
        running = next((i for i, t in enumerate(texts) if "Comm: kunit_try_catch" in t), 0)
        return [t.removeprefix("iot: ") for t in texts[running:] if not NOISE.match(t)]

    def during(self):
        suite, last = Ktap(self.console).where()
        self.running = suite
        if not suite:
            return " (no suite was running)"
        return f" (in {suite}, {'after ' + last if last else 'first case'})"

    running = ""

    def channels(self):
        found = []
        if not self.log.records:
            found.append(Problem("log", "the kernel log channel is empty", self.tail()))
        elif self.log.gaps:
            found.append(Problem("log", f"{self.log.gaps} records are missing "
                                 f"among {self.log.records}"))
        elif not self.log.ended:
            found.append(Problem("log", "the kernel log is cut: its end mark is missing",
                                 [t for _, t in self.log.lines[-6:]]))
        if not self.verdict.whole:
            found.append(Problem("verdict", "the guest wrote no (whole) verdict", self.tail()))
        return found

    def tail(self):
        return [text for _, text in self.console[-8:]]

    def evidence(self, kind):
        """The lines of the log that belong to a problem of the guest's."""
        texts = [text for _, text in since_begin(self.log.lines)]
        if kind == "leak":
            return self.leak_lines(texts)
        for index, text in enumerate(texts):
            if kind == "splat" and self.is_splat(text):
                return [t for t in texts[index:] if not NOISE.match(t)]
            if kind in ("load", "unload") and text.startswith(f"iot: problem: {kind}"):
                return texts[max(0, index - 4):index]
        return []

    def leak_lines(self, texts):
        symbols = Symbols(read(os.path.join(self.dir, "modules")), self.log.lines)
        mark = "iot: leak| "
        return [symbols.name(text[len(mark):]) for text in texts
                if text.startswith(mark) and not HEX.search(text)]

    def is_splat(self, text):
        return self.splats.search(text) and not text.lstrip().startswith(("#", "iot:"))

    def host_splats(self):
        """The console goes on after the verdict, and the guest may be wrong."""
        for index, (_, text) in enumerate(self.console):
            if self.is_splat(text):
                return [Problem("splat", f"the guest did not report: {text.strip()}",
                                [t for _, t in self.console[index:] if not NOISE.match(t)])]
        return []

    def agreement(self):
        found = []
        if self.verdict.counts != self.counts():
            found.append(Problem(
                "disagree", "guest and host count differently (passed, failed, skipped): "
                f"{self.verdict.counts} against {self.counts()}"))
        good = not self.counts()[1] and not self.verdict.problems
        if (self.verdict.result == "pass") != good:
            found.append(Problem(
                "disagree", f"the guest says {self.verdict.result}, its figures say "
                f"{'pass' if good else 'fail'}"))
        return found

    def show_problems(self, lines_each):
        for problem in self.problems:
            print(f"  FAIL [{problem.kind}] {problem.text}")
            show_lines(problem.lines, lines_each)

    def name(self):
        """Which of several guests: the end of the directory's name, without its date."""
        return re.sub(r"\.\d+-\d+\.\w+$", "", os.path.basename(self.dir)).rsplit("-", 1)[-1]

    def times(self):
        """Seconds until the job began, in cases, and in all, on the guest's clock."""
        lines = since_begin(self.log.lines)
        tests = sum(case.seconds for case in self.ktap.cases)
        return (lines[0][0], tests, lines[-1][0]) if lines else (0, tests, 0)


def show_lines(lines, limit):
    for line in lines[:limit]:
        print(f"    | {line[:110]}")
    if len(lines) > limit:
        print(f"    | ... {len(lines) - limit} more lines in the log")


class Result:
    """All guests of a run together."""

    def __init__(self, args):
        self.args = args
        self.runs = [Run(args, directory) for directory in args.dir]
        self.cases = [case for run in self.runs for case in run.ktap.cases]
        self.suites = {}
        for run in self.runs:
            for name, count in run.ktap.suites.items():
                self.suites[name] = self.suites.get(name, 0) + count
        died = any(p.kind in ("panic", "hang", "machine") for run in self.runs for p in run.problems)
        self.few = [] if died else self.too_few()

    def too_few(self):
        """Without a filter, the pinned minimum; with one, at least one case."""
        if self.args.filter:
            if self.cases:
                return []
            return [Problem("few", f"FILTER={self.args.filter} matches no case",
                            ["a suite (glob) or suite.case (both globs)"])]
        found = []
        for line in read(self.args.minimum):
            words = line.split("#")[0].split()
            if len(words) != 2:
                continue
            have = len(self.cases) if words[0] == "total" \
                else self.suites.get(words[0], 0)
            if have < int(words[1]):
                what = "cases in all" if words[0] == "total" else f"cases in {words[0]}"
                found.append(Problem("few", f"{have} {what}, at least {words[1]} are expected "
                                     f"({os.path.basename(self.args.minimum)})"))
        if not self.cases and not found:
            found.append(Problem("few", "no test ran"))
        return found

    def report(self):
        counts = [sum(case.status == status for case in self.cases)
                  for status in ("pass", "fail", "skip")]
        problems = self.few + [p for run in self.runs for p in run.problems]
        self.show_failed()
        each = EXCERPT if len(problems) < 2 else EXCERPT // 2
        for problem in self.few:
            print(f"  FAIL [{problem.kind}] {problem.text}")
            show_lines(problem.lines, each)
        for run in self.runs:
            run.show_problems(each)
        self.show_summary(problems)
        self.show_skipped()
        bad = counts[1] + len(problems)
        if bad:
            self.show_next()
        for run in self.runs:
            with open(os.path.join(run.dir, "counts"), "w", encoding="ascii") as file:
                print(counts[0], bad, counts[2], file=file)
        print(f"{counts[0]} passed, {bad} failed, {counts[2]} skipped")
        return 1 if bad else 0

    def show_failed(self):
        bad = [case for case in self.cases if case.status == "fail"]
        for case in bad[:8]:
            print(f"  FAIL {case.name}")
            for note in [n for n in case.notes if n.strip()][:6 if len(bad) > 2 else EXCERPT]:
                print(f"    | {local(note.strip())[:110]}")
        if len(bad) > 8:
            print(f"  FAIL ... and {len(bad) - 8} more: grep 'not ok' in the log")

    def show_summary(self, problems):
        for run in self.runs:
            boot, tests, total = run.times()
            name = "guest" if len(self.runs) == 1 else f"guest {run.name()}"
            print(f"  {name:<8} {plural(len(run.ktap.cases), 'case')} in "
                  f"{plural(len(run.ktap.suites), 'suite')}; {total:.0f} s: boot {boot:.0f}, "
                  f"cases {tests:.0f}, unload and checks {max(total - boot - tests, 0):.0f}")
        slow = max(self.cases, key=lambda case: case.seconds, default=None)
        if slow and slow.seconds >= 2:
            print(f"  slowest  {slow.name}, {slow.seconds:.1f} s")
        if not problems:
            self.show_clean()

    def show_clean(self):
        """Without a problem all guests have the same to say."""
        verdict = self.runs[0].verdict
        leaks = {"- -": "not looked for (profile plain)"}.get(
            verdict.leaks, "%s and %s in two scans" % tuple(verdict.leaks.split()))
        print(f"  leaks    {leaks}; log clean, {sum(run.log.records for run in self.runs)} "
              f"records; taint {taint_letters(verdict.taint)}")

    def show_skipped(self):
        reasons = {}
        for case in self.cases:
            if case.status == "skip":
                reasons.setdefault(case.reason or "NO REASON GIVEN", []).append(case.name)
        for reason, names in reasons.items():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            print(f"  skipped  {names[0]}{more}: {reason}")

    def show_next(self):
        args, bad = self.args, [c for c in self.cases if c.status == "fail"]
        running = next((run.running for run in self.runs if run.running), "")
        glob = running or (bad[0].name.split(".")[0] if bad else args.filter)
        if bad and not running and "(itself)" not in bad[0].name:
            glob = ".".join(bad[0].name.split(".")[:2])
        for run in self.runs:
            print(f"  logs     {run.dir}/console.log (console), kmsg (whole kernel log)")
        if args.repeat:
            only = f" FILTER='{glob}'" if glob else ""
            print(f"  repeat   {args.repeat}{only}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True, action="append")
    parser.add_argument("--splats", required=True)
    parser.add_argument("--minimum", default="/dev/null")
    parser.add_argument("--filter", default="")
    parser.add_argument("--seconds", default="?")
    parser.add_argument("--repeat", default="")
    return Result(parser.parse_args()).report()


if __name__ == "__main__":
    sys.exit(main())
