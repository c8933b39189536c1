# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stream management (XEP-0198): a client that lost its connection goes on where it was."""
import contextlib
import itertools
import json

from lethe_test import WireCase, main
from lethe_test.waiting import until
from lethe_test.xmlstream import SM, STANZA_ERRORS

DOMAIN_PING = "<iq type='get' id='{0}'><ping xmlns='urn:xmpp:ping'/></iq>"


class ResumptionCase(WireCase):
    _numbers = itertools.count(1)

    def phone(self, account, resource="phone", max_seconds=None, priority=None):
        """Online, resumable; its inbox is empty and the server knows so."""
        client = self.session(account, resource).enable_sm(resume=True, max_seconds=max_seconds)
        client.goes_online(priority)
        client.ack()
        client.collect()
        client.ack()
        return client

    def tearDown(self):
        # A session that is left to itself would hibernate, and be counted in the next test.
        for client in self.clients:
            if client.sock and self.server.process is not None:
                with contextlib.suppress(OSError):
                    client.leaves()
        super().tearDown()

    def hibernating(self):
        return json.loads(self.server.ctl("status", "--json").stdout)["sessions_hibernating"]

    def loses(self, *clients):
        """Their connections end without a word, and the server has noticed."""
        before = self.hibernating()
        for client in clients:
            client.drop()
        until(lambda: self.hibernating() == before + len(clients), "the loss of the connection")

    def back(self, lost, h=None):
        """The same session on a new connection."""
        client = self.client(lost.account, name=lost.name + "+")
        answer = client.resumes(lost, h)
        self.assertEqual("resumed", answer.name, answer)
        self.assertEqual(lost.sm_id, answer.get("previd"))
        client.handled = int(answer.get("h"))
        return client

    def refused(self, lost, condition="item-not-found", h=None):
        """Cannot be resumed. Returns the client, which may bind, and what the server says it had handled."""
        client = self.client(lost.account, name=lost.name + "!")
        answer = client.resumes(lost, h)
        self.assertEqual("failed", answer.name, answer)
        self.assertIsNotNone(answer.child(condition, STANZA_ERRORS), answer)
        return client, answer.get("h")

    def write(self, writer, to, count, kind="chat"):
        """Messages with ids of their own; returns the ids once the server has taken responsibility for all."""
        ids = [f"m{next(self._numbers)}" for _ in range(count)]
        for number in ids:
            writer.sends(f"<message to='{to}' type='{kind}' id='{number}'><body>{number}</body></message>")
        writer.all_acked()
        return ids

    @staticmethod
    def ids(stanzas):
        return [s.get("id") for s in stanzas if s.name == "message"]


class Enabling(ResumptionCase):
    def test_the_time_is_the_servers_or_less(self):
        for wish, granted in ((None, 600), (30, 30), (600, 600), (86400, 600)):
            with self.subTest(wish):
                client = self.session(self.account()).enable_sm(resume=True, max_seconds=wish)
                self.assertEqual(granted, client.sm_max)

    def test_ids_are_long_and_never_the_same(self):
        ids = {self.session(self.account()).enable_sm(resume=True).sm_id for _ in range(5)}
        self.assertEqual(5, len(ids))
        self.assertLessEqual(32, min(map(len, ids)))

    def test_who_does_not_ask_gets_no_id(self):
        for wish in ("", " resume='false'", " resume='0' max='60'"):
            with self.subTest(wish):
                client = self.session(self.account())
                client.send_bytes(f"<enable xmlns='{SM}'{wish}/>")
                client.receives(f"<enabled xmlns='{SM}'/>")

    def test_malformed_wishes_are_refused_and_may_be_repeated(self):
        client = self.session(self.account())
        for wish in ("resume='maybe'", "resume='true' max='0'", "resume='true' max='-5'", "max='soon'"):
            with self.subTest(wish):
                client.send_bytes(f"<enable xmlns='{SM}' {wish}/>")
                client.receives(f"<failed xmlns='{SM}'><bad-request xmlns='{STANZA_ERRORS}'/></failed>")
        client.enable_sm(resume=True)


class Off(ResumptionCase):
    config = {"limits": {"resume": "0"}}

    def test_an_operator_may_do_without(self):
        client = self.session(self.account())
        client.send_bytes(f"<enable xmlns='{SM}' resume='true'/>")
        client.receives(f"<enabled xmlns='{SM}'/>")


class Resuming(ResumptionCase):
    def test_what_came_meanwhile_arrives_in_order_and_once(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        self.loses(phone)
        sent = self.write(writer, bob.jid, 5) + self.write(writer, phone.full, 5) + self.write(writer, bob.jid, 3, "normal")
        phone = self.back(phone)
        got = phone.collect()
        self.assertEqual(sent, self.ids(got))
        self.assertTrue(all(s.stanza_id for s in got))
        phone.ack()
        self.loses(phone)
        phone = self.back(phone)
        phone.receives_nothing()
        phone.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "other")))

    def test_what_was_not_acknowledged_is_sent_again_and_nothing_else(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        sent = self.write(writer, bob.jid, 6)
        phone.auto_ack = False
        self.assertEqual(sent, self.ids(phone.collect()))
        handled = phone.received_count - 1 - 2  # the ping's answer and two messages are not acknowledged
        self.loses(phone)
        phone.received_count = handled
        again = self.back(phone)
        got = [again.next() for _ in range(3)]
        self.assertEqual(sent[-2:], self.ids(got))
        self.assertEqual(["message", "message", "iq"], [s.name for s in got])
        again.receives_nothing()

    def test_what_the_client_sent_is_counted_and_on_disk_and_need_not_be_sent_again(self):
        alice, bob = self.accounts(2)
        phone = self.phone(alice)
        before = phone.sent_count
        for number in range(20):
            phone.sends(f"<message to='{bob.jid}' type='chat' id='{number}'><body>x</body></message>")
        phone.send_bytes("<message to='nobody' type='chat'><body>half a")
        self.loses(phone)
        phone = self.back(phone)
        self.assertEqual(before + 20, phone.handled)
        self.server.kill()
        self.server.start()
        self.assertEqual([str(n) for n in range(20)], self.ids(self.logs_in_for(bob)))

    def test_contacts_notice_nothing(self):
        alice, bob = self.accounts(2)
        friend, phone = self.online(alice, "f"), self.phone(bob)
        self.befriend(friend, phone)
        self.loses(phone)
        friend.receives_nothing()
        other = self.online(alice, "g")
        self.assertIn((phone.full, None), [(s.get("from"), s.type) for s in other.at_login])
        other.leaves()
        friend.collect()
        again = self.back(phone)
        again.collect()
        friend.receives_nothing()
        again.leaves()
        friend.receives(f"<presence type='unavailable' from='{phone.full}'/>")

    def test_a_request_waits_and_is_answered(self):
        alice, bob = self.accounts(2)
        friend, phone = self.online(alice, "f"), self.phone(bob)
        self.befriend(friend, phone)
        self.loses(phone)
        friend.sends(f"<iq type='get' to='{phone.full}' id='v'><query xmlns='jabber:iq:version'/></iq>")
        friend.receives_nothing()
        phone = self.back(phone)
        request = phone.receives(f"<iq type='get' from='{friend.full}' id='v'><query xmlns='jabber:iq:version'/></iq>")
        phone.sends(f"<iq type='result' to='{request.get('from')}' id='v'/>")
        friend.receives(f"<iq type='result' from='{phone.full}' id='v'/>")

    def test_answers_of_the_server_wait_too(self):
        phone = self.phone(self.account())
        phone.auto_ack = False
        for number in range(3):
            phone.sends(DOMAIN_PING.format(f"p{number}"))
        phone.request_ack()
        phone.inbox.clear()
        lost_count = phone.received_count
        phone.received_count = 0
        self.loses(phone)
        again = self.back(phone, h=lost_count - 3)
        self.assertEqual(["p0", "p1", "p2"], [again.next().get("id") for _ in range(3)])

    def test_presence_is_told_once_and_as_it_is_now(self):
        alice, bob = self.accounts(2)
        friend, phone = self.online(alice, "f"), self.phone(bob)
        self.befriend(friend, phone)
        phone.ack()
        phone.collect()
        self.loses(phone)
        for mood in ("angry", "calm", "asleep"):
            friend.sends(f"<presence><status>{mood}</status></presence>")
        friend.sends(f"<message to='{bob.jid}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
        friend.collect()
        phone = self.back(phone)
        got = [(s.name, s.text_of("status")) for s in phone.collect() if s.get("from") == friend.full]
        self.assertEqual([("presence", "asleep"), ("message", None)], got)

    def test_a_session_can_be_resumed_again_and_again(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        expected, got = [], []
        for _ in range(5):
            self.loses(phone)
            expected += self.write(writer, bob.jid, 3)
            phone = self.back(phone)
            got += self.ids(phone.collect())
            phone.ack()
        self.assertEqual(expected, got)

    def test_messages_another_session_had_are_not_returned(self):
        alice, bob = self.accounts(2)
        writer, phone, desk = self.session(alice, "w").enable_sm(), self.phone(bob), self.phone(bob, "desk")
        self.loses(phone)
        sent = self.write(writer, bob.jid, 4)
        self.assertEqual(sent, self.ids(desk.collect()))
        desk.ack()
        desk.collect()
        phone = self.back(phone)
        self.assertEqual(sent, self.ids(phone.collect()))
        phone.drop()
        desk.leaves()
        self.back(phone).leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "third")))


class Letterbox(ResumptionCase):
    policy = {"letterbox": {"max_messages": 5000}}

    def test_the_letterbox_goes_on_where_the_connection_broke(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        sent = self.write(writer, bob.jid, 900)
        phone = self.session(bob, "phone").enable_sm(resume=True)
        phone.auto_ack = False
        phone.sends("<presence/>")
        got = []
        while len(got) < 7:
            got += self.ids([phone.next()])
        self.assertEqual(sent[:7], got)
        # What it does not acknowledge is bounded, so the letterbox was not emptied when the connection is lost.
        phone.received_count -= len([s for s in phone.inbox if s.ns == "jabber:client"])
        phone.sent_count = 1
        self.loses(phone)
        sent += self.write(writer, bob.jid, 3)
        sent += self.write(writer, phone.full, 3)
        phone = self.back(phone)
        while len(got) < len(sent):
            got += self.ids([phone.next()])
        self.assertEqual(sent, got)
        phone.ack()
        phone.collect()
        phone.leaves()
        self.assertEqual([], self.ids(self.logs_in_for(bob, "other")))


class Takeover(ResumptionCase):
    def test_the_newer_connection_wins_while_the_old_one_looks_alive(self):
        alice, bob = self.accounts(2)
        writer, old = self.session(alice, "w").enable_sm(), self.phone(bob)
        new = self.back(old)
        old.receives_end("conflict")
        sent = self.write(writer, bob.jid, 3)
        self.assertEqual(sent, self.ids(new.collect()))
        newest = self.back(new)
        new.receives_end("conflict")
        self.assertEqual([], self.ids(old.inbox))
        self.assertEqual(self.write(writer, newest.full, 2), self.ids(newest.collect()))

    def test_what_the_old_connection_had_not_taken_goes_to_the_new_one(self):
        alice, bob = self.accounts(2)
        writer, old = self.session(alice, "w").enable_sm(), self.phone(bob)
        h = old.received_count
        sent = self.write(writer, bob.jid, 20)
        new = self.back(old, h)
        new.received_count = h
        self.assertEqual(sent, self.ids(new.collect()))

    def test_two_at_once(self):
        phone = self.phone(self.account())
        self.loses(phone)
        rivals = [self.client(phone.account, name=f"rival{n}") for n in range(2)]
        for rival in rivals:
            rival.secure()
            rival.authenticate()
        for rival in rivals:
            rival.send_bytes(f"<resume xmlns='{SM}' previd='{phone.sm_id}' h='{phone.received_count}'/>")
        self.assertEqual(["resumed"] * 2, [rival.next().name for rival in rivals])
        rivals[0].receives_end("conflict")
        rivals[1].receives_nothing()

    def test_the_old_connections_unfinished_business_is_not_handled_twice(self):
        alice, bob = self.accounts(2)
        phone, reader = self.phone(alice), self.online(bob, "r")
        phone.sends(f"<message to='{bob.jid}' type='chat' id='whole'><body>x</body></message>")
        phone.collect()
        phone.send_bytes(f"<message to='{bob.jid}' type='chat' id='half'><body>x")
        new = self.back(phone)
        self.assertEqual(phone.sent_count, new.handled)
        phone.send_tolerant("</body></message>")
        new.sends(f"<message to='{bob.jid}' type='chat' id='half'><body>x</body></message>")
        new.collect()
        self.assertEqual(["whole", "half"], self.ids(reader.collect()))


class Refusals(ResumptionCase):
    def test_an_unknown_id(self):
        phone = self.phone(self.account())
        phone.sm_id = "0" * 32
        client, h = self.refused(phone)
        self.assertIsNone(h)
        client.bind("other")
        client.receives_nothing()

    def test_somebody_elses_id(self):
        phone, stranger = self.phone(self.account()), self.account()
        self.loses(phone)
        thief = self.client(stranger)
        thief.secure()
        thief.authenticate()
        answer = thief.asks_to_resume(phone)
        self.assertEqual(("failed", None), (answer.name, answer.get("h")))
        thief.bind("r")
        self.back(phone).receives_nothing()

    def test_after_a_bind(self):
        account = self.account()
        phone, other = self.phone(account), self.session(account, "other")
        self.loses(phone)
        other.send_bytes(f"<resume xmlns='{SM}' previd='{phone.sm_id}' h='0'/>")
        other.receives(f"<failed xmlns='{SM}'><unexpected-request xmlns='{STANZA_ERRORS}'/></failed>")
        other.receives_nothing()
        self.back(phone).receives_nothing()

    def test_malformed_requests(self):
        phone = self.phone(self.account())
        self.loses(phone)
        client = self.client(phone.account)
        client.secure()
        client.authenticate()
        for attributes in ("", "h='0'", f"previd='{phone.sm_id}'", f"previd='{phone.sm_id}' h='-1'", f"previd='{phone.sm_id}' h='4294967296'"):
            with self.subTest(attributes):
                client.send_bytes(f"<resume xmlns='{SM}' {attributes}/>")
                client.receives(f"<failed xmlns='{SM}'><bad-request xmlns='{STANZA_ERRORS}'/></failed>")
        self.assertEqual("resumed", client.asks_to_resume(phone).name)

    def test_more_acknowledged_than_sent(self):
        phone = self.phone(self.account())
        self.loses(phone)
        client = self.client(phone.account)
        client.secure()
        client.authenticate()
        client.send_bytes(f"<resume xmlns='{SM}' previd='{phone.sm_id}' h='{phone.received_count + 1}'/>")
        client.receives_end("undefined-condition")
        told = client.stream_error.element.find(f"{{{SM}}}handled-count-too-high")
        self.assertEqual((str(phone.received_count + 1), str(phone.received_count)), (told.get("h"), told.get("send-count")))
        self.back(phone).receives_nothing()

    def test_a_stream_that_was_closed_is_over(self):
        alice, bob = self.accounts(2)
        friend, phone = self.online(alice, "f"), self.phone(bob)
        self.befriend(friend, phone)
        phone.leaves()
        friend.receives(f"<presence type='unavailable' from='{phone.full}'/>")
        client, h = self.refused(phone)
        self.assertEqual(str(phone.sent_count), h)

    def test_a_session_that_did_not_ask_for_it_ends_with_its_connection(self):
        alice, bob = self.accounts(2)
        friend, other = self.online(alice, "f"), self.online(bob, "o").enable_sm()
        self.befriend(friend, other)
        other.drop()
        friend.receives(f"<presence type='unavailable' from='{other.full}'/>")

    def test_a_stream_error_of_the_clients_making_ends_the_session(self):
        phone = self.phone(self.account())
        phone.send_bytes("<message><broken></message>")
        phone.receives_end("not-well-formed")
        self.refused(phone)

    def test_a_new_session_with_the_same_resource_takes_the_place_and_the_messages(self):
        alice, bob = self.accounts(2)
        writer, phone = self.session(alice, "w").enable_sm(), self.phone(bob)
        self.loses(phone)
        sent = self.write(writer, bob.jid, 4)
        client = self.client(bob)
        client.secure()
        client.authenticate()
        client.bind("phone")
        self.assertEqual(phone.full, client.full)
        self.assertEqual(sent, self.ids(client.goes_online()))
        self.refused(phone)


if __name__ == "__main__":
    main()
