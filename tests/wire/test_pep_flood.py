# SPDX-License-Identifier: AGPL-3.0-or-later
"""Somebody with an account publishes a million items: he is refused with an error that says so, holds no more of the server than his quota, and
nobody else notices."""
from lethe_test import WireCase, main
from lethe_test.pubsub import ITEMS, item, items, items_of, publish, texts_of

MILLION = 1_000_000
ITEM = "<item><x xmlns='u'/></item>"
ROOM = 96 << 10  # KiB of memory: far less than a million items, far more than a test's other needs


class Flood(WireCase):
    def setUp(self):
        super().setUp()
        owner, other = self.accounts(2)
        self.attacker, self.other = self.session(owner, "r"), self.online(other, "r")
        self.attacker.asks_ok(publish("before", item("kept", "<x xmlns='u'>kept</x>")))
        self.began = self.server.most_memory()

    def assert_unharmed(self, owner):
        self.assertEqual([("kept", "kept")], texts_of(owner.asks_ok(items("before"))))
        self.other.asks_ok(publish("mine", item("a", "<x xmlns='u'>x</x>")))
        self.assertEqual([("a", "x")], texts_of(self.other.asks_ok(items("mine"))))
        if self.began is not None:
            self.assertLess(self.server.most_memory(), self.began + ROOM)

    def test_in_one_stanza(self):
        """It is longer than a stanza may be, and ends the stream long before it is over."""
        self.attacker.send_tolerant("<iq type='set' id='million'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='flood'>")
        for _ in range(MILLION // 10_000):
            self.attacker.send_tolerant(ITEM * 10_000)
        self.attacker.send_tolerant("</publish></pubsub></iq>")
        self.attacker.receives_end("policy-violation", error_optional=True)
        again = self.session(self.attacker.account, "again")
        self.assert_error(again.asks(items("flood")), "item-not-found")
        self.assert_unharmed(again)

    def test_in_the_longest_stanza_there_may_be(self):
        """As many items as fit: one answer, and none of them is kept."""
        for one in (ITEM, "<item/>", "<item id='same'><x xmlns='u'/></item>"):
            count = 250_000 // len(one)
            answer = self.attacker.asks(publish("flood", *[one] * count, max_items="max"))
            self.assertIn(answer.condition, ("not-acceptable", "bad-request"))
        self.assert_error(self.attacker.asks(items("flood")), "item-not-found")
        self.assert_unharmed(self.attacker)

    def answers_to(self, requests):
        """Sends them all without reading an answer in between; {id: what came}."""
        for at in range(0, len(requests), 100):
            self.attacker.send_bytes("".join(requests[at:at + 100]))
        answers = {}
        while len(answers) < len(requests):  # those to changes come after their commits
            answers |= {s.get("id"): s.condition or s.type for s in self.attacker.collect() if s.name == "iq"}
        return [answers[str(n)] for n in range(len(requests))]

    def test_in_many_stanzas_to_as_many_nodes(self):
        count, limit = 600, 250
        got = self.answers_to([publish(f"n{n}", item("a", "<x xmlns='u'/>")).replace("<iq ", f"<iq id='{n}' ", 1) for n in range(count)])
        self.assertEqual(["result"] * (limit - 1) + ["resource-constraint"] * (count - limit + 1), got)
        listed = self.attacker.asks_ok(f"<iq type='get' to='{self.attacker.jid}'><query xmlns='{ITEMS}'/></iq>").child("query", ITEMS)
        self.assertEqual(limit, len(listed))
        self.assert_unharmed(self.attacker)

    def test_in_many_stanzas_to_one_node(self):
        """Each new item takes the place of the oldest, as the node's owner would have it."""
        count, limit = 1500, 1000
        got = self.answers_to([publish("flood", item(f"i{n}", "<x xmlns='u'/>"), max_items="max").replace("<iq ", f"<iq id='{n}' ", 1)
                               for n in range(count)])
        self.assertEqual({"result"}, set(got))
        self.assertEqual([f"i{n}" for n in range(count - limit, count)], [i for i, _ in items_of(self.attacker.asks_ok(items("flood")))])
        self.assert_unharmed(self.attacker)

    def test_in_large_items(self):
        """What all of them together may take is bounded as well: 4 MiB."""
        payload = f"<x xmlns='u'>{'x' * 200_000}</x>"
        got = self.answers_to([publish(f"n{n}", item("a", payload)).replace("<iq ", f"<iq id='{n}' ", 1) for n in range(40)])
        self.assertEqual(["result"] * 20 + ["resource-constraint"] * 20, got)
        self.assert_unharmed(self.attacker)


if __name__ == "__main__":
    main()
