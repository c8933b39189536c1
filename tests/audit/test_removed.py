#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a server needs of its own last run was removed or damaged while it was down: the audit says so, the next start says so in the log, in the
ledger and to `lethectl status`, and the start after that finds everything in order."""
import json
import shutil
import unittest

from base import audit
from lethe_test import Server, WireCase, archive
from lmdb_pages import PAGE as SLOT


class Removed(WireCase):
    policy = {"log": {"keep": "24h"}}

    def setUp(self):
        super().setUp()
        self.server.restart()
        self.assertEqual(0, self.status(expect=0)["alarms"])
        self.server.stop()

    def tearDown(self):
        super().tearDown()
        self.server.stop()
        shutil.rmtree(self.server.data / "log", ignore_errors=True)  # the next test looks for its own lines
        self.server.start()

    def status(self, expect):
        return json.loads(self.server.ctl("status", "--json", expect=expect).stdout)

    def places(self):
        return {f["place"] for f in audit(self.server.data, self.server.config_dir / "policy.toml")["findings"]}

    def log(self):
        return "".join(file.read_text() for file in (self.server.data / "log").iterdir())

    def ledger(self):
        return [json.loads(line) for line in (self.server.data / "ledger.jsonl").read_text().splitlines()]

    def alarms(self):
        return [line["word"] for line in self.ledger() if line["event"] == "alarm"]

    def assert_said_once(self, word, fact):
        """A start says it everywhere; the next has nothing to say."""
        self.server.start()
        status = self.status(expect=1)
        self.assertEqual(1, status["alarms"])
        self.assertIn("at the start", status[fact])
        self.server.stop()
        self.assertIn(f" storage_alarm problem={word}\n", self.log())
        self.assertIn(word, self.alarms())
        self.assertNotIn(fact, self.places())
        self.server.start()
        self.assertEqual((0, "good"), ((status := self.status(expect=0))["alarms"], status[fact]))

    def test_the_clocks_record(self):
        (self.server.data / "clock").unlink()
        self.assertEqual({"clock"}, self.places())
        self.assert_said_once("clock_missing", "clock_record")

    def test_the_clocks_record_without_a_time(self):
        (self.server.data / "clock").write_bytes(b"")
        self.assertEqual({"clock"}, self.places())
        self.assert_said_once("clock_missing", "clock_record")

    def test_the_ledger(self):
        (self.server.data / "ledger.jsonl").unlink()
        self.assertEqual({"ledger.jsonl"}, self.places())
        self.assert_said_once("ledger_missing", "ledger")
        self.assertEqual(["begin", "alarm"], [line["event"] for line in self.ledger()[:2]])

    def test_the_ledger_before_lethectl_begins_another(self):
        (self.server.data / "ledger.jsonl").unlink()
        (self.server.data / "clock").unlink()
        self.server.ctl("sweep")
        self.assertEqual(["ledger_missing", "clock_missing"], self.alarms()[:2])
        self.assertIn(" storage_alarm problem=ledger_missing\n", self.log())
        self.server.start()

    def test_the_last_line_of_the_ledger(self):
        file = self.server.data / "ledger.jsonl"
        text = file.read_text()
        file.write_text(text[:-10] + ("0" if text[-10] != "0" else "1") + text[-9:])
        self.assertIn("ledger.jsonl", self.places())
        self.server.start()
        status = self.status(expect=1)
        self.assertEqual(1, status["alarms"])
        self.assertIn("damaged", status["ledger"])
        self.server.stop()
        self.assertIn(" storage_alarm problem=ledger_damaged\n", self.log())
        file.unlink()  # the next test's audit begins with a ledger that holds
        self.server.start()

    def test_the_log(self):
        shutil.rmtree(self.server.data / "log")
        self.assertEqual({"log"}, self.places())
        self.server.start()
        self.assertEqual(0, self.status(expect=0)["alarms"])

    def test_a_buckets_key(self):
        """Nobody destroyed it: nothing goes before its time, and with the right keyring everything is back."""
        self.server.start()
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        writer.sends(f"<message to='{bob.jid}' type='chat' id='kept'><body>kept</body></message>")
        writer.all_acked()
        writer.leaves()
        self.server.stop()
        keyring = self.server.data / "keyring"
        whole = keyring.read_bytes()
        blocks = [whole[at:at + SLOT] for at in range(0, len(whole), SLOT)]
        keyring.write_bytes(b"".join(bytes(SLOT) if block[0] == 2 else block for block in blocks))
        report = audit(self.server.data, self.server.config_dir / "policy.toml")
        robbed = sorted((self.server.data / "buckets").glob("*/*.mdb"))
        said = {f["place"]: f["what"] for f in report["findings"]}
        for file in robbed:
            self.assertIn("its deadline is still to come, but the keyring has no key of it", said[str(file.relative_to(self.server.data))])
        self.assertEqual(len(robbed), len(said))
        self.server.start()
        status = self.status(expect=1)
        self.assertEqual([len(robbed)] * 2, [status["quarantined"], status["alarms"]])
        self.server.stop()
        self.assertIn(" sweep_alarm problem=bucket_without_key class=archive bucket=1\n", self.log())
        self.assertIn("bucket_without_key", self.alarms())
        self.assertEqual(robbed, [file for file in sorted((self.server.data / "buckets").glob("*/*.mdb")) if file in robbed])
        keyring.write_bytes(whole)
        self.server.start()
        self.assertEqual(0, self.status(expect=0)["alarms"])
        self.assertEqual(["kept"], [e.message.get("id") for e in archive.everything(self.session(bob, "r"))])

    def test_a_directory_that_no_server_has_used_lacks_nothing(self):
        server = Server(policy=self.policy)
        self.addCleanup(server.remove)
        server.add_account("alice")
        self.assertEqual([], audit(server.data, server.config_dir / "policy.toml")["findings"])
        server.start()
        self.assertEqual(0, json.loads(server.ctl("status", "--json").stdout)["alarms"])
        server.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
