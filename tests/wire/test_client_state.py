# SPDX-License-Identifier: AGPL-3.0-or-later
"""Client state indication (XEP-0352): a client that nobody looks at gets what matters, and little else."""
from lethe_test import WireCase, main

CSI = "urn:xmpp:csi:0"
STATES = "http://jabber.org/protocol/chatstates"


class ClientState(WireCase):
    def friends(self, *resources):
        """A friend, and clients of one account that both see each other's presence."""
        alice, bob = self.accounts(2)
        friend = self.online(alice, "f")
        phones = [self.online(bob, name) for name in resources]
        self.befriend(friend, phones[0])
        self.settle(friend, *phones)
        return friend, *phones

    def inactive(self, client):
        client.send_bytes(f"<inactive xmlns='{CSI}'/>")
        client.receives_nothing()

    @staticmethod
    def composing(friend, phone, state="composing"):
        friend.sends(f"<message to='{phone.jid}' type='chat'><{state} xmlns='{STATES}'/></message>")

    def test_it_is_offered_after_authentication_only(self):
        client = self.client(self.account())
        client.secure()
        self.assertIsNone(client.features.child("csi", CSI))
        client.authenticate()
        self.assertIsNotNone(client.features.child("csi", CSI))

    def test_far_fewer_bytes(self):
        friend, looked_at, pocket = self.friends("desk", "phone")
        self.inactive(pocket)
        before = looked_at.bytes_received, pocket.bytes_received
        for number in range(100):
            friend.sends(f"<presence><show>{'away' if number % 2 else 'dnd'}</show><status>mood {number}</status></presence>")
            self.composing(friend, pocket, "paused" if number % 2 else "composing")
            if number % 50 == 25:
                friend.sends(f"<message to='{pocket.jid}' type='chat' id='{number}'><body>news</body></message>")
        friend.collect()
        everything, little = looked_at.collect(), pocket.collect()
        full, reduced = looked_at.bytes_received - before[0], pocket.bytes_received - before[1]
        self.assertEqual(["25", "75"], [s.get("id") for s in little if s.text_of("body")])
        self.assertLess(reduced * 10, full, f"{reduced} bytes to the inactive client, {full} to the active one")
        self.assertEqual(202, len(everything))

    def test_no_message_comes_later_than_the_answer_to_a_following_ping(self):
        friend, phone = self.friends("phone")
        self.inactive(phone)
        for number in range(20):
            kind = ("chat", "normal", "headline")[number % 3]
            friend.sends(f"<message to='{phone.full}' type='{kind}' id='{number}'><body>x</body></message>")
            friend.collect()
            self.assertEqual([str(number)], [s.get("id") for s in phone.collect()])

    def test_requests_and_answers_come_at_once(self):
        friend, phone = self.friends("phone")
        self.inactive(phone)
        friend.sends(f"<iq type='get' id='call' to='{phone.full}'><jingle xmlns='urn:xmpp:jingle:1'/></iq>")
        phone.receives(f"<iq type='get' id='call' from='{friend.full}'><jingle xmlns='urn:xmpp:jingle:1'/></iq>")
        stranger = self.online(self.account(), "s")
        stranger.sends(f"<presence type='subscribe' to='{phone.jid}'/>")
        phone.receives(f"<presence type='subscribe' from='{stranger.jid}'/>")
        self.assertEqual("result", phone.asks("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>").type)

    def test_when_it_is_active_again_it_learns_how_things_are_before_anything_else_is_answered(self):
        friend, phone = self.friends("phone")
        self.inactive(phone)
        for status in ("one", "two"):
            friend.sends(f"<presence><status>{status}</status></presence>")
        for state in ("active", "composing", "paused"):
            self.composing(friend, phone, state)
        friend.collect()
        phone.receives_nothing()
        phone.send_bytes(f"<active xmlns='{CSI}'/>")
        got = phone.collect()
        self.assertEqual([("presence", "two"), ("message", None)], [(s.name, s.text_of("status")) for s in got])
        self.assertIsNotNone(got[1].child("paused", STATES))
        friend.sends("<presence/>")
        friend.collect()
        self.assertEqual(1, len(phone.collect()))

    def test_who_comes_and_goes_is_told_once(self):
        friend, phone = self.friends("phone")
        self.inactive(phone)
        friend.sends("<presence type='unavailable'/>")
        friend.sends("<presence/>")
        friend.sends("<presence type='unavailable'/>")
        friend.collect()
        phone.send_bytes(f"<active xmlns='{CSI}'/>")
        phone.receives(f"<presence from='{friend.full}' type='unavailable'/>")
        phone.receives_nothing()

    def test_a_message_does_not_overtake_its_senders_presence_and_moves_nobody_elses(self):
        friend, phone = self.friends("phone")
        other = self.online(self.account(), "o")
        self.befriend(other, phone)
        self.settle(friend, other, phone)
        self.inactive(phone)
        other.sends("<presence><status>other</status></presence>")
        friend.sends("<presence><status>friend</status></presence>")
        for client in (other, friend):
            client.collect()
        friend.sends(f"<message to='{phone.jid}' type='chat'><body>hi</body></message>")
        phone.receives(f"<presence from='{friend.full}'><status>friend</status></presence>")
        phone.receives(f"<message from='{friend.full}' type='chat'><body>hi</body></message>")
        phone.receives_nothing()
        phone.send_bytes(f"<active xmlns='{CSI}'/>")
        phone.receives(f"<presence from='{other.full}'><status>other</status></presence>")

    def test_a_message_ends_its_senders_chat_state(self):
        friend, phone = self.friends("phone")
        self.inactive(phone)
        self.composing(friend, phone)
        friend.sends(f"<message to='{phone.jid}' type='chat'><body>hi</body><active xmlns='{STATES}'/></message>")
        friend.collect()
        phone.receives(f"<message from='{friend.full}' type='chat'><body>hi</body><active xmlns='{STATES}'/></message>")
        phone.send_bytes(f"<active xmlns='{CSI}'/>")
        phone.receives_nothing()

    def test_copies_are_spared_like_what_they_copy(self):
        friend, phone, desk = self.friends("phone", "desk")
        phone.asks_ok("<iq type='set'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        self.inactive(phone)
        for state in ("composing", "paused"):
            desk.sends(f"<message to='{friend.full}' type='chat'><{state} xmlns='{STATES}'/></message>")
            friend.sends(f"<message to='{desk.full}' type='chat'><{state} xmlns='{STATES}'/></message>")
            self.settle(friend, desk)
        phone.receives_nothing()
        desk.sends(f"<message to='{friend.full}' type='chat' id='m'><body>hi</body></message>")
        desk.collect()
        got = phone.collect()  # what the friend told comes before, what the desk told is over
        self.assertEqual(["received", "sent"], [s.element[0].tag.rpartition("}")[2] for s in got])
        self.assertEqual("m", got[1].element.find(".//{jabber:client}message").get("id"))

    def test_its_own_presence_is_reflected_at_once_and_nobody_learns_of_its_state(self):
        friend, phone, desk = self.friends("phone", "desk")
        self.inactive(phone)
        desk.receives_nothing()
        friend.receives_nothing()
        phone.sends("<presence><status>mine</status></presence>")
        phone.receives(f"<presence from='{phone.full}'><status>mine</status></presence>")

    def test_who_logs_in_unseen_is_spared_the_presence_of_all_contacts(self):
        friend, phone = self.friends("phone")
        account = phone.account
        phone.leaves()
        friend.collect()
        phone = self.session(account, "phone")
        self.inactive(phone)
        self.assertEqual([], phone.goes_online())
        phone.send_bytes(f"<active xmlns='{CSI}'/>")
        phone.receives(f"<presence from='{friend.full}'/>")

    def test_a_resumed_stream_is_active(self):
        friend, phone = self.friends("phone")
        phone.enable_sm(resume=True)
        self.inactive(phone)
        friend.sends("<presence><status>new</status></presence>")
        friend.collect()
        phone.collect()
        again = self.client(phone.account)
        self.assertEqual("resumed", again.resumes(phone).name)
        again.receives(f"<presence from='{friend.full}'><status>new</status></presence>")
        friend.sends("<presence><status>newer</status></presence>")
        again.receives(f"<presence from='{friend.full}'><status>newer</status></presence>")

    def test_repeated_and_unknown_states(self):
        friend, phone = self.friends("phone")
        for state in ("active", "inactive", "inactive", "active", "active"):
            phone.send_bytes(f"<{state} xmlns='{CSI}'/>")
            phone.receives_nothing()
        phone.send_bytes(f"<asleep xmlns='{CSI}'/>")
        phone.receives_end("unsupported-stanza-type")


if __name__ == "__main__":
    main()
