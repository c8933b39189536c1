#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every kind of edit is made on copies of a used data directory, with seeded variations: the audit names the right places and no other.

--repeat N  variations of each kind (10)      --seed N  where to begin (1)      --only NAME  one kind
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

from base import Base, audit, told
from edits import EDITS
from edits_of_files import escaped

OPTIONS = argparse.Namespace(repeat=10, seed=1, only=None)


class Tampering(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Base()
        cls.addClassCleanup(cls.base.remove)
        cls.room = pathlib.Path(tempfile.mkdtemp(prefix="lethe-audit-"))
        cls.addClassCleanup(shutil.rmtree, cls.room, ignore_errors=True)

    def one(self, name, seed):
        """None, or what is wrong."""
        data = self.base.copy(self.room / f"{name}-{seed}")
        try:
            expected = {escaped(place) for place in EDITS[name](data, random.Random(f"{name} {seed}"), self.base)}
            report = audit(data, self.base.policy, self.base.key)
            found = {finding["place"] for finding in report["findings"]}
            if found == expected and not report["holds"]:
                return None
            return f"{name}, seed {seed}: expected {sorted(expected)}, found {sorted(found)}\n{told(report)}"
        finally:
            for path in self.room.glob(f"{name}-{seed}*"):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

    def test_a_directory_that_nobody_edited_has_no_finding(self):
        report = audit(self.base.copy(self.room / "untouched"), self.base.policy, self.base.key)
        self.assertEqual("", told(report))
        counts = {check["check"]: check["examined"] for check in report["checks"]}
        self.assertFalse([name for name, count in counts.items() if not count], "every check had something to look at")

    def test_the_report_cannot_be_made_to_steer_a_terminal(self):
        data = self.base.copy(self.room / "steer")
        (data / "log" / "\x1b[2J\n<script>").write_text("")
        page = self.room / "page.html"
        import subprocess
        from lethe_test.server import LETHECTL
        done = subprocess.run([LETHECTL, "audit", data, "--policy", self.base.policy, "--html", page], capture_output=True)
        self.assertEqual(1, done.returncode)
        self.assertNotIn(b"\x1b[2J", done.stdout + done.stderr)
        self.assertNotIn("<script", page.read_text())


def add_case(name):
    def test(self):
        seeds = range(OPTIONS.seed, OPTIONS.seed + OPTIONS.repeat)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = [one for one in pool.map(lambda seed: self.one(name, seed), seeds) if one]
        self.assertFalse(wrong, f"{len(wrong)} of {OPTIONS.repeat}:\n" + "\n".join(wrong[:5]))
    test.__doc__ = name.replace("_", " ")
    setattr(Tampering, f"test_{name}", test)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=OPTIONS.repeat)
    parser.add_argument("--seed", type=int, default=OPTIONS.seed)
    parser.add_argument("--only")
    OPTIONS = parser.parse_args()
    for kind in EDITS:
        if OPTIONS.only in (None, kind):
            add_case(kind)
    unittest.main(argv=sys.argv[:1], verbosity=2)
