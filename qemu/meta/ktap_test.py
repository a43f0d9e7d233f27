#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Logs, whole and damaged, for the parser of ktap.py. Ends with the counts.

The guests of meta/cases print what one kernel prints; these are the forms of
the other kernels, and damage that is hard to do to a guest.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from ktap import Ktap, Log  # noqa: E402 (the path comes first)

# 6.1: no plan at the top; a skipped parameter is "ok", only the totals tell.
OLD = """\
    KTAP version 1
    # Subtest: s1
    1..2
    ok 1 plain
        KTAP version 1
        # Subtest: many
        ok 1 a
        not ok 2 b
        ok 3 c
    # many: pass:1 fail:1 skip:1 total:3
    not ok 2 many
# s1: pass:1 fail:1 skip:0 total:2
not ok 1 s1
"""

NEW = """\
KTAP version 1
1..2
    KTAP version 1
    # Subtest: s1
    # module: m
    1..2
    ok 1 plain
        KTAP version 1
        # Subtest: many
        1..2
        ok 1 a
        ok 2 b # SKIP no disk
    # many: pass:1 fail:0 skip:1 total:2
    ok 2 many
ok 1 s1
    # failed to initialize (-5)
not ok 2 s2
"""

# name, log, (passed, failed, skipped), kinds of problems
LOGS = (
    ("old kernel", OLD, (2, 1, 1), []),
    ("new kernel", NEW, (2, 1, 1), []),
    ("nothing", "", (0, 0, 0), []),
    ("built-in run without suites", "KTAP version 1\n1..0\n", (0, 0, 0), []),
    ("a suite is missing", NEW.replace("1..2", "1..3", 1), (2, 1, 1), ["plan"]),
    ("a parameter is missing", NEW.replace("        ok 1 a\n", ""), (1, 1, 1),
     ["ktap", "ktap"]),
    ("a case is missing", OLD.replace("    ok 1 plain\n", ""), (1, 1, 1), ["ktap"]),
    ("the end is missing", OLD[:OLD.index("# s1:")], (2, 1, 1), ["ktap"]),
    ("cut in a parameter", OLD[:OLD.index("        ok 3")], (2, 1, 0), ["ktap", "ktap"]),
    ("no plan in a suite", OLD.replace("    1..2\n", ""), (2, 1, 1), ["plan"]),
    ("no plan at the top", NEW.replace("1..2\n", "", 1), (2, 1, 1), ["plan"]),
    ("the suite fails, its cases do not", OLD.replace("        not ok", "        ok")
     .replace("    not ok 2 many", "    ok 2 many").replace("fail:1", "fail:0")
     .replace("pass:1 fail:0 skip:1", "pass:2 fail:0 skip:1"), (3, 1, 1), []),
    ("a second log begins inside", OLD[:OLD.index("    ok 1")] + OLD, (2, 1, 1), ["ktap"]),
)


def kmsg(text, drop=()):
    lines = [f"6,{i},{i * 1000},-;{line}\n" for i, line in enumerate(text.splitlines())]
    return "".join(line for i, line in enumerate(lines) if i not in drop)


def read_log(text):
    with tempfile.NamedTemporaryFile("w", suffix=".kmsg") as file:
        file.write(text)
        file.flush()
        return Log(file.name)


def check_ktap(text, counts, kinds):
    ktap = Ktap(read_log(kmsg(text)).lines).finish()
    got = tuple(sum(case.status == status for case in ktap.cases)
                for status in ("pass", "fail", "skip"))
    found = [problem.kind for problem in ktap.problems]
    return "" if (got, found) == (counts, kinds) else f"{got} {found}"


def check_log(drop, gaps, ended):
    log = read_log(kmsg(OLD + "two\\x0alines\niot: end of run\n", drop))
    good = (log.gaps, log.ended) == (gaps, ended)
    return "" if good and any(text == "lines" for _, text in log.lines) else \
        f"{log.gaps} gaps, ended {log.ended}"


def main():
    results = [(name, check_ktap(*rest)) for name, *rest in LOGS]
    results += [("whole log", check_log((), 0, True)),
                ("records lost in the middle", check_log((4, 5), 2, True)),
                ("records lost at the start", check_log((0,), 1, True)),
                ("end mark lost", check_log((14,), 0, False))]
    bad = [(name, text) for name, text in results if text]
    for name, text in bad:
        print(f"  FAIL  log: {name}: got {text}")
    print(f"{len(results) - len(bad)} passed, {len(bad)} failed, 0 skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
