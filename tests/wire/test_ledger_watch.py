#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`lethectl ledger watch` with a ledger that a server wrote: it grows, is cut, replaced, rewritten, held back, and cannot be reached."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from lethe_test.server import LETHECTL
from lethe_test.template import clone, ready_server

HOUR = 3600 * 1000000


class Watch(unittest.TestCase):
    def setUp(self):
        self.server, _ = ready_server()
        self.addCleanup(self.server.remove)
        self.run_once(self.server)
        self.ledger = self.server.data / "ledger.jsonl"
        self.key = self.server.ctl("ledger", "key").stdout.strip()
        # Whoever watches has a copy, and no other file of the server.
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="lethe-watch-"))
        self.addCleanup(shutil.rmtree, self.room, ignore_errors=True)
        self.copy, self.state = self.room / "ledger.jsonl", self.room / "ledger.jsonl.watched"
        self.fetch()

    def run_once(self, server):
        server.start()
        server.stop()

    def fetch(self):
        shutil.copy(self.ledger, self.copy)

    def lines(self):
        return self.copy.read_bytes().splitlines(keepends=True)

    def watch(self, *arguments, status=0, file=None):
        done = subprocess.run([LETHECTL, "ledger", "watch", str(file or self.copy), *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(status, done.returncode, done)
        self.assertEqual(status != 0, bool(done.stderr) and not done.stderr.startswith("lethectl: checked with"), done)
        return done.stdout + done.stderr

    def finds(self, what, *arguments):
        """The finding, and again at the next look: what was seen before is kept."""
        before = self.state.read_text()
        for _ in range(2):
            self.assertIn(what, self.watch(*arguments, status=1))
            self.assertEqual(before, self.state.read_text())

    def test_it_grows(self):
        count = len(self.lines())
        self.assertIn(f"{count} lines, {count} new since the last look", self.watch("--key", self.key))
        self.assertEqual({"version": 1, "key": self.key, "lines": count}, {k: v for k, v in json.loads(self.state.read_text()).items() if k in ("version", "key", "lines")})
        self.assertIn(f"{count} lines, 0 new", self.watch("--key", self.key))
        self.run_once(self.server)
        self.fetch()
        more = len(self.lines()) - count
        self.assertGreater(more, 0)
        self.assertIn(f"{count + more} lines, {more} new", self.watch())  # the key is the one of the first look
        self.assertEqual({"ledger.jsonl", "ledger.jsonl.watched"}, {p.name for p in self.room.iterdir()}, "nothing is left behind")

    def test_a_line_that_is_being_written_is_no_finding(self):
        whole = self.copy.read_bytes()
        self.copy.write_bytes(whole[:-10])
        self.watch("--key", self.key)
        self.copy.write_bytes(whole)
        self.assertIn("1 new", self.watch("--key", self.key))

    def test_it_is_cut(self):
        self.watch("--key", self.key)
        whole = self.lines()
        for left in (len(whole) - 1, 1):
            self.copy.write_bytes(b"".join(whole[:left]))
            self.finds(f"the ledger was cut: it had {len(whole)} lines at the last look and has {left}")
        self.copy.write_bytes(b"")
        self.finds("the ledger holds no line")
        self.copy.write_bytes(b"".join(whole))
        self.assertIn("0 new", self.watch())

    def test_it_is_replaced_by_one_of_another_key(self):
        self.watch("--key", self.key)
        other = self.server.__class__()
        self.addCleanup(other.remove)
        self.run_once(other)
        shutil.copy(other.data / "ledger.jsonl", self.copy)
        self.finds("not signed by this key")
        other_key = other.ctl("ledger", "key").stdout.strip()
        self.finds("the key is another than at the last look", "--key", other_key)

    def test_it_is_rewritten_with_its_own_key(self):
        other = clone(self.server)
        self.addCleanup(other.remove)
        for server, keep in ((self.server, "6d"), (other, "5d")):
            server.set_policy({"archive": {"keep": keep}})
            self.run_once(server)
        self.fetch()
        self.watch("--key", self.key)
        seen = len(self.lines())
        self.run_once(other)
        shutil.copy(other.data / "ledger.jsonl", self.copy)
        self.assertEqual(0, self.server.ctl("ledger", "verify", self.copy, "--key", self.key).returncode, "each of the two holds by itself")
        self.assertGreater(len(self.lines()), seen)
        self.finds(f"the ledger was rewritten: line {seen} is another than at the last look")

    def test_a_line_edited_or_dropped_behind_the_last_look(self):
        self.watch("--key", self.key)
        self.run_once(self.server)
        self.fetch()
        whole = self.lines()
        self.copy.write_bytes(b"".join(whole[:-1]) + whole[-1].replace(b'"v":1', b'"v":2'))
        self.finds(f"line {len(whole)}: this is not in the form of a ledger's line")
        self.run_once(self.server)
        self.fetch()
        longer = self.lines()
        self.copy.write_bytes(b"".join(longer[:-2] + longer[-1:]))
        self.finds(f"line {len(longer) - 1}: ")

    def test_lines_come_late_and_claim_to_be_older(self):
        self.watch("--key", self.key)
        mark = json.loads(self.state.read_text())
        mark["looked"] += 2 * HOUR
        self.state.write_text(json.dumps(mark, separators=(",", ":")) + "\n")
        self.run_once(self.server)
        self.fetch()
        self.finds("came after the last look")

    def test_it_cannot_be_reached(self):
        self.watch("--key", self.key)
        before = self.state.read_text()
        self.copy.unlink()
        self.assertIn(f"{self.copy} ", self.watch(status=2))
        self.copy.mkdir()
        self.assertIn(f"{self.copy} ", self.watch(status=2))
        self.copy.rmdir()
        self.assertEqual(before, self.state.read_text())
        self.fetch()
        self.watch()

    def test_a_wrong_key(self):
        wrong = "".join("0" if c != "0" else "1" for c in self.key)
        self.assertIn("not signed by this key", self.watch("--key", wrong, status=1))
        self.assertFalse(self.state.exists(), "a first look that finds something remembers nothing")
        for bad in ("abc", self.key[:-1], self.key + "0", "g" * 64):
            self.assertIn("64 hexadecimal digits", self.watch("--key", bad, status=2))

    def test_without_a_key_it_says_what_it_was_checked_with(self):
        self.assertIn(f"checked with the key that the file itself names, {self.key}", self.watch())
        self.copy.write_bytes(b"".join(self.lines()[1:]))
        self.state.unlink()
        self.assertIn("--key", self.watch(status=1))

    def test_what_is_kept_between_looks(self):
        elsewhere = self.room / "state"
        self.watch("--key", self.key, "--state", elsewhere)
        self.assertFalse(self.state.exists())
        good = elsewhere.read_text()
        for bad in ("", "{}", "nonsense\n", good[:-3], good.replace('"version":1', '"version":2'), good + good):
            elsewhere.write_text(bad)
            self.assertIn(f"{elsewhere} is not what an earlier look left", self.watch("--state", elsewhere, status=2))
            self.assertEqual(bad, elsewhere.read_text())
        elsewhere.write_text(good)
        self.assertIn("0 new", self.watch("--state", elsewhere))
        self.assertIn("cannot be written", self.watch("--key", self.key, "--state", self.room / "no" / "state", status=3))

    def test_in_the_data_directory_nothing_is_left(self):
        before = {str(p) for p in self.server.data.rglob("*")}
        self.assertIn("--state", self.watch("--key", self.key, file=self.ledger, status=2))
        self.watch("--key", self.key, "--state", self.state, file=self.ledger)
        self.assertEqual(before, {str(p) for p in self.server.data.rglob("*")})
        self.server.start()
        self.assertIn("new since the last look", self.watch("--state", self.state, file=self.ledger))
        self.server.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
