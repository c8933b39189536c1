# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stream management (XEP-0198): acknowledgements. Resumption: test_resumption.py."""
import time

from lethe_test import Client, WireCase, main
from lethe_test.xmlstream import SM


class Enabling(WireCase):
    def authenticated(self):
        client = self.client(self.account())
        client.secure()
        client.authenticate()
        return client

    def test_the_feature_is_offered_after_authentication(self):
        client = self.authenticated()
        self.assertIsNotNone(client.features.child("sm", SM))

    def test_before_bind_it_fails(self):
        client = self.authenticated()
        client.send_bytes(f"<enable xmlns='{SM}'/>")
        answer = client.next()
        self.assertEqual("failed", answer.name)
        client.bind("r")
        client.receives_nothing()

    def test_twice_it_fails(self):
        client = self.session(self.account(), "r").enable_sm()
        client.send_bytes(f"<enable xmlns='{SM}'/>")
        try:
            self.assertEqual("failed", client.next().name)
        except AssertionError:
            self.assertIsNotNone(client.receives_end())

    def test_resuming_what_never_was_fails_and_bind_is_still_possible(self):
        client = self.authenticated()
        client.send_bytes(f"<resume xmlns='{SM}' previd='nothing' h='0'/>")
        answer = client.next()
        self.assertEqual("failed", answer.name)
        client.bind("r")
        client.receives_nothing()

    def test_requests_before_enabling_do_no_harm(self):
        client = self.session(self.account(), "r")
        client.send_bytes(f"<r xmlns='{SM}'/>")
        try:
            client.collect()
        except AssertionError:
            self.assertIsNotNone(client.receives_end())


class Counting(WireCase):
    def test_the_server_counts_messages_presence_and_iqs(self):
        alice, bob = self.accounts(2)
        client, other = self.session(alice, "r").enable_sm(), self.online(bob, "r")
        self.assertEqual(0, client.request_ack())
        client.sends("<presence/>")
        client.sends(f"<message to='{other.full}' type='chat'><body>x</body></message>")
        client.sends(f"<message to='{bob.jid}' type='chat'><body>x</body></message>")
        client.sends("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>")
        client.all_acked()
        self.assertEqual(4, client.request_ack())

    def test_stanzas_that_are_refused_count_too(self):
        client = self.session(self.account(), "r").enable_sm()
        client.sends("<message to='@@'><body>x</body></message>")
        client.sends("<message to='a@elsewhere.example'><body>x</body></message>")
        client.sends(f"<iq type='get' id='1' to='{client.jid}'><x xmlns='urn:x'/></iq>")
        client.all_acked()
        self.assertEqual(3, client.acked)

    def test_acknowledgements_themselves_do_not_count(self):
        client = self.session(self.account(), "r").enable_sm()
        for _ in range(5):
            self.assertEqual(0, client.request_ack())
            client.ack()

    def test_the_count_for_stored_messages_covers_every_one_of_them(self):
        alice, bob = self.accounts(2)
        client = self.session(alice, "r").enable_sm()
        client.send_bytes("".join(f"<message to='{bob.jid}' type='chat' id='{n}'><body>x</body></message><r xmlns='{SM}'/>" for n in range(50)))
        client.sent_count = 50
        client.all_acked()
        self.server.kill()
        self.server.start()
        got = self.online(bob, "r").at_login
        self.assertEqual([str(n) for n in range(50)], [s.get("id") for s in got if s.name == "message"])

    def test_an_acknowledged_message_survives_a_kill_at_that_moment(self):
        for number in range(5):
            alice, bob = self.accounts(2)
            client = self.session(alice, "r").enable_sm()
            client.sends(f"<message to='{bob.jid}' type='chat' id='{number}'><body>x</body></message>")
            client.all_acked()
            self.server.kill()
            self.server.start()
            self.assertEqual([str(number)], [s.get("id") for s in self.online(bob, "r").at_login if s.name == "message"])

    def test_counts_rise_in_order(self):
        alice, bob = self.accounts(2)
        client = self.session(alice, "r").enable_sm()
        seen = []
        original = Client._stanza

        def note(stanza):
            original(client, stanza)
            if stanza.ns == SM and stanza.name == "a":
                seen.append(client.acked)
        client._stanza = note
        for number in range(20):
            client.sends(f"<message to='{bob.jid}' type='chat'><body>{number}</body></message>")
            client.send_bytes(f"<r xmlns='{SM}'/>")
        client.all_acked()
        self.assertEqual(sorted(seen), seen)
        self.assertLessEqual(max(seen), 20)

    def test_acknowledging_what_was_never_sent_ends_the_stream(self):
        client = self.session(self.account(), "r").enable_sm()
        client.ack(1000)
        client.receives_end("undefined-condition")

    def test_malformed_acknowledgements(self):
        for h in ("", "-1", "many", "99999999999999999999"):
            with self.subTest(h):
                client = self.session(self.account(), "r").enable_sm()
                client.ack(h)
                try:
                    client.collect()
                except AssertionError:
                    self.assertIsNotNone(client.receives_end())

    def test_the_servers_requests_are_answered_and_nothing_changes(self):
        alice, bob = self.accounts(2)
        client, writer = self.online(alice, "r"), self.session(bob, "w")
        client.enable_sm()
        for number in range(30):
            writer.sends(f"<message to='{client.full}' type='chat' id='{number}'><body>x</body></message>")
        writer.collect()
        self.assertEqual([str(n) for n in range(30)], [s.get("id") for s in client.collect()])
        client.ack()
        client.receives_nothing()


class Unacknowledged(WireCase):
    config = {"limits": {"sm_unacked": 20, "stall_seconds": 1}}

    def test_who_logs_in_with_more_contacts_online_than_may_go_unacknowledged_stays(self):
        alice, bob, carol = self.accounts(3)
        owner = self.online(alice, "r")
        crowd = [self.online(bob, "0"), self.online(carol, "0")]
        for friend in crowd:
            self.befriend(owner, friend)
        owner.leaves()
        crowd += [self.online(account, str(n)) for account in (bob, carol) for n in range(1, 15)]
        owner = self.session(alice, "r")
        owner.auto_ack = False
        owner.enable_sm()
        owner.sends("<presence/>")
        seen = {s.get("from") for s in owner.collect() if s.name == "presence"}
        self.assertLessEqual({friend.full for friend in crowd}, seen)
        self.assertGreater(owner.received_count, 20)
        owner.ack()
        time.sleep(1.1)  # longer than it would have had without the acknowledgement
        crowd[0].sends(f"<message to='{owner.full}' type='chat'><body>still here?</body></message>")
        self.assertEqual("still here?", owner.next().text_of("body"))

    def test_who_never_acknowledges_is_disconnected_and_loses_nothing(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        client = self.session(bob, "r")
        client.auto_ack = False
        client.enable_sm()
        client.goes_online()
        for number in range(60):
            writer.sends(f"<message to='{bob.jid}' type='chat' id='m{number}'><body>x</body></message>")
            writer.all_acked()
        time.sleep(1.1)  # it has been over the limit for longer than stall_seconds when the next one comes
        writer.sends(f"<message to='{bob.jid}' type='chat' id='m60'><body>x</body></message>")
        writer.all_acked()
        self.assertEqual([], writer.collect())
        client.receives_end(error_optional=True)
        again = self.online(bob, "again")
        seen = {s.get("id") for s in list(client.inbox) + again.at_login + again.collect() if s.name == "message"}
        self.assertEqual({f"m{n}" for n in range(61)}, seen)

    def test_who_acknowledges_nothing_while_the_letterbox_is_emptied_is_disconnected_and_loses_nothing(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        for number in range(40):
            writer.sends(f"<message to='{bob.jid}' type='chat' id='m{number}'><body>x</body></message>")
        writer.all_acked()
        client = self.session(bob, "r")
        client.auto_ack = False
        client.enable_sm()
        client.sends("<presence/>")
        client.receives_end("connection-timeout")
        self.assertLess(len(client.inbox), 40)
        again = self.online(bob, "again")
        self.assertEqual([f"m{n}" for n in range(40)], [s.get("id") for s in again.at_login if s.name == "message"])



class Veil(WireCase):
    """How long an acknowledgement takes must not tell a stranger who is online: it comes after a fixed time, so after the answer to a later ping."""

    def comes_late(self, sender, stanza):
        before = sender.acked
        sender.sends(stanza)
        sender.send_bytes(f"<r xmlns='{SM}'/>")
        sender.sends(f"<iq type='get' id='veil' to='{sender.domain}'><ping xmlns='urn:xmpp:ping'/></iq>")
        while sender.next().get("id") != "veil":
            pass
        late = sender.acked == before
        sender.all_acked()
        return late

    def test_what_goes_to_strangers_is_acknowledged_late_whether_they_are_there_or_not(self):
        mine, there, away, friend = self.accounts(4)
        sender, online, contact = self.session(mine, "s"), self.online(there, "o"), self.online(friend, "f")
        sender.goes_online()
        self.befriend(sender, contact)
        sender.enable_sm()
        for to in (online.jid, away.jid, f"nobody@{self.server.domain}"):
            for stanza in (f"<presence type='unsubscribe' to='{to}'/>", f"<message type='headline' to='{to}'><body>x</body></message>"):
                with self.subTest(to=to, stanza=stanza):
                    self.assertTrue(self.comes_late(sender, stanza))
                    sender.collect()
        self.assertFalse(self.comes_late(sender, f"<presence to='{contact.full}'/>"), "who shares presence is not hidden")


if __name__ == "__main__":
    main()
