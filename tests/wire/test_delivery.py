# SPDX-License-Identifier: AGPL-3.0-or-later
"""Delivery of messages and iqs to local accounts (RFC 6121 section 8.5), with two accounts and none to three sessions.

The decisions where the RFC leaves a choice: bare-address chat and normal messages go to every session with priority >= 0 or to those with
the highest; what no session can take waits in the letterbox; groupchat and what only an existing session could answer is
`service-unavailable`; headlines for an absent account vanish; strangers never learn whether a session exists.
"""
from lethe_test import WireCase, main

BODY = "<body>hello</body>"


class DeliveryCase(WireCase):
    def scene(self, *priorities):
        """A sender, and a second account with one session per priority (None: without presence). A new scene ends the last one."""
        if not hasattr(self, "pair"):
            self.pair = self.accounts(2)
        for client in self.clients:
            client.leaves()
        self.clients.clear()
        mine, theirs = self.pair
        sessions = [self.session(theirs, f"r{n}") if p is None else self.online(theirs, f"r{n}", priority=p)
                    for n, p in enumerate(priorities)]
        self.settle(*sessions)
        return self.online(mine, "sender"), theirs, sessions

    def message(self, sender, to, kind, inner=BODY, message_id="m1"):
        of_kind = f"type='{kind}'" if kind else ""
        sender.sends(f"<message to='{to}' {of_kind} id='{message_id}'>{inner}</message>")

    def outcome(self, sender, sessions):
        """(conditions of errors the sender got, indexes of the sessions that got the message)."""
        errors = [s.condition for s in sender.collect() if s.name == "message" and s.type == "error"]
        return errors, [n for n, session in enumerate(sessions) if [s for s in session.collect() if s.name == "message"]]

    def waiting(self, account):
        """Ids of the messages that the next session gets from the letterbox."""
        return [s.get("id") for s in self.logs_in_for(account, "later", priority=1) if s.name == "message"]


class BareAddress(DeliveryCase):
    def test_one_session_takes_what_it_should(self):
        for kind, errors, delivered in ((None, [], True), ("normal", [], True), ("chat", [], True), ("headline", [], True),
                                        ("groupchat", ["service-unavailable"], False), ("error", [], False), ("odd", [], True)):
            with self.subTest(kind or "no type"):
                sender, account, sessions = self.scene(0)
                inner = BODY if kind != "error" else BODY + "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
                self.message(sender, account.jid, kind, inner)
                self.assertEqual((errors, [0] if delivered else []), self.outcome(sender, sessions))
                sessions[0].leaves()
                self.assertEqual([], self.waiting(account), "what was delivered does not wait, what was refused neither")

    def test_the_address_stays_as_the_sender_wrote_it(self):
        sender, account, (session,) = self.scene(0)
        self.message(sender, account.jid, "chat")
        session.receives(f"<message id='m1' from='{sender.full}' to='{account.jid}' type='chat'>{BODY}</message>")

    def test_the_choice_among_sessions_follows_priorities(self):
        for priorities in ((0, 0), (5, 1), (0, 5, -1), (-1, 3, 3), (127, -128, 0), (None, 0), (None, -1, 2)):
            for kind in ("chat", "normal"):
                with self.subTest(kind, priorities=priorities):
                    sender, account, sessions = self.scene(*priorities)
                    self.message(sender, account.jid, kind)
                    errors, got = self.outcome(sender, sessions)
                    willing = [n for n, p in enumerate(priorities) if p is not None and p >= 0]
                    highest = [n for n in willing if priorities[n] == max(priorities[m] for m in willing)]
                    self.assertEqual([], errors)
                    self.assertIn(got, (willing, highest, highest[:1]))

    def test_headlines_go_to_all_sessions_that_want_messages(self):
        sender, account, sessions = self.scene(5, 0, -1)
        self.message(sender, account.jid, "headline")
        self.assertEqual(([], [0, 1]), self.outcome(sender, sessions))

    def test_sessions_that_take_no_messages_leave_them_to_the_letterbox(self):
        for priorities in ((), (-1,), (None,), (-1, None, -128)):
            for kind, errors, stored in (("chat", [], True), ("normal", [], True), (None, [], True), ("headline", [], False),
                                         ("groupchat", ["service-unavailable"], False), ("error", [], False)):
                with self.subTest(kind, priorities=priorities):
                    sender, account, sessions = self.scene(*priorities)
                    self.message(sender, account.jid, kind)
                    self.assertEqual((errors, []), self.outcome(sender, sessions))
                    for session in sessions:
                        session.leaves()
                    self.assertEqual(["m1"] if stored else [], self.waiting(account))

    def test_a_session_that_raises_its_priority_gets_what_waits(self):
        sender, account, (session,) = self.scene(-1)
        self.message(sender, account.jid, "chat")
        sender.collect()
        session.receives_nothing()
        session.sends("<presence><priority>0</priority></presence>")
        self.assertEqual(["m1"], [s.get("id") for s in session.collect() if s.name == "message"])
        session.leaves()
        self.assertEqual([], self.waiting(account))

    def test_an_account_that_does_not_exist(self):
        sender = self.online(self.account(), "sender")
        for kind in ("chat", "normal", None, "groupchat"):
            self.message(sender, f"nobody@{self.server.domain}", kind)
            self.assertEqual(["service-unavailable"], self.outcome(sender, [])[0], kind)
        for kind in ("headline", "error"):
            self.message(sender, f"nobody@{self.server.domain}", kind)
            self.assertIn(self.outcome(sender, [])[0], ([], ["service-unavailable"] if kind == "headline" else []), kind)

    def test_oneself(self):
        account = self.account()
        one, two = self.online(account, "one", priority=1), self.online(account, "two", priority=1)
        self.settle(one, two)
        self.message(one, account.jid, "chat")
        one_got = [s.get("id") for s in one.collect()]
        two_got = [s.get("id") for s in two.collect()]
        self.assertIn("m1", one_got + two_got)
        one.sends("<message type='chat' id='m2'><body>no address at all</body></message>")
        one_got = [s.get("id") for s in one.collect()]
        self.assertIn("m2", one_got + [s.get("id") for s in two.collect()])


class FullAddress(DeliveryCase):
    def test_a_session_gets_what_is_addressed_to_it_whatever_its_priority(self):
        for priorities in ((0, 5, -1), (None, 0, 0)):
            for index in range(3):
                for kind in (None, "normal", "chat", "headline"):
                    with self.subTest(kind, priority=priorities[index]):
                        sender, _, sessions = self.scene(*priorities)
                        self.message(sender, sessions[index].full, kind)
                        self.assertEqual(([], [index]), self.outcome(sender, sessions))

    def test_error_messages_reach_their_session(self):
        sender, _, (session,) = self.scene(0)
        sender.sends(f"<message to='{session.full}' type='error' id='e'><error type='cancel'>"
                     "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        self.assertEqual(([], [0]), self.outcome(sender, [session]))

    def test_groupchat_only_reaches_who_entered_a_room(self):
        sender, _, (session,) = self.scene(0)
        self.message(sender, session.full, "groupchat")
        self.assertEqual((["service-unavailable"], []), self.outcome(sender, [session]))
        session.sends(f"<presence to='{sender.full}'/>")
        session.collect()
        sender.collect()
        self.message(sender, session.full, "groupchat")
        self.assertEqual(([], [0]), self.outcome(sender, [session]))

    def test_chat_for_a_session_that_is_gone_goes_to_those_that_are_there(self):
        sender, account, sessions = self.scene(0, -1)
        self.message(sender, f"{account.jid}/gone", "chat")
        self.assertEqual(([], [0]), self.outcome(sender, sessions))

    def test_what_a_session_that_is_gone_cannot_take(self):
        for kind, errors in (("headline", []), ("error", []), ("groupchat", ["service-unavailable"])):
            with self.subTest(kind):
                sender, account, sessions = self.scene(0)
                self.message(sender, f"{account.jid}/gone", kind)
                self.assertEqual((errors, []), self.outcome(sender, sessions))
                sessions[0].leaves()
                self.assertEqual([], self.waiting(account))

    def test_a_normal_message_for_a_session_that_is_gone_has_one_outcome(self):
        sender, account, sessions = self.scene(0)
        self.message(sender, f"{account.jid}/gone", "normal")
        errors, got = self.outcome(sender, sessions)
        self.assertIn((errors, got), (([], [0]), (["service-unavailable"], []), ([], [])))

    def test_chat_for_a_session_of_an_absent_account_waits(self):
        sender, account, _ = self.scene()
        self.message(sender, f"{account.jid}/gone", "chat")
        self.assertEqual(([], []), self.outcome(sender, []))
        self.assertEqual(["m1"], self.waiting(account))


class ChatStates(DeliveryCase):
    STATE = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"

    def test_chat_states_are_delivered_and_never_stored(self):
        sender, account, (session,) = self.scene(0)
        self.message(sender, account.jid, "chat", self.STATE)
        self.assertEqual(([], [0]), self.outcome(sender, [session]))
        session.leaves()
        self.message(sender, account.jid, "chat", self.STATE)
        self.assertEqual(([], []), self.outcome(sender, []))
        self.assertEqual([], self.waiting(account))


class Iqs(DeliveryCase):
    PING = "<ping xmlns='urn:xmpp:ping'/>"

    def iq(self, sender, to, kind="get", payload=PING):
        return sender.asks(f"<iq type='{kind}' to='{to}'>{payload}</iq>")

    def test_strangers_reach_no_session(self):
        sender, account, (session,) = self.scene(0)
        for to in (session.full, f"{account.jid}/gone", f"nobody@{self.server.domain}/r", account.jid, f"nobody@{self.server.domain}"):
            for kind, payload in (("get", self.PING), ("set", "<x xmlns='urn:x'/>"), ("get", "<query xmlns='jabber:iq:version'/>")):
                with self.subTest(to, payload=payload):
                    self.assert_error(self.iq(sender, to, kind, payload), "service-unavailable")
        session.receives_nothing()

    def test_subscribers_reach_a_session_and_get_its_answer(self):
        sender, account, (session,) = self.scene(0)
        self.befriend(sender, session)
        sender.sends(f"<iq type='get' id='q' to='{session.full}'>{self.PING}</iq>")
        session.receives(f"<iq type='get' id='q' from='{sender.full}' to='{session.full}'>{self.PING}</iq>")
        session.sends(f"<iq type='result' id='q' to='{sender.full}'/>")
        sender.receives(f"<iq type='result' id='q' from='{session.full}'/>")
        self.assert_error(self.iq(sender, f"{account.jid}/gone"), "service-unavailable")

    def test_ones_own_sessions_reach_each_other(self):
        account = self.account()
        one, two = self.online(account, "one"), self.online(account, "two")
        self.settle(one, two)
        one.sends(f"<iq type='get' id='q' to='{two.full}'>{self.PING}</iq>")
        two.receives(f"<iq type='get' id='q' from='{one.full}' to='{two.full}'>{self.PING}</iq>")

    def test_answers_to_nobody_vanish(self):
        sender, account, (session,) = self.scene(0)
        for to in (f"{account.jid}/gone", account.jid, f"nobody@{self.server.domain}", self.server.domain):
            sender.sends(f"<iq type='result' id='x' to='{to}'/>")
            sender.sends(f"<iq type='error' id='y' to='{to}'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
        sender.receives_nothing()
        session.receives_nothing()

    def test_malformed_iqs_are_bad_requests(self):
        sender, _, _ = self.scene()
        for iq in ("<iq type='get' id='b'/>", "<iq type='set' id='b'/>", "<iq id='b'><x xmlns='u'/></iq>", "<iq type='odd' id='b'><x xmlns='u'/></iq>",
                   "<iq type='get' id='b'><x xmlns='u'/><y xmlns='u'/></iq>"):
            with self.subTest(iq):
                sender.sends(iq)
                (answer,) = sender.collect()
                self.assert_error(answer, "bad-request", "modify")
                self.assertEqual("b", answer.get("id"))

    def test_an_iq_without_id_gets_at_most_an_error(self):
        sender, _, _ = self.scene()
        sender.sends("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.assertTrue(all(s.type == "error" for s in sender.collect()))

    def test_an_unknown_request_to_the_server_or_to_oneself(self):
        sender, _, _ = self.scene()
        for to in ("", f"to='{self.server.domain}'", f"to='{sender.jid}'"):
            for kind in ("get", "set"):
                answer = sender.asks(f"<iq type='{kind}' {to}><x xmlns='urn:unknown'/></iq>")
                self.assertIn(answer.condition, ("service-unavailable", "feature-not-implemented"))

    def test_errors_carry_the_conversations_addresses(self):
        sender, account, _ = self.scene()
        sender.sends(f"<iq type='get' id='q' to='{account.jid}/gone'><x xmlns='urn:x'/></iq>")
        answer = sender.next()
        self.assertEqual((f"{account.jid}/gone", sender.full, "q"), (answer.get("from"), answer.get("to"), answer.get("id")))


class Order(DeliveryCase):
    def test_stanzas_of_one_sender_arrive_in_order_whatever_their_kind(self):
        sender, account, (session,) = self.scene(0)
        self.befriend(sender, session)
        for number in range(30):
            self.message(sender, account.jid if number % 2 else session.full, "chat", message_id=f"m{number}")
            sender.sends(f"<presence to='{session.full}' id='p{number}'/>")
            sender.sends(f"<iq to='{session.full}' type='get' id='i{number}'><x xmlns='urn:x'/></iq>")
        got = [session.next().get("id") for _ in range(90)]
        self.assertEqual([f"{kind}{n}" for n in range(30) for kind in "mpi"], got)


if __name__ == "__main__":
    main()
