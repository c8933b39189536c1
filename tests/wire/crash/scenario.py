# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of a server that writes, opens a letterbox, acknowledges and sweeps; and what must hold of it whatever went wrong meanwhile.

The promises held against each run:

* a message whose <a/> the sender received is in both archives, once, and reaches the receiver (a disk that fails while somebody reads the
  message live may cost the archived copy: then it is not lost, the server raises an alarm);
* nothing comes out of the letterbox that the receiver had acknowledged, and what comes twice has the same stanza-id;
* order is kept, every file opens, the sweeper finishes.
"""
import dataclasses
import time

from lethe_test import Client, archive
from lethe_test.client import LIMIT

POLICY = {"subscriptions": {"keep": "1s"}}


@dataclasses.dataclass
class Record:
    """What the clients know for certain when the run is over."""
    sent: list = dataclasses.field(default_factory=list)         # ids, in order
    acked: set = dataclasses.field(default_factory=set)          # ids the server took responsibility for
    refused: set = dataclasses.field(default_factory=set)        # ids answered with an error
    letterbox: set = dataclasses.field(default_factory=set)      # ids sent while the receiver had no session
    received: dict = dataclasses.field(default_factory=dict)     # id -> set of stanza-ids
    confirmed: set = dataclasses.field(default_factory=set)      # ids whose acknowledgement by the receiver is certainly stored
    finished: bool = False                                       # the whole scenario was played
    reached: list = dataclasses.field(default_factory=list)      # its steps, for messages


class Run:
    def __init__(self, server, accounts):
        self.server = server
        self.alice, self.bob, self.carol = accounts
        self.record = Record()
        self.number = 0

    def play(self):
        """Plays until the end or until the server is gone."""
        clients = []
        try:
            self._play(clients)
            self.record.finished = True
        except (AssertionError, OSError) as problem:
            self.record.reached.append(f"broke off: {str(problem).splitlines()[0]}")
            if self.server.alive() and "did not arrive" in str(problem):
                raise  # a server that hangs is worse than one that dies
        finally:
            for client in clients:
                client.drop()
        return self.record

    def _login(self, clients, account, resource):
        client = Client(self.server, account, name=resource)
        clients.append(client)
        client.login(resource)
        client.auto_ack = False
        client.enable_sm()
        return client

    def _play(self, clients):
        step = self.record.reached.append
        alice = self._login(clients, self.alice, "alice")
        step("alice is there")
        self._write(alice, 6, absent=True)
        step("messages wait")
        carol = self._login(clients, self.carol, "carol")
        carol.sends(f"<presence type='subscribe' to='{self.bob.jid}'/>")
        carol.all_acked()
        step("a request waits")
        bob = self._login(clients, self.bob, "bob")
        bob.sends("<presence/>")
        self._read(bob)
        step("the letterbox is open")
        self._acknowledge(bob)
        step("it is acknowledged")
        self._write(alice, 4, absent=False)
        self._read(bob)
        step("live messages")
        bob.sends(f"<presence type='subscribed' to='{self.carol.jid}'/>")
        bob.all_acked()
        self._read(bob)
        self._acknowledge(bob)
        bob.leaves()
        self._write(alice, 5, absent=True)
        step("more messages wait")
        self._until_swept()
        step("swept")
        alice.leaves(), carol.leaves()

    def _write(self, client, count, absent):
        for _ in range(count):
            name = f"m{self.number:03}"
            self.number += 1
            self.record.sent.append(name)
            if absent:
                self.record.letterbox.add(name)
            client.sends(f"<message to='{self.bob.jid}' type='chat' id='{name}'><body>{'x' * (self.number * 97 % 3000)}</body></message>")
            client.names = getattr(client, "names", []) + [(client.sent_count, name)]
            try:
                client.all_acked()
            finally:
                self._note_acks(client)
        for stanza in client.collect():
            self._note_refusal(stanza)
        self._note_acks(client)

    def _note_acks(self, client):
        for stanza in client.inbox:
            self._note_refusal(stanza)
        self.record.acked |= {name for count, name in client.names if count <= client.acked}

    def _note_refusal(self, stanza):
        if stanza.type == "error":
            if stanza.condition not in ("resource-constraint", "internal-server-error"):
                raise RuntimeError(f"a failing disk is no reason for {stanza}")
            self.record.refused.add(stanza.get("id"))

    def _read(self, client):
        try:
            got = client.collect()
        except AssertionError:
            got = list(client.inbox)
            raise
        finally:
            self._note_received(got)

    def _note_received(self, stanzas):
        for stanza in stanzas:
            if stanza.name == "message" and stanza.type == "chat":
                self.record.received.setdefault(stanza.get("id"), set()).add(stanza.stanza_id)

    def _acknowledge(self, client):
        """<a/>, then a roster change: its result says that what was queued before it is stored, the cursor included."""
        client.ack()
        known = set(self.record.received)
        client.asks_ok("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='contact@elsewhere.example' name='%d'/></query></iq>" % self.number)
        self.record.confirmed |= known

    def _until_swept(self):
        """The request was stored for a second; its bucket goes while the server runs. What the disk refused is tried again after a minute."""
        limit = time.monotonic() + 60 + LIMIT
        folder = self.server.data / "buckets" / "subscriptions"
        while folder.exists() and any(folder.glob("*.mdb")):
            if not self.server.alive():
                raise AssertionError("the server is gone")
            if time.monotonic() > limit:
                raise AssertionError("the sweep did not arrive")
            time.sleep(0.02)

    # Afterwards ------------------------------------------------------------------------------------------------------

    def verify(self, case, disk_failed=False):
        """Starts the server again, undisturbed, and holds the promises against what is there."""
        record, clients = self.record, []
        self.server.start()
        try:
            bob = self._login(clients, self.bob, "later")
            bob.sends("<presence/>")
            again = [s for s in bob.collect() if s.name == "message"]
            in_bobs = archive.everything(bob)
            in_alices = archive.everything(self._login(clients, self.alice, "later"))
            names = [s.get("id") for s in again]
            story = f"{record.reached}"
            case.assertEqual(len(set(names)), len(names), f"delivered twice at once: {names}; {story}")
            case.assertEqual(sorted(names), names, f"out of order; {story}")
            case.assertFalse(set(names) & record.confirmed, f"delivered although acknowledged; {story}")
            for stanza in again:
                ids = record.received.get(stanza.get("id"), set()) | {stanza.stanza_id}
                case.assertEqual(1, len(ids), f"{stanza.get('id')} came under several ids {ids}; {story}")
            safe = record.acked - record.refused
            case.assertFalse((safe & record.letterbox) - set(names) - set(record.received), f"acknowledged and lost; {story}")
            archived = safe - (set(record.received) - record.letterbox if disk_failed else set())
            for owner, entries in (("bob", in_bobs), ("alice", in_alices)):
                stored = [e.message.get("id") for e in entries]
                case.assertFalse(archived - set(stored), f"acknowledged and not in {owner}'s archive; {story}")
                case.assertEqual(len(set(stored)), len(stored), f"twice in {owner}'s archive: {stored}; {story}")
                case.assertEqual(sorted(stored), stored, f"{owner}'s archive is out of order; {story}")
            ids = {e.message.get("id"): e.id for e in in_bobs}
            for stanza in again:
                case.assertEqual(ids.get(stanza.get("id")), stanza.stanza_id, f"the letterbox names another id than the archive; {story}")
            self._until_swept()
        finally:
            for client in clients:
                client.drop()
        self.server.stop()
