#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Knows which tests there are and counts what `meson test` ran of them, test case by test case, for tools/check.

Tests are named GROUP/NAME.

tally.py groups BUILD_DIR                    the groups, one a line, in the order in which to run them
tally.py names BUILD_DIR GROUP               the tests of a group, one a line
tally.py count BUILD_DIR LOG SKIPS NAME...   "PASSED FAILED SKIPPED"; on standard error what did not pass

A test that the log LOG does not hold did not run and counts as failed; so does a skip that the file SKIPS does not list with its
reason.
"""
import json
import os
import re
import subprocess
import sys

DOCTEST = re.compile(r"^\[doctest\] test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n?(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?", re.M)
# Quick and telling ones first; any other group follows.
FIRST = ["house", "unit", "lib", "fuzz", "wire", "forensic", "interop"]

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def cases(output):
    """(passed, failed, skipped) as the test program itself counts, or None if it does not."""
    output = COLOURS.sub("", output)
    if found := DOCTEST.findall(output):
        return tuple(sum(int(f[i]) for f in found) for i in (1, 2, 3))
    if found := UNITTEST.findall(output):
        ran = sum(int(f[0]) for f in found)
        detail = [dict(part.split("=") for part in f[2].split(", ") if "=" in part) for f in found]
        failed = sum(int(d.get(k, 0)) for d in detail for k in ("failures", "errors", "unexpected successes"))
        skipped = sum(int(d.get("skipped", 0)) for d in detail)
        return max(0, ran - failed - skipped), failed, skipped
    return None


def accepted_skips(path):
    with open(path, encoding="utf-8") as file:
        rows = [line.strip().split(None, 1) for line in file if line.strip() and not line.startswith("#")]
    for row in rows:
        if len(row) != 2:
            sys.exit(f"{path}: '{row[0]}' is listed without a reason")
    return dict(rows)


def known_tests(build):
    introspect = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True, check=True)
    return [test["name"] for test in json.loads(introspect.stdout)]


def groups(names):
    found = {name.split("/", 1)[0] for name in names}
    return [g for g in FIRST if g in found] + sorted(found - set(FIRST))


def ran_tests(log):
    if not os.path.exists(log):
        return {}
    with open(log, encoding="utf-8") as file:
        return {test["name"].rsplit(" / ", 1)[-1]: test for test in map(json.loads, file)}


def count_one(name, test, skips):
    """(passed, failed, skipped, note) of one test program."""
    if test is None:
        return 0, 1, 0, "did not run"
    result = test["result"]
    plain = (1, 0, 0) if result == "OK" else (0, 1, 0)
    passed, failed, skipped = cases(test.get("stdout", "") + "\n" + test.get("stderr", "")) or plain
    if result == "SKIP":
        passed, failed, skipped = 0, 0, 1
    elif result != "OK":
        failed = max(failed, 1)  # whatever it counted before it died
    elif passed + failed + skipped == 0:
        return 0, 1, 0, "ran no test case"
    if skipped and name not in skips:
        return passed, failed + skipped, 0, f"{skipped} skipped that tests/accepted-skips does not list"
    return passed, failed, skipped, result if failed else f"skipped: {skips[name]}" if skipped else ""


def count(log, skips, names):
    skips, ran, total = accepted_skips(skips), ran_tests(log), [0, 0, 0]
    for name in names:
        *counts, note = count_one(name, ran.get(name), skips)
        total = [a + b for a, b in zip(total, counts)]
        if note:
            print(f"{name}: {note}", file=sys.stderr)
    return total


def main():
    what, build, *rest = sys.argv[1:]
    if what == "groups":
        print("\n".join(groups(known_tests(build))))
    elif what == "names":
        print("\n".join(name for name in known_tests(build) if name.split("/", 1)[0] == rest[0]))
    elif what == "count":
        print(*count(*rest[:2], rest[2:]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
