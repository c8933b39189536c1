#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""No false alarm while the policy changes, whenever the audit looks or a kill comes, or after a clock that was wrong; and what is wrong is said."""
import os
import pathlib
import random
import shutil
import signal
import tempfile
import time
import unittest

from base import audit, told, until
from lethe_test import Client, ledger
from lethe_test.template import ready_server

FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
POLICY = {**{name: {"keep": "24h"} for name in ("archive", "letterbox", "subscriptions")}, "log": {"keep": "24h"}}
DAY = 86400
COMMENT = "# {}: whoever wants to know more about this server writes to admin@localhost.example or asks bob@localhost.example\n"
OPERATOR = 'operator = """\\\n  the neighbourhood, whom you reach by way of admin{}@localhost.example \\\n  """\n'


class Changes(unittest.TestCase):
    def setUp(self):
        self.server, pool = ready_server(POLICY)
        self.addCleanup(self.server.remove)
        self.alice, self.bob = pool.pop(), pool.pop()
        self.policy_file = self.server.config_dir / "policy.toml"
        self.random = random.Random(1)

    def talk(self):
        writer = Client(self.server, self.alice).login("w")
        writer.enable_sm()
        for number in range(5):
            writer.sends(f"<message to='{self.bob.jid}' type='chat' id='m{number}'><body>{number}</body></message>")
        writer.all_acked()
        writer.drop()

    def change(self, policy, comment=""):
        self.server.set_policy(policy)
        text = self.policy_file.read_text()
        new = self.policy_file.with_suffix(".new")
        new.write_text(comment + text)
        new.chmod(0o600)
        new.rename(self.policy_file)
        self.hang_up()

    def hang_up(self):
        os.kill(self.server.pid, signal.SIGHUP)

    def lines(self, event):
        return [line for line in ledger.lines((self.server.data / "ledger.jsonl").read_bytes()) if line["event"] == event]

    def assert_clean(self, **how):
        report = audit(self.server.data, **how)
        self.assertEqual("", told(report))
        return report

    def test_again_and_again_in_a_running_server(self):
        self.server.start()
        self.talk()
        for number in range(6):
            self.change({"archive": {"keep": ("12h", "6h", "24h")[number % 3]}, "log": {"keep": ("12h", "24h")[number % 2]}}, COMMENT.format(number))
            self.assertTrue(self.assert_clean()["live"])
        self.server.stop()
        self.assert_clean()

    def test_a_kill_at_any_moment_of_a_change(self):
        for number in range(10):
            self.server.start()
            self.talk()
            self.change({"archive": {"keep": ("12h", "24h")[number % 2]}, "change": {"notice": "1h" if number > 4 else "0"}}, COMMENT.format(number))
            time.sleep(self.random.random() / 20)
            self.server.kill()
            self.assert_clean()

    def test_a_kill_at_any_moment_of_a_start(self):
        for _ in range(12):
            self.server.start(wait=False)
            time.sleep(self.random.random() / 4)
            self.server.kill()
            self.assert_clean(policy=self.policy_file)

    def test_what_older_policies_left_in_free_pages(self):
        self.server.start()
        for number in range(12):
            many = self.random.choice([0, 1, 5, 40, 200])
            comment = "".join(COMMENT.format(f"{number}.{line}") for line in range(many))
            self.change({"service": {"name": f"server {number}"}}, comment)
            self.policy_file.write_text(self.policy_file.read_text().replace('operator = "nobody"\n', OPERATOR.format(number)))
            self.hang_up()
            until(lambda: len(self.lines("policy_in_force")) > number, "the change")
        self.talk()
        self.assert_clean()
        self.server.stop()
        self.assertIn(b"admin@localhost.example", (self.server.data / "state.mdb").read_bytes())
        self.assert_clean()

    def test_after_a_ledger_was_cut_a_server_and_its_audit_go_on(self):
        self.server.start()
        self.server.stop()
        file = self.server.data / "ledger.jsonl"
        text = file.read_bytes()
        file.write_bytes(text.split(b"\n")[0] + b"\n")
        self.assertIn("ledger.jsonl", told(audit(self.server.data)))
        self.server.start()
        self.server.stop()
        self.assert_clean()

    def test_a_ledger_that_ends_long_before_its_server_did(self):
        """Hours that a test has not got: the record of the clock is set on, as a server that ran on would have."""
        self.server.start()
        self.talk()
        self.server.stop()
        record = (self.server.data / "clock").read_text()
        later = int(record[:20]) + 5 * 3600 * 1000000
        (self.server.data / "clock").write_text(f"{later:020}{record[20:]}")
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(later // 1000000 + 60))
        self.assertEqual({"ledger.jsonl"}, {finding["place"] for finding in audit(self.server.data, at=at)["findings"]})
        (self.server.data / "clock").write_text(record)
        self.assert_clean(at=at)

    @unittest.skipUnless(FAKETIME, "faketime is not installed")
    def test_after_a_clock_that_ran_ahead_was_put_back_and_accepted(self):
        clock = pathlib.Path(tempfile.mkdtemp(prefix="lethe-audit-"))
        self.addCleanup(shutil.rmtree, clock)
        (clock / "set").write_text(f"+{10 * DAY}\n")
        self.server.environment = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock / "set"), "FAKETIME_NO_CACHE": "1",
                                   "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.server.start()
        self.talk()
        self.server.stop()
        self.server.environment = {}
        self.assertEqual({"ledger.jsonl"}, {finding["place"] for finding in audit(self.server.data)["findings"]}, "which is later than the clock")
        self.server.ctl("clock", "accept")
        self.assert_clean()
        self.server.start()
        self.talk()
        self.assert_clean()
        self.change({name: {"keep": "12h"} for name in ("archive", "letterbox", "subscriptions")} | {"log": {"keep": "12h"}})
        until(lambda: len(self.lines("policy_in_force")) > 1, "the change")
        self.assert_clean()
        self.server.stop()
        self.assert_clean()


if __name__ == "__main__":
    unittest.main(verbosity=2)
