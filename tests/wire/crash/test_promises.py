# SPDX-License-Identifier: AGPL-3.0-or-later
"""A server that keeps everything for seconds, over restarts, kills, wrong clocks and failing disks: what is due goes, what is not due stays,
and the ledger of the whole run holds by two verifiers.

The clock that lethed sees is Debian's faketime (the time since the machine's start stays real); disks fail by strace, attached for a while.
"""
import json
import os
import pathlib
import shutil
import subprocess
import time
import unittest

from lethe_test import Client, archive, ledger
from lethe_test.client import LIMIT
from lethe_test.template import ready_server
from lethe_test.waiting import until

FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
CLASSES = ("archive", "letterbox", "subscriptions")
POLICY = {**{name: {"keep": "4s"} for name in CLASSES}, "log": {"keep": "4s"}}
HOUR, DAY = 3600, 86400
WRITES = "pwrite64,pwritev,ftruncate,unlink,unlinkat,rename,fsync,fdatasync,fallocate"


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
@unittest.skipUnless(FAKETIME, "faketime is not installed")
class Promises(unittest.TestCase):
    longMessage = True

    def setUp(self):
        self.server, pool = ready_server(POLICY)
        self.addCleanup(self.server.remove)
        self.alice, self.bob, self.friend = (pool.pop() for _ in range(3))
        self.clock_file = self.server.directory / "faketime"
        self.set_clock(10 * DAY)  # the certificate is of today, and the clock is to go back
        self.server.environment = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.clock_file), "FAKETIME_NO_CACHE": "1",
                                   "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.clients = []
        self.number = 0
        self.addCleanup(self.drop_clients)

    # The clock ------------------------------------------------------------------------------------------------------

    def write_clock(self, text):
        new = self.clock_file.with_suffix(".new")
        new.write_text(text + "\n")
        new.rename(self.clock_file)

    def set_clock(self, offset):
        self.offset = offset
        self.write_clock(f"{offset:+d}")

    def stop_clock(self):
        self.write_clock(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + self.offset)))

    # The server -----------------------------------------------------------------------------------------------------

    def drop_clients(self):
        for client in self.clients:
            client.drop()
        self.clients = []

    def session(self, account):
        client = Client(self.server, account)
        self.clients.append(client)
        return client.login("r")

    def bucket_files(self):
        return {str(p.relative_to(self.server.data)) for p in (self.server.data / "buckets").rglob("*.mdb")}

    def log_files(self):
        return {p.name for p in (self.server.data / "log").iterdir()}

    def write(self):
        """Something in every class; the bucket files that hold it."""
        before = self.bucket_files()
        writer = self.session(self.alice).enable_sm()
        self.number += 1
        writer.sends(f"<message to='{self.bob.jid}' type='chat' id='m{self.number}'><body>m{self.number}</body></message>")
        writer.sends(f"<presence type='subscribe' to='{self.friend.jid}'/>")
        writer.all_acked()
        writer.drop()
        files = self.bucket_files()
        self.assertTrue(files - before or files, "nothing was stored")
        return files

    def gone(self, files):
        return not files & self.bucket_files()

    def archived(self):
        client = self.session(self.bob)
        entries = archive.everything(client)
        client.drop()
        return [e.message.get("id") for e in entries]

    def status(self):
        return json.loads(self.server.ctl("status", "--json", expect=None).stdout)

    def destroyed(self, files, when):
        until(lambda: self.gone(files), f"the end of {sorted(files)} {when}")
        self.assertEqual([], self.archived())

    def lines(self):
        return ledger.lines((self.server.data / "ledger.jsonl").read_bytes())

    def events(self, kind):
        return [line for line in self.lines() if line["event"] == kind]

    def failing(self, *expressions, paths=()):
        """strace on the running server; ends with stop_failing()."""
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(self.server.pid), *(p for path in paths for p in ("-P", str(path))),
                                   *(p for e in expressions for p in ("-e", e))], stdin=subprocess.DEVNULL)
        self.addCleanup(tracer.kill)
        until(lambda: tracer.poll() is not None or "TracerPid:\t0" not in pathlib.Path(f"/proc/{self.server.pid}/status").read_text(), "strace attaching")
        if tracer.poll() is not None:
            self.skipTest("strace may not attach here: it needs root")
        return tracer

    def stop_failing(self, tracer):
        tracer.terminate()
        tracer.wait(timeout=LIMIT)

    # What an auditor says, whose clock is the machine's ---------------------------------------------------------------

    def audit(self):
        """The findings as {(check, place)}."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.offset))
        done = self.server.ctl("audit", self.server.data, "--policy", self.server.config_dir / "policy.toml", "--json", "--at", at, expect=None)
        self.assertIn(done.returncode, (0, 1), done)
        return {(finding["check"], finding["place"]) for finding in json.loads(done.stdout)["findings"]}

    def audit_finds(self, expected, when):
        """Exactly that, once the moment that the sweeper has is over."""
        seen = []

        def holds():
            seen[:] = [self.audit()]
            return seen[0] == expected

        try:
            until(holds, f"the right audit {when}")
        except AssertionError as error:
            raise AssertionError(f"{error}: expected {sorted(expected)}, found {sorted(seen[0])}") from None

    def audit_finds_overdue(self, files, when):
        """The buckets, and log files of the same age; nothing else."""
        def holds():
            found = self.audit()
            logs = {("deadlines", "log/" + name) for name in self.log_files()}
            overdue = {("deadlines", file) for file in files}
            return found >= overdue and found - overdue <= logs
        until(holds, f"the right audit {when}")

    # The story ------------------------------------------------------------------------------------------------------

    def test_everything_expires_whatever_happens(self):
        self.server.start()
        for part in (self.while_it_runs, self.over_restarts, self.with_a_clock_that_stands, self.with_small_steps_back, self.with_a_large_step_back,
                     self.with_a_jump_ahead, self.with_a_jump_ahead_while_it_is_down, self.on_a_disk_that_is_read_only, self.on_a_full_disk):
            part()
            self.drop_clients()
            self.assertTrue(self.server.alive(), part.__name__)
        until(lambda: not self.bucket_files(), "the end of all buckets")
        self.audit_finds(set(), "at the end")
        self.server.stop()
        self.verify_the_whole_record()

    def while_it_runs(self):
        files, logs = self.write(), self.log_files()
        self.destroyed(files, "while the server runs")
        until(lambda: not logs & self.log_files(), "the end of the log files")
        self.audit_finds(set(), "while the server runs")

    def over_restarts(self):
        for end in ("stop", "kill"):
            files = self.write()
            getattr(self.server, end)()
            time.sleep(6)  # past the deadline
            self.assertFalse(self.gone(files), "nobody sweeps while the server is down")
            self.audit_finds_overdue(files, f"after {end}")
            self.server.start()
            self.destroyed(files, f"after {end}")
            self.audit_finds(set(), f"after {end} and a start")

    def with_a_clock_that_stands(self):
        self.stop_clock()
        files = self.write()
        time.sleep(6)
        self.assertFalse(self.gone(files), "no time has passed")
        self.audit_finds_overdue(files, "by a clock that runs")
        self.set_clock(self.offset)
        self.destroyed(files, "once the clock runs again")
        self.audit_finds(set(), "once the clock runs again")

    def with_small_steps_back(self):
        files = self.write()
        self.set_clock(self.offset - HOUR // 2)
        time.sleep(6)
        self.assertEqual("good", self.status()["clock"])
        self.assertFalse(self.gone(files), "time holds still")
        self.audit_finds(set(), "while time holds still")
        for step in range(2):  # restarted meanwhile, it still holds still
            self.server.restart()
            self.assertFalse(self.gone(files))
        self.set_clock(self.offset + HOUR // 2)
        self.destroyed(files, "once the clock has caught up")
        self.audit_finds(set(), "once the clock has caught up")

    def with_a_large_step_back(self):
        files = self.write()
        self.set_clock(self.offset - 3 * HOUR)
        until(lambda: self.status()["clock"] == "went back", "the doubt")
        self.assertEqual(1, self.server.ctl("status", expect=1).returncode)
        self.assertIn("clock accept", self.server.ctl("sweep", expect=1).stderr)
        self.audit_finds({("deadlines", "ledger.jsonl")}, "after a large step back")
        self.server.stop()
        status, said = self.server.start_refused()
        self.assertEqual(2, status)
        self.assertIn("lethectl clock accept", said)
        self.assertFalse(self.gone(files))
        self.audit_finds({("deadlines", "ledger.jsonl")}, "before the clock is accepted")
        self.server.ctl("clock", "accept")
        self.server.start()
        self.assertEqual("good", self.status()["clock"])
        self.destroyed(files, "after the clock was accepted")
        self.audit_finds(set(), "after the clock was accepted")

    def with_a_jump_ahead(self):
        files = self.write()
        self.set_clock(self.offset + 3 * DAY)
        until(lambda: self.status()["clock"] == "jumped", "the doubt")
        self.assertGreater(self.status()["alarms"], 0)
        self.assertEqual([], self.archived(), "what is overdue by the clock is not served")
        self.assertIn("clock accept", self.server.ctl("sweep", expect=1).stderr)
        self.assertFalse(self.gone(files), "nothing is destroyed by a clock in doubt")
        self.audit_finds_overdue(files, "by a clock in doubt")
        self.server.ctl("clock", "accept")
        self.assertEqual("good", self.status()["clock"])
        self.destroyed(files, "after the clock was accepted")
        self.audit_finds(set(), "after the clock was accepted")

    def with_a_jump_ahead_while_it_is_down(self):
        files = self.write()
        self.server.kill()
        self.set_clock(self.offset + 2 * DAY)
        self.server.start()
        self.assertEqual("jumped", self.status()["clock"])
        self.assertFalse(self.gone(files))
        self.audit_finds_overdue(files, "by a clock in doubt since the start")
        self.server.ctl("clock", "accept")
        self.destroyed(files, "after the clock was accepted")
        self.audit_finds(set(), "after the clock was accepted")

    def on_a_disk_that_is_read_only(self):
        files = self.write()
        tracer = self.failing(f"trace={WRITES}", f"inject={WRITES}:error=EROFS")
        before = len(self.events("alarm"))
        until(lambda: self.status()["overdue"] > 0, "the failure to destroy")
        self.assertFalse(self.gone(files))
        self.assertEqual([], self.archived(), "a class with something it should have destroyed serves nothing")
        until(lambda: self.status()["ledger_lines_waiting"] > 0, "the ledger's waiting")
        self.audit_finds_overdue(files, "on a disk that takes no writes")
        self.stop_failing(tracer)
        self.set_clock(self.offset + 61)  # failed destructions are tried again after a minute
        self.destroyed(files, "once the disk takes writes again")
        until(lambda: self.status()["ledger_lines_waiting"] == 0, "the ledger's catching up")
        words = [line["word"] for line in self.events("alarm")[before:]]
        self.assertIn("key_not_destroyed", words)
        self.assertIn("ledger_delayed", words)
        self.audit_finds(set(), "once the disk takes writes again")

    def on_a_full_disk(self):
        files = self.write()
        paths = [self.server.data / name for name in ("ledger.jsonl", "state.mdb")]
        tracer = self.failing("trace=pwrite64,pwritev", "inject=pwrite64,pwritev:error=ENOSPC", paths=paths)
        lines = len(self.lines())
        until(lambda: self.gone(files), "the end of the buckets on a full disk")
        self.set_clock(self.offset + 61)
        until(lambda: self.status()["ledger_lines_waiting"] > 0, "the ledger's waiting")
        until(lambda: self.status()["alarms"] > 0, "an alarm of the status")
        self.assertEqual(lines, len(self.lines()))
        self.audit_finds(set(), "on a full disk")
        self.stop_failing(tracer)
        until(lambda: self.status()["ledger_lines_waiting"] == 0 and len(self.lines()) > lines, "the ledger's catching up")

    def verify_the_whole_record(self):
        file = self.server.data / "ledger.jsonl"
        key = self.server.ctl("ledger", "key").stdout.strip()
        self.assertEqual([], ledger.verify(file.read_bytes(), key))
        report = json.loads(self.server.ctl("ledger", "verify", file, "--key", key, "--json").stdout)
        self.assertTrue(report["holds"])
        self.assertEqual({*CLASSES, "log"}, set(report["swept_to"]))
        self.assertEqual(3, len(self.events("clock_accepted")))
        self.assertEqual(7, len(self.events("server_start")))
        words = {line["word"] for line in self.events("alarm")}
        self.assertEqual({"clock_went_back", "clock_jumped", "key_not_destroyed", "ledger_delayed"}, words - {"file_not_removed", "deadline_not_recorded"})
        for name in (*CLASSES, "log"):
            minutes = [line["time"] for line in self.events("swept") if line["class"] == name]
            self.assertTrue(minutes)
            self.assertLessEqual(max(minutes.count(minute) for minute in minutes), 2, "at most one a minute, and one that was held back")


if __name__ == "__main__":
    unittest.main(verbosity=2)
