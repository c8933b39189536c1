# SPDX-License-Identifier: AGPL-3.0-or-later
"""After its deadline a bucket is gone and its key overwritten: while the server runs, while it is down, and after a kill."""
import time

from lethe_test import WireCase, archive, main
from lethe_test.waiting import until

SLOT = 4096
CLASSES = ("archive", "letterbox", "subscriptions")


def bucket_files(server):
    return sorted(str(p.relative_to(server.data)) for p in (server.data / "buckets").rglob("*") if p.is_file())


def slots(server):
    data = (server.data / "keyring").read_bytes()
    return [data[at:at + SLOT] for at in range(0, len(data), SLOT)]


class Expiry(WireCase):
    policy = {name: {"keep": "6s"} for name in CLASSES}

    def setUp(self):
        super().setUp()
        # Each test starts without buckets: those of the test before have gone.
        until(lambda: not bucket_files(self.server), "the end of earlier buckets")
        alice, self.bob, friend = self.accounts(3)  # an account made here takes a slot that outlives buckets
        self.before = slots(self.server)
        self.writer = self.session(alice, "w").enable_sm()
        for number in range(5):
            self.writer.sends(f"<message to='{self.bob.jid}' type='chat' id='m{number}'><body>{number}</body></message>")
        self.writer.sends(f"<presence type='subscribe' to='{friend.jid}'/>")
        self.writer.all_acked()
        self.files = bucket_files(self.server)
        for name in CLASSES:
            self.assertTrue([f for f in self.files if f.startswith(f"buckets/{name}/")], f"no {name} bucket in {self.files}")
        after = slots(self.server)
        self.used = {n: slot for n, slot in enumerate(after) if n >= len(self.before) or self.before[n] != slot}
        self.assertGreaterEqual(len(self.used), len(CLASSES), "each bucket has a key slot")
        self.written = time.monotonic()

    def gone(self):
        return not set(self.files) & set(bucket_files(self.server))

    def assert_destroyed(self):
        """The keys are dead by now; the files, which nothing opens any more, follow."""
        now = slots(self.server)
        whole = b"".join(now)
        for number, slot in self.used.items():
            self.assertTrue(number >= len(now) or now[number] != slot, f"slot {number} still holds the key it held")
            for at in range(0, SLOT - 32, 16):
                chunk = slot[at:at + 32]
                if len(set(chunk)) > 8:  # not padding
                    self.assertNotIn(chunk, whole, f"a part of slot {number} is still in the keyring")
        until(self.gone, "the end of the files")

    def assert_forgotten(self):
        client = self.session(self.bob, "r")
        self.assertEqual([], [s for s in client.goes_online() if s.name == "message"])
        self.assertEqual([], archive.everything(client))
        self.assertEqual([], archive.everything(self.session(self.writer.account, "again")))

    def test_while_the_server_runs(self):
        until(self.gone, "the end of the buckets")
        self.assert_destroyed()
        self.assert_forgotten()

    def test_before_the_deadline_everything_is_there(self):
        client = self.session(self.bob, "r")
        got = [s.get("id") for s in client.goes_online() if s.name == "message"]
        if time.monotonic() < self.written + 4:  # a slow machine may have let the deadline pass
            self.assertEqual([f"m{n}" for n in range(5)], got)

    def wait_past_the_deadline(self):
        time.sleep(max(0.0, self.written + 8 - time.monotonic()))

    def test_while_the_server_is_down_the_first_sweep_precedes_the_listeners(self):
        for end in ("stop", "kill"):
            with self.subTest(end):
                if end == "kill":
                    self.setUp()
                getattr(self.server, end)()
                self.assertFalse(self.gone())
                self.wait_past_the_deadline()
                self.assertFalse(self.gone(), "nobody sweeps while the server is down")
                self.server.start()
                until(self.gone, "the end of the files")  # the keys are dead by now; unlinking goes on beside the service
                self.assert_destroyed()
                self.assert_forgotten()

    def test_lethectl_sweep_destroys_what_is_due_without_a_server(self):
        self.server.stop()
        self.wait_past_the_deadline()
        self.server.ctl("sweep")
        self.assert_destroyed()
        self.server.start()
        self.assert_forgotten()

    def test_accounts_and_rosters_outlive_buckets(self):
        client = self.session(self.bob, "r")
        client.asks_ok("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='kept@b.example'/></query></iq>")
        client.leaves()
        until(self.gone, "the end of the buckets")
        self.assertIn("kept@b.example", self.roster(self.session(self.bob)))

    def test_after_an_id_that_is_gone_the_oldest_entry_follows(self):
        reader = self.session(self.writer.account, "reader")
        last = archive.everything(reader)[-1].id
        until(self.gone, "the end of the buckets")
        self.writer.sends(f"<message to='{self.bob.jid}' type='chat' id='new'><body>new</body></message>")
        self.writer.all_acked()
        self.assertEqual(["new"], archive.page(reader, set_=archive.rsm(after=last)).message_ids)
        got = archive.page(reader, set_=archive.rsm(before=last))
        self.assertEqual(([], True), (got.entries, got.complete))
        self.assert_error(reader.asks(archive.query_iq(set_=archive.rsm(after="nonsense"))), "item-not-found")


class ShorterPolicy(WireCase):
    policy = {name: {"keep": "7d"} for name in CLASSES}

    def test_a_shorter_policy_acts_on_what_is_stored(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        writer.sends(f"<message to='{bob.jid}' type='chat'><body>x</body></message>")
        writer.all_acked()
        files = bucket_files(self.server)
        self.assertTrue(files)
        self.server.stop()
        self.server.set_policy({name: {"keep": "2s"} for name in CLASSES})
        self.server.start()
        until(lambda: not set(files) & set(bucket_files(self.server)), "the end of the buckets under the shorter policy")
        self.assertEqual([], archive.everything(self.session(bob)))


class LogFiles(WireCase):
    policy = {"log": {"keep": "4s"}}

    def test_log_files_go_too(self):
        client = self.session(self.account())
        client.leaves()
        def files():
            return {p.name for p in (self.server.data / "log").iterdir()}
        first = files()
        self.assertTrue(first)
        until(lambda: not first & files(), "the end of the first log file")


if __name__ == "__main__":
    main()
