#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Converse.js finds the WebSocket by the domain alone, logs in, and talks with somebody at a slixmpp client: both read what the other wrote."""
import asyncio
import pathlib
import sys
import types

from browser import DESKTOP, PHONE
from lethe_test import main
from lethe_test.http import HttpCase
from lethe_test.waiting import until
from web_client import WebClient

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from person import Person  # noqa: E402


class Converse(HttpCase):
    def setUp(self):
        super().setUp()
        self.web = WebClient(self.server.domain, self.https)
        self.addCleanup(self.web.close)

    def friends(self):
        accounts = self.accounts(2)
        people = [self.online(account, "before") for account in accounts]
        self.befriend(*people)
        for person in people:
            person.leaves()
        return accounts

    def person(self, account):
        place = types.SimpleNamespace(ADDRESS=self.server.address[0], port=self.server.address[1], port_tls=self.server.address_tls[1],
                                      certificate=self.server.config_dir / "tls" / "cert.pem")
        return Person(place, account.jid, account.password)

    def reads(self, *texts):
        until(lambda: [t for t in self.web.texts(".chat-msg__text") if t in texts] == list(texts), f"{texts} to be on the page")

    def test_two_people_talk(self):
        asyncio.run(self.talk(*self.friends()))

    async def talk(self, one, other):
        web, do = self.web, asyncio.to_thread
        async with self.person(other) as bob:
            await do(web.opens)
            await do(web.logs_in, one.jid, one.password)
            await do(web.click, f"converse-roster a[data-jid='{other.jid}']")
            await do(web.type, "textarea.chat-textarea", "Hello from a browser, h\u00e9 <b>\n")
            await bob.hear("Hello from a browser, h\u00e9 <b>")
            bob.say(one.jid, "Hello from a library & a terminal")
            await do(self.reads, "Hello from a browser, h\u00e9 <b>", "Hello from a library & a terminal")
            await do(web.browser.screenshot, "converse-desktop", False)
            await do(web.browser.look, PHONE)
            await do(web.browser.screenshot, "converse-phone", False)
            await do(web.browser.look, DESKTOP)
            self.assertEqual([], [c for c in web.browser.complaints() if self.server.domain in c])


if __name__ == "__main__":
    main()
