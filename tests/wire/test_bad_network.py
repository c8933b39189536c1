# SPDX-License-Identifier: AGPL-3.0-or-later
"""A phone on a bad network: its connections are cut at random bytes while messages go both ways. LETHE_TEST_SEED repeats a run."""
import os
import random
import socket
import threading

from lethe_test import Client, WireCase, main
from lethe_test.client import Closed
from lethe_test.waiting import until

SEED = int(os.environ.get("LETHE_TEST_SEED", "20210198"))


class BadNetwork:
    """Passes bytes between clients and the server; each connection is cut when it has carried its share in either direction."""

    def __init__(self, server):
        self.server = server
        self.domain = server.domain
        self.share = (None, None)  # of the next connection: bytes up, bytes down; None: it lasts
        self.cuts = 0
        self.listener = socket.create_server((server.address[0], 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.server.address)
            ends = (near, far)
            up, down = self.share
            threading.Thread(target=self._carry, args=(near, far, up, ends), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, down, ends), daemon=True).start()

    def _carry(self, source, sink, share, ends):
        carried = 0
        try:
            while data := source.recv(65536):
                if share is not None and carried + len(data) >= share:
                    sink.sendall(data[:share - carried])
                    self.cuts += 1
                    break
                sink.sendall(data)
                carried += len(data)
        except OSError:
            pass
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


class Phone:
    """What one person's phone knows: what it has got, what it has said and whether that was handled."""

    def __init__(self, network, account, rng, max_seconds=None):
        self.network, self.account, self.rng, self.max_seconds = network, account, rng, max_seconds
        self.got = []          # (id, stanza-id) of messages, in the order of arrival
        self.unhandled = []    # what it sent and the server has not acknowledged
        self.handled = 0       # of this session
        self.client = None     # whose session may be resumed
        self.connection = None

    def first_login(self):
        self.connection = self.client = Client(self.network, self.account, name="phone")
        self._new_session()

    def _new_session(self):
        client = self.connection
        if client.sock is None:
            client.secure()
            client.authenticate()
        client.bind("phone")
        client.enable_sm(resume=True, max_seconds=self.max_seconds)
        self.client, self.handled = client, 0
        resend, self.unhandled = self.unhandled, []
        self.says("<presence/>")
        for stanza in resend:
            self.says(stanza)

    def returns(self):
        """Connects and resumes, or begins anew if the server says that it is too late."""
        client = self.connection = Client(self.network, self.account, name="phone")
        client.secure()
        client.authenticate()
        answer = client.asks_to_resume(self.client)
        if answer.name == "failed":
            if answer.get("h"):
                self._was_handled(int(answer.get("h")))
            self.unhandled = [s for s in self.unhandled if s != "<presence/>"]
            return self._new_session()
        self.client = client
        self._was_handled(int(answer.get("h")))
        for stanza in self.unhandled:
            client.send_bytes(stanza)
        return None

    def _was_handled(self, h):
        del self.unhandled[:h - self.handled]
        self.handled = h

    def says(self, stanza):
        self.unhandled.append(stanza)
        self.connection.send_bytes(stanza)

    def acknowledges(self):
        self.connection.ack()

    def listens(self):
        """Until everything it said is acknowledged."""
        while self.unhandled:
            self._was_handled(self.connection.request_ack())
            self.takes()

    def takes(self):
        """What has arrived and was counted."""
        for inbox in {id(c): c.inbox for c in (self.connection, self.client) if c}.values():
            while inbox:
                stanza = inbox.popleft()
                if stanza.name == "message":
                    self.got.append((stanza.get("id"), stanza.stanza_id))


class Conversation(WireCase):
    def setUp(self):
        super().setUp()
        self.rng = random.Random(SEED)
        self.network = BadNetwork(self.server)
        self.addCleanup(self.network.close)
        alice, bob = self.accounts(2)
        self.writer = self.online(alice, "writer").enable_sm()
        self.bob = bob
        self.addresses = [self.bob.jid, self.bob.jid + "/phone"]
        self.written, self.said = [], []

    def write(self):
        for _ in range(self.rng.randint(0, 3)):
            self.written.append(f"w{len(self.written)}")
            to = self.rng.choice(self.addresses)
            padding = "x" * self.rng.choice((0, 0, 0, 1500))
            self.writer.sends(f"<message to='{to}' type='chat' id='{self.written[-1]}'><body>{padding}</body></message>")

    def talk(self, phone):
        """Until the connection is cut."""
        try:
            phone.returns()
            while True:
                self.write()
                for _ in range(self.rng.randint(0, 2)):
                    self.said.append(f"p{len(self.said)}")
                    phone.says(f"<message to='{self.writer.full}' type='chat' id='{self.said[-1]}'><body>x</body></message>")
                phone.says("<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
                if self.rng.random() < 0.7:
                    phone.listens()
                if self.rng.random() < 0.5:
                    phone.acknowledges()
        except (Closed, OSError):
            pass
        phone.takes()
        phone.connection.drop()

    def calm(self, phone):
        """The network is good again: the rest arrives, and nothing more."""
        self.network.share = (None, None)
        phone.returns()
        phone.listens()
        self.writer.all_acked()
        phone.got += [(s.get("id"), s.stanza_id) for s in phone.connection.collect() if s.name == "message"]
        heard = [s.get("id") for s in self.writer.collect() if s.name == "message"]
        return heard

    def test_two_hundred_cuts_lose_nothing_repeat_nothing_and_keep_the_order(self):
        phone = Phone(self.network, self.bob, self.rng)
        phone.first_login()
        phone.listens()
        heard = []
        while self.network.cuts < 200:
            self.network.share = (self.rng.randint(500, 9000), self.rng.randint(500, 16000))
            self.talk(phone)
            heard += [s.get("id") for s in self.writer.collect() if s.name == "message"]
        heard += self.calm(phone)
        self.assertGreater(len(self.written), 200)
        self.assertGreater(len(self.said), 100)
        self.assertEqual(self.written, [i for i, _ in phone.got])
        self.assertEqual(self.said, heard)
        phone.connection.ack()
        phone.connection.leaves()
        self.assertEqual([], [s for s in self.logs_in_for(self.bob, "desk") if s.name == "message"])

    def test_who_is_too_late_each_time_gets_everything_from_the_letterbox(self):
        phone = Phone(self.network, self.bob, self.rng, max_seconds=1)
        self.addresses = [self.bob.jid]  # a client without presence yet is reached by its full address, before what waits
        phone.first_login()
        phone.listens()
        heard = []
        for _ in range(15):
            self.network.share = (self.rng.randint(3000, 12000), self.rng.randint(5000, 24000))
            self.talk(phone)
            self.write()
            self.network.share = (None, None)
            until(lambda: self.is_over(phone), "the end of the session")
            heard += [s.get("id") for s in self.writer.collect() if s.name == "message"]
        heard += self.calm(phone)
        # What had arrived and was not acknowledged in time comes again, as the same message (XEP-0359): clients drop it.
        first = dict.fromkeys(phone.got)
        self.assertEqual(self.written, [i for i, _ in first])
        self.assertEqual(self.said, heard)
        self.assertTrue(all(stanza_id for _, stanza_id in first))

    def is_over(self, phone):
        """Nobody but the server knows; a resumption would make it live on."""
        probe = Client(self.server, self.bob, name="probe").login("probe")
        seen = [s.get("from") for s in probe.goes_online(-1)]
        probe.leaves()
        return self.bob.jid + "/phone" not in seen


if __name__ == "__main__":
    main()
