#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judge one boot of scenarios: verdict.py's rules, and a line for each scenario.

    scenarios.py --dir RUN --splats FILE --repeat TEXT NAME...

NAME... is what the guest was to run. RUN/results gets a line "pass|fail|skip name"
for each that ran; what is wrong with the boot as a whole fails under the name of
the scenario that was running, or as "(the boot)". Each scenario's output, which the
channel "out" carried, becomes RUN/<name>.log.
"""

import argparse
import os
import re
import sys

from verdict import Run, show_lines

WORDS = {"pass": "ok", "fail": "FAIL", "skip": "skip"}


class Boot(Run):
    """A run whose cases are scenarios."""

    def __init__(self, args):
        super().__init__(args, args.dir)
        self.split_logs()
        self.results = {}

    def during(self):
        """Scenarios say their names when they begin."""
        running = self.begun()
        return f" (in {running})" if running else " (no scenario was running)"

    def begun(self):
        """The last scenario that began, unless it has a result."""
        names = [t[14:] for _, t in self.console if t.startswith("iot: scenario ")]
        done = [case.name.split(".")[-1] for case in self.ktap.cases]
        done += [case.name for group in self.ktap.groups.values() for case in group.cases]
        done = [name.split(".")[-1] for name in done]
        return names[-1] if names and names[-1] not in done else ""

    def when_splat(self):
        """The scenario during which the kernel complained first, or nothing."""
        name = ""
        for _, text in self.log.lines:
            if text.startswith("iot: scenario "):
                name = text[14:]
            elif self.is_splat(text):
                return name
        return ""

    def split_logs(self):
        out = None
        path = os.path.join(self.dir, "out")
        with open(path, "rb") as file:
            for line in file:
                mark = re.match(rb"=== (\S+)\n", line)
                if mark:
                    out = open(self.log_of(mark[1].decode()), "wb")
                elif out:
                    out.write(line)

    def log_of(self, name):
        return os.path.join(self.dir, f"{name}.log")

    def report(self):
        for case in self.ktap.cases:
            name = case.name.split(".")[-1]
            self.tell(name, case.status, case.seconds, case.reason, self.log_of(name))
            if case.status == "fail":
                show_lines([note.strip()[2:] for note in case.notes
                            if note.startswith("    # ")], 14)
        for problem in self.problems:
            name = self.begun() if problem.kind in ("panic", "hang") else ""
            if problem.kind == "splat":
                name = self.when_splat()
            if not self.results:
                name = name or self.args.names[0]
            self.tell(name or "(the boot)", "fail", None, f"[{problem.kind}] {problem.text}",
                      self.log_of("console"))
            show_lines(problem.lines, 14)
        if not self.results:
            self.tell(self.args.names[0], "fail", None, "the guest ran nothing",
                      self.log_of("console"))
        self.show_boot()
        with open(os.path.join(self.dir, "results"), "w", encoding="ascii") as file:
            for name, status in self.results.items():
                print(status, name, file=file)
        return any(status == "fail" for status in self.results.values())

    def tell(self, name, status, seconds, text, log):
        self.results[name] = status
        took = "" if seconds is None else f"{seconds:.0f} s"
        if status == "fail":
            text = " ".join(filter(None, [text, f"log: {log}"]))
        print(f"  {WORDS[status]:5} {name:20} {took:>6}  {text}".rstrip())

    def show_boot(self):
        last = self.log.lines[-1][0] if self.log.lines else 0
        print(f"  boot  {len(self.ktap.cases)} of {len(self.args.names)} scenarios, "
              f"{last:.0f} s in the guest; leaks {self.verdict.leaks}; "
              f"logs: {self.dir}")
        if any(status == "fail" for status in self.results.values()):
            print(f"  repeat {self.args.repeat} SCENARIO=<name>")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--splats", required=True)
    parser.add_argument("--repeat", required=True)
    parser.add_argument("names", nargs="+")
    args = parser.parse_args()
    args.minimum, args.filter, args.seconds = "/dev/null", "", "?"
    return 1 if Boot(args).report() else 0


if __name__ == "__main__":
    sys.exit(main())
