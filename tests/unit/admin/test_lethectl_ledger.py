#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`lethectl ledger` as somebody uses it who has a file and a key, or the wrong ones.

Usage: test_lethectl_ledger.py LETHECTL SOURCE_ROOT
"""
import json
import os
import shutil
import sys
import unittest

import lethectl_case
from lethectl_case import LethectlCase, run

OTHER_KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"  # RFC 8032, test 2


class Ledger(LethectlCase):
    def setUp(self):
        super().setUp()
        self.init()
        for _ in range(2):
            done = self.ctl("clock", "accept")
            self.assertEqual(done.code, 0, done)
        self.file = self.path("ledger.jsonl")
        shutil.copy(os.path.join(self.data, "ledger.jsonl"), self.file)
        self.key = self.ctl("ledger", "key").out.strip()
        self.lines = self.read(self.file).decode().splitlines()
        self.assertGreater(len(self.lines), 2)

    def says(self, code, err, *args):
        """The exit status, nothing on standard output and this one sentence on standard error."""
        done = run(*args)
        self.assertEqual((done.code, done.out, done.err), (code, "", f"lethectl: {err}\n"), done)

    def watch(self, *args):
        return run("ledger", "watch", self.file, "--state", self.path("seen"), *args)

    def test_a_ledger_and_its_key(self):
        done = run("ledger", "verify", self.file, "--key", self.key)
        self.assertEqual((done.code, done.err), (0, ""), done)
        self.assertIn(f"{self.file}: {len(self.lines)} lines, all signed and in order\n", done.out)

    def test_a_wrong_key_is_one_sentence(self):
        self.says(1, f"{self.file} is not signed by this key: the ledger begins with key {self.key}; ask the operator which of the two they published",
                  "ledger", "verify", self.file, "--key", OTHER_KEY)
        done = run("ledger", "verify", self.file, "--key", OTHER_KEY, "--json")
        self.assertEqual((done.code, done.err), (1, ""), done)
        told = json.loads(done.out)
        self.assertEqual(([{"line": 0, "fault": "other_key", "text": f"is not signed by this key: the ledger begins with key {self.key}"}], 1, False),
                         (told["findings"], told["findings_in_all"], told["holds"]))

    def test_a_wrong_key_at_the_first_look_and_later(self):
        sentence = f"{self.file}: it is not signed by this key: the ledger begins with key {self.key}"
        self.says(1, sentence, "ledger", "watch", self.file, "--state", self.path("seen"), "--key", OTHER_KEY)
        self.assertFalse(os.path.exists(self.path("seen")), "a look that found something wrong is no beginning")
        self.assertEqual(0, self.watch("--key", self.key).code)
        self.says(1, sentence, "ledger", "watch", self.file, "--state", self.path("seen"), "--key", OTHER_KEY)
        self.assertEqual(0, self.watch("--key", self.key).code)
        self.assertEqual(0, self.watch().code)

    def test_a_ledger_that_was_replaced_by_another_key_s(self):
        self.assertEqual(0, self.watch("--key", self.key).code)
        self.config_dir, self.data, self.config = self.path("other"), self.path("other-data"), self.path("other/lethe.toml")
        self.init()
        self.assertEqual(0, self.ctl("clock", "accept").code)
        shutil.copy(os.path.join(self.data, "ledger.jsonl"), self.file)
        done = self.watch()
        self.assertEqual((done.code, done.out), (1, ""), done)
        self.assertIn("it is not signed by this key: the ledger begins with key " + self.ctl("ledger", "key").out, done.err)
        self.assertIn("the ledger was cut", done.err)
        self.assertIn("what was seen before is kept in", done.err)

    def test_one_line_of_another_key_is_told_as_a_line(self):
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(self.lines[-1] + "\n")
        done = run("ledger", "verify", self.file, "--key", self.key)
        self.assertEqual((done.code, done.out.count("line")), (1, 0), done)
        self.assertTrue(done.err.startswith(f"lethectl: {self.file}, line {len(self.lines) + 1}: "), done)

    def test_what_is_no_ledger_is_one_sentence(self):
        file = self.write("notes", "one\ntwo\nthree\n")
        self.says(1, f"{file} is not a ledger: no line of it is in the form of a ledger's; name a ledger file", "ledger", "verify", file, "--key", self.key)
        self.says(1, "the file does not begin as a ledger does, so it names no key; give the published one with --key", "ledger", "verify", file)

    def test_keys_that_are_none(self):
        for key in ("abc", OTHER_KEY.upper(), OTHER_KEY + "00", " " + OTHER_KEY[1:]):
            for command in ("verify", "watch"):
                self.says(2, "--key takes the published key, 64 hexadecimal digits as lethectl ledger key prints them", "ledger", command, self.file, "--key", key)

    def test_what_an_earlier_look_left_is_read_or_refused(self):
        state = self.path("seen")
        with open(state, "w", encoding="utf-8") as file:
            file.write("nonsense\n")
        self.says(2, f"{state} is not what an earlier look left; name another file with --state, or delete it to begin anew",
                  "ledger", "watch", self.file, "--state", state, "--key", self.key)
        os.unlink(state)
        os.mkfifo(state)
        self.says(2, f"{state} is not what an earlier look left; name another file with --state, or delete it to begin anew",
                  "ledger", "watch", self.file, "--state", state, "--key", self.key)


if __name__ == "__main__":
    lethectl_case.LETHECTL, lethectl_case.SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
