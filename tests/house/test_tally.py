# SPDX-License-Identifier: AGPL-3.0-or-later
"""The count at the end of tools/check is only worth what these cases say."""
import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import tally  # noqa: E402  (the path first)

DOCTEST_GOOD = "[doctest] test cases:  12 |  12 passed | 0 failed | 0 skipped\n"
DOCTEST_BAD = "\x1b[1m[doctest] test cases: 12 | 10 passed | \x1b[31m2 failed\x1b[0m | 0 skipped\n"
UNITTEST_GOOD = "Ran 7 tests in 0.1s\n\nOK\n"
UNITTEST_SKIPPED = "Ran 7 tests in 0.1s\n\nOK (skipped=2)\n"
UNITTEST_BAD = "Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n"
UNITTEST_NONE = "Ran 0 tests in 0.0s\n\nNO TESTS RAN\n"


def count(results, names, skips=""):
    """results: {name: (Meson's result, output)}"""
    with tempfile.TemporaryDirectory() as folder:
        log, listed = os.path.join(folder, "log.json"), os.path.join(folder, "skips")
        with open(log, "w", encoding="utf-8") as file:
            for name, (result, output) in results.items():
                file.write(json.dumps({"name": f"lethe:suite / {name}", "result": result, "stdout": output}) + "\n")
        with open(listed, "w", encoding="utf-8") as file:
            file.write(skips)
        notes = io.StringIO()
        with contextlib.redirect_stderr(notes):
            return tally.count(log, listed, names), notes.getvalue()


class TheCount(unittest.TestCase):
    def counts(self, expected, result, output, skips=""):
        self.assertEqual(count({"a/b": (result, output)}, ["a/b"], skips)[0], expected)

    def test_a_program_that_counts_nothing_is_one_case(self):
        self.counts([1, 0, 0], "OK", "")
        self.counts([0, 1, 0], "FAIL", "")

    def test_the_cases_of_doctest_and_unittest_are_counted(self):
        self.counts([12, 0, 0], "OK", DOCTEST_GOOD)
        self.counts([10, 2, 0], "FAIL", DOCTEST_BAD)
        self.counts([7, 0, 0], "OK", UNITTEST_GOOD)

    def test_several_runs_in_one_program_add_up(self):
        self.counts([14, 0, 0], "OK", UNITTEST_GOOD + "more\n" + UNITTEST_GOOD)
        self.counts([10, 4, 0], "FAIL", UNITTEST_GOOD + UNITTEST_BAD)

    def test_a_program_that_dies_after_counting_well_has_failed(self):
        for result in ("FAIL", "TIMEOUT", "INTERRUPT", "ERROR", "UNEXPECTEDPASS"):
            self.counts([12, 1, 0], result, DOCTEST_GOOD)

    def test_a_program_that_ran_no_case_has_failed(self):
        self.counts([0, 1, 0], "OK", UNITTEST_NONE)

    def test_a_test_that_is_not_in_the_log_has_failed(self):
        total, notes = count({"a/b": ("OK", "")}, ["a/b", "a/c"])
        self.assertEqual(total, [1, 1, 0])
        self.assertIn("a/c: did not run", notes)

    def test_a_missing_log_means_that_nothing_ran(self):
        with tempfile.NamedTemporaryFile() as skips, contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(tally.count("/nonexistent", skips.name, ["a/b", "a/c"]), [0, 2, 0])

    def test_a_skip_counts_as_failed_unless_its_reason_is_listed(self):
        self.counts([0, 1, 0], "SKIP", "")
        self.counts([0, 0, 1], "SKIP", "", "a/b  needs a moon\n")
        self.counts([5, 2, 0], "OK", UNITTEST_SKIPPED)
        self.counts([5, 0, 2], "OK", UNITTEST_SKIPPED, "# why\na/b  needs a moon\n")
        self.counts([3, 4, 0], "FAIL", UNITTEST_BAD)
        self.counts([12, 1, 0], "OK", DOCTEST_GOOD.replace("0 skipped", "1 skipped"))

    def test_a_skip_is_not_listed_without_a_reason(self):
        with self.assertRaises(SystemExit):
            count({}, [], "a/b\n")

    def test_groups_run_quick_ones_first_and_none_is_left_out(self):
        self.assertEqual(tally.groups(["new/x", "wire/a", "house/a", "wire/b", "unit/a"]), ["house", "unit", "wire", "new"])


if __name__ == "__main__":
    unittest.main()
