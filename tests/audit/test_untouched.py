#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""No false alarm: the audit of a directory in use, stopped, killed, and copied while in use finds nothing; and it changes nothing."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import lmdb
from base import POLICY, audit, told, until
from lethe_test import Client, Server
from lethe_test.server import LETHECTL


class Untouched(unittest.TestCase):
    def setUp(self):
        self.server = Server(policy={**POLICY, "letterbox": {"keep": "24h"}})
        self.addCleanup(self.server.remove)
        self.accounts = [self.server.add_account(name) for name in ("alice", "bob")]
        self.policy = self.server.config_dir / "policy.toml"
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="lethe-audit-"))
        self.addCleanup(shutil.rmtree, self.room, ignore_errors=True)

    def assert_clean(self, data=None, live=False):
        report = audit(data or self.server.data, self.policy)
        self.assertEqual("", told(report))
        self.assertEqual(live, report["live"])
        return report

    def talk(self, count=10):
        alice, bob = self.accounts
        client = Client(self.server, alice).login("w")
        client.goes_online()
        client.enable_sm()
        for number in range(count):
            client.sends(f"<message to='{bob.jid}' type='chat' id='m{number}'><body>{number}</body></message>")
        client.all_acked()
        return client

    def digests(self):
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in self.server.data.rglob("*") if p.is_file()}

    def test_new_and_never_started(self):
        self.assert_clean()

    def test_stopped_and_nothing_is_changed(self):
        self.server.start()
        self.talk().leaves()
        self.server.stop()
        before = self.digests()
        self.assert_clean()
        self.assertEqual(before, self.digests())

    def test_a_bucket_whose_making_a_kill_cut_short(self):
        self.server.start()
        self.talk().leaves()
        self.server.stop()
        (self.server.data / "lock").write_bytes(b"running\n")
        file = self.server.data / "buckets" / "archive" / "99.mdb"
        old = os.umask(0o077)
        self.addCleanup(os.umask, old)
        with lmdb.open(str(file), subdir=False, max_dbs=8) as env:
            for name in (b"entries", b"heads", b"info"):
                env.open_db(name)
        report = self.assert_clean()
        self.assertTrue(any("99.mdb" in note for note in report["notes"]))
        with lmdb.open(str(file), subdir=False, max_dbs=8) as env, env.begin(write=True) as txn:
            txn.put(b"k" * 22, b"v" * 1100, db=env.open_db(b"entries", txn))
        self.assertIn("99.mdb", told(audit(self.server.data, self.policy)), "somebody's row is in it, so it was in use")

    def test_the_page_is_not_written_into_the_directory(self):
        self.server.start()
        self.talk().leaves()
        self.server.stop()
        before = self.digests()
        for page in ("state.mdb", "page.html", "../data/page.html", ""):
            done = subprocess.run([str(LETHECTL), "audit", str(self.server.data), "--policy", str(self.policy), "--html",
                                   page and str(self.server.data / page)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            self.assertEqual(2, done.returncode, done.stdout)
        self.assertEqual(before, self.digests())

    def test_against_the_policy_that_stands_in_the_directory(self):
        self.server.start()
        self.talk().leaves()
        self.server.stop()
        done = subprocess.run([LETHECTL, "audit", self.server.data], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_in_use_and_idle(self):
        self.server.start()
        client = self.talk()
        report = self.assert_clean(live=True)
        self.assertTrue(report["stored"])
        client.leaves()

    def test_in_use_under_load_again_and_again(self):
        self.server.start()
        done = threading.Event()
        failed = []

        def load():
            client = self.talk(1)
            while not done.is_set():
                try:
                    for number in range(50):
                        client.sends(f"<message to='{self.accounts[1].jid}' type='chat' id='l{number}'><body>{'x' * 3000}</body></message>")
                        client.sends(f"<iq type='set' id='r{number}'><query xmlns='jabber:iq:roster'><item jid='f{number}@b.example'/></query></iq>")
                    client.all_acked()
                    client.collect()
                except Exception as error:
                    failed.append(error)
                    return

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(8):
                self.assert_clean(live=True)
        finally:
            done.set()
            thread.join()
        self.assertFalse(failed)
        self.assertTrue(self.server.alive())

    def test_killed_and_started_and_killed(self):
        for _ in range(4):
            self.server.start()
            self.talk(20)
            self.server.kill()
            self.assert_clean()

    def test_copied_while_in_use(self):
        self.server.start()
        client = self.talk()
        client.collect()
        subprocess.run(["cp", "-a", self.server.data, self.room / "copy"], check=True)
        shutil.rmtree(self.room / "copy" / "run", ignore_errors=True)
        self.assert_clean(self.room / "copy")
        client.leaves()

    def test_buckets_that_end_while_the_audit_looks(self):
        self.server.set_policy({name: {"keep": "3s"} for name in ("archive", "letterbox", "subscriptions")})
        self.server.start()
        for _ in range(4):
            self.talk(5).leaves()
            self.assert_clean(live=True)
        until(lambda: not list((self.server.data / "buckets").rglob("*.mdb")), "the end of all buckets")
        self.assert_clean(live=True)

    def test_a_server_with_retention_of_seconds_that_is_down_is_overdue_and_one_at_the_copys_time_is_not(self):
        self.server.set_policy({name: {"keep": "3s"} for name in ("archive", "letterbox")})
        self.server.start()
        self.talk(3)
        self.server.kill()
        files = {str(p.relative_to(self.server.data)) for p in (self.server.data / "buckets").rglob("*.mdb")}
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.assertTrue(files)
        until(lambda: not audit(self.server.data, self.policy)["holds"], "the end of the time that the sweeper has")
        report = audit(self.server.data, self.policy)
        self.assertEqual(files, {f["place"] for f in report["findings"]}, told(report))
        self.assertEqual({"deadlines"}, {f["check"] for f in report["findings"]})
        self.assertEqual("", told(audit(self.server.data, self.policy, at=made)))

    def test_a_shorter_policy_that_is_not_in_force_yet_shows(self):
        self.server.start()
        self.talk()
        self.server.stop()
        files = {str(p.relative_to(self.server.data)) for p in (self.server.data / "buckets").rglob("*.mdb")}
        self.server.set_policy({name: {"keep": "1h"} for name in ("archive", "letterbox")})
        report = audit(self.server.data, self.policy)
        self.assertEqual(files | {"state.mdb"}, {f["place"] for f in report["findings"]}, told(report))
        self.server.start()
        self.server.stop()
        self.assert_clean()

    def test_usage(self):
        def status(*arguments):
            done = subprocess.run([LETHECTL, "audit", *map(str, arguments)], capture_output=True, text=True)
            self.assertTrue(done.stderr.strip(), "a sentence says why")
            return done.returncode
        good = ("--policy", self.policy)
        self.assertEqual(2, status())
        self.assertEqual(2, status(self.server.data), "no policy stands there yet")
        self.assertEqual(2, status(self.server.data, "--policy", self.room / "none.toml"))
        self.assertEqual(2, status(self.server.data, *good, "--key", "abc"))
        self.assertEqual(2, status(self.server.data, *good, "--at", "noon"))
        self.assertEqual(2, status(self.policy, *good))
        self.assertEqual(3, status(self.room / "none", *good))
        self.assertEqual(3, status(self.server.data, *good, "--html", self.room / "none" / "page.html"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
