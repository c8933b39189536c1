# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much one sender may leave for people who are not there, and that the bounds tell nobody whether somebody is."""
from lethe_test import WireCase, main


class Share(WireCase):
    policy = {"letterbox": {"max_messages": 40}}
    config = {"limits": {"letterbox_percent_per_sender": 25}}

    def accepted(self, sender, to, count, first=0):
        for number in range(first, first + count):
            sender.sends(f"<message to='{to}' type='chat' id='{number}'><body>x</body></message>")
        refused = sender.collect()
        for answer in refused:
            self.assert_error(answer, "service-unavailable", "cancel")
        return count - len(refused)

    def test_a_quarter_of_a_letterbox_is_what_one_sender_gets(self):
        bob, *others = self.accounts(6)
        senders = [self.session(a, "r") for a in others]
        self.assertEqual(10, self.accepted(senders[0], bob.jid, 12))
        self.assertEqual(0, self.accepted(self.session(others[0], "another"), bob.jid, 2))  # whatever its resource
        self.assertEqual([10, 10, 10, 0], [self.accepted(s, bob.jid, 12) for s in senders[1:]])
        self.assertEqual(40, len([s for s in self.logs_in_for(bob) if s.name == "message"]))
        self.assertEqual(10, self.accepted(senders[0], bob.jid, 12))  # it was emptied


class Rate(WireCase):
    config = {"limits": {"stored_per_minute": 10}}

    def talk(self, sender, to):
        answers = []
        for number in range(14):
            sender.sends(f"<message to='{to}' type='chat' id='{number}'><body>x</body></message>")
        for answer in sender.collect():
            answers.append(str(answer).replace(sender.full, "SENDER").replace(to, "RECEIVER"))
        return answers

    def test_the_bound_and_its_answers_are_the_same_whether_the_receiver_is_there_or_not(self):
        online, absent, blocking, *others = self.accounts(6)
        bob = self.online(online, "r")
        eve = self.online(blocking, "r")
        first, second, third = (self.session(a, "r") for a in others)
        eve.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{third.jid}'/></block></iq>")
        open_vault, closed_vault, blocked = self.talk(first, online.jid), self.talk(second, absent.jid), self.talk(third, blocking.jid)
        self.assertEqual(4, len(open_vault))
        for answer in open_vault:
            self.assertIn("stored_per_minute", answer)
            self.assertNotIn("This account", answer)
        self.assertEqual(open_vault, closed_vault)
        self.assertEqual(open_vault, blocked)
        self.assertEqual(10, len(bob.collect()))
        self.assertEqual(10, len([s for s in self.logs_in_for(absent) if s.name == "message"]))

    def test_whom_somebody_shares_presence_with_is_not_bounded(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(alice, bob)
        self.assertEqual([], self.talk(alice, bob.jid))
        self.assertEqual(14, len(bob.collect()))

    def test_contact_requests_are_bounded_alike(self):
        (there, away), sender = self.accounts(2), self.session(self.account(), "r")
        bob = self.online(there, "r")
        for number in range(11):
            sender.sends(f"<presence type='subscribe' id='{number}' to='{(there if number % 2 else away).jid}'/>")
        refused = [s for s in sender.collect() if s.type == "error"]
        self.assertEqual(["10"], [s.get("id") for s in refused])
        self.assert_error(refused[0], "policy-violation", "wait")
        bob.collect()


if __name__ == "__main__":
    main()
