# SPDX-License-Identifier: AGPL-3.0-or-later
"""The nodes of OMEMO 0.8 (XEP-0384, omemo:2), which no client of Debian publishes yet, by stanzas of slixmpp: devices and bundles are there for
everybody at once, also while their owner is away, and who asks for news of them gets it."""
import unittest
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

from person import Person
from server import WithServer
from waiting import PATIENCE

NS = "urn:xmpp:omemo:2"
DEVICES, BUNDLES = NS + ":devices", NS + ":bundles"
OPTIONS = "http://jabber.org/protocol/pubsub#publish-options"


class Client(Person):
    def __init__(self, *arguments, **how):
        super().__init__(*arguments, **how)
        for plugin in ("xep_0004", "xep_0060", "xep_0115"):
            self.register_plugin(plugin)
        self["xep_0030"].add_feature(DEVICES + "+notify")
        self.lists = []  # (whose, the ids of the devices)
        self.add_event_handler("pubsub_publish", self.news_of_a_node)

    async def start(self, _):
        await self["xep_0115"].update_caps(broadcast=False)
        await super().start(_)

    def news_of_a_node(self, stanza):
        for item in stanza["pubsub_event"]["items"]["substanzas"]:
            self.remember(self.lists, (stanza["from"].bare, self.ids(item.xml)))

    @staticmethod
    def ids(xml):
        return [device.get("id") for device in xml.iter(f"{{{NS}}}device")]

    async def publish(self, node, item_id, payload, **options):
        form = self["xep_0004"].make_form(ftype="submit")
        form.add_field("FORM_TYPE", ftype="hidden", value=OPTIONS)
        for name, value in options.items():
            form.add_field("pubsub#" + name, value=value)
        await self["xep_0060"].publish(self.boundjid.bare, node, id=item_id, payload=payload, options=form if options else None, timeout=PATIENCE)

    async def announce(self, *ids, **options):
        devices = ET.Element(f"{{{NS}}}devices")
        for number in ids:
            ET.SubElement(devices, f"{{{NS}}}device", {"id": str(number), "label": f"device {number}"})
        await self.publish(DEVICES, "current", devices, **options)

    async def give_keys(self, number, **options):
        bundle = ET.Element(f"{{{NS}}}bundle")
        ET.SubElement(bundle, f"{{{NS}}}spk", {"id": "0"}).text = f"c3Br{number}"
        keys = ET.SubElement(bundle, f"{{{NS}}}prekeys")
        for key in range(100):
            ET.SubElement(keys, f"{{{NS}}}pk", {"id": str(key)}).text = "A" * 44
        await self.publish(BUNDLES, str(number), bundle, **options)

    async def read(self, whose, node, *item_ids):
        """{id of the item: payload}, or the error's condition."""
        try:
            answer = await self["xep_0060"].get_items(whose, node, item_ids=item_ids or None, timeout=PATIENCE)
        except IqError as error:
            return error.condition
        return {item["id"]: item["payload"] for item in answer["pubsub"]["items"]["substanzas"]}

    async def access_model(self, node):
        answer = await self["xep_0060"].get_node_config(self.boundjid.bare, node, timeout=PATIENCE)
        return answer["pubsub_owner"]["configure"]["form"]["values"]["pubsub#access_model"]


class OmemoNodes(WithServer, unittest.IsolatedAsyncioTestCase):
    def client(self, account, resource="desk"):
        return Client(self.server, *account, resource=resource)

    async def test_nodes_that_are_made_by_publishing_are_open_and_served_while_the_owner_is_away(self):
        one, two = self.server.account("alice"), self.server.account("bob")
        for options in ({}, {"access_model": "open"}):
            async with self.client(one) as alice:
                await alice.announce(1, 2, **options)
                for number in (1, 2):
                    await alice.give_keys(number, **options, max_items="max")
                self.assertEqual(["open", "open"], [await alice.access_model(node) for node in (DEVICES, BUNDLES)])
            async with self.client(two) as bob:  # a stranger
                self.assertEqual({"current": ["1", "2"]}, {i: bob.ids(p) for i, p in (await bob.read(one[0], DEVICES)).items()})
                bundles = await bob.read(one[0], BUNDLES, "2")
                self.assertEqual(({"2"}, "c3Br2"), (set(bundles), bundles["2"].findtext(f"{{{NS}}}spk")))
                self.assertEqual(100, len(list(bundles["2"].iter(f"{{{NS}}}pk"))))
                self.assertEqual({"1", "2"}, set(await bob.read(one[0], BUNDLES)))

    async def test_contacts_and_own_devices_learn_of_new_devices_and_strangers_do_not(self):
        one, two, three = (self.server.account(name) for name in ("alice", "bob", "carol"))
        async with self.client(one) as alice, self.client(one, "phone") as phone, self.client(two) as bob, self.client(three) as carol:
            await alice.befriend(bob)
            await alice.announce(1)
            for other in (alice, phone, bob):
                await other.until(lambda: other.lists == [(one[0], ["1"])], "the list of devices")
            await phone.announce(1, 7)
            for other in (alice, phone, bob):
                await other.until(lambda: other.lists[1:] == [(one[0], ["1", "7"])], "the longer list")
            await carol.settle()
            self.assertEqual([], carol.lists)
        async with self.client(one):
            async with self.client(two) as bob:  # who was away when it was published
                await bob.until(lambda: bob.lists == [(one[0], ["1", "7"])], "the list, with the presence")

    async def test_a_device_that_is_gone_takes_its_keys_along(self):
        one, two = self.server.account("alice"), self.server.account("bob")
        async with self.client(one) as alice, self.client(two) as bob:
            for number in (1, 2):
                await alice.give_keys(number, max_items="max")
            await alice["xep_0060"].retract(one[0], BUNDLES, "1", timeout=PATIENCE)
            self.assertEqual({"2"}, set(await bob.read(one[0], BUNDLES)))
            await alice["xep_0060"].delete_node(one[0], BUNDLES, timeout=PATIENCE)
            self.assertIn(await bob.read(one[0], BUNDLES), ("item-not-found", "not-authorized"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
