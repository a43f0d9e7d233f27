# SPDX-License-Identifier: GPL-2.0
"""The table of assertions in README.md against the tests.

    ids.py README FILE...

Prints a line for each id that has no row, or whose row names no case, or a
case that does not exist, or one whose comment does not say that it covers the
id. A case is written `suite.case`, a guest scenario `file.sh: result`.
"""

import os
import re
import sys

COUNTS = {"A": 11, "S": 14, "C": 7, "T": 9, "L": 9, "F": 5}
ROW = re.compile(r"^\| ([ASCTLF]\d+) \| (.+?) \| (.*?) \|$")
CASE = re.compile(r"^\s*KUNIT_CASE(?:_PARAM|_SLOW)?\((\w+)")
SUITE = re.compile(r"^\s*\.name\s*=\s*\"(io_target_\w+)\"")


def comment_before(lines, name):
    """The comment that ends on the line before the function."""
    for i, line in enumerate(lines):
        if re.match(rf"static void {name}\(", line):
            above = []
            for other in reversed(lines[:i]):
                above.insert(0, other.strip(" */\t"))
                if "/*" in other or not other.strip():
                    break
            return " ".join(above)
    return ""


def read_suites(files):
    """suite.case -> ids that its comment names"""
    cases = {}
    for name in files:
        with open(name, encoding="utf-8") as f:
            lines = f.read().splitlines()
        suites = [m[1] for m in map(SUITE.match, lines) if m]
        for case in {m[1] for m in map(CASE.match, lines) if m}:
            covers = re.findall(r"Covers ([^.]*)\.", comment_before(lines, case))
            ids = re.findall(r"[ASCTLF]\d+", " ".join(covers))
            for suite in suites:
                cases[f"{suite}.{case}"] = ids
    return cases


def scenario_has(root, ref):
    """Does the scenario report that result?"""
    script, _, result = ref.partition(": ")
    path = os.path.join(root, "qemu", "guest.d", script)
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as f:
        return re.search(rf"\b{re.escape(result)}\b", f.read()) is not None


def check_row(ident, refs, cases, root):
    """The findings of one row"""
    found = []
    if not refs:
        found.append(f"{ident} has no test")
    for ref in refs:
        if ".sh" in ref:
            if not scenario_has(root, ref):
                found.append(f"{ident}: there is no scenario {ref}")
        elif ref not in cases:
            found.append(f"{ident}: there is no case {ref}")
        elif ident not in cases[ref]:
            found.append(f"{ident}: the comment of {ref} does not say that it covers it")
    return found


def main():
    readme, files = sys.argv[1], sys.argv[2:]
    cases = read_suites(files)
    rows = {}
    with open(readme, encoding="utf-8") as f:
        for line in f:
            row = ROW.match(line.rstrip("\n"))
            if row:
                rows[row[1]] = re.findall(r"`([^`]+)`", row[3])
    wanted = [f"{kind}{n}" for kind, count in COUNTS.items() for n in range(1, count + 1)]
    found = [f"{ident} has no row" for ident in wanted if ident not in rows]
    found += [f"{ident} is not known" for ident in rows if ident not in wanted]
    for ident, refs in rows.items():
        found += check_row(ident, refs, cases, os.path.dirname(readme) or ".")
    for line in found:
        print(f"README.md: {line}")


main()
