# SPDX-License-Identifier: AGPL-3.0-or-later
"""unittest cases with a running server per class and fresh accounts per test.

LETHE_TEST_WEBSOCKET=1: whoever is not asked for STARTTLS or direct TLS by name comes by WebSocket.
"""
import itertools
import os
import sys
import unittest

from .client import Client
from .template import ready_server
from .websocket import WebSocketClient

WEBSOCKET = bool(os.environ.get("LETHE_TEST_WEBSOCKET"))


class WireCase(unittest.TestCase):
    """Class attributes `policy` and `config` change the server's files. Every test checks that the server survived it."""

    policy = None
    config = None
    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.server, cls.pool = ready_server(cls.policy, cls.config)
        cls.addClassCleanup(cls.server.remove)
        if WEBSOCKET:
            cls.server.web = True
            cls.server.configure()
        cls.server.start()
        cls._extra = itertools.count(1)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.drop()
        if self.server.process is not None:
            self.assertTrue(self.server.alive(), "the server died:\n" + self.server.stderr())

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            for client in getattr(self, "clients", []):
                sys.stderr.write(f"--- {self.id()}: {client.full or client.name}\n" + "\n".join(t[:600] for t in client.transcript[-40:]) + "\n")

    # Actors ----------------------------------------------------------------------------------------------------------

    def accounts(self, count):
        """Accounts nobody has used yet."""
        return [self.pool.pop() if self.pool else self.server.add_account(f"extra{next(self._extra)}") for _ in range(count)]

    def account(self):
        return self.accounts(1)[0]

    def client(self, account=None, **how):
        """Not connected yet."""
        kind = WebSocketClient if WEBSOCKET and not how.keys() & {"direct_tls", "source"} else Client
        client = kind(self.server, account, **how)
        self.clients.append(client)
        return client

    def session(self, account, resource=None, **how):
        """Logged in and bound, no presence: its inbox is empty."""
        return self.client(account, name=f"{account.local}/{resource or ''}", **how).login(resource)

    def online(self, account, resource=None, priority=None, **how):
        """With initial presence sent and everything it brought taken from the inbox (kept in .at_login)."""
        client = self.session(account, resource, **how)
        client.at_login = client.goes_online(priority)
        return client

    def logs_in_for(self, account, resource=None, priority=None):
        """What a fresh session receives at its initial presence (own presence left out); the session is over afterwards."""
        client = self.online(account, resource, priority)
        got = client.at_login
        client.leaves()
        return got

    # Small dialogues ---------------------------------------------------------------------------------------------------

    def settle(self, *clients):
        """Every stanza sent so far by these clients is processed; what they received is thrown away. Twice: effects of effects."""
        for _ in range(2):
            for client in clients:
                client.collect()

    def befriend(self, *clients):
        """Mutual subscriptions between online clients of different accounts; inboxes are empty afterwards."""
        for one, other in itertools.combinations(clients, 2):
            for asking, answering in ((one, other), (other, one)):
                asking.sends(f"<presence type='subscribe' to='{answering.jid}'/>")
                asking.collect()
                answering.collect()
                answering.sends(f"<presence type='subscribed' to='{asking.jid}'/>")
                self.settle(answering, asking)

    def roster(self, client):
        """{jid: (subscription, ask, name, groups)} as the server tells it."""
        answer = client.asks_ok("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>")
        return {i.get("jid"): (i.get("subscription"), i.get("ask"), i.get("name"), tuple(sorted(g.text for g in i)))
                for i in answer.child("query", "jabber:iq:roster")}

    def assert_error(self, stanza, condition, error_type=None):
        self.assertEqual("error", stanza.type, f"{stanza}")
        self.assertEqual(condition, stanza.condition, f"{stanza}")
        if error_type:
            self.assertEqual(error_type, stanza.child("error").get("type"), f"{stanza}")


def main():
    unittest.main(verbosity=2)
