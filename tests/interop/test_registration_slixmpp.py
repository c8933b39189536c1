# SPDX-License-Identifier: AGPL-3.0-or-later
"""A newcomer at slixmpp makes an account (XEP-0077) on a server that is open to everybody, is logged in to it, and talks."""
import unittest

from person import Person
from server import Lethe


class Newcomer(Person):
    def __init__(self, server, jid, password):
        super().__init__(server, jid, password)
        self.register_plugin("xep_0004")
        self.register_plugin("xep_0077", {"force_registration": True})
        self._always_send_everything = True  # else it holds a registration back until the login, which waits for it
        self.form = None
        self.add_event_handler("register", self.fill_in)

    async def fill_in(self, form):
        self.form = form
        iq = self.Iq()
        iq["type"] = "set"
        iq["register"]["username"] = self.boundjid.user
        iq["register"]["password"] = self.password
        await iq.send()


class Registration(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Lethe(policy={"accounts": {"registration": "open"}})
        cls.addClassCleanup(cls.server.stop)

    async def test_a_newcomer_makes_an_account_and_is_in_a_conversation(self):
        jid, password = self.server.account("bob")
        async with Person(self.server, jid, password) as bob, Newcomer(self.server, "newcomer@" + jid.partition("@")[2], "a fresh password") as newcomer:
            self.assertEqual({"username", "password"}, set(newcomer.form["register"]["fields"]))
            newcomer.say(jid, "here I am")
            await bob.hear("here I am")
        async with Person(self.server, "newcomer@" + jid.partition("@")[2], "a fresh password"):
            pass  # the account is there to stay


if __name__ == "__main__":
    unittest.main(verbosity=2)
