#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Somebody who has nothing but a browser follows the link of an invitation, makes an account on its page, logs in with the web client that the page
recommends, and is in a conversation with whoever invited, who sits at a slixmpp client."""
import asyncio

from lethe_test import main
from lethe_test.http import HttpCase
from lethe_test.waiting import until
from web_client import Site, WebClient, person

COMMANDS = "http://jabber.org/protocol/commands"
PASSWORD = "a word and another"


class Newcomer(HttpCase):
    policy = {"accounts": {"registration": "invite"}}

    @classmethod
    def listen(cls):
        site = Site(cls.server.host)
        cls.addClassCleanup(site.close)
        cls.server.config["http"] = {"web_client": site.url}
        super().listen()
        cls.client_page = WebClient(site, cls.server.domain, cls.https)
        cls.addClassCleanup(cls.client_page.close)

    def invitation(self, account):
        """The link of an invitation by `account`, as its client shows it."""
        client = self.session(account)
        answer = client.asks_ok(f"<iq type='set' to='{self.server.domain}'><command xmlns='{COMMANDS}' node='urn:xmpp:invite#invite'/></iq>")
        client.leaves()
        return {f.get("var"): f[0].text for f in answer.child("command", COMMANDS)[0]}["landing-url"]

    def test_from_the_link_into_a_conversation(self):
        inviter = self.account()
        asyncio.run(self.follow(inviter, self.invitation(inviter)))

    async def follow(self, inviter, link):
        web, do = self.client_page, asyncio.to_thread
        async with person(self.server, inviter) as alice:
            await do(self.makes_an_account, link, inviter)
            await do(web.logs_in, f"newcomer@{self.server.domain}", PASSWORD)
            await do(web.click, f"converse-roster a[data-jid='{inviter.jid}']")
            await do(web.type, "textarea.chat-textarea", "I am here\n")
            await alice.hear("I am here")
            alice.say(f"newcomer@{self.server.domain}", "Welcome")
            await do(web.reads, "I am here", "Welcome")
            await do(web.browser.screenshot, "newcomer-talks", False)

    def makes_an_account(self, link, inviter):
        page = self.client_page.browser.open(link)
        self.assertIn(inviter.jid, page.script("return document.body.innerText"))
        for field, text in (("username", "newcomer"), ("password", PASSWORD), ("again", "a word and an other")):
            self.client_page.type(f"#{field}", text)
        self.client_page.click("form button")
        page.one("#wrong")
        page.screenshot("newcomer-mistyped")
        self.assertEqual([], page.axe())
        self.assertEqual("newcomer", page.script("return document.querySelector('#username').value"))
        for field in ("password", "again"):
            self.client_page.type(f"#{field}", PASSWORD)
        self.client_page.click("form button")
        until(lambda: page.script("return document.title") == "Your account is ready", "the account")
        page.screenshot("newcomer-ready")
        self.assertEqual([], page.axe())
        self.assertIn(f"newcomer@{self.server.domain}", page.script("return document.body.innerText"))
        self.client_page.click("a.join")
        page.one("converse-login-form")


if __name__ == "__main__":
    main()
