# SPDX-License-Identifier: AGPL-3.0-or-later
"""What becomes of a session that waits for its client (XEP-0198): its end, its bounds, its account's changes, the server's stop."""
import json

from lethe_test import Account, SaslFailure, archive, main
from lethe_test.waiting import until
from lethe_test.xmlstream import DELAY
from test_resumption import ResumptionCase


class Expiring(ResumptionCase):
    """Each test holds too if the time is up before it looked: nothing depends on how fast it runs."""

    def expires(self, *phones):
        until(lambda: all(not self.server_knows(phone) for phone in phones), "the end of the session")

    def server_knows(self, phone):
        return any(s.get("from") == phone.full for s in self.logs_in_for(phone.account, "probe", -1))

    def test_messages_return_to_the_letterbox_in_order_with_their_id_and_once(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob, max_seconds=3)
        confirmed = self.write(writer, bob.jid, 2)
        first = phone.collect()
        phone.ack()
        phone.collect()
        phone.auto_ack = False
        unconfirmed = self.write(writer, bob.jid, 2)
        seen = phone.collect()
        self.assertEqual((confirmed, unconfirmed), (self.ids(first), self.ids(seen)))
        phone.drop()
        late = self.write(writer, bob.jid, 2) + self.write(writer, phone.full, 1)
        self.expires(phone)
        desk = self.online(bob, "desk")
        got = [s for s in desk.at_login if s.name == "message"]
        self.assertEqual(unconfirmed + late, self.ids(got))
        self.assertEqual([s.stanza_id for s in seen if s.name == "message"], [s.stanza_id for s in got][:2])
        self.assertTrue(all(s.child("delay", DELAY) is not None for s in got))
        entries = archive.everything(desk)
        self.assertEqual([s.stanza_id for s in got], [e.id for e in entries][-len(got):])
        desk.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "third")))

    def test_nothing_else_returns(self):
        alice, bob = self.accounts(2)
        writer = self.online(alice, "w").enable_sm()
        keeper = self.online(bob, "keeper")
        self.write(writer, bob.jid, 3)
        keeper.collect()
        keeper.leaves()
        phone = self.phone(bob, max_seconds=3)
        self.befriend(writer, phone)
        phone.sends(f"<presence to='{writer.full}'/>")
        phone.collect()
        phone.auto_ack = False
        phone.sends(archive.query_iq())
        phone.request_ack()
        phone.drop()
        for kind, content in (("headline", "<body>x</body>"), ("groupchat", "<body>x</body>"), ("error", "<body>x</body>"),
                              ("chat", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"),
                              ("chat", "<body>x</body><no-store xmlns='urn:xmpp:hints'/>")):
            writer.sends(f"<message to='{phone.full}' type='{kind}'>{content}</message>")
        writer.sends(f"<presence to='{phone.full}'><status>x</status></presence>")
        writer.all_acked()
        self.expires(phone)
        self.assertEqual([], self.ids(self.logs_in_for(bob, "desk")))

    def test_what_another_session_got_does_not_return(self):
        alice, bob = self.accounts(2)
        writer, phone, desk = self.session(alice, "w").enable_sm(), self.phone(bob, max_seconds=3), self.phone(bob, "desk")
        phone.drop()
        sent = self.write(writer, bob.jid, 3)
        self.assertEqual(sent, self.ids(desk.collect()))
        desk.ack()
        self.expires(phone)
        self.assertEqual([], self.ids(desk.collect()))
        desk.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "third")))

    def test_what_another_session_got_a_copy_of_does_not_return(self):
        alice, bob = self.accounts(2)
        writer, phone, desk = self.session(alice, "w").enable_sm(), self.phone(bob, max_seconds=3), self.phone(bob, "desk")
        desk.asks_ok("<iq type='set'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        sent = self.write(writer, phone.full, 2)
        phone.drop()
        sent += self.write(writer, phone.full, 2)
        copies = [s.element.find(".//{jabber:client}message").get("id") for s in desk.collect() if s.child("received", "urn:xmpp:carbons:2") is not None]
        self.assertEqual(sent, copies)
        desk.ack()
        self.expires(phone)
        self.assertEqual([], self.ids(desk.collect()))
        desk.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "third")))

    def test_copies_return_as_the_messages_and_once(self):
        alice, bob = self.accounts(2)
        writer, phone, desk = self.session(alice, "w").enable_sm(), self.phone(bob, max_seconds=3), self.phone(bob, "desk", max_seconds=3)
        desk.asks_ok("<iq type='set'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        sent = self.write(writer, phone.full, 2)  # neither acknowledges
        for client in (phone, desk):
            client.drop()
        sent += self.write(writer, phone.full, 2)
        self.expires(phone, desk)
        self.assertEqual(sent, self.ids(self.logs_in_for(bob, "third")))
        self.assertEqual([], self.ids(self.logs_in_for(bob, "third")))

    def test_what_two_sleepers_were_sent_returns_once(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        phones = [self.phone(bob, f"phone{n}", max_seconds=3) for n in range(2)]
        sent = self.write(writer, bob.jid, 3)  # both are connected, neither acknowledges
        for phone in phones:
            phone.drop()
        sent += self.write(writer, bob.jid, 3)
        self.expires(*phones)
        self.assertEqual(sent, self.ids(self.logs_in_for(bob, "desk")))
        self.assertEqual([], self.ids(self.logs_in_for(bob, "desk")))

    def test_one_sleeper_confirms_and_the_other_ends(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        short, long = self.phone(bob, "short", max_seconds=4), self.phone(bob, "long")
        short.drop(), long.drop()
        sent = self.write(writer, bob.jid, 3)
        long = self.back(long)
        self.assertEqual(sent, self.ids(long.collect()))
        long.ack()
        long.collect()
        self.expires(short)
        self.assertEqual([], self.ids(long.collect()))
        long.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "desk")))

    def test_a_session_that_is_there_gets_at_the_end_what_the_sleeper_alone_was_sent(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob, max_seconds=4)
        phone.drop()
        sent = self.write(writer, bob.jid, 3)
        desk = self.session(bob, "desk").enable_sm()
        got = self.ids(desk.goes_online())
        while len(got) < 3:
            got += self.ids([desk.next()])
        self.assertEqual(sent, got)
        desk.ack()
        desk.collect()
        desk.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "third")))

    def test_who_waits_for_an_answer_hears_that_there_is_none(self):
        alice, bob = self.accounts(2)
        friend, phone = self.online(alice, "f"), self.phone(bob, max_seconds=3)
        self.befriend(friend, phone)
        phone.drop()
        friend.sends(f"<iq type='get' to='{phone.full}' id='v'><query xmlns='jabber:iq:version'/></iq>")
        friend.receives_all(f"<presence type='unavailable' from='{phone.full}'/>",
                            f"<iq type='error' from='{phone.full}' id='v'><error type='cancel'>...</error></iq>")

    def test_who_comes_too_late_is_told_how_far_the_server_got_and_may_bind(self):
        alice, bob = self.accounts(2)
        friend, phone, writer = self.online(alice, "f"), self.phone(bob, max_seconds=2), self.session(alice, "w").enable_sm()
        self.befriend(friend, phone)
        phone.drop()
        sent = self.write(writer, bob.jid, 2)
        friend.receives(f"<presence type='unavailable' from='{phone.full}'/>")
        client, h = self.refused(phone)
        self.assertEqual(str(phone.sent_count), h)
        client.bind("phone")
        client.enable_sm(resume=True)
        self.assertNotEqual(phone.sm_id, client.sm_id)
        self.assertEqual(sent, self.ids(client.goes_online()))

    def test_a_vault_is_closed_when_its_last_session_is_over(self):
        alice, bob = self.accounts(2)
        phone = self.phone(bob, max_seconds=2)
        online = json.loads(self.server.ctl("status", "--json").stdout)["accounts_online"]
        phone.drop()
        until(lambda: json.loads(self.server.ctl("status", "--json").stdout)["accounts_online"] == online - 1, "the end of the session")


class Bounds(ResumptionCase):
    config = {"limits": {"sm_unacked": 20, "queue_bytes": 300000, "sessions_per_account": 2}}

    def test_too_many_stanzas_end_it_and_nothing_is_lost(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        self.loses(phone)
        sent = self.write(writer, bob.jid, 20)
        phone = self.back(phone)
        self.assertEqual(sent, self.ids(phone.collect()))
        phone.ack()
        phone.request_ack()
        self.loses(phone)
        sent = self.write(writer, bob.jid, 21)
        until(lambda: self.hibernating() == 0, "the end of the session")
        self.refused(phone)
        self.assertEqual(sent, self.ids(self.logs_in_for(bob, "desk")))

    def test_too_many_bytes_end_it_and_nothing_is_lost(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        self.loses(phone)
        for number in range(8):
            writer.sends(f"<message to='{bob.jid}' type='chat' id='{number}'><body>{'x' * 50000}</body></message>")
        writer.all_acked()
        until(lambda: self.hibernating() == 0, "the end of the session")
        self.assertEqual([str(n) for n in range(8)], self.ids(self.logs_in_for(bob, "desk")))

    def test_presence_is_bounded_too(self):
        alice, bob = self.accounts(2)
        friend, phone = self.online(alice, "f"), self.phone(bob)
        self.befriend(friend, phone)
        phone.ack()
        phone.collect()
        phone.ack()
        self.loses(phone)
        for number in range(100):
            friend.sends(f"<presence><status>{number} {'x' * 9000}</status></presence>")
            friend.collect()
        phone = self.back(phone)
        self.assertEqual(1, len([s for s in phone.collect() if s.name == "presence"]))
        phone.leaves()

    def test_a_new_session_takes_the_place_of_a_sleeper(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        first, second = self.phone(bob, "first", max_seconds=300), self.phone(bob, "second")
        self.loses(second)
        self.loses(first)
        sent = self.write(writer, bob.jid, 3)
        third = self.online(bob, "third")
        client, _ = self.refused(first)
        got = self.back(second)
        self.assertEqual(sent, self.ids(got.collect()))
        answer = client.asks("<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        self.assert_error(answer, "resource-constraint")
        third.leaves()
        got.leaves()

    def test_the_only_session_of_an_account_may_be_a_sleeper(self):
        bob = self.account()
        phones = [self.phone(bob, f"phone{n}") for n in range(2)]
        self.loses(*phones)
        desk = [self.online(bob, f"desk{n}") for n in range(2)]
        self.assertEqual(0, self.hibernating())
        for client in desk:
            client.collect()
            client.leaves()


class FullLetterbox(ResumptionCase):
    policy = {"letterbox": {"max_messages": 5}}

    def test_the_sender_hears_that_it_is_full_as_if_nobody_were_there(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        self.loses(phone)
        sent = self.write(writer, bob.jid, 8)
        refused = [s.get("id") for s in writer.collect() if s.type == "error"]
        self.assertEqual(sent[5:], refused)
        self.assertEqual(sent[:5], self.ids(self.back(phone).collect()))


class NothingStored(ResumptionCase):
    policy = {"archive": {"keep": "0"}, "letterbox": {"keep": "0", "max_messages": None, "max_bytes": None}}

    def test_what_may_not_be_stored_waits_in_memory_only(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        self.loses(phone)
        sent = self.write(writer, bob.jid, 4)
        phone = self.back(phone)
        self.assertEqual(sent, self.ids(phone.collect()))
        phone.leaves()


class Changes(ResumptionCase):
    def sleeper(self):
        alice, bob = self.accounts(2)
        friend, phone = self.online(alice, "f"), self.phone(bob)
        self.befriend(friend, phone)
        self.loses(phone)
        return friend, phone

    def gone(self, friend, phone):
        friend.receives(f"<presence type='unavailable' from='{phone.full}'/>")

    def test_suspended(self):
        friend, phone = self.sleeper()
        self.server.ctl("account", "suspend", phone.jid)
        self.gone(friend, phone)
        with self.assertRaises(SaslFailure):
            self.client(phone.account).resumes(phone)

    def test_erased(self):
        friend, phone = self.sleeper()
        friend.sends(f"<message to='{phone.jid}' type='chat'><body>never read</body></message>")
        self.server.ctl("account", "erase", phone.jid)
        self.gone(friend, phone)
        again = self.server.add_account(phone.account.local)
        self.assertEqual([], self.ids(self.logs_in_for(again)))

    def test_reset(self):
        friend, phone = self.sleeper()
        self.server.ctl("account", "reset", phone.jid, "--password-stdin", stdin="another password\n")
        self.gone(friend, phone)
        phone.account = Account(phone.jid, "another password")
        self.refused(phone)

    def test_a_new_password(self):
        friend, phone = self.sleeper()
        sent = self.write(friend.enable_sm(), phone.jid, 2)
        desk = self.session(phone.account, "desk")
        desk.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{phone.account.local}</username><password>new password</password></query></iq>")
        self.gone(friend, phone)
        desk.leaves()
        phone.account = Account(phone.jid, "new password")
        client, h = self.refused(phone)
        self.assertEqual(str(phone.sent_count), h)
        client.bind("phone")
        self.assertEqual(sent, self.ids(client.goes_online()))

    def test_cancelled_by_another_session(self):
        friend, phone = self.sleeper()
        desk = self.session(phone.account, "desk")
        desk.asks_ok("<iq type='set'><query xmlns='jabber:iq:register'><remove/></query></iq>")
        self.gone(friend, phone)


class Stopping(ResumptionCase):
    def sent_to_a_sleeper(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        confirmed = self.write(writer, bob.jid, 2)
        self.assertEqual(confirmed, self.ids(phone.collect()))
        phone.ack()
        phone.collect()
        phone.auto_ack = False
        sent = self.write(writer, bob.jid, 3)
        self.assertEqual(sent, self.ids(phone.collect()))
        self.loses(phone)
        return phone, sent + self.write(writer, bob.jid, 3)

    def test_a_clean_stop_returns_what_was_not_acknowledged(self):
        phone, sent = self.sent_to_a_sleeper()
        self.server.restart()
        client, h = self.refused(phone)
        self.assertIsNone(h)
        client.bind("phone")
        self.assertEqual(sent, self.ids(client.goes_online()))
        client.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(phone.account)))

    def test_a_kill_loses_nothing_either(self):
        phone, sent = self.sent_to_a_sleeper()
        writer = self.session(self.account(), "w").enable_sm()
        self.write(writer, phone.jid, 1)  # what was queued before is on disk when this one is
        self.server.kill()
        self.server.start()
        got = self.ids(self.logs_in_for(phone.account))
        self.assertEqual(sent, got[:-1])
        self.assertEqual([], self.ids(self.logs_in_for(phone.account)))


if __name__ == "__main__":
    main()
