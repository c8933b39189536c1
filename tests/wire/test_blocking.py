# SPDX-License-Identifier: AGPL-3.0-or-later
"""Blocking (XEP-0191), both ways. Differs from its SHOULDs on purpose: messages of a blocked sender vanish without an error."""
from lethe_test import WireCase, archive, main
from lethe_test.waiting import until
from lethe_test.xmlstream import BLOCKING

GET = f"<iq type='get'><blocklist xmlns='{BLOCKING}'/></iq>"


def block(*jids):
    return f"<iq type='set'><block xmlns='{BLOCKING}'>" + "".join(f"<item jid='{j}'/>" for j in jids) + "</block></iq>"


def unblock(*jids):
    return block(*jids).replace("block xmlns", "unblock xmlns").replace("</block>", "</unblock>")


class BlockingCase(WireCase):
    def listed(self, client):
        return sorted(i.get("jid") for i in client.asks_ok(GET).child("blocklist", BLOCKING))

    def pair(self, befriended=False):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        if befriended:
            self.befriend(alice, bob)
        return alice, bob

    def message(self, sender, to, text="x"):
        sender.sends(f"<message to='{to}' type='chat' id='m'><body>{text}</body></message>")


class TheList(BlockingCase):
    def test_a_new_list_is_empty_and_takes_and_gives_back(self):
        client = self.session(self.account(), "r")
        self.assertEqual([], self.listed(client))
        client.asks_ok(block("a@b.example", "c.example", "d@e.example/f"))
        self.assertEqual(["a@b.example", "c.example", "d@e.example/f"], self.listed(client))
        client.asks_ok(unblock("c.example"))
        self.assertEqual(["a@b.example", "d@e.example/f"], self.listed(client))
        client.asks_ok(unblock())
        self.assertEqual([], self.listed(client))

    def test_it_outlives_sessions_and_the_server(self):
        account = self.account()
        client = self.session(account, "r")
        client.asks_ok(block("a@b.example"))
        client.leaves()
        self.server.restart()
        self.assertEqual(["a@b.example"], self.listed(self.session(account, "r")))

    def test_addresses_are_normalised(self):
        client = self.session(self.account(), "r")
        client.asks_ok(block("MiXed@B.EXAMPLE", "mixed@b.example"))
        self.assertEqual(["mixed@b.example"], self.listed(client))
        client.asks_ok(unblock("mixeD@b.example"))
        self.assertEqual([], self.listed(client))

    def test_changes_are_pushed_to_sessions_that_asked_for_the_list(self):
        account = self.account()
        one, two, silent = (self.session(account, r) for r in ("one", "two", "silent"))
        self.listed(one), self.listed(two)
        one.sends(block("a@b.example", "c@d.example").replace("<iq ", "<iq id='b' "))
        push = f"<iq type='set' id='*' from='{account.jid}'><block xmlns='{BLOCKING}'><item jid='a@b.example'/><item jid='c@d.example'/></block></iq>"
        one.receives_all("<iq type='result' id='b'/>", push)
        two.receives(push)
        one.sends(unblock("a@b.example").replace("<iq ", "<iq id='u' "))
        push = f"<iq type='set' id='*' from='{account.jid}'><unblock xmlns='{BLOCKING}'><item jid='a@b.example'/></unblock></iq>"
        one.receives_all("<iq type='result' id='u'/>", push)
        two.receives(push)
        two.sends(unblock().replace("<iq ", "<iq id='all' "))
        push = f"<iq type='set' id='*' from='{account.jid}'><unblock xmlns='{BLOCKING}'/></iq>"
        two.receives_all("<iq type='result' id='all'/>", push)
        one.receives(push)
        silent.receives_nothing()

    def test_bad_requests(self):
        client = self.session(self.account(), "r")
        for iq, conditions in ((block(), ["bad-request"]), (block(""), ["bad-request", "jid-malformed"]), (block("@@"), ["jid-malformed", "bad-request"]),
                               (f"<iq type='set'><block xmlns='{BLOCKING}'><item/></block></iq>", ["bad-request", "jid-malformed"]),
                               (block("a@b.example", "@@"), ["jid-malformed", "bad-request"]),
                               (f"<iq type='set'><blocklist xmlns='{BLOCKING}'/></iq>", ["bad-request", "service-unavailable", "feature-not-implemented", "not-allowed"])):
            with self.subTest(iq):
                self.assertIn(client.asks(iq).condition, conditions)
        self.assertEqual([], self.listed(client))

    def test_unblocking_what_is_not_blocked_does_no_harm(self):
        client = self.session(self.account(), "r")
        client.asks_ok(block("a@b.example"))
        self.assertIn(client.asks(unblock("c@d.example")).condition, (None, "item-not-found"))
        self.assertEqual(["a@b.example"], self.listed(client))

    def test_nobody_else_sees_or_changes_it(self):
        alice, bob = self.pair()
        for iq in (GET, block("x@y.example"), unblock()):
            self.assertIn(alice.asks(iq.replace("<iq ", f"<iq to='{bob.jid}' ")).condition, ("service-unavailable", "forbidden", "not-authorized", "not-allowed"))
        self.assertEqual([], self.listed(bob))


class FullList(BlockingCase):
    config = {"limits": {"blocklist_items": 3}}

    def test_a_full_list_takes_no_more(self):
        client = self.session(self.account(), "r")
        client.asks_ok(block("a@b.example", "c@b.example", "d@b.example"))
        self.assertIn(client.asks(block("e@b.example")).condition, ("resource-constraint", "not-acceptable", "not-allowed", "policy-violation"))
        client.asks_ok(unblock("a@b.example"))
        client.asks_ok(block("e@b.example"))


class Inbound(BlockingCase):
    """What a blocked sender achieves: nothing, and no sign of it."""

    def test_messages_vanish_and_are_not_archived(self):
        alice, bob = self.pair()
        bob.asks_ok(block(alice.jid))
        for to in (bob.jid, bob.full):
            for kind in ("chat", "normal", "headline"):
                alice.sends(f"<message to='{to}' type='{kind}'><body>x</body></message>")
        alice.receives_nothing()
        bob.receives_nothing()
        self.assertEqual([], archive.everything(bob))

    def test_presence_subscriptions_and_iqs_get_nowhere(self):
        alice, bob = self.pair()
        bob.asks_ok(block(alice.jid))
        self.roster(bob)
        for stanza in (f"<presence to='{bob.full}'/>", f"<presence to='{bob.jid}' type='subscribe'/>", f"<presence to='{bob.jid}' type='probe'/>"):
            alice.sends(stanza)
        self.assertEqual([], [s for s in alice.collect() if s.get("from").startswith(bob.jid)])
        self.assert_error(alice.asks(f"<iq type='get' to='{bob.full}'><query xmlns='jabber:iq:version'/></iq>"), "service-unavailable")
        bob.receives_nothing()

    def test_a_blocked_friend_sees_the_blocker_leave_and_return(self):
        alice, bob = self.pair(befriended=True)
        bob.asks_ok(block(alice.jid))
        bob.collect()
        alice.receives(f"<presence from='{bob.full}' type='unavailable'>...</presence>")
        bob.sends("<presence><show>away</show></presence>")
        bob.collect()
        alice.sends("<presence><show>dnd</show></presence>")
        alice.collect()
        bob.receives_nothing()
        bob.asks_ok(unblock(alice.jid))
        bob.collect()
        self.assertEqual([(bob.full, "away")], [(s.get("from"), s.text_of("show")) for s in alice.collect()])
        self.message(alice, bob.jid)
        alice.collect()
        self.assertEqual(1, len([s for s in bob.collect() if s.name == "message"]))

    def test_who_was_shown_presence_directly_sees_the_blocker_leave_once_and_no_more(self):
        alice, bob = self.pair()
        alice.sends(f"<presence to='{bob.full}'/>")
        bob.receives(f"<presence from='{alice.full}' to='{bob.full}'/>")
        alice.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{bob.jid}'/></block></iq>")
        bob.receives(f"<presence from='{alice.full}' to='{bob.full}' type='unavailable'/>")
        bob.sends(f"<message to='{alice.full}' type='groupchat'><body>x</body></message>")
        self.assertEqual("service-unavailable", bob.next().condition)
        alice.sends(f"<presence to='{bob.full}' type='unavailable'/>")
        alice.receives_nothing()
        alice.leaves()
        bob.receives_nothing()

    def test_a_friends_iqs_stop_at_the_block(self):
        alice, bob = self.pair(befriended=True)
        bob.asks_ok(block(alice.jid))
        self.settle(bob, alice)
        self.assert_error(alice.asks(f"<iq type='get' to='{bob.full}'><query xmlns='jabber:iq:version'/></iq>"), "service-unavailable")
        bob.receives_nothing()

    def test_a_blocked_friend_who_logs_in_later_sees_nobody(self):
        alice, bob = self.pair(befriended=True)
        alice.leaves()
        bob.collect()
        bob.asks_ok(block(alice.jid))
        alice = self.online(alice.account, "again")
        self.assertEqual([], alice.at_login + alice.collect())
        self.assertEqual([], [s for s in bob.collect() if s.name == "presence"])

    def test_a_friend_blocked_before_login_never_sees_the_login(self):
        alice, bob = self.pair(befriended=True)
        bob.asks_ok(block(alice.jid))
        bob.leaves()
        alice.collect()
        again = self.online(bob.account, "again")
        again.collect()
        alice.receives_nothing()
        again.leaves()
        alice.receives_nothing()

    def test_what_a_blocked_sender_left_while_the_account_was_away_is_gone(self):
        alice, bob = self.pair()
        carol = self.session(self.account(), "r")
        bob.asks_ok(block(alice.jid))
        bob.leaves()
        for number in range(3):
            self.message(alice, bob.jid, f"blocked {number}")
            self.message(carol, bob.jid, f"fine {number}")
        alice.sends(f"<presence to='{bob.jid}' type='subscribe'/>")
        alice.receives_nothing()
        carol.receives_nothing()
        for _ in range(2):
            back = self.session(bob.account, "back")
            at_login = back.goes_online()
            self.assertEqual([], [s for s in at_login if s.get("from").startswith(alice.jid)])
            self.assertEqual([f"fine {n}" for n in range(3)], [e.message.text_of("body") for e in archive.everything(back)])
            self.assertEqual([f"fine {n}" for n in range(3)], [e.message.text_of("body") for e in archive.everything(back, size=1)])
            self.assertEqual([], archive.everything(back, {"with": alice.jid}))
            self.assertNotIn(alice.jid, self.roster(back))
            back.leaves()

    def test_a_block_works_by_bare_address_session_and_domain(self):
        alice_account, bob_account = self.accounts(2)
        bob = self.online(bob_account, "r")
        one, two = self.session(alice_account, "one"), self.session(alice_account, "two")
        for blocked, expected in ((one.full, ["two"]), (alice_account.jid, []), (f"{self.server.domain}/x", ["one", "two"])):
            with self.subTest(blocked):
                bob.asks_ok(block(blocked))
                for client in (one, two):
                    self.message(client, bob.jid, client.full.partition("/")[2])
                    client.collect()
                self.assertEqual(expected, [s.text_of("body") for s in bob.collect() if s.name == "message"])
                bob.asks_ok(unblock(blocked))
                bob.collect()

    def test_the_server_itself_still_answers_who_blocked_its_domain(self):
        bob = self.online(self.account(), "r")
        bob.asks_ok(block("elsewhere.example"))
        bob.receives_nothing()

    def test_ones_own_sessions_are_never_cut_off(self):
        account = self.account()
        one, two = self.online(account, "one"), self.online(account, "two")
        self.settle(one, two)
        one.asks(block(account.jid))
        self.settle(one, two)
        one.sends(f"<message to='{two.full}' type='chat'><body>note</body></message>")
        one.collect()
        self.assertEqual(["note"], [s.text_of("body") for s in two.collect() if s.name == "message"])


class Outbound(BlockingCase):
    """What the blocker sends to someone he blocks is refused with the error of XEP-0191."""

    def assert_blocked(self, stanza):
        self.assert_error(stanza, "not-acceptable", "cancel")
        self.assertIsNotNone(stanza.child("error").find("{urn:xmpp:blocking:errors}blocked"), f"{stanza}")

    def test_messages_iqs_and_presence_to_a_blocked_address(self):
        alice, bob = self.pair()
        bob.asks_ok(block(alice.jid))
        for to in (alice.jid, alice.full):
            self.message(bob, to)
            self.assert_blocked(bob.next())
            self.assert_blocked(bob.asks(f"<iq type='get' to='{to}'><query xmlns='jabber:iq:version'/></iq>"))
        bob.sends(f"<presence to='{alice.full}'/>")
        self.assertLessEqual(len([s for s in bob.collect() if s.type == "error"]), 1)
        alice.receives_nothing()

    def test_after_unblocking_it_goes_through(self):
        alice, bob = self.pair()
        bob.asks_ok(block(alice.jid))
        bob.asks_ok(unblock(alice.jid))
        bob.collect()
        self.message(bob, alice.full)
        bob.receives_nothing()
        alice.receives(f"<message from='{bob.full}' to='{alice.full}' id='m' type='chat'><body>x</body></message>")

    def test_error_replies_are_never_answered_with_errors(self):
        alice, bob = self.pair()
        bob.asks_ok(block(alice.jid))
        bob.sends(f"<message to='{alice.jid}' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        bob.sends(f"<iq to='{alice.full}' type='result' id='1'/>")
        bob.receives_nothing()
        alice.receives_nothing()


class Reports(BlockingCase):
    """XEP-0377: what the operator sees of a report is one line of the log, by the policy's rules."""

    policy = {"log": {"keep": "24h", "address": "none", "account": "none", "peer": "full", "client": "none"}}

    def log(self):
        return "".join(f.read_text() for f in (self.server.data / "log").glob("*.log"))

    def report(self, jid, reason):
        inner = f"<report xmlns='urn:xmpp:reporting:1' reason='{reason}'><text>canary text</text><report-origin/></report>"
        return f"<iq type='set'><block xmlns='{BLOCKING}'><item jid='{jid}'>{inner}</item></block></iq>"

    def test_a_report_blocks_and_is_logged_without_its_text_or_its_sender(self):
        alice, bob = self.pair()
        for number, reason in enumerate(("urn:xmpp:reporting:spam", "urn:xmpp:reporting:abuse", "urn:example:own reason", "")):
            alice.asks_ok(self.report(f"spammer{number}@elsewhere.example", reason))
        self.assertEqual(4, len(self.listed(alice)))
        lines = until(lambda: (lambda found: found if len(found) == 4 else None)([line for line in self.log().splitlines() if "abuse_reported" in line and "spammer" in line]), "the lines")
        for number, word in enumerate(("spam", "abuse", "other", "other")):
            self.assertIn(f"spammer{number}@elsewhere.example", lines[number])
            self.assertIn(word, lines[number])
        for absent in ("canary", alice.jid, "own reason"):
            self.assertNotIn(absent, "".join(lines))

    def test_a_block_without_a_report_is_not_logged(self):
        alice, _ = self.pair()
        before = self.log().count("abuse_reported")
        alice.asks_ok(block("quiet@elsewhere.example"))
        alice.asks_ok(self.report("marker@elsewhere.example", "urn:xmpp:reporting:spam"))
        until(lambda: "marker@" in self.log(), "the marker's line")
        self.assertEqual(before + 1, self.log().count("abuse_reported"))


if __name__ == "__main__":
    main()
