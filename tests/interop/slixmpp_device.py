# SPDX-License-Identifier: AGPL-3.0-or-later
"""A device with slixmpp: a Person (person.py) with the extensions of somebody who has several."""
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

from device import MDS, MDS_OPTIONS, SID, Device, Seen
from person import Person
from waiting import PATIENCE

PLUGINS = ["xep_0004", "xep_0060", "xep_0085", "xep_0115", "xep_0280", "xep_0333", "xep_0334", "xep_0352"]


class Client(Person):
    def __init__(self, device):
        super().__init__(device.host, device.jid, device.password, device.resource)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self["xep_0030"].add_feature(MDS + "+notify")

    async def start(self, _):
        await self["xep_0280"].enable()
        await self["xep_0115"].update_caps(broadcast=False)
        await super().start(_)


class SlixmppDevice(Device):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.client = None

    def make_client(self):
        client = Client(self)
        client.add_event_handler("message", lambda stanza: self.message("direct", stanza))
        client.add_event_handler("carbon_sent", lambda stanza: self.message("sent", stanza["carbon_sent"]))
        client.add_event_handler("carbon_received", lambda stanza: self.message("received", stanza["carbon_received"]))
        client.add_event_handler("marker_displayed", lambda stanza: self.message("direct", stanza))
        client.add_event_handler("pubsub_publish", self.event)
        client.add_event_handler("presence", lambda stanza: self.remember(self.presences, (stanza["from"].full, stanza["type"])))
        return client

    async def log_in(self):
        self.client = self.client or self.make_client()
        return await self.client.log_in()

    async def log_out(self):
        client, self.client = self.client, None
        await client.log_out()

    async def lose_connection(self):
        await self.client.lose_connection()

    async def settle(self):
        await self.client.settle()

    # What arrives.

    def message(self, way, stanza):
        self.remember(self.seen, self.as_seen(way, stanza))

    def as_seen(self, way, stanza, archive_id=None):
        own = next((e.get("id") for e in stanza.xml.findall(f"{{{SID}}}stanza-id") if e.get("by") == self.jid), None)
        return Seen(way, stanza["from"].full, stanza["to"].full, stanza["body"] or None, stanza["id"] or None, archive_id or own,
                    stanza["displayed"]["id"] or None if stanza.get_plugin("displayed", check=True) else None)

    def event(self, stanza):
        items = stanza["pubsub_event"]["items"]
        if items["node"] == MDS:
            for item in items["substanzas"]:  # not `in items`: whoever calls us is iterating over those, and they count for all
                self.remember(self.displayed, self.displayed_in(item))

    def displayed_in(self, item):
        return item["id"], item.xml.find(f"{{{MDS}}}displayed/{{{SID}}}stanza-id").get("id")

    # What it does.

    async def say(self, to, text, hint=None, message_id=None):
        message = self.client.make_message(mto=to, mbody=text, mtype="chat")
        message["id"] = message_id or f"{self.resource}-{next(self.numbers)}"
        message.enable("markable")
        if hint:
            message.enable(hint)
        message.send()

    async def compose(self, to):
        message = self.client.make_message(mto=to, mtype="chat")
        message["chat_state"] = "composing"
        message.send()

    async def mark_displayed(self, to, message_id):
        """XEP-0333, as clients send it today: of type chat, so that the own devices get a copy."""
        message = self.client.make_message(mto=to, mtype="chat")
        message["displayed"]["id"] = message_id
        message.send()

    async def tell_own_devices(self, chat, stanza_id):
        """XEP-0490."""
        payload = ET.Element(f"{{{MDS}}}displayed")
        ET.SubElement(payload, f"{{{SID}}}stanza-id", {"id": stanza_id, "by": self.jid})
        options = self.client["xep_0004"].make_form(ftype="submit")
        options.add_field("FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
        for name, value in MDS_OPTIONS.items():
            options.add_field(name, value=value)
        await self.client["xep_0060"].publish(self.jid, MDS, id=chat, payload=payload, options=options, timeout=PATIENCE)

    async def read_displayed(self, of):
        """{chat: stanza-id}, or the error's condition."""
        try:
            answer = await self.client["xep_0060"].get_items(of, MDS, timeout=PATIENCE)
        except IqError as error:
            return error.condition
        return dict(map(self.displayed_in, answer["pubsub"]["items"]["substanzas"]))

    async def archive_page(self, after, size):
        rsm = {"max": size, **({"after": after} if after else {})}
        answer = await self.client["xep_0313"].retrieve(rsm=rsm, timeout=PATIENCE)
        return [self.as_seen("archived", result["mam_result"]["forwarded"]["stanza"], result["mam_result"]["id"])
                for result in answer["mam"]["results"]], answer["mam_fin"].xml.get("complete") == "true"

    async def befriend(self, other):
        await self.client.befriend(other.client)

    async def show(self, show):
        self.client.send_presence(pshow=show)

    async def go_inactive(self):
        self.client["xep_0352"].send_inactive()

    async def go_active(self):
        self.client["xep_0352"].send_active()
