# SPDX-License-Identifier: AGPL-3.0-or-later
"""Message Carbons (XEP-0280): who gets a copy of what, and that no copy is kept, misdirected or sent twice."""
from lethe_test import WireCase, archive, main
from lethe_test.xmlstream import CLIENT, FORWARD, Stanza

CARBONS = "urn:xmpp:carbons:2"
BODY = "<body>hello</body>"
MUC = "http://jabber.org/protocol/muc#user"


class CarbonCase(WireCase):
    def enable(self, *clients):
        for client in clients:
            client.asks_ok(f"<iq type='set'><enable xmlns='{CARBONS}'/></iq>")

    def scene(self):
        """Somebody with a phone and a desk, both with copies, and a friend with one client."""
        mine, theirs = self.accounts(2)
        phone, desk, friend = self.online(mine, "phone"), self.online(mine, "desk"), self.online(theirs, "friend")
        self.settle(phone, desk, friend)
        self.enable(phone, desk)
        return phone, desk, friend

    def message(self, sender, to, inner=BODY, kind="chat", message_id="m"):
        sender.sends(f"<message to='{to}' id='{message_id}' type='{kind}'>{inner}</message>")

    def copies(self, client):
        """[(direction, the copied message)] of what has arrived; anything else is kept in `others`."""
        out, self.others = [], []
        for stanza in client.collect():
            inner = {d: stanza.child(d, CARBONS) for d in ("sent", "received")}
            direction = next((d for d, element in inner.items() if element is not None), None)
            if direction is None:
                self.others.append(stanza)
                continue
            self.assertEqual((client.jid, client.full), (stanza.get("from"), stanza.get("to")))
            forwarded = inner[direction].find(f"{{{FORWARD}}}forwarded")
            message = Stanza(forwarded.find(f"{{{CLIENT}}}message"))
            self.assertEqual(message.type, stanza.type)
            out.append((direction, message))
        return out


class Copies(CarbonCase):
    def test_what_one_session_sends_the_others_get_with_its_place_in_the_archive(self):
        phone, desk, friend = self.scene()
        self.message(phone, friend.jid)
        (direction, copy), = self.copies(desk)
        self.assertEqual(("sent", phone.full, friend.jid, "hello", "m"),
                         (direction, copy.get("from"), copy.get("to"), copy.text_of("body"), copy.get("id")))
        self.assertEqual([], self.copies(phone))
        self.assertEqual([copy.stanza_id], archive.page(desk).ids)
        self.assertEqual([], self.copies(friend))
        self.assertEqual(1, len(self.others))

    def test_what_a_full_address_gets_the_others_get_as_a_copy(self):
        phone, desk, friend = self.scene()
        self.message(friend, phone.full)
        got = phone.next()
        (direction, copy), = self.copies(desk)
        self.assertEqual(("received", friend.full, phone.full), (direction, copy.get("from"), copy.get("to")))
        self.assertEqual(got.stanza_id, copy.stanza_id)
        self.assertEqual([], self.copies(phone))

    def test_who_got_the_message_itself_gets_no_copy(self):
        phone, desk, friend = self.scene()
        self.message(friend, phone.jid)
        for client in (phone, desk):
            self.assertEqual([], self.copies(client))
            self.assertEqual(["hello"], [s.text_of("body") for s in self.others])

    def test_a_session_below_zero_gets_copies(self):
        phone, desk, friend = self.scene()
        low = self.online(phone.account, "low", priority=-1)
        self.enable(low)
        self.settle(phone, desk, low)
        self.message(friend, phone.jid)
        self.assertEqual(["received"], [d for d, _ in self.copies(low)])

    def test_who_waits_for_messages_gets_them_once_from_the_letterbox(self):
        mine, theirs = self.accounts(2)
        early, low, friend = self.session(mine, "early"), self.online(mine, "low", priority=-1), self.online(theirs, "friend")
        self.enable(early, low)
        self.message(friend, mine.jid)
        friend.collect()
        self.assertEqual(["received"], [d for d, _ in self.copies(low)])
        self.assertEqual([], self.copies(early))
        self.assertEqual(["hello"], [s.text_of("body") for s in early.goes_online() if s.name == "message"])

    def test_without_asking_or_after_disabling_there_are_none(self):
        phone, desk, friend = self.scene()
        plain = self.online(phone.account, "plain")
        self.settle(phone, desk, plain)
        for _ in range(2):
            desk.asks_ok(f"<iq type='set'><disable xmlns='{CARBONS}'/></iq>")
        self.message(phone, friend.jid)
        self.message(friend, phone.full)
        for client in (plain, desk):
            self.assertEqual([], self.copies(client))
        self.enable(desk, desk)
        self.message(phone, friend.jid)
        self.assertEqual(1, len(self.copies(desk)))

    def test_messages_to_oneself_are_copied_once(self):
        phone, desk, _ = self.scene()
        self.message(phone, desk.full)
        self.assertEqual([], self.copies(desk))
        self.assertEqual(1, len(self.others))
        self.assertEqual([], self.copies(phone))
        third = self.online(phone.account, "third")
        self.enable(third)
        self.settle(phone, desk, third)
        self.message(phone, desk.full)
        self.assertEqual(["received"], [d for d, _ in self.copies(third)])

    def test_nobody_else_can_turn_them_on(self):
        phone, _, friend = self.scene()
        answer = friend.asks(f"<iq type='set' to='{phone.jid}'><enable xmlns='{CARBONS}'/></iq>")
        self.assert_error(answer, "service-unavailable")

    def test_it_is_announced(self):
        phone, _, _ = self.scene()
        info = phone.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        self.assertIn(CARBONS, [f.get("var") for f in info.child("query", "http://jabber.org/protocol/disco#info")])


class Eligible(CarbonCase):
    def test_which_messages_are_copied(self):
        phone, desk, friend = self.scene()
        invite, plain_room = f"<x xmlns='{MUC}'><invite from='a@b.example'/></x>", f"<x xmlns='{MUC}'/>"
        both, only_sent, none = ("received", "sent"), ("sent",), ()
        for kind, inner, expected in (
                ("chat", BODY, both), ("normal", BODY, both), ("normal", "<x xmlns='urn:x'/>", none), ("chat", "<x xmlns='urn:x'/>", both),
                ("normal", "<received xmlns='urn:xmpp:receipts' id='1'/>", both), ("normal", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", both),
                ("chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", both), ("headline", BODY, none),
                ("normal", "<x xmlns='jabber:x:conference' jid='room@rooms.example'/>", both), ("normal", invite, both),
                ("chat", BODY + plain_room, only_sent), ("chat", BODY + f"<private xmlns='{CARBONS}'/>", none),
                ("chat", BODY + "<no-copy xmlns='urn:xmpp:hints'/>", none),
                ("error", BODY + "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", none)):
            with self.subTest(kind=kind, inner=inner):
                self.message(friend, phone.full, inner, kind)
                self.settle(friend)
                self.message(phone, friend.full, inner, kind)
                self.settle(phone)
                self.assertEqual(sorted(expected), sorted(d for d, _ in self.copies(desk)))
                self.settle(phone, friend, desk)

    def test_a_private_message_reaches_its_address_whole(self):
        phone, desk, friend = self.scene()
        self.message(friend, phone.full, BODY + f"<private xmlns='{CARBONS}'/>")
        self.assertIsNotNone(phone.next().child("private", CARBONS))
        self.assertEqual([], self.copies(desk))

    def test_what_is_refused_or_blocked_is_not_copied(self):
        phone, desk, friend = self.scene()
        self.message(phone, f"nobody@{self.server.domain}")
        self.assertEqual([], self.copies(desk))
        desk.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{friend.jid}'/></block></iq>")
        self.settle(phone, desk)
        self.message(friend, phone.full)
        self.settle(friend)
        self.message(phone, friend.jid)
        self.settle(phone)
        self.assertEqual([], self.copies(desk))

    def test_a_lost_copy_does_not_return(self):
        phone, desk, friend = self.scene()
        desk.enable_sm()
        self.message(friend, phone.full)
        phone.collect()
        desk.drop()
        self.settle(phone, friend)
        self.assertEqual(["m"], archive.page(phone).message_ids)
        self.assertEqual([], [s for s in self.logs_in_for(phone.account, "later") if s.name == "message"])


if __name__ == "__main__":
    main()
