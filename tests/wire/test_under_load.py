# SPDX-License-Identifier: AGPL-3.0-or-later
"""A policy that changes while messages come in: archive and letterbox obey it in either direction, and nothing is lost, repeated or out of order."""
import os
import signal
import time

from lethe_test import WireCase, archive, main
from lethe_test.client import LIMIT

CLASSES = ("archive", "letterbox")


class UnderLoad(WireCase):
    # A fast machine sends a great deal before a bucket's deadline has come; none of it may be refused.
    policy = {"archive": {"keep": "7d"}, "letterbox": {"keep": "7d", "max_messages": 1000000, "max_bytes": 4 << 30}, "change": {"notice": "0"}}

    def setUp(self):
        super().setUp()
        alice, bob, self.absent = self.accounts(3)
        self.reader = self.online(bob, "r")
        self.writer = self.session(alice, "w").enable_sm()
        self.sent = 0

    def burst(self):
        """Ten messages to the one who is there and ten to the one who is not, without waiting in between."""
        for number in range(self.sent, self.sent + 10):
            for to in (self.reader.jid, self.absent.jid):
                self.writer.sends(f"<message to='{to}' type='chat'><body>{number}</body></message>")
        self.sent += 10
        self.writer.all_acked()
        if self.sent % 100 == 0:
            self.reader.collect()  # who never reads is disconnected

    def buckets(self):
        return {f"{name}/{p.name}" for name in CLASSES for p in (self.server.data / "buckets" / name).glob("*.mdb")}

    def bursts_until(self, condition, what):
        limit = time.monotonic() + LIMIT
        while not condition():
            self.assertLess(time.monotonic(), limit, what)
            self.burst()

    def change(self, keep):
        """Messages go on coming in until each class has gone on in a new bucket."""
        before, shown = self.buckets(), self.show()
        self.server.set_policy({name: {"keep": keep} for name in CLASSES})
        os.kill(self.server.pid, signal.SIGHUP)
        first = self.sent
        self.bursts_until(lambda: self.show() != shown, f"keep = {keep}")
        self.bursts_until(lambda: {b.split("/")[0] for b in self.buckets() - before} == set(CLASSES), f"new buckets under keep = {keep}")
        self.burst()
        return before, first

    def show(self):
        return self.server.ctl("policy", "show", "--json", expect=None).stdout

    def numbers(self, client):
        return [int(e.message.text_of("body")) for e in archive.everything(client, size=250)]

    def waiting(self):
        """What the absent one gets, at last."""
        client = self.online(self.absent, "r")
        got = [int(s.text_of("body")) for s in client.at_login if s.name == "message" and s.type == "chat"]
        return client, got

    def assert_in_order(self, got, kept_from):
        """All from `kept_from` on. What is older may end while it is read, between two pages."""
        self.assertEqual(sorted(set(got)), got, "in order, and nothing twice")
        self.assertEqual(list(range(kept_from, self.sent)), got[-(self.sent - kept_from):], "what came under the longer policy stays")

    def test_promises_that_outlast_the_test_lose_nothing_and_stay_in_order(self):
        self.burst()
        for keep in ("1d", "30d", "2h", "7d"):
            self.change(keep)
        expected = list(range(self.sent))
        self.assertEqual(expected, self.numbers(self.reader))
        backwards, before = [], ""
        while True:
            page = archive.page(self.reader, set_=archive.rsm(max=17, before=before))
            backwards = [int(b) for b in page.bodies] + backwards
            if page.complete:
                break
            before = page.first
        self.assertEqual(expected, backwards)
        client, got = self.waiting()
        self.assertEqual(expected, got)
        self.assertEqual(expected, self.numbers(client))

    def test_a_tighter_one_destroys_what_is_stored_and_a_looser_one_brings_nothing_back(self):
        self.burst()
        old, first = self.change("5s")
        self.bursts_until(lambda: not old & self.buckets(), "the end of what was stored under the longer policy")
        self.assert_in_order(self.numbers(self.reader), self.sent - 1)
        short, first = self.change("7d")
        kept_from = self.sent
        self.burst()
        limit = time.monotonic() + LIMIT
        while short & self.buckets():
            self.assertLess(time.monotonic(), limit, "the end of what was stored under the shorter policy")
            time.sleep(0.05)
        for got in (self.numbers(self.reader), self.waiting()[1]):
            self.assert_in_order(got, kept_from)
            self.assertNotIn(first - 1, got)


if __name__ == "__main__":
    main()
