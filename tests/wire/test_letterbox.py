# SPDX-License-Identifier: AGPL-3.0-or-later
"""The letterbox: what RFC 6121 section 8.5.2.2 and XEP-0160 store for an absent account, and how it comes out again."""
from lethe_test import WireCase, archive, main, pattern
from lethe_test.xmlstream import DELAY, SID

HINTS = "urn:xmpp:hints"


class LetterboxCase(WireCase):
    def sender(self):
        client = self.session(self.account(), "sender")
        client.enable_sm()
        return client

    def send(self, sender, to, ids, inner="<body>body of {id}</body>", kind="chat"):
        """Sends and waits for the acknowledgement, so that all is stored. Returns the conditions of errors."""
        for message_id in ids:
            sender.sends(f"<message to='{to}' type='{kind}' id='{message_id}'>{inner.format(id=message_id)}</message>")
        sender.all_acked()
        return [s.condition for s in sender.collect() if s.type == "error"]

    def messages(self, stanzas):
        return [s for s in stanzas if s.name == "message"]

    def ids(self, stanzas):
        return [s.get("id") for s in self.messages(stanzas)]

    def opens(self, account, resource="r", sm=False):
        """A session that opens the letterbox. With sm, nothing is acknowledged unless the test does it."""
        client = self.session(account, resource)
        client.auto_ack = False
        if sm:
            client.enable_sm()
        client.at_login = client.goes_online()
        return client


class Opening(LetterboxCase):
    def test_messages_come_in_order_with_delay_and_archive_id(self):
        sender, bob = self.sender(), self.account()
        names = [f"m{n}" for n in range(20)]
        self.assertEqual([], self.send(sender, bob.jid, names))
        client = self.opens(bob)
        got = self.messages(client.at_login)
        self.assertEqual(names, [s.get("id") for s in got])
        self.assertEqual([f"body of {n}" for n in names], [s.text_of("body") for s in got])
        stamps = []
        for stanza in got:
            self.assertEqual((sender.full, "chat", bob.jid), (stanza.get("from"), stanza.type, stanza.get("to")))
            (delay,) = stanza.element.findall(f"{{{DELAY}}}delay")
            self.assertIn(delay.get("from"), (self.server.domain, bob.jid))
            stamps.append(delay.get("stamp"))
            (stanza_id,) = stanza.element.findall(f"{{{SID}}}stanza-id")
            self.assertEqual(bob.jid, stanza_id.get("by"))
        self.assertTrue(all(s.endswith("Z") for s in stamps))
        self.assertEqual(sorted(set(stamps)), stamps, "times rise strictly")
        stored = archive.everything(client)
        self.assertEqual([s.stanza_id for s in got], [e.id for e in stored])
        self.assertEqual(stamps, [e.stamp for e in stored])

    def test_what_was_delivered_does_not_come_again(self):
        sender, bob = self.sender(), self.account()
        self.send(sender, bob.jid, ["m1", "m2"])
        client = self.opens(bob)
        self.assertEqual(["m1", "m2"], self.ids(client.at_login))
        client.sends("<presence><show>away</show></presence>")
        client.sends("<presence type='unavailable'/><presence/>")
        self.assertEqual([], self.ids(client.collect()))
        self.assertEqual([], self.ids(self.opens(bob, "other").at_login))
        client.drop()
        self.assertEqual([], self.ids(self.opens(bob, "later").at_login))
        self.assertEqual(2, len(archive.everything(self.session(bob))))

    def test_a_session_without_presence_or_with_negative_priority_does_not_open_it(self):
        sender, bob = self.sender(), self.account()
        self.send(sender, bob.jid, ["m1"])
        silent = self.session(bob, "silent")
        silent.receives_nothing()
        silent.goes_online(priority=-1)
        silent.receives_nothing()
        silent.leaves()
        self.assertEqual(["m1"], self.ids(self.opens(bob).at_login))

    def test_what_is_addressed_to_a_session_without_presence_does_not_wait_for_what_came_before(self):
        alice, bob = self.accounts(2)
        sender = self.online(alice, "a")
        sender.sends(f"<message to='{bob.jid}' type='chat' id='old'><body>old</body></message>")
        sender.collect()
        receiver = self.session(bob, "b")
        sender.sends(f"<message to='{receiver.full}' type='chat' id='direct'><body>direct</body></message>")
        sender.collect()
        self.assertEqual([("direct", False)], [(m.get("id"), m.child("delay", "urn:xmpp:delay") is not None) for m in receiver.collect() if m.name == "message"])
        receiver.sends("<presence/>")
        self.assertEqual([("old", True)], [(m.get("id"), m.child("delay", "urn:xmpp:delay") is not None) for m in receiver.collect() if m.name == "message"])

    def test_what_comes_while_it_is_open_is_delivered_live_and_not_again(self):
        sender, bob = self.sender(), self.account()
        self.send(sender, bob.jid, ["m1"])
        client = self.opens(bob)
        self.send(sender, bob.jid, ["m2"])
        (live,) = self.messages(client.collect())
        self.assertIsNone(live.child("delay", DELAY))
        self.assertIsNotNone(live.stanza_id)
        client.leaves()
        self.assertEqual([], self.ids(self.opens(bob).at_login))

    def test_several_rounds_of_absence(self):
        sender, bob = self.sender(), self.account()
        for number in range(5):
            names = [f"m{number}-{n}" for n in range(3)]
            self.send(sender, bob.jid, names)
            client = self.opens(bob)
            self.assertEqual(names, self.ids(client.at_login))
            client.leaves()
        self.assertEqual(15, len(archive.everything(self.session(bob))))

    def test_senders_do_not_mix(self):
        senders, bob, carol = [self.sender() for _ in range(3)], self.account(), self.account()
        for number in range(6):
            for which, sender in enumerate(senders):
                self.send(sender, bob.jid if number % 2 else carol.jid, [f"{which}-{number}"])
        for account, odd in ((bob, 1), (carol, 0)):
            expected = [f"{which}-{number}" for number in range(6) if number % 2 == odd for which in range(3)]
            self.assertEqual(expected, self.ids(self.opens(account).at_login))

    def test_a_large_letterbox_comes_whole(self):
        sender, bob = self.sender(), self.account()
        names = [f"m{n}" for n in range(900)]
        for start in range(0, 900, 100):
            self.assertEqual([], self.send(sender, bob.jid, names[start:start + 100]))
        client = self.opens(bob)
        self.assertEqual(names, self.ids(client.at_login + client.collect()))


class Durability(LetterboxCase):
    def test_without_acknowledgement_everything_comes_again_with_the_same_ids(self):
        sender, bob = self.sender(), self.account()
        names = ["m1", "m2", "m3"]
        self.send(sender, bob.jid, names)
        first = self.opens(bob, sm=True)
        seen = {s.get("id"): s.stanza_id for s in self.messages(first.at_login)}
        self.assertEqual(names, list(seen))
        first.drop()
        second = self.opens(bob, sm=True)
        self.assertEqual(seen, {s.get("id"): s.stanza_id for s in self.messages(second.at_login)})

    def test_what_was_acknowledged_stays_away_and_the_rest_comes(self):
        sender, bob = self.sender(), self.account()
        self.send(sender, bob.jid, [f"m{n}" for n in range(6)])
        client = self.session(bob, "r")
        client.auto_ack = False
        client.enable_sm()
        client.sends("<presence/>")
        handled, got = 0, []
        while len(got) < 6:
            stanza = client.next()
            if len(got) < 3:
                handled += 1
            got += [stanza] if stanza.name == "message" else []
        client.ack(handled)
        client.receives_nothing()
        client.drop()
        self.assertEqual(["m3", "m4", "m5"], self.ids(self.opens(bob, "again").at_login))

    def test_acknowledged_by_the_server_means_stored(self):
        for how in ("stop", "kill"):
            with self.subTest(how):
                sender, bob = self.sender(), self.account()
                names = [f"m{n}" for n in range(10)]
                self.send(sender, bob.jid, names)
                getattr(self.server, how)()
                self.server.start()
                client = self.opens(bob)
                self.assertEqual(names, self.ids(client.at_login))
                client.leaves()
                self.assertEqual([], self.ids(self.opens(bob).at_login))
                self.assertEqual(names, [e.message.get("id") for e in archive.everything(self.session(bob))])
                self.assertEqual(names, [e.message.get("id") for e in archive.everything(self.session(sender.account))])

    def test_a_kill_after_delivery_repeats_at_most_what_was_not_acknowledged(self):
        sender, bob = self.sender(), self.account()
        self.send(sender, bob.jid, ["m1", "m2"])
        client = self.opens(bob, sm=True)
        self.assertEqual(["m1", "m2"], self.ids(client.at_login))
        client.ack()
        client.receives_nothing()
        self.server.kill()
        self.server.start()
        again = self.opens(bob)
        seen = {s.get("id"): s.stanza_id for s in self.messages(client.at_login)}
        for stanza in self.messages(again.at_login):
            self.assertEqual(seen[stanza.get("id")], stanza.stanza_id, "a repetition must be recognisable")


class SeveralSessions(LetterboxCase):
    def test_who_stops_and_takes_messages_again_gets_what_came_between(self):
        sender, bob = self.sender(), self.account()
        client = self.opens(bob)
        client.goes_online(priority=-1)
        self.send(sender, bob.jid, ["m1", "m2"])
        client.receives_nothing()
        self.assertEqual(["m1", "m2"], self.ids(client.goes_online(priority=1)))
        self.send(sender, bob.jid, ["m3"])
        self.assertEqual(["m3"], self.ids(client.collect()))

    def test_what_one_session_acknowledges_does_not_take_away_what_another_never_did(self):
        sender, bob = self.sender(), self.account()
        self.send(sender, bob.jid, ["m1"])
        first = self.opens(bob, "first", sm=True)
        self.assertEqual(["m1"], self.ids(first.at_login))
        first.goes_online(priority=-1)
        self.send(sender, bob.jid, ["m2"])
        second = self.opens(bob, "second", sm=True)
        self.assertEqual(["m2"], self.ids(second.at_login))
        second.ack()
        second.collect()
        second.leaves()
        self.send(sender, self.account().jid, ["later"])  # acknowledged: what was queued before it is stored
        self.server.kill()
        self.server.start()
        self.assertEqual(["m1"], self.ids(self.opens(bob).at_login))

    def test_what_comes_while_a_stream_ends_waits(self):
        """A client without acknowledgements whose stream has an error and that has not closed its side yet."""
        sender, bob = self.sender(), self.account()
        client = self.opens(bob)
        client.send_bytes("<message></iq>")
        client.receives_end("not-well-formed")
        self.assertEqual([], self.send(sender, bob.jid, ["m1"]))
        self.assertEqual(["m1"], self.ids(self.opens(bob, "other").at_login))

    def test_what_is_said_behind_the_first_presence_counts_though_the_stream_ends(self):
        alice, bob = self.account(), self.online(self.account(), "r")
        for number, end in enumerate(("</stream:stream>", "</broken>")):
            client = self.session(alice)
            client.send_bytes(f"<presence/><message to='{bob.jid}' id='m{number}' type='chat'><body>x</body></message>{end}")
            self.assertEqual(f"m{number}", bob.next().get("id"))


class Storing(LetterboxCase):
    def test_what_is_stored_and_what_is_not(self):
        """(what, type, content, in the letterbox, in the archive); nothing of it is answered."""
        cases = [
            ("chat with a body", "chat", "<body>x</body>", True, True),
            ("normal with a body", "normal", "<body>x</body>", True, True),
            ("headline", "headline", "<body>x</body>", False, False),
            ("chat state alone", "chat", "<active xmlns='http://jabber.org/protocol/chatstates'/>", False, False),
            ("body with chat state", "chat", "<body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/>", True, True),
            ("no-store", "chat", f"<body>x</body><no-store xmlns='{HINTS}'/>", False, False),
            ("no-permanent-store", "chat", f"<body>x</body><no-permanent-store xmlns='{HINTS}'/>", True, False),
            ("store without a body", "chat", f"<x xmlns='urn:x'/><store xmlns='{HINTS}'/>", True, True),
            ("store with a chat state", "chat", f"<gone xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='{HINTS}'/>", True, True),
            ("an invitation", "normal", "<x xmlns='jabber:x:conference' jid='room@rooms.example'/>", True, True),
            ("a mediated invitation", "normal", "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b.example'/></x>", True, True),
        ]
        for what, kind, inner, kept, archived in cases:
            with self.subTest(what):
                sender, bob = self.sender(), self.account()
                self.assertEqual([], self.send(sender, bob.jid, ["m1"], inner, kind))
                client = self.opens(bob)
                self.assertEqual(["m1"] if kept else [], self.ids(client.at_login))
                self.assertEqual(["m1"] if archived else [], [e.message.get("id") for e in archive.everything(client)])
                for stanza in self.messages(client.at_login):
                    self.assertEqual(archived, stanza.stanza_id is not None)

    def test_the_message_comes_out_as_it_went_in(self):
        sender, bob = self.sender(), self.account()
        inner = ("<subject>S</subject><body xml:lang='de'>gr\u00fc\u00dfe &lt;&amp;</body><thread parent='p'>t</thread><x xmlns='urn:x' a='&apos;'><y/></x>"
                 "<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='o'/>")
        self.send(sender, bob.jid, ["m1"], inner)
        (got,) = self.messages(self.opens(bob).at_login)
        self.assertIsNone(pattern.mismatch(f"<message from='{sender.full}' to='{bob.jid}' type='chat' id='m1'>{inner}"
                                           f"<delay xmlns='{DELAY}' from='*' stamp='*'/></message>", got))

    def test_foreign_delays_and_forged_archive_ids(self):
        sender, bob = self.sender(), self.account()
        inner = (f"<body>x</body><stanza-id xmlns='{SID}' by='{bob.jid}' id='forged'/><stanza-id xmlns='{SID}' by='other.example' id='theirs'/>"
                 f"<delay xmlns='{DELAY}' from='{self.server.domain}' stamp='2001-01-01T00:00:00Z'/>")
        self.send(sender, bob.jid, ["m1"], inner)
        (got,) = self.messages(self.opens(bob).at_login)
        by = {i.get("by"): i.get("id") for i in got.element.findall(f"{{{SID}}}stanza-id")}
        self.assertEqual({bob.jid, "other.example"}, set(by))
        self.assertNotEqual("forged", by[bob.jid])
        ours = [d.get("stamp") for d in got.element.findall(f"{{{DELAY}}}delay") if d.get("from") in (self.server.domain, bob.jid)]
        self.assertTrue(any(not s.startswith("2001") for s in ours), "our own delay must be there")


class Quota(LetterboxCase):
    policy = {"letterbox": {"max_messages": 40}}

    def test_a_full_letterbox_says_so_and_keeps_what_it_has(self):
        senders, bob = [self.sender() for _ in range(4)], self.account()
        accepted, refused = [], []
        for number in range(60):
            name = f"m{number}"
            errors = self.send(senders[number % 4], bob.jid, [name])
            (refused if errors else accepted).append(name)
            self.assertIn(errors, ([], ["service-unavailable"]))
        self.assertLessEqual(len(accepted), 40)
        self.assertGreaterEqual(len(accepted), 10, "a quarter of the quota must be there for one domain")
        self.assertTrue(refused)
        client = self.opens(bob)
        self.assertEqual(accepted, self.ids(client.at_login))
        client.leaves()
        self.assertEqual([], self.send(senders[0], bob.jid, ["again"]), "an emptied letterbox takes messages again")

    def test_a_full_letterbox_does_not_disturb_live_delivery_or_others(self):
        sender, bob, carol = self.sender(), self.account(), self.account()
        while not self.send(sender, bob.jid, ["fill"]):
            pass
        self.assertEqual([], self.send(self.sender(), carol.jid, ["m1"]))
        client = self.opens(bob)
        self.assertEqual([], self.send(self.sender(), bob.jid, ["live"]))
        self.assertEqual(["live"], self.ids(client.collect()))


class NothingStored(LetterboxCase):
    policy = {"letterbox": {"keep": "0", "max_messages": None, "max_bytes": None}, "archive": {"keep": "0"}}

    def test_a_policy_that_stores_nothing(self):
        sender, bob = self.sender(), self.account()
        errors = self.send(sender, bob.jid, ["m1"])
        self.assertIn(errors, (["service-unavailable"], []))
        client = self.opens(bob)
        self.assertEqual([], self.ids(client.at_login))
        self.send(sender, bob.jid, ["live"])
        (live,) = self.messages(client.collect())
        self.assertIsNone(live.stanza_id)
        self.assertEqual([], archive.everything(client))


if __name__ == "__main__":
    main()
