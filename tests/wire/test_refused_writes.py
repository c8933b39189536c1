# SPDX-License-Identifier: AGPL-3.0-or-later
"""The disk refuses a change: what was to follow from it does not, nobody is told of it, and what waited for it goes on.

The disk fails by strace, attached to the running server for as long as wanted.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from lethe_test import main, pubsub
from lethe_test.client import LIMIT
from lethe_test.http import HttpCase
from lethe_test.waiting import until

CALLS = "pwrite64,pwritev,writev,fsync,fdatasync,msync"


@unittest.skipUnless(shutil.which("strace") and os.geteuid() == 0, "needs strace and root, to attach to a process that protects its memory")
class RefusedWrites(HttpCase):
    @contextlib.contextmanager
    def refusing(self, *files):
        """Writes to these files of the data directory fail."""
        paths = [part for name in files for part in ("-P", str(self.server.data / name))]
        log = self.server.directory / "strace"
        process = subprocess.Popen(["strace", "-f", "-p", str(self.server.pid), "-o", str(log), "-e", f"trace={CALLS}",
                                    "-e", f"inject={CALLS}:error=EIO", *paths], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        attached = b""
        limit = time.monotonic() + LIMIT
        while b"attached" not in attached:
            self.assertLess(time.monotonic(), limit)
            attached += os.read(process.stderr.fileno(), 4096) or self.fail(f"strace: {attached}")
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()
            process.wait(timeout=LIMIT)
            process.stderr.close()
        self.assertIn("(INJECTED)", log.read_text(), "no write was refused: the test tests nothing")

    def test_what_was_published_in_vain_is_told_to_nobody_and_what_was_there_stays(self):
        owner, friend = (self.session(a, "r") for a in self.accounts(2))
        for client in (owner, friend):
            pubsub.wants(client, "n")
        self.befriend(owner, friend)
        owner.asks_ok(pubsub.publish("n", pubsub.item("a", "<x xmlns='u'>old</x>"), access_model="open"))
        self.settle(owner, friend)
        with self.refusing("state.mdb"):
            self.assert_error(owner.asks(pubsub.publish("n", pubsub.item("a", "<x xmlns='u'>new</x>"))), "resource-constraint")
            self.settle(owner)
        friend.receives_nothing()
        limit = time.monotonic() + LIMIT
        while pubsub.texts_of(owner.asks_ok(pubsub.items("n"))) != [("a", "old")]:  # the server reads again what the disk has
            self.assertLess(time.monotonic(), limit)
        self.assertEqual([("a", "old")], pubsub.texts_of(friend.asks_ok(pubsub.items("n", to=owner.jid))))
        owner.asks_ok(pubsub.publish("n", pubsub.item("a", "<x xmlns='u'>newer</x>")))
        self.assertEqual(1, len(pubsub.events_in(friend.collect())))

    def test_the_status_has_an_alarm_until_the_disk_takes_a_change_again(self):
        client = self.online(self.account(), "r")
        change = "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='contact@elsewhere.example' name='%d'/></query></iq>"

        def status():
            done = self.server.ctl("status", "--json", expect=None)
            return done.returncode, json.loads(done.stdout)["storage"]

        def health():
            answer = self.get("/health")
            return answer.status, answer.body

        client.asks_ok(change % 1)
        self.assertEqual((0, "good"), status())
        self.assertEqual((200, b"ok\n"), health())
        with self.refusing("state.mdb"):
            self.assert_error(client.asks(change % 2), "resource-constraint")
            code, said = status()
            self.assertEqual(1, code)
            self.assertIn("io", said)
            self.assertEqual((503, b"not ok\n"), health())
        client.asks_ok(change % 3)
        self.assertEqual((0, "good"), status())
        self.assertEqual((200, b"ok\n"), health())

    def test_a_contact_hears_nothing_of_a_removal_that_was_not_stored(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(alice, bob)
        for client in (alice, bob):  # its result says that what came before it is stored
            client.asks_ok("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='contact@elsewhere.example'/></query></iq>")
            self.settle(client)
        remove = f"<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{bob.jid}' subscription='remove'/></query></iq>"
        with self.refusing("state.mdb"):
            self.assert_error(alice.asks(remove), "resource-constraint")
            self.settle(alice)
        bob.receives_nothing()
        limit = time.monotonic() + LIMIT
        while bob.jid not in (contacts := self.roster(alice)):  # the server reads again what the disk has
            self.assertLess(time.monotonic(), limit)
        self.assertEqual("both", contacts[bob.jid][0])
        alice.collect()
        self.assertEqual("both", self.roster(bob)[alice.jid][0])
        alice.asks_ok(remove)
        self.settle(alice)
        self.assertEqual({"unavailable", "unsubscribe", "unsubscribed"}, {s.type for s in bob.collect() if s.name == "presence"})

    def status(self):
        return json.loads(self.server.ctl("status", "--json", expect=None).stdout)

    def test_an_account_that_could_not_be_removed_goes_on_where_it_was(self):
        alice, bob = self.accounts(2)
        client, other = self.session(alice, "r").enable_sm(), self.online(bob, "r")
        client.goes_online()
        with self.refusing("keyring", "state.mdb"):
            before = client.sent_count
            client.send_bytes("<iq type='set' id='away'><query xmlns='jabber:iq:register'><remove/></query></iq>"
                              f"<message to='{bob.jid}' type='chat' id='m1'><body>one</body></message>"
                              f"<message to='{bob.jid}' type='chat' id='m2'><body>two</body></message>")
            client.sent_count = before + 3
            self.assert_error(client.next(), "resource-constraint")
        client.all_acked()
        self.assertEqual(before + 3, client.request_ack())
        self.assertEqual(["m1", "m2"], [s.get("id") for s in other.collect()])
        self.assertEqual(0, self.status()["keys_not_overwritten"], "nothing waits to erase it later")

    def test_a_key_that_could_not_be_overwritten_is_an_alarm_until_it_was(self):
        erased, renewed = self.accounts(2)
        user = self.online(renewed, "r")
        keyring = self.server.data / "keyring"
        slots = keyring.read_bytes()
        with self.refusing("keyring"):
            done = self.server.ctl("account", "erase", erased.jid, expect=3)
            self.assertIn("it is done, but the disk refused to overwrite the old key", done.stderr)
            self.assertIn("there is no such account", self.server.ctl("account", "erase", erased.jid, expect=1).stderr)
            until(lambda: "key_not_overwritten" in self.server.stderr(), "the line in the log")
            self.server.ctl("status", expect=1)
            self.assertEqual((1, 1), (self.status()["keys_not_overwritten"], self.status()["alarms"]))
            self.assertEqual(slots, keyring.read_bytes())
        until(lambda: self.status()["keys_not_overwritten"] == 0, "the overwriting, without anybody asking for it")
        self.assertEqual(0, self.status()["alarms"])
        changed = [at for at in range(0, len(slots), 4096) if slots[at:at + 4096] != keyring.read_bytes()[at:at + 4096]]
        self.assertEqual(1, len(changed), "its slot and nothing else")
        user.asks_ok("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")

    def test_a_sender_hears_of_a_message_that_returns_and_cannot_be_stored(self):
        alice, bob, carol = self.accounts(3)
        writer = self.session(alice, "w").enable_sm()
        writer.sends(f"<message to='{carol.jid}' type='chat' id='m0'><body>makes the buckets</body></message>")
        writer.all_acked()
        client = self.session(bob, "r")
        client.auto_ack = False
        client.enable_sm()
        client.goes_online()
        writer.sends(f"<message to='{bob.jid}' type='chat' id='m1'><body>x</body></message>")
        writer.all_acked()
        self.assertEqual(["m1"], [s.get("id") for s in client.collect()])
        buckets = (self.server.data / "buckets" / "letterbox").glob("*.mdb")
        with self.refusing(*(bucket.relative_to(self.server.data) for bucket in buckets)):
            client.drop()
            (error,) = until(lambda: [s for s in writer.collect() if s.type == "error"], "the error")
        self.assertEqual(("m1", "resource-constraint"), (error.get("id"), error.condition))

    def test_what_was_under_way_is_not_lost_when_a_reset_is_refused(self):
        alice, bob, carol = self.accounts(3)
        writer = self.session(alice, "w").enable_sm()
        writer.sends(f"<message to='{carol.jid}' type='chat' id='m0'><body>makes the buckets</body></message>")
        writer.all_acked()
        client = self.session(bob, "r")
        client.auto_ack = False
        client.enable_sm()
        client.goes_online()
        for number in range(1, 4):
            writer.sends(f"<message to='{bob.jid}' type='chat' id='m{number}'><body>x</body></message>")
        writer.all_acked()
        with self.refusing("keyring"):
            refused = self.server.ctl("account", "reset", bob.jid, "--password-stdin", stdin="another password\n", expect=3)
            self.assertIn("disk", refused.stderr)
        client.receives_end("not-authorized")
        again = self.online(bob, "again")
        self.assertEqual(["m1", "m2", "m3"], [s.get("id") for s in again.at_login if s.name == "message"])


if __name__ == "__main__":
    main()
