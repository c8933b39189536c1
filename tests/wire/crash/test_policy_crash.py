# SPDX-License-Identifier: AGPL-3.0-or-later
"""A policy changes while the server is killed at each write of it, or the disk takes no write at all (strace fault injection)."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from lethe_test import ledger
from lethe_test.client import LIMIT, Client
from lethe_test.template import ready_server
from lethe_test.waiting import until

CALLS = "pwrite64,pwritev,fdatasync,fsync,msync,ftruncate"
INFO = "http://jabber.org/protocol/disco#info"
BASE = {"archive": {"keep": "7d"}, "letterbox": {"keep": "7d"}, "subscriptions": {"keep": "7d"}, "log": {"keep": "0"}, "change": {"notice": "1h"}}
CHANGED = {"archive": {"keep": "30d"}, "letterbox": {"keep": "1d"}}


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class PolicyFaults(unittest.TestCase):
    def fresh(self, policy):
        server, self.pool = ready_server(policy)
        self.addCleanup(server.remove)
        server.start()
        until(lambda: server.ctl("policy", "show", expect=None).returncode == 0, "the first standing")
        # What a start sweeps is written to the ledger when others are served already; the writes that are counted here come after it.
        until(lambda: b'"swept","class":"log"' in (server.data / "ledger.jsonl").read_bytes(), "the last line of the start")
        return server

    def attach(self, server, inject):
        log = server.directory / "strace"
        for _ in range(10):
            tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", str(log), "-p", str(server.pid), "-e", f"trace={CALLS}", *inject],
                                      stderr=subprocess.DEVNULL)
            limit = time.monotonic() + LIMIT / 10
            while time.monotonic() < limit:
                tasks = pathlib.Path(f"/proc/{server.pid}/task").iterdir()
                if all("TracerPid:\t0" not in (task / "status").read_text() for task in tasks):
                    return tracer, log
                time.sleep(0.02)
            tracer.terminate()  # a thread that began while it attached is not followed
            tracer.wait()
        raise AssertionError("the tracer does not get hold of every thread")

    def show(self, server):
        return json.loads(server.ctl("policy", "show", "--json").stdout)

    def after_kill_at(self, policy, number, trigger, settled):
        """Kills the server at the number-th call after `trigger`; returns what a restart finds, and whether it was killed."""
        return self.after_kill(policy, lambda _: ["-e", f"inject={CALLS}:signal=KILL:when={number}"], trigger, settled)

    def after_kill(self, policy, inject, trigger, settled):
        server = self.fresh(policy)
        tracer, _ = self.attach(server, inject(server))
        trigger(server)
        until(lambda: not server.alive() or settled(server), "the change or the end")
        killed = not server.alive()
        if killed:
            server.process.wait()
        else:
            server.kill()
        tracer.wait(timeout=LIMIT)
        server.start()
        shown = until(lambda: (lambda now: now if self.is_settled(now) else None)(self.show(server)), "what a restart makes of it")
        server.stop()
        written = (server.data / "ledger.jsonl").read_bytes()
        self.assertEqual([], ledger.verify(written, server.ctl("ledger", "key").stdout.strip()))
        self.ledger_lines = ledger.lines(written)
        server.remove()
        return shown, killed

    @staticmethod
    def is_settled(shown):
        return "announced" in shown or '"30d"' in shown["in_force"]["text"]

    def quietly_settled(self, server):
        done = server.ctl("policy", "show", "--json", expect=None)
        return done.returncode == 0 and self.is_settled(json.loads(done.stdout))

    def announce(self, server):
        server.set_policy(CHANGED)
        os.kill(server.pid, signal.SIGHUP)

    def assert_said_once(self, shown):
        said = [line for line in self.ledger_lines if line["event"] == "policy_announced"]
        self.assertEqual([(shown["announced"]["hash"], shown["announced"]["effective_at"][:19])],
                         [(line["policy"], line["effective"][:19]) for line in said])

    def test_killed_between_the_announcement_and_its_line_in_the_ledger(self):
        to_the_ledger = lambda server: ["-P", str(server.data / "ledger.jsonl"), "-e", "inject=pwrite64:error=EIO:signal=KILL:when=1"]
        shown, killed = self.after_kill(BASE, to_the_ledger, self.announce, lambda _: False)
        self.assertTrue(killed)
        self.assertIn('"30d"', shown["announced"]["text"])
        self.assert_said_once(shown)
        self.assertEqual(shown["in_force"]["hash"], [line["policy"] for line in self.ledger_lines if line["event"] == "policy_in_force"][-1])

    def test_killed_at_each_write_of_an_announcement(self):
        kills = 0
        for number in range(1, 30):
            shown, killed = self.after_kill_at(BASE, number, self.announce, self.quietly_settled)
            with self.subTest(number):
                self.assertIn('keep = "7d"', shown["in_force"]["text"])
                self.assertIn('keep = "1d"', shown["in_force"]["text"])
                self.assertNotIn('"30d"', shown["in_force"]["text"])
                self.assertIn('"30d"', shown["announced"]["text"])
                self.assertEqual(1, shown["serial"])
                self.assert_said_once(shown)
            kills += killed
            if not killed:
                break
        self.assertGreater(kills, 0, "no fault ever struck: the walk tests nothing")

    def test_a_disk_that_takes_nothing_hinders_no_tightening_and_lets_no_loosening_through(self):
        server = self.fresh(BASE)
        client = Client(server, self.pool.pop()).login("r")
        client.goes_online()
        tracer, _ = self.attach(server, ["-e", "inject=pwrite64,pwritev,fdatasync,fsync,msync:error=ENOSPC"])
        self.announce(server)
        figures = lambda: self.figures(server, client)
        until(lambda: figures()["letterbox"] == ["1d"], "the tighter part")
        self.assertEqual(["7d"], figures()["archive"])
        self.assertNotIn("announced", figures())
        self.assertEqual([], [s for s in client.collect() if s.name == "message"], "nobody is told of what is not durable")
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=LIMIT)
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: "announced" in figures(), "the announcement, once the disk takes it")
        self.assertEqual((["7d"], ["1d"]), (figures()["archive"], figures()["letterbox"]))
        client.drop()
        server.stop()

    def figures(self, server, client):
        answer = client.asks_ok(f"<iq type='get' to='{server.domain}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
        forms = [{f.get("var"): [v.text for v in f.findall("{jabber:x:data}value")] for f in x} for x in answer.findall("{jabber:x:data}x")]
        return next(f for f in forms if f["FORM_TYPE"] == ["urn:x-lethe:policy:0"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
