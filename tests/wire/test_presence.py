# SPDX-License-Identifier: AGPL-3.0-or-later
"""Presence (RFC 6121 section 4): initial, broadcast, probes, directed, unavailable, three sessions with different priorities."""
from lethe_test import WireCase, main


class PresenceCase(WireCase):
    def friends(self, *resources):
        """Two befriended accounts, logged out."""
        alice, bob = (self.online(a, "setup") for a in self.accounts(2))
        self.befriend(alice, bob)
        alice.leaves(), bob.leaves()
        return alice.account, bob.account

    def presences(self, stanzas):
        return sorted(((s.get("from"), s.type) for s in stanzas if s.name == "presence"), key=str)


class Broadcast(PresenceCase):
    def test_initial_presence_reaches_oneself_ones_sessions_and_ones_subscribers(self):
        alice, bob = self.friends()
        watcher, other = self.online(bob, "watcher"), self.online(alice, "other")
        watcher.collect()
        client = self.session(alice, "new")
        client.sends("<presence><show>chat</show><status>here</status><priority>3</priority></presence>")
        pattern = f"<presence from='{client.full}'><show>chat</show><status>here</status><priority>3</priority></presence>"
        watcher.receives(pattern.replace("<presence ", f"<presence to='{bob.jid}' "))
        other.receives(pattern)
        got = client.collect()
        self.assertEqual(sorted([(client.full, None), (other.full, None), (watcher.full, None)], key=str), self.presences(got))

    def test_a_session_without_presence_is_not_shown_and_sees_nothing(self):
        alice, bob = self.friends()
        silent = self.session(alice, "silent")
        watcher = self.online(bob, "watcher")
        self.assertEqual([], [s for s in watcher.at_login if s.type is None])
        watcher.sends("<presence><show>away</show></presence>")
        watcher.collect()
        silent.receives_nothing()
        silent.leaves()
        watcher.receives_nothing()

    def test_updates_go_to_subscribers_only(self):
        alice, bob = self.friends()
        stranger = self.online(self.account(), "r")
        watcher, client = self.online(bob, "watcher"), self.online(alice, "r")
        watcher.collect()
        client.sends("<presence><show>dnd</show></presence>")
        client.receives(f"<presence from='{client.full}'><show>dnd</show></presence>")
        watcher.receives(f"<presence from='{client.full}' to='{bob.jid}'><show>dnd</show></presence>")
        stranger.receives_nothing()

    def test_one_sided_subscriptions_flow_one_way(self):
        one, two = (self.online(a, "r") for a in self.accounts(2))
        one.sends(f"<presence type='subscribe' to='{two.jid}'/>")
        one.collect()
        two.collect()
        two.sends(f"<presence type='subscribed' to='{one.jid}'/>")
        self.settle(two, one)
        two.sends("<presence><show>away</show></presence>")
        two.collect()
        self.assertEqual([(two.full, None)], self.presences(one.collect()))
        one.sends("<presence><show>away</show></presence>")
        one.collect()
        two.receives_nothing()

    def test_unavailable_presence_is_broadcast_with_its_status_and_the_session_lives_on(self):
        alice, bob = self.friends()
        watcher, client = self.online(bob, "watcher"), self.online(alice, "r")
        watcher.collect()
        client.sends("<presence type='unavailable'><status>gone fishing</status></presence>")
        watcher.receives(f"<presence from='{client.full}' type='unavailable'><status>gone fishing</status></presence>")
        client.collect()
        watcher.sends("<presence><show>away</show></presence>")
        watcher.collect()
        client.receives_nothing()
        got = client.goes_online()
        self.assertEqual([(watcher.full, None)], self.presences(got))
        watcher.receives(f"<presence from='{client.full}'/>")

    def test_every_way_to_leave_is_seen_as_unavailable_once(self):
        alice, bob = self.friends()
        watcher = self.online(bob, "watcher")
        for way in ("</stream:stream>", "</x>", None, "<presence type='unavailable'/></stream:stream>"):
            with self.subTest(way or "the connection drops"):
                client = self.online(alice, "r")
                watcher.collect()
                if way:
                    client.send_bytes(way)
                client.drop()
                watcher.receives(f"<presence from='{client.full}' type='unavailable'>...</presence>")
                watcher.receives_nothing()

    def test_payloads_of_presence_pass_untouched(self):
        alice, bob = self.friends()
        watcher, client = self.online(bob, "watcher"), self.online(alice, "r")
        watcher.collect()
        caps = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>"
        client.sends(f"<presence>{caps}<x xmlns='vcard-temp:x:update'><photo/></x></presence>")
        watcher.receives(f"<presence from='{client.full}'>{caps}<x xmlns='vcard-temp:x:update'><photo/></x></presence>")

    def test_bad_priorities_and_unknown_types_are_bad_requests(self):
        client = self.online(self.account(), "r")
        for inner in ("<priority>128</priority>", "<priority>-129</priority>", "<priority>high</priority>"):
            with self.subTest(inner):
                client.sends(f"<presence id='p'>{inner}</presence>")
                got = [s for s in client.collect() if s.type == "error"]
                self.assertEqual(["bad-request"], [s.condition for s in got])
        client.sends("<presence id='p' type='sideways'/>")
        self.assertEqual(["bad-request"], [s.condition for s in client.collect() if s.type == "error"])

    def test_extreme_priorities_are_fine(self):
        for priority in (-128, 0, 127):
            self.online(self.account(), "r", priority=priority).receives_nothing()


class Probes(PresenceCase):
    def test_who_comes_online_learns_who_is_there(self):
        alice, bob = self.friends()
        sessions = [self.online(bob, f"r{n}", priority=n) for n in (1, -1)]
        client = self.online(alice, "r")
        self.assertEqual(sorted(((s.full, None) for s in sessions), key=str), self.presences(client.at_login + client.collect()))

    def test_a_clients_own_probe_is_answered_only_for_subscribers(self):
        alice, bob = self.friends()
        stranger = self.online(self.account(), "r")
        client, target = self.online(alice, "r"), self.online(bob, "r")
        client.collect()
        client.sends(f"<presence type='probe' to='{bob.jid}'/>")
        self.assertIn([s for s in self.presences(client.collect())], ([(target.full, None)], []))
        for to in (target.full, bob.jid, f"nobody@{self.server.domain}"):
            stranger.sends(f"<presence type='probe' to='{to}'/>")
        stranger.receives_nothing()
        target.receives_nothing()

    def test_the_last_presence_is_what_a_newcomer_sees(self):
        alice, bob = self.friends()
        target = self.online(bob, "r")
        for show in ("away", "dnd", "xa"):
            target.sends(f"<presence><show>{show}</show></presence>")
        target.collect()
        client = self.online(alice, "r")
        (seen,) = [s for s in client.at_login + client.collect() if s.get("from") == target.full]
        self.assertEqual("xa", seen.text_of("show"))

    def test_a_later_update_does_not_probe_again(self):
        alice, bob = self.friends()
        self.online(bob, "r")
        client = self.online(alice, "r")
        client.collect()
        client.sends("<presence><show>away</show></presence>")
        self.assertEqual([(client.full, None)], self.presences(client.collect()))


class Directed(PresenceCase):
    def test_directed_presence_reaches_its_target_only_and_ends_with_the_session(self):
        sender, target, other = (self.online(a, "r") for a in self.accounts(3))
        sender.sends(f"<presence to='{target.full}'><status>just you</status></presence>")
        sender.receives_nothing()
        target.receives(f"<presence from='{sender.full}' to='{target.full}'><status>just you</status></presence>")
        other.receives_nothing()
        sender.leaves()
        target.receives(f"<presence from='{sender.full}' type='unavailable'>...</presence>")
        target.receives_nothing()

    def test_directed_presence_to_a_bare_address_reaches_all_its_sessions(self):
        sender_account, target = self.accounts(2)
        sessions = [self.online(target, f"r{n}", priority=n) for n in (0, 5, -1)]
        self.settle(*sessions)
        sender = self.online(sender_account, "r")
        sender.sends(f"<presence to='{target.jid}'/>")
        sender.collect()
        for session in sessions:
            session.receives(f"<presence from='{sender.full}' to='{target.jid}'/>")

    def test_directed_unavailable_takes_it_back_once(self):
        sender, target = (self.online(a, "r") for a in self.accounts(2))
        sender.sends(f"<presence to='{target.full}'/>")
        sender.sends(f"<presence to='{target.full}' type='unavailable'/>")
        sender.collect()
        target.receives(f"<presence from='{sender.full}'/>")
        target.receives(f"<presence from='{sender.full}' type='unavailable'/>")
        sender.leaves()
        target.receives_nothing()

    def test_broadcast_updates_do_not_follow_directed_presence(self):
        sender, target = (self.online(a, "r") for a in self.accounts(2))
        sender.sends(f"<presence to='{target.full}'/>")
        sender.sends("<presence><show>away</show></presence>")
        sender.collect()
        target.receives(f"<presence from='{sender.full}'/>")
        target.receives_nothing()

    def test_unavailable_broadcast_reaches_who_got_directed_presence(self):
        sender, target = (self.online(a, "r") for a in self.accounts(2))
        sender.sends(f"<presence to='{target.full}'/>")
        sender.sends("<presence type='unavailable'/>")
        sender.collect()
        target.receives(f"<presence from='{sender.full}'/>")
        target.receives(f"<presence from='{sender.full}' type='unavailable'>...</presence>")

    def test_directed_presence_without_initial_presence(self):
        account, target = self.account(), self.online(self.account(), "r")
        sender = self.session(account, "r")
        sender.sends(f"<presence to='{target.full}'/>")
        sender.collect()
        target.receives(f"<presence from='{sender.full}'/>")
        sender.drop()
        target.receives(f"<presence from='{sender.full}' type='unavailable'>...</presence>")

    def test_directed_presence_lets_the_other_side_ask_that_session(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        question = f"<iq type='get' id='v' to='{alice.full}'><query xmlns='jabber:iq:version'/></iq>"
        self.assert_error(bob.asks(question), "service-unavailable")
        alice.receives_nothing()
        alice.sends(f"<presence to='{bob.full}'/>")
        alice.collect()
        bob.receives(f"<presence from='{alice.full}'/>")
        bob.sends(question)
        alice.receives(f"<iq type='get' id='v' from='{bob.full}' to='{alice.full}'><query xmlns='jabber:iq:version'/></iq>")
        alice.sends(f"<iq type='result' id='v' to='{bob.full}'><query xmlns='jabber:iq:version'><name>x</name></query></iq>")
        bob.receives(f"<iq type='result' id='v' from='{alice.full}'><query xmlns='jabber:iq:version'><name>x</name></query></iq>")
        alice.sends(f"<presence to='{bob.full}' type='unavailable'/>")
        alice.collect()
        bob.receives(f"<presence from='{alice.full}' type='unavailable'/>")
        self.assert_error(bob.asks(question), "service-unavailable")

    def test_presence_to_nobody_is_dropped(self):
        client = self.online(self.account(), "r")
        for to in (f"nobody@{self.server.domain}", f"nobody@{self.server.domain}/x"):
            client.sends(f"<presence to='{to}'/>")
            client.sends(f"<presence to='{to}' type='unavailable'/>")
        client.receives_nothing()


class ThreeSessions(PresenceCase):
    def test_sessions_see_each_other_come_change_and_go(self):
        account = self.account()
        one = self.online(account, "one", priority=5)
        two = self.online(account, "two", priority=0)
        one.receives(f"<presence from='{two.full}'><priority>0</priority></presence>")
        self.assertEqual([(one.full, None)], self.presences(two.at_login))
        three = self.online(account, "three", priority=-1)
        self.assertEqual([(one.full, None), (two.full, None)], self.presences(three.at_login))
        for session in (one, two):
            session.receives(f"<presence from='{three.full}'><priority>-1</priority></presence>")
        two.sends("<presence><priority>9</priority></presence>")
        for session in (one, two, three):
            session.receives(f"<presence from='{two.full}'><priority>9</priority></presence>")
        one.drop()
        for session in (two, three):
            session.receives(f"<presence from='{one.full}' type='unavailable'>...</presence>")
            session.receives_nothing()

    def test_a_contact_sees_each_session_by_itself(self):
        alice, bob = self.friends()
        watcher = self.online(bob, "watcher")
        sessions = [self.online(alice, f"r{n}", priority=n) for n in (5, 0, -1)]
        for session, priority in zip(sessions, (5, 0, -1)):
            watcher.receives(f"<presence from='{session.full}'><priority>{priority}</priority></presence>")
        sessions[0].leaves()
        watcher.receives(f"<presence from='{sessions[0].full}' type='unavailable'>...</presence>")
        watcher.receives_nothing()


if __name__ == "__main__":
    main()
