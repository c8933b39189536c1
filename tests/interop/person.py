# SPDX-License-Identifier: AGPL-3.0-or-later
"""A person at a slixmpp client: remembers what arrived and waits for conditions, never for a while."""
import asyncio
import inspect

import slixmpp

from listener import Listener
from waiting import PATIENCE


PLUGINS = ["xep_0030", "xep_0059", "xep_0092", "xep_0191", "xep_0198", "xep_0199", "xep_0203", "xep_0313", "xep_0359"]


class Person(Listener, slixmpp.ClientXMPP):
    """`async with Person(server, jid, password) as alice:` is online, roster fetched and presence sent, inside the block."""

    def __init__(self, server, jid, password, resource="desk", direct_tls=False):
        super().__init__(f"{jid}/{resource}", password)
        self.host, self.direct_tls = server, direct_tls
        self.ca_certs = server.certificate
        self.auto_authorize = None  # every request is answered by the test
        self.auto_subscribe = False
        self.messages, self.presences, self.requests, self.news = [], [], [], asyncio.Condition()
        self.ended = None
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.add_event_handler("message", lambda stanza: self.remember(self.messages, stanza))
        self.add_event_handler("presence", lambda stanza: self.remember(self.presences, stanza))
        self.add_event_handler("presence_subscribe", lambda stanza: self.remember(self.requests, stanza))
        self.add_event_handler("roster_update", lambda stanza: self.tell())
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("failed_all_auth", lambda stanza: self.finish("refused"))
        self.add_event_handler("connection_failed", lambda reason: self.finish(f"no connection: {reason}"))
        self.add_event_handler("disconnected", lambda reason: self.finish(f"disconnected: {reason}"))
        self.add_event_handler("session_resumed", lambda stanza: self.resumed())
        self.started = self.loop.create_future()

    async def get_dns_records(self, *_, **__):
        return []  # address and port are given; there is nothing to look up

    async def start(self, _):
        await self.get_roster()
        self.send_presence()
        if not self.started.done():
            self.started.set_result("online")

    def finish(self, how):
        if not self.started.done():
            self.started.set_result(how)
        self.ended = self.ended or how
        self.tell()

    def resumed(self):
        if not self.started.done():
            self.started.set_result("resumed")

    async def lose_connection(self):
        """As a phone does in a tunnel: nobody says goodbye."""
        self.ended = None
        self.abort()
        await self.until(lambda: self.ended, "the end of the connection")
        self.started = self.loop.create_future()

    async def log_in(self):
        """Returns "online" or "resumed" (XEP-0198), or in a word why not."""
        place = (self.host.ADDRESS, self.host.port_tls if self.direct_tls else self.host.port)
        if "use_ssl" in inspect.signature(self.connect).parameters:  # Debian 12's slixmpp
            self.connect(place, use_ssl=self.direct_tls)
        else:  # Debian 13's
            self.enable_direct_tls, self.enable_starttls, self.enable_plaintext = self.direct_tls, not self.direct_tls, False
            self.connect(*place)
        return await asyncio.wait_for(asyncio.shield(self.started), PATIENCE)

    async def log_out(self):
        if self.is_connected():
            self.leaving = self.disconnect(wait=PATIENCE)  # a session that is cut off instead would wait for its resumption
            await self.until(lambda: self.ended, "the end of the stream")

    def who(self):
        return self.boundjid

    def all_seen(self):
        return self.messages + self.presences

    # What a person does and sees.

    def bodies(self, sender=None):
        return [m["body"] for m in self.messages if m["body"] and (sender is None or m["from"].bare == sender.boundjid.bare)]

    def say(self, to, text):
        self.send_message(mto=to, mbody=text, mtype="chat")

    async def hear(self, text):
        await self.until(lambda: text in self.bodies(), f"the message '{text}'")

    async def settle(self):
        """Everything this person sent before is dealt with, and everything the server sent before has arrived."""
        await self["xep_0199"].send_ping(self.boundjid.domain, timeout=PATIENCE)

    async def fetch_roster(self):
        """The roster as the server has it: {bare JID: (subscription, ask, name, groups)}."""
        iq = self.make_iq_get()
        iq.enable("roster")
        answer = await iq.send(timeout=PATIENCE)
        return {str(jid): (item["subscription"], item.get("ask", ""), item["name"], sorted(item["groups"]))
                for jid, item in answer["roster"]["items"].items()}

    def sees(self, other, type_):
        """The newest presence from the other's current resource is of this type."""
        news = [p for p in self.presences if p["from"].full == other.boundjid.full and p["type"] not in
                ("subscribe", "subscribed", "unsubscribe", "unsubscribed", "error", "probe")]
        return bool(news) and news[-1]["type"] == type_

    async def befriend(self, other):
        """Subscriptions both ways, each side asked and answered."""
        self.send_presence_subscription(pto=other.boundjid.bare, ptype="subscribe")
        await other.until(lambda: any(r["from"].bare == self.boundjid.bare for r in other.requests), "the request")
        other.send_presence_subscription(pto=self.boundjid.bare, ptype="subscribed")
        other.send_presence_subscription(pto=self.boundjid.bare, ptype="subscribe")
        await self.until(lambda: any(r["from"].bare == other.boundjid.bare for r in self.requests), "the request back")
        self.send_presence_subscription(pto=other.boundjid.bare, ptype="subscribed")
        await self.until(lambda: self.sees(other, "available"), f"the presence of {other.boundjid}")
        await other.until(lambda: other.sees(self, "available"), f"the presence of {self.boundjid}")
