# SPDX-License-Identifier: AGPL-3.0-or-later
"""One list of bookmarks in three forms: XEP-0402, XEP-0048 over PEP, XEP-0048 in private XML storage (XEP-0049). And private storage itself."""
import xml.etree.ElementTree as ET

from lethe_test import WireCase, main
from lethe_test.pubsub import (as_owner, configure, create, events_in, item, items, items_of, publish, pubsub_condition, retract, wants)

PRIVATE = "jabber:iq:private"
OLD = "storage:bookmarks"
NEW = "urn:xmpp:bookmarks:1"


def private_get(element):
    return f"<iq type='get'><query xmlns='{PRIVATE}'>{element}</query></iq>"


def private_set(*elements):
    return f"<iq type='set'><query xmlns='{PRIVATE}'>{''.join(elements)}</query></iq>"


def conference(name, autojoin="true", inner=""):
    return f"<conference xmlns='{NEW}' name='{name}' autojoin='{autojoin}'>{inner}</conference>"


def old_conference(jid, name, autojoin="true", inner=""):
    return f"<conference jid='{jid}' name='{name}' autojoin='{autojoin}'>{inner}</conference>"


def storage(*inner):
    return f"<storage xmlns='{OLD}'>{''.join(inner)}</storage>"


class PrivateStorage(WireCase):
    def stored(self, client, element):
        return client.asks_ok(private_get(element)).child("query", PRIVATE)[0]

    def test_what_is_stored_comes_back_and_only_to_its_owner(self):
        one, other = (self.session(a, "r") for a in self.accounts(2))
        one.asks_ok(private_set("<a xmlns='urn:one'><b>text</b></a>", "<a xmlns='urn:two'/>"))
        one.leaves()
        one = self.session(one.account, "again")
        self.assertEqual("text", self.stored(one, "<a xmlns='urn:one'/>").findtext("{urn:one}b"))
        self.assertEqual(0, len(self.stored(other, "<a xmlns='urn:one'/>")))
        self.assertEqual("{urn:three}a", self.stored(one, "<a xmlns='urn:three'/>").tag)
        for request in (private_get("<a xmlns='urn:one'/>"), private_set("<a xmlns='urn:one'/>")):
            self.assert_error(other.asks(request.replace("<iq ", f"<iq to='{one.jid}' ", 1)), "service-unavailable")

    def test_storing_again_replaces(self):
        client = self.session(self.account(), "r")
        for text in "xy":
            client.asks_ok(private_set(f"<a xmlns='urn:one'>{text}</a>"))
        self.assertEqual("y", self.stored(client, "<a xmlns='urn:one'/>").text)

    def test_bad_requests(self):
        client = self.session(self.account(), "r")
        for request in (private_get(""), private_set(""), private_get("<a xmlns='u'/><b xmlns='u'/>"), private_get("<a/>"), private_set("<a/>"),
                        private_set("<a xmlns='jabber:client'/>")):
            self.assert_error(client.asks(request), "not-acceptable")

    def test_it_is_no_node(self):
        client = self.session(self.account(), "r")
        client.asks_ok(private_set("<a xmlns='urn:one'/>"))
        listed = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
        self.assertEqual(0, len(listed.child("query", "http://jabber.org/protocol/disco#items")))


class Full(WireCase):
    config = {"limits": {"pep_items": 3}}

    def test_a_full_store_refuses_and_forgets_nothing(self):
        client = self.session(self.account(), "r")
        for n in range(3):
            client.asks_ok(private_set(f"<a xmlns='urn:{n}'>x</a>"))
        self.assert_error(client.asks(private_set("<a xmlns='urn:3'>x</a>")), "resource-constraint")
        client.asks_ok(private_set("<a xmlns='urn:0'>y</a>"))
        self.assert_error(client.asks(private_set(storage(*(old_conference(f"r{n}@rooms.example", "x") for n in range(4))))), "not-acceptable")
        for n in range(3):
            self.assertEqual("y" if n == 0 else "x", client.asks_ok(private_get(f"<a xmlns='urn:{n}'/>")).child("query", PRIVATE)[0].text)


class Bookmarks(WireCase):
    """In every test the list is changed in one form and read in all."""

    def rooms(self, element):
        found = {}
        for c in element.findall(f"{{{OLD}}}conference"):
            found[c.get("jid")] = (c.get("name"), c.get("autojoin"), c.findtext(f"{{{OLD}}}nick"), c.findtext(f"{{{OLD}}}password"))
        return found

    def all_forms(self, client):
        """The list, the same in each form."""
        new = {}
        for item_id, c in items_of(client.asks_ok(items(NEW))):
            new[item_id] = (c.get("name"), c.get("autojoin"), c.findtext(f"{{{NEW}}}nick"), c.findtext(f"{{{NEW}}}password"))
        (current, over_pep), = items_of(client.asks_ok(items(OLD)))
        self.assertEqual("current", current)
        private = client.asks_ok(private_get(f"<storage xmlns='{OLD}'/>")).child("query", PRIVATE)[0]
        self.assertEqual([new, new], [self.rooms(over_pep), self.rooms(private)])
        return new

    def test_the_account_says_that_they_agree(self):
        client = self.session(self.account(), "r")
        info = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        features = {f.get("var") for f in info.child("query", "http://jabber.org/protocol/disco#info")}
        self.assertLessEqual({NEW + "#compat", NEW + "#compat-pep", "urn:xmpp:bookmarks-conversion:0"}, features)

    def test_there_are_none_at_first(self):
        client = self.session(self.account(), "r")
        self.assert_error(client.asks(items(NEW)), "item-not-found")
        self.assert_error(client.asks(items(OLD)), "item-not-found")
        self.assertEqual({}, self.rooms(client.asks_ok(private_get(f"<storage xmlns='{OLD}'/>")).child("query", PRIVATE)[0]))

    def test_published_as_items(self):
        client = self.session(self.account(), "r")
        client.asks_ok(publish(NEW, item("a@rooms.example", conference("A", "1", "<nick>Al</nick><password>secret</password>")),
                               access_model="whitelist", max_items="max", persist_items="true", send_last_published_item="never"))
        client.asks_ok(publish(NEW, item("b@rooms.example", f"<conference xmlns='{NEW}'/>")))
        client.leaves()
        client = self.session(client.account, "r")
        old = self.rooms(items_of(client.asks_ok(items(OLD)))[0][1])
        self.assertEqual({"a@rooms.example": ("A", "true", "Al", "secret"), "b@rooms.example": (None, None, None, None)}, old)
        client.asks_ok(retract(NEW, "a@rooms.example"))
        self.assertEqual({"b@rooms.example"}, set(self.all_forms(client)))

    def test_set_in_either_older_form(self):
        for how in (lambda s: private_set(s), lambda s: publish(OLD, item("current", s), access_model="whitelist", persist_items="true")):
            client = self.session(self.account(), "r")
            client.asks_ok(how(storage(old_conference("a@rooms.example", "A", inner="<nick>Al</nick>"), old_conference("b@rooms.example", "B"))))
            self.assertEqual({"a@rooms.example": ("A", "true", "Al", None), "b@rooms.example": ("B", "true", None, None)}, self.all_forms(client))
            client.asks_ok(how(storage(old_conference("b@rooms.example", "B2"), old_conference("c@rooms.example", "C"))))
            self.assertEqual({"b@rooms.example": "B2", "c@rooms.example": "C"}, {k: v[0] for k, v in self.all_forms(client).items()})
            client.asks_ok(how(storage()))
            self.assertEqual({}, self.all_forms(client))

    def test_what_only_one_form_can_say_is_kept(self):
        client = self.session(self.account(), "r")
        client.asks_ok(publish(NEW, item("a@rooms.example", conference("A", inner="<extensions><x xmlns='urn:x'/></extensions>"))))
        page = "<url name='page' url='https://example.org/'/>"
        client.asks_ok(private_set(storage(old_conference("a@rooms.example", "A, renamed"), page)))
        payload = items_of(client.asks_ok(items(NEW)))[0][1]
        self.assertEqual("A, renamed", payload.get("name"))
        self.assertIsNotNone(payload.find(f"{{{NEW}}}extensions/{{urn:x}}x"))
        for element in (client.asks_ok(private_get(f"<storage xmlns='{OLD}'/>")).child("query", PRIVATE)[0], items_of(client.asks_ok(items(OLD)))[0][1]):
            self.assertEqual("https://example.org/", element.find(f"{{{OLD}}}url").get("url"))
        client.asks_ok(private_set(storage(old_conference("a@rooms.example", "A"))))
        self.assertIsNone(items_of(client.asks_ok(items(OLD)))[0][1].find(f"{{{OLD}}}url"))

    def test_what_older_clients_invented_comes_back_to_them_until_they_take_it_away(self):
        client = self.session(self.account(), "r")
        invented = "<minimize>true</minimize><x xmlns='urn:x' a='b'><y>text</y></x>"
        client.asks_ok(private_set(storage(old_conference("a@rooms.example", "A", inner="\n <nick>Al</nick>\n " + invented))))

        def read():
            shown = (client.asks_ok(private_get(f"<storage xmlns='{OLD}'/>")).child("query", PRIVATE)[0], items_of(client.asks_ok(items(OLD)))[0][1])
            return [(c.get("name"), c.findtext(f"{{{OLD}}}nick"), c.findtext(f"{{{OLD}}}minimize"), c.findtext("{urn:x}x/{urn:x}y"), len(c))
                    for s in shown for c in s]
        self.assertEqual([("A", "Al", "true", "text", 3)] * 2, read())
        payload = items_of(client.asks_ok(items(NEW)))[0][1]
        extensions = payload.find(f"{{{NEW}}}extensions")
        self.assertEqual({f"{{{NEW}}}nick", f"{{{NEW}}}extensions"}, {child.tag for child in payload})
        # A client that knows none of it keeps it (XEP-0402 section 2), and adds something.
        ET.SubElement(extensions, "{urn:new}mine")
        client.asks_ok(publish(NEW, item("a@rooms.example", conference("B", inner="<nick>Al</nick>" + ET.tostring(extensions, "unicode")))))
        self.assertEqual([("B", "Al", "true", "text", 3)] * 2, read())
        wants(client, NEW), client.collect()
        client.asks_ok(private_set(storage(old_conference("a@rooms.example", "B", inner=invented + "<nick>Al</nick>"))))
        self.assertEqual([], events_in(client.collect()), "nothing has changed")
        client.asks_ok(private_set(storage(old_conference("a@rooms.example", "B", inner="<nick>Al</nick>"))))
        self.assertEqual([("B", "Al", None, None, 1)] * 2, read())
        payload = items_of(client.asks_ok(items(NEW)))[0][1]
        self.assertEqual(["{urn:new}mine"], [child.tag for child in payload.find(f"{{{NEW}}}extensions")])

    def test_attributes_that_older_clients_invented_come_back_too(self):
        client = self.session(self.account(), "r")
        wants(client, NEW)
        invented = "<conference jid='a@rooms.example' name='A' zoom='2' minimize='true'><nick>Al</nick></conference>"
        client.asks_ok(private_set(storage(invented)))
        client.collect()

        def read():
            shown = (client.asks_ok(private_get(f"<storage xmlns='{OLD}'/>")).child("query", PRIVATE)[0], items_of(client.asks_ok(items(OLD)))[0][1])
            return [dict(c.attrib) for s in shown for c in s]
        self.assertEqual([{"jid": "a@rooms.example", "name": "A", "minimize": "true", "zoom": "2"}] * 2, read())
        client.asks_ok(private_set(storage(invented.replace("zoom='2' minimize='true'", "minimize='true' zoom='2'"))))
        self.assertEqual([], events_in(client.collect()), "nothing has changed")
        # What stands among the extensions cannot say what room this is.
        client.asks_ok(publish(NEW, item("a@rooms.example", conference("B", inner=f"<extensions><conference xmlns='{OLD}' jid='x' name='y' zoom='3'/></extensions>"))))
        self.assertEqual([{"jid": "a@rooms.example", "name": "B", "autojoin": "true", "zoom": "3"}] * 2, read())
        client.asks_ok(private_set(storage("<conference jid='a@rooms.example' name='B'/>")))
        self.assertEqual([{"jid": "a@rooms.example", "name": "B"}] * 2, read())

    def test_every_session_is_told_in_the_form_it_knows_of_what_changed_only(self):
        account = self.account()
        modern, elderly = self.session(account, "modern"), self.session(account, "elderly")
        wants(modern, NEW)
        wants(elderly, OLD)
        elderly.asks_ok(private_set(storage(old_conference("a@rooms.example", "A"), old_conference("b@rooms.example", "B"))))
        self.assertEqual([(NEW, ["item", "item"])], [(node, [v for v, _, _ in what]) for _, node, what in events_in(modern.collect())])
        elderly.collect()
        elderly.asks_ok(private_set(storage(old_conference("a@rooms.example", "A"), old_conference("c@rooms.example", "C"))))
        told = [(what[0][0], what[0][1]) for _, _, what in events_in(modern.collect())]
        self.assertEqual([("retract", "b@rooms.example"), ("item", "c@rooms.example")], told)
        elderly.collect()
        modern.asks_ok(publish(NEW, item("d@rooms.example", conference("D"))))
        (_, node, what), = events_in(elderly.collect())
        self.assertEqual((OLD, [("item", "current")]), (node, [(v, i) for v, i, _ in what]))

    def test_an_edit_in_an_older_form_leaves_the_item_in_the_order_of_its_schema(self):
        client = self.session(self.account(), "r")
        client.asks_ok(publish(NEW, item("a@rooms.example", conference("A", inner="<nick>Al</nick><extensions><x xmlns='urn:x'/></extensions>"))))
        client.asks_ok(private_set(storage(old_conference("a@rooms.example", "A", inner="<nick>Ann</nick><password>secret</password>"))))
        (_, payload), = items_of(client.asks_ok(items(NEW)))
        self.assertEqual([f"{{{NEW}}}{name}" for name in ("nick", "password", "extensions")], [child.tag for child in payload])
        self.assertEqual(["Ann", "secret"], [payload[0].text, payload[1].text])

    def test_who_knows_the_older_form_hears_that_nothing_is_left(self):
        client = self.session(self.account(), "r")
        second = self.session(client.account, "second")
        client.asks_ok(publish(NEW, item("a@rooms.example", conference("A"))))
        wants(second, OLD)
        second.collect()
        client.asks_ok(as_owner("delete", NEW))
        event, = [s for s in second.collect() if s.name == "message"]
        self.assertEqual([(second.jid, OLD, [("item", "current", "")])], events_in([event]))
        self.assertEqual(f"{{{OLD}}}storage", event.element[0][0][0][0].tag)

    def test_a_page_that_is_bookmarked_is_told_and_other_private_things_are_not(self):
        elderly = self.session(self.account(), "elderly")
        wants(elderly, OLD)
        room, page = old_conference("a@rooms.example", "A"), "<url name='page' url='https://example.org/'/>"
        for inner, told in (((room,), 1), ((room, page), 1), ((room, page), 0), ((room,), 1), ((room,), 0)):
            elderly.asks_ok(private_set(storage(*inner)))
            self.assertEqual([OLD] * told, [node for _, node, _ in events_in(elderly.collect())], inner)
        elderly.asks_ok(private_set("<a xmlns='urn:one'>x</a>"))
        self.assertEqual([], events_in(elderly.collect()))

    def test_what_comes_in_an_older_form_is_for_the_owner_alone(self):
        owner, friend = (self.session(a, "r") for a in self.accounts(2))
        wants(owner, NEW), wants(friend, NEW)
        self.befriend(owner, friend)
        for how in (lambda s: private_set(s), lambda s: publish(OLD, item("current", s))):
            owner.asks_ok(publish(NEW, item("a@rooms.example", conference("A"))))
            owner.asks_ok(configure(NEW, access_model="open"))
            self.assertEqual(["a@rooms.example"], [i for i, _ in items_of(friend.asks_ok(items(NEW, to=owner.jid)))])
            friend.collect()
            owner.asks_ok(how(storage(old_conference("a@rooms.example", "A2"), old_conference("b@rooms.example", "secret"))))
            self.assertEqual([], events_in(friend.collect()))
            self.assertEqual("error", friend.asks(items(NEW, to=owner.jid)).type)
            self.assertEqual({"a@rooms.example", "b@rooms.example"}, set(self.all_forms(owner)))
            owner.asks_ok(how(storage()))

    def test_a_room_is_one_room_in_whatever_capitals(self):
        client = self.session(self.account(), "r")
        client.asks_ok(publish(NEW, item("Room@Rooms.Example", conference("A", inner="<extensions><x xmlns='urn:x'/></extensions>"))))
        wants(client, NEW)
        client.collect()
        given = items_of(client.asks_ok(items(OLD)))[0][1][0].get("jid")
        client.asks_ok(private_set(storage(old_conference(given, "A"))))
        self.assertEqual([], events_in(client.collect()))
        client.asks_ok(private_set(storage(old_conference("room@rooms.example", "B"))))
        (item_id, payload), = items_of(client.asks_ok(items(NEW)))
        self.assertEqual(("Room@Rooms.Example", "B"), (item_id, payload.get("name")))
        self.assertIsNotNone(payload.find(f"{{{NEW}}}extensions/{{urn:x}}x"))

    def test_the_older_node_is_only_published_to(self):
        client = self.session(self.account(), "r")
        client.asks_ok(publish(OLD, item("current", storage(old_conference("a@rooms.example", "A")))))
        for request in (retract(OLD, "current"), as_owner("delete", OLD), as_owner("purge", OLD), configure(OLD, access_model="open"), create(OLD)):
            self.assert_error(client.asks(request), "not-allowed")
        client.asks_ok(as_owner("configure", OLD))
        answer = client.asks(publish(OLD, item("current", storage()), access_model="open"))
        self.assertEqual(("conflict", "precondition-not-met"), (answer.condition, pubsub_condition(answer)))
        self.assert_error(client.asks(publish(OLD, item("current", "<x xmlns='u'/>"))), "bad-request")
        self.assertEqual({"a@rooms.example"}, set(self.all_forms(client)))

    def test_nobody_else_reads_them(self):
        owner, friend = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(owner, friend)
        owner.asks_ok(publish(NEW, item("a@rooms.example", conference("A"))))
        for node in (NEW, OLD):
            self.assertEqual("error", friend.asks(items(node, to=owner.jid)).type)
        owner.leaves()
        for node in (NEW, OLD):
            self.assert_error(friend.asks(items(node, to=owner.jid)), "not-authorized")


if __name__ == "__main__":
    main()
