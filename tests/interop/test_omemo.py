# SPDX-License-Identifier: AGPL-3.0-or-later
"""End-to-end encryption by clients nobody here wrote: what OMEMO publishes is there for people who write to somebody absent."""
import unittest
import xml.etree.ElementTree as ET

from person import Person
from server import lethe_test, WithServer
from terminal import Terminals

LEGACY = "eu.siacs.conversations.axolotl"
DEVICES = "urn:xmpp:omemo:2:devices"
BUNDLES = "urn:xmpp:omemo:2:bundles"


class AtTwoTerminals(WithServer, Terminals, unittest.TestCase):
    """The older namespace, as Profanity speaks it."""

    def test_the_first_message_to_somebody_absent_and_a_conversation(self):
        hers, his = self.server.account("olga"), self.server.account("milo")
        her_home, his_home = self.home(), self.home()
        milo = self.terminal(his, his_home)
        self.begin(milo)
        self.leave(milo)

        olga = self.terminal(hers, her_home)
        self.begin(olga)
        self.start(olga, his[0])  # his devices' keys are fetched, he being away
        olga.type("the first words, and nobody there")
        olga.see("the first words, and nobody there")

        milo = self.terminal(his, his_home)
        milo.type("/omemo trustmode blind")
        milo.type(f"/msg {hers[0]}")
        milo.see("the first words, and nobody there")
        self.start(milo, hers[0])
        self.say(milo, olga, "here I am, who reads this")
        olga.type("nobody but us")
        milo.see("nobody but us")
        self.leave(milo)
        self.leave(olga)
        self.archived_encrypted(his)

    def archived_encrypted(self, account):
        """The server has had nothing but ciphertext."""
        client = lethe_test.Client(self.server.server, lethe_test.Account(*account))
        client.login("reader")
        messages = [entry.message for entry in lethe_test.archive.everything(client)]
        client.leaves()
        encrypted = [m for m in messages if m.child("encrypted", LEGACY) is not None]
        self.assertGreaterEqual(len(encrypted), 3)
        for message in messages:
            text = ET.tostring(message.element, encoding="unicode")
            for words in ("first words", "here I am", "nobody but"):
                self.assertNotIn(words, text)


class TheNewerNamespace(WithServer, unittest.IsolatedAsyncioTestCase):
    """urn:xmpp:omemo:2, published and read by slixmpp."""

    def person(self, account):
        person = Person(self.server, *account)
        for plugin in ("xep_0004", "xep_0060", "xep_0115", "xep_0163"):
            person.register_plugin(plugin)
        return person

    def options(self, person, **fields):
        form = person["xep_0004"].make_form(ftype="submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
        for name, value in fields.items():
            form.add_field(var="pubsub#" + name, value=value)
        return form

    async def test_devices_and_bundles_are_read_while_their_owner_is_away(self):
        hers, his = self.server.account("nina"), self.server.account("omar")
        async with self.person(hers) as nina:
            devices = ET.fromstring("<devices xmlns='urn:xmpp:omemo:2'><device id='12345' label='desk'/><device id='67890'/></devices>")
            await nina["xep_0060"].publish(hers[0], DEVICES, id="current", payload=devices, options=self.options(nina, access_model="open"))
            for device in ("12345", "67890"):
                bundle = ET.fromstring(f"<bundle xmlns='urn:xmpp:omemo:2'><spk id='0'>{device}</spk><prekeys><pk id='1'>AAAA</pk></prekeys></bundle>")
                await nina["xep_0060"].publish(hers[0], BUNDLES, id=device, payload=bundle, options=self.options(nina, access_model="open", max_items="max"))
        async with self.person(his) as omar:
            answer = await omar["xep_0060"].get_items(hers[0], DEVICES)
            self.assertEqual(["12345", "67890"], [d.get("id") for d in next(iter(answer["pubsub"]["items"]))["payload"]])
            answer = await omar["xep_0060"].get_items(hers[0], BUNDLES, item_ids=["67890"])
            (item,) = list(answer["pubsub"]["items"])
            self.assertEqual(("67890", "67890"), (item["id"], item["payload"].findtext("{urn:xmpp:omemo:2}spk")))
            answer = await omar["xep_0060"].get_items(hers[0], BUNDLES)
            self.assertEqual(2, len(list(answer["pubsub"]["items"])))

    async def test_a_contact_hears_of_a_new_device(self):
        hers, his = self.server.account("nina"), self.server.account("omar")
        nina, omar = self.person(hers), self.person(his)
        heard = []
        omar.add_event_handler("pubsub_publish", lambda message: omar.remember(heard, message))
        omar["xep_0163"].add_interest(DEVICES)
        async with nina, omar:
            await nina.befriend(omar)
            devices = ET.fromstring("<devices xmlns='urn:xmpp:omemo:2'><device id='1'/></devices>")
            await nina["xep_0060"].publish(hers[0], DEVICES, id="current", payload=devices)
            await omar.until(lambda: any(m["from"].bare == hers[0] and m["pubsub_event"]["items"]["node"] == DEVICES for m in heard), "the new device")


if __name__ == "__main__":
    unittest.main(verbosity=2)
