# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every subscription transition of RFC 6121 appendix A, as a table, with the other side online and absent.

Two local accounts mirror each other, so one row tests an outbound table (A.2) on the sender's side and an inbound one (A.3) on the
receiver's. States are written from the sender's point of view: `to` (he sees the other), `from`, `out` and `in` for pending requests.
"""
import itertools

from lethe_test import WireCase, main

NONE, OUT, IN, OUT_IN = "none", "none+out", "none+in", "none+out+in"
TO, TO_IN, FROM, FROM_OUT, BOTH = "to", "to+in", "from", "from+out", "both"
STATES = (NONE, OUT, IN, OUT_IN, TO, TO_IN, FROM, FROM_OUT, BOTH)
MIRROR = {NONE: NONE, OUT: IN, IN: OUT, OUT_IN: OUT_IN, TO: FROM, TO_IN: FROM_OUT, FROM: TO, FROM_OUT: TO_IN, BOTH: BOTH}

# What the sender does, his state before, his state after, and whether the receiver's sessions see the stanza.
TABLE = [
    # A.2.1 and A.3.1
    ("subscribe", NONE, OUT, True),
    ("subscribe", OUT, OUT, False),
    ("subscribe", IN, OUT_IN, True),
    ("subscribe", OUT_IN, OUT_IN, False),
    ("subscribe", TO, TO, False),         # the receiver's server answers for him
    ("subscribe", TO_IN, TO_IN, False),
    ("subscribe", FROM, FROM_OUT, True),
    ("subscribe", FROM_OUT, FROM_OUT, False),
    ("subscribe", BOTH, BOTH, False),
    # A.2.2 and A.3.2
    ("unsubscribe", NONE, NONE, False),
    ("unsubscribe", OUT, NONE, True),
    ("unsubscribe", IN, IN, False),
    ("unsubscribe", OUT_IN, IN, True),
    ("unsubscribe", TO, NONE, True),
    ("unsubscribe", TO_IN, IN, True),
    ("unsubscribe", FROM, FROM, False),
    ("unsubscribe", FROM_OUT, FROM, True),
    ("unsubscribe", BOTH, FROM, True),
    # A.2.3 and A.3.3
    ("subscribed", NONE, NONE, False),    # at most a pre-approval
    ("subscribed", OUT, OUT, False),
    ("subscribed", IN, FROM, True),
    ("subscribed", OUT_IN, FROM_OUT, True),
    ("subscribed", TO, TO, False),
    ("subscribed", TO_IN, BOTH, True),
    ("subscribed", FROM, FROM, False),
    ("subscribed", FROM_OUT, FROM_OUT, False),
    ("subscribed", BOTH, BOTH, False),
    # A.2.4 and A.3.4
    ("unsubscribed", NONE, NONE, False),
    ("unsubscribed", OUT, OUT, False),
    ("unsubscribed", IN, NONE, True),
    ("unsubscribed", OUT_IN, OUT, True),
    ("unsubscribed", TO, TO, False),
    ("unsubscribed", TO_IN, TO, True),
    ("unsubscribed", FROM, NONE, True),
    ("unsubscribed", FROM_OUT, OUT, True),
    ("unsubscribed", BOTH, TO, True),
]


def steps_to(state):
    """How two sides get there from nothing: (who, stanza type) with 'me' for the sender of the row."""
    mine = [("me", "subscribe"), ("you", "subscribed")]
    yours = [("you", "subscribe"), ("me", "subscribed")]
    return {NONE: [], OUT: mine[:1], IN: yours[:1], OUT_IN: mine[:1] + yours[:1], TO: mine, TO_IN: mine + yours[:1],
            FROM: yours, FROM_OUT: yours + mine[:1], BOTH: mine + yours}[state]


def in_roster(state):
    """(subscription, ask) as a roster item shows them."""
    base = state.partition("+")[0]
    return base, "subscribe" if "+out" in state else None


def sees(state):
    return state.startswith(("to", "both"))


class SubscriptionCase(WireCase):
    def pairs(self):
        """Each row of the table with two accounts that have had nothing to do with each other (six by six make 36 pairs)."""
        return zip(TABLE, itertools.product(self.accounts(6), self.accounts(6)), strict=True)

    def subscription(self, sender, kind, receiver_jid):
        sender.sends(f"<presence type='{kind}' to='{receiver_jid}'/>")

    def bring_to(self, state, me, you):
        for who, kind in steps_to(state):
            sender, receiver = (me, you) if who == "me" else (you, me)
            self.subscription(sender, kind, receiver.jid)
            self.settle(sender, receiver)

    def assert_state(self, client, peer_jid, state, shown):
        """`client` sees the state in its roster, and in `shown`, what its initial presence brought, a request if one is pending."""
        item = self.roster(client).get(peer_jid, ("none", None))
        self.assertEqual(in_roster(state), item[:2], "roster of " + client.jid)
        asked = [s for s in shown if s.type == "subscribe" and s.get("from") == peer_jid]
        self.assertEqual(1 if "+in" in state else 0, len(asked), f"request shown to {client.jid}: {shown}")

    def fresh(self, account, peer_jid, state):
        """A new session of `account` must find the state."""
        client = self.online(account, "fresh")
        self.assert_state(client, peer_jid, state, client.at_login)
        return client

    def expected_at_receiver(self, kind, me, before, after, shown):
        """(name, type, from) of the presences the receiver gets besides the roster push."""
        got = [("presence", kind, me.jid)] if shown else []
        mirror_before, mirror_after = MIRROR[before], MIRROR[after]
        if sees(mirror_before) and not sees(mirror_after):
            got.append(("presence", "unavailable", me.full))
        if sees(mirror_after) and not sees(mirror_before):
            got.append(("presence", None, me.full))
        return sorted(got, key=str)

    def expected_at_sender(self, before, after, you):
        if you is not None and sees(before) and not sees(after):
            return [("presence", "unavailable", you.full)]
        return []


class BothOnline(SubscriptionCase):
    def test_every_row(self):
        for (kind, before, after, shown), accounts in self.pairs():
            with self.subTest(f"{kind} in state {before}"):
                me, you = (self.online(a, "r") for a in accounts)
                for client in (me, you):
                    self.roster(client)  # both get pushes
                self.bring_to(before, me, you)
                self.subscription(me, kind, you.jid)
                mine = me.collect()
                yours = you.collect()
                mine += me.collect()
                self.check_pushes(mine, you.jid, in_roster(before), in_roster(after), kind)
                self.check_pushes(yours, me.jid, in_roster(MIRROR[before]), in_roster(MIRROR[after]), kind)
                presences = sorted(((s.name, s.type, s.get("from")) for s in yours if s.name == "presence"), key=str)
                self.assertEqual(self.expected_at_receiver(kind, me, before, after, shown), presences)
                presences = [(s.name, s.type, s.get("from")) for s in mine if s.name == "presence"]
                self.assertEqual(self.expected_at_sender(before, after, you), presences)
                self.fresh(me.account, you.jid, after).leaves()
                self.fresh(you.account, me.jid, MIRROR[after]).leaves()
                self.flow_of_presence(me, you, after)
                me.leaves(), you.leaves()
                self.fresh(me.account, you.jid, after).leaves()
                self.fresh(you.account, me.jid, MIRROR[after]).leaves()

    def check_pushes(self, received, peer, before, after, kind):
        pushes = [s.element[0][0] for s in received if s.name == "iq"]
        shown = [(p.get("subscription"), p.get("ask")) for p in pushes if p.get("jid") == peer]
        if before != after:
            self.assertEqual(after, shown[-1] if shown else None, f"a change must be pushed: {received}")
        elif kind not in ("subscribed", "unsubscribed"):  # those may push a pre-approval
            self.assertEqual([], shown, "no change, no push")
        for push in shown:
            self.assertIn(push, (before, after))

    def flow_of_presence(self, me, you, state):
        """Who sees whose next presence is what subscriptions are for."""
        self.settle(me, you)
        for sender, receiver, permitted in ((you, me, sees(state)), (me, you, sees(MIRROR[state]))):
            sender.sends("<presence><show>away</show></presence>")
            sender.collect()
            seen = [s for s in receiver.collect() if s.get("from") == sender.full]
            self.assertEqual(1 if permitted else 0, len(seen), f"{sender.full} seen by {receiver.full}")


class ReceiverAbsent(SubscriptionCase):
    def test_every_row(self):
        """The receiver is away; all is settled when he binds, and a request is shown at his initial presence."""
        for (kind, before, after, shown), accounts in self.pairs():
            with self.subTest(f"{kind} in state {before}"):
                me, you = (self.online(a, "r") for a in accounts)
                self.bring_to(before, me, you)
                you.leaves()
                self.settle(me)
                self.subscription(me, kind, you.jid)
                me.collect()
                self.assertEqual(in_roster(after), self.roster(me).get(you.jid, ("none", None))[:2])
                back = self.session(you.account, "back")
                self.assertEqual(in_roster(MIRROR[after]), self.roster(back).get(me.jid, ("none", None))[:2], "settled at bind")
                at_login = back.goes_online()
                self.assert_state(back, me.jid, MIRROR[after], at_login)
                seen = [s for s in at_login + back.collect() if s.get("from") == me.full and s.type is None]
                self.assertEqual(1 if sees(MIRROR[after]) else 0, len(seen), "presence of the sender, brought by a probe")
                seen = [s for s in me.collect() if s.get("from") == back.full and s.type is None]
                self.assertEqual(1 if sees(after) else 0, len(seen), "presence of the one who came back")
                me.leaves(), back.leaves()
                self.fresh(me.account, you.jid, after).leaves()
                self.fresh(you.account, me.jid, MIRROR[after]).leaves()

    def test_every_row_across_a_restart(self):
        rows = list(self.pairs())
        for (kind, before, _, _), (mine, yours) in rows:
            me, you = self.online(mine, "r"), self.online(yours, "r")
            self.bring_to(before, me, you)
            you.leaves()
            self.subscription(me, kind, yours.jid)
            me.collect()
            me.leaves()
        self.server.restart()
        for (kind, before, after, _), (mine, yours) in rows:
            with self.subTest(f"{kind} in state {before}"):
                self.fresh(yours, mine.jid, MIRROR[after]).leaves()
                self.fresh(mine, yours.jid, after).leaves()


class SenderAbsent(SubscriptionCase):
    """The user asks and leaves; the contact answers meanwhile."""

    def test_answers_reach_the_user_when_he_returns(self):
        for answer, after in (("subscribed", TO), ("unsubscribed", NONE)):
            with self.subTest(answer):
                me, you = (self.online(a, "r") for a in self.accounts(2))
                self.subscription(me, "subscribe", you.jid)
                me.collect()
                me.leaves()
                you.receives(f"<presence type='subscribe' from='{me.jid}'/>")
                self.subscription(you, answer, me.jid)
                you.collect()
                back = self.fresh(me.account, you.jid, after)
                if after == TO:
                    # his probe brings the contact's presence, whether it came before or after that ping
                    seen = [s for s in back.at_login + back.collect() if s.get("from") == you.full and s.type is None]
                    self.assertEqual(1, len(seen))

    def test_a_whole_friendship_without_ever_being_online_together(self):
        alice, bob = self.accounts(2)
        for account, stanzas in ((alice, ["subscribe"]), (bob, ["subscribed", "subscribe"]), (alice, ["subscribed"])):
            peer = bob if account is alice else alice
            client = self.online(account, "r")
            for kind in stanzas:
                self.subscription(client, kind, peer.jid)
            client.collect()
            client.leaves()
        self.fresh(bob, alice.jid, BOTH).leaves()
        self.fresh(alice, bob.jid, BOTH).leaves()

    def test_a_request_and_its_withdrawal_while_absent_leave_nothing(self):
        alice, bob = self.accounts(2)
        client = self.online(alice, "r")
        for kind in ("subscribe", "unsubscribe"):
            self.subscription(client, kind, bob.jid)
        client.collect()
        self.fresh(bob, alice.jid, NONE)

    def test_a_request_is_shown_at_each_initial_presence_until_it_is_answered(self):
        alice, bob = self.accounts(2)
        client = self.online(alice, "r")
        self.subscription(client, "subscribe", bob.jid)
        client.collect()
        for number in range(3):
            with self.subTest(number):
                got = self.logs_in_for(bob, f"r{number}")
                self.assertEqual(1, len([s for s in got if s.type == "subscribe"]))
        again = self.online(bob, "answering")
        self.subscription(again, "unsubscribed", alice.jid)
        again.collect()
        self.assertEqual([], [s for s in self.logs_in_for(bob, "later") if s.type == "subscribe"])

    def test_a_request_is_shown_to_a_session_with_negative_priority_too(self):
        alice, bob = self.accounts(2)
        client = self.online(alice, "r")
        self.subscription(client, "subscribe", bob.jid)
        client.collect()
        self.assertEqual(["subscribe"], [s.type for s in self.logs_in_for(bob, "r", priority=-1)])

    def test_the_payload_of_a_request_survives_the_wait(self):
        alice, bob = self.accounts(2)
        client = self.online(alice, "r")
        client.sends(f"<presence type='subscribe' to='{bob.jid}'><status>We met at the fair</status></presence>")
        client.collect()
        (got,) = [s for s in self.logs_in_for(bob, "r") if s.type == "subscribe"]
        self.assertEqual("We met at the fair", got.text_of("status"))


class Addresses(SubscriptionCase):
    def test_a_request_to_a_full_address_is_as_to_the_bare_one(self):
        me, you = (self.online(a, "r") for a in self.accounts(2))
        self.subscription(me, "subscribe", you.full)
        me.collect()
        you.receives(f"<presence type='subscribe' from='{me.jid}'/>")
        self.assertEqual(("none", "subscribe"), self.roster(me)[you.jid][:2])

    def test_a_request_to_oneself_or_to_nobody_does_no_harm(self):
        me = self.online(self.account(), "r")
        self.subscription(me, "subscribe", me.jid)
        self.subscription(me, "subscribe", self.server.domain)
        me.sends("<presence type='subscribe'/>")
        self.settle(me)
        self.assertNotIn(me.jid, self.roster(me))

    def test_a_request_to_an_account_that_does_not_exist(self):
        me = self.online(self.account(), "r")
        self.subscription(me, "subscribe", f"nobody@{self.server.domain}")
        got = [s for s in me.collect() if s.name == "presence"]
        self.assertIn([s.type for s in got], ([], ["unsubscribed"], ["error"]))

    def test_all_sessions_of_the_receiver_see_a_request(self):
        alice, bob = self.accounts(2)
        sessions = [self.online(bob, f"r{p}", priority=p) for p in (5, 0, -1)]
        self.settle(*sessions)
        me = self.online(alice, "r")
        self.subscription(me, "subscribe", bob.jid)
        me.collect()
        for session in sessions:
            session.receives(f"<presence type='subscribe' from='{alice.jid}'/>")

    def test_all_interested_sessions_of_the_sender_get_the_push(self):
        alice, bob = self.accounts(2)
        sessions = [self.session(alice, f"r{n}") for n in range(3)]
        for session in sessions[:2]:
            self.roster(session)
        self.subscription(sessions[0], "subscribe", bob.jid)
        sessions[0].collect()
        (push,) = sessions[1].collect()
        self.assertEqual(("none", "subscribe"), (push.element[0][0].get("subscription"), push.element[0][0].get("ask")))
        sessions[2].receives_nothing()


class PreApproval(SubscriptionCase):
    """RFC 6121 section 3.4, if the server offers it."""

    def setUp(self):
        super().setUp()
        probe = self.client(self.account())
        probe.secure()
        probe.authenticate()
        if probe.features.child("sub", "urn:xmpp:features:pre-approval") is None:
            self.skipTest("the server does not offer pre-approvals")

    def approve(self, you_online):
        me, you = (self.online(a, "r") for a in self.accounts(2))
        self.subscription(you, "subscribed", me.jid)
        you.collect()
        me.receives_nothing()
        answer = you.asks_ok("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>")
        (item,) = answer.element[0]
        self.assertEqual((me.jid, "none", "true"), (item.get("jid"), item.get("subscription"), item.get("approved")))
        if not you_online:
            you.leaves()
        self.subscription(me, "subscribe", you.jid)
        self.settle(me)
        return me, you

    def test_a_request_is_granted_without_asking_again(self):
        me, you = self.approve(True)
        self.assertEqual([], [s for s in you.collect() if s.type == "subscribe"])
        self.assertEqual("to", self.roster(me)[you.jid][0])
        self.assertEqual("from", self.roster(you)[me.jid][0])

    def test_a_pre_approval_holds_while_its_owner_is_away(self):
        me, you = self.approve(False)
        back = self.fresh(you.account, me.jid, FROM)
        back.collect()
        me.collect()
        self.assertEqual("to", self.roster(me)[you.jid][0])

    def test_a_pre_approval_can_be_withdrawn(self):
        me, you = (self.online(a, "r") for a in self.accounts(2))
        self.subscription(you, "subscribed", me.jid)
        self.subscription(you, "unsubscribed", me.jid)
        you.collect()
        me.receives_nothing()
        self.subscription(me, "subscribe", you.jid)
        me.collect()
        self.assertEqual(1, len([s for s in you.collect() if s.type == "subscribe"]))


class NothingWaits(WireCase):
    """A request is sent again at login once the other side may have kept it no longer; here that is at once."""
    policy = {"subscriptions": {"keep": "0"}, "letterbox": {"keep": "14d"}}

    def test_a_request_to_somebody_away_comes_when_both_are_there(self):
        here, away = self.accounts(2)
        juliet = self.online(here)
        juliet.sends(f"<presence type='subscribe' to='{away.jid}'/>")
        juliet.leaves()
        romeo = self.online(away)
        self.assertEqual([], romeo.at_login)
        juliet = self.online(here)
        asked = [s for s in romeo.collect() if s.type == "subscribe"]
        self.assertEqual([here.jid], [s.get("from") for s in asked])
        romeo.sends(f"<presence type='subscribed' to='{here.jid}'/>")
        self.settle(romeo, juliet)
        self.assertEqual(("to", None), self.roster(juliet)[away.jid][:2])


if __name__ == "__main__":
    main()
