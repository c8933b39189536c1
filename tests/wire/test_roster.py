# SPDX-License-Identifier: AGPL-3.0-or-later
"""The roster (RFC 6121 section 2): get, set, push, versions, removal, and every bad request."""
from lethe_test import WireCase, main
from lethe_test.xmlstream import ROSTER

GET = f"<iq type='get'><query xmlns='{ROSTER}'/></iq>"


def set_item(attributes, inner="", iq_attributes=""):
    return f"<iq type='set' {iq_attributes}><query xmlns='{ROSTER}'><item {attributes}>{inner}</item></query></iq>"


class RosterCase(WireCase):
    def interested(self, account, resource):
        """A session that has asked for the roster and so gets pushes."""
        client = self.session(account, resource)
        client.roster_at_login = client.asks_ok(GET)
        return client

    def push(self, attributes, inner="", jid=""):
        """The pattern of a roster push; ver is there because the stream offers roster versions."""
        return f"<iq type='set' id='*' from='*'><query xmlns='{ROSTER}' ver='*'><item {attributes}>{inner}</item></query></iq>"

    def set_and_see(self, client, attributes, inner="", others=(), as_pushed=None):
        """Sets an item; the result and the push come to the setter, the push to the others. Returns the new version."""
        client.sends(set_item(attributes, inner).replace("<iq ", "<iq id='set' "))
        pushed = self.push(as_pushed or attributes + " subscription='none'", inner)
        _, got = client.receives_all("<iq type='result' id='set'/>", pushed)
        for other in others:
            other.receives(pushed)
        return got.element[0].get("ver")


class GetSetPush(RosterCase):
    def test_a_new_roster_is_empty(self):
        client = self.session(self.account(), "r")
        client.sends(GET.replace("<iq ", "<iq id='g' "))
        answer = client.next()
        self.assertEqual(("iq", "result", "g", 0), (answer.name, answer.type, answer.get("id"), len(answer.child("query", ROSTER))))

    def test_a_set_item_is_pushed_to_all_interested_sessions_and_to_no_other(self):
        account, stranger = self.accounts(2)
        one, two = self.interested(account, "one"), self.interested(account, "two")
        not_asked = self.session(account, "not-asked")
        foreign = self.interested(stranger, "r")
        self.set_and_see(one, "jid='a@localhost.example' name='A &amp; B'", "<group>Friends</group><group>Work</group>", [two])
        for client in (one, two, not_asked, foreign):
            client.receives_nothing()
        expected = {"a@localhost.example": ("none", None, "A & B", ("Friends", "Work"))}
        for client in (one, two, not_asked):
            self.assertEqual(expected, self.roster(client))
        self.assertEqual({}, self.roster(foreign))

    def test_the_roster_outlives_sessions_and_the_server(self):
        account = self.account()
        client = self.interested(account, "r")
        for number in range(3):
            self.set_and_see(client, f"jid='c{number}@elsewhere.example' name='N{number}'", "<group>G</group>")
        before = self.roster(client)
        self.assertEqual(3, len(before))
        client.leaves()
        again = self.session(account, "r")
        self.assertEqual(before, self.roster(again))
        again.leaves()
        self.server.restart()
        self.assertEqual(before, self.roster(self.session(account, "r")))

    def test_name_and_groups_are_replaced_whole(self):
        client = self.interested(self.account(), "r")
        self.set_and_see(client, "jid='a@localhost.example' name='One'", "<group>X</group><group>Y</group>")
        self.set_and_see(client, "jid='a@localhost.example' name='Two'", "<group>Z</group>")
        self.assertEqual({"a@localhost.example": ("none", None, "Two", ("Z",))}, self.roster(client))
        self.set_and_see(client, "jid='a@localhost.example'")
        self.assertEqual({"a@localhost.example": ("none", None, None, ())}, self.roster(client))

    def test_a_client_cannot_set_subscription_or_ask(self):
        client = self.interested(self.account(), "r")
        for claimed in ("both", "to", "from", "none", "nonsense"):
            self.set_and_see(client, f"jid='a@localhost.example' subscription='{claimed}' ask='subscribe' approved='true'",
                             as_pushed="jid='a@localhost.example' subscription='none'")
        self.assertEqual({"a@localhost.example": ("none", None, None, ())}, self.roster(client))

    def test_a_jid_is_normalised(self):
        client = self.interested(self.account(), "r")
        self.set_and_see(client, "jid='MiXed@LOCALHOST.example'", as_pushed="jid='mixed@localhost.example' subscription='none'")
        self.set_and_see(client, "jid='mixed@localhost.example' name='same'")
        self.assertEqual(1, len(self.roster(client)))

    def test_a_domain_can_be_a_contact(self):
        client = self.interested(self.account(), "r")
        self.set_and_see(client, "jid='gateway.example' name='Gateway'")

    def test_a_session_that_ended_gets_no_push_and_the_next_one_starts_anew(self):
        account = self.account()
        one, two = self.interested(account, "one"), self.interested(account, "two")
        two.leaves()
        self.set_and_see(one, "jid='a@localhost.example'")
        two = self.session(account, "two")
        self.set_and_see(one, "jid='b@localhost.example'")
        two.receives_nothing()

    def test_the_roster_can_be_asked_for_by_ones_own_bare_address(self):
        client = self.session(self.account(), "r")
        client.asks_ok(GET.replace("<iq ", f"<iq to='{client.jid}' "))

    def test_answers_to_pushes_are_swallowed(self):
        client = self.interested(self.account(), "r")
        client.sends(set_item("jid='a@localhost.example'", iq_attributes="id='s'"))
        _, pushed = client.receives_all("<iq type='result' id='s'/>", self.push("jid='a@localhost.example' subscription='none'"))
        client.sends(f"<iq type='result' id='{pushed.get('id')}'/>")
        client.sends("<iq type='error' id='nobody-asked'><error type='cancel'/></iq>")
        client.receives_nothing()


class Removal(RosterCase):
    def test_removing_pushes_the_removal(self):
        account = self.account()
        one, two = self.interested(account, "one"), self.interested(account, "two")
        self.set_and_see(one, "jid='a@localhost.example'", others=[two])
        self.set_and_see(one, "jid='a@localhost.example' subscription='remove'", others=[two],
                         as_pushed="jid='a@localhost.example' subscription='remove'")
        self.assertEqual({}, self.roster(two))

    def test_removing_what_is_not_there_is_item_not_found(self):
        client = self.interested(self.account(), "r")
        self.assert_error(client.asks(set_item("jid='a@localhost.example' subscription='remove'")), "item-not-found", "cancel")
        client.receives_nothing()

    def test_removing_a_contact_ends_both_subscriptions(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(alice, bob)
        self.roster(alice), self.roster(bob)
        alice.sends(set_item(f"jid='{bob.jid}' subscription='remove'", iq_attributes="id='s'"))
        alice.receives_all("<iq type='result' id='s'/>", self.push(f"jid='{bob.jid}' subscription='remove'"),
                           f"<presence from='{bob.full}' type='unavailable'>...</presence>")
        got = bob.collect()
        kinds = sorted((s.name, s.type, s.get("from")) for s in got if s.name == "presence")
        self.assertEqual([("presence", "unavailable", alice.full), ("presence", "unsubscribe", alice.jid),
                          ("presence", "unsubscribed", alice.jid)], kinds)
        self.assertEqual({alice.jid: ("none", None, None, ())}, self.roster(bob))
        self.assertEqual({}, self.roster(alice))
        alice.sends("<presence><status>secret</status></presence>")
        alice.collect()
        bob.receives_nothing()

    def test_removing_an_absent_contact_is_settled_when_he_returns(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(alice, bob)
        bob.leaves()
        alice.collect()
        alice.asks_ok(set_item(f"jid='{bob.jid}' subscription='remove'"))
        bob = self.session(bob.account, "again")
        self.assertEqual(("none", None), self.roster(bob)[alice.jid][:2])
        bob.goes_online()
        self.settle(bob, alice)
        bob.sends("<presence><status>secret</status></presence>")
        bob.collect()
        alice.receives_nothing()

    def test_removing_withdraws_a_request_of_ones_own(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        alice.sends(f"<presence type='subscribe' to='{bob.jid}'/>")
        alice.collect()
        bob.receives(f"<presence type='subscribe' from='{alice.jid}'/>")
        alice.asks_ok(set_item(f"jid='{bob.jid}' subscription='remove'"))
        self.settle(alice, bob)
        bob.sends(f"<presence type='subscribed' to='{alice.jid}'/>")
        self.settle(bob, alice)
        self.assertNotEqual("to", self.roster(alice).get(bob.jid, ("none",))[0])

    def test_a_removed_contact_starts_from_nothing(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(alice, bob)
        alice.asks_ok(set_item(f"jid='{bob.jid}' subscription='remove'"))
        self.settle(alice, bob)
        self.befriend(alice, bob)
        self.assertEqual("both", self.roster(alice)[bob.jid][0])
        self.assertEqual("both", self.roster(bob)[alice.jid][0])


class Versions(RosterCase):
    def versioned_get(self, client, ver):
        return client.asks_ok(f"<iq type='get'><query xmlns='{ROSTER}' ver='{ver}'/></iq>")

    def test_the_feature_is_offered(self):
        client = self.client(self.account())
        client.secure()
        client.authenticate()
        self.assertIsNotNone(client.features.child("ver", "urn:xmpp:features:rosterver"))

    def test_an_empty_version_gets_the_whole_roster_and_its_version(self):
        client = self.interested(self.account(), "r")
        self.set_and_see(client, "jid='a@localhost.example'")
        answer = self.versioned_get(client, "")
        query = answer.child("query", ROSTER)
        self.assertTrue(query.get("ver"))
        self.assertEqual(1, len(query))

    def test_who_is_up_to_date_gets_an_empty_answer(self):
        account = self.account()
        client = self.interested(account, "r")
        ver = self.set_and_see(client, "jid='a@localhost.example'")
        client.leaves()
        self.server.restart()
        again = self.session(account, "r")
        again.sends(f"<iq type='get' id='v'><query xmlns='{ROSTER}' ver='{ver}'/></iq>")
        again.receives("<iq type='result' id='v'/>")
        again.receives_nothing()

    def test_who_is_behind_gets_the_whole_roster_or_just_the_changes(self):
        account = self.account()
        client = self.interested(account, "r")
        old = self.set_and_see(client, "jid='a@localhost.example'")
        self.set_and_see(client, "jid='b@localhost.example' name='B'")
        self.set_and_see(client, "jid='a@localhost.example' subscription='remove'", as_pushed="jid='a@localhost.example' subscription='remove'")
        again = self.session(account, "again")
        answer = self.versioned_get(again, old)
        items = {"a@localhost.example": None}
        query = answer.child("query", ROSTER)
        changes = [] if query is None else list(query)
        if query is None:
            changes = [p.element[0][0] for p in again.collect()]
        else:
            items = {}
        for item in changes:
            items[item.get("jid")] = item
            if item.get("subscription") == "remove":
                del items[item.get("jid")]
        self.assertEqual(["b@localhost.example"], list(items))

    def test_an_unknown_version_gets_the_whole_roster(self):
        client = self.interested(self.account(), "r")
        self.set_and_see(client, "jid='a@localhost.example'")
        for ver in ("nonsense", "99999999999999999999999", "-1", "&lt;"):
            self.assertEqual(1, len(self.versioned_get(client, ver).child("query", ROSTER)), ver)

    def test_every_change_has_a_version_of_its_own(self):
        client = self.interested(self.account(), "r")
        versions = [self.set_and_see(client, f"jid='c{n}@localhost.example'") for n in range(5)]
        self.assertEqual(5, len(set(versions)))


class BadRequests(RosterCase):
    config = {"limits": {"roster_items": 5}}

    def test_what_is_wrong_is_refused_and_changes_nothing(self):
        client = self.interested(self.account(), "r")
        own = client.jid
        cases = [
            ("two items", f"<iq type='set'><query xmlns='{ROSTER}'><item jid='a@b.example'/><item jid='c@b.example'/></query></iq>", ["bad-request"]),
            ("no item", f"<iq type='set'><query xmlns='{ROSTER}'/></iq>", ["bad-request"]),
            ("no jid", set_item("name='x'"), ["bad-request"]),
            ("an empty jid", set_item("jid=''"), ["bad-request", "jid-malformed"]),
            ("a malformed jid", set_item("jid='@@'"), ["bad-request", "jid-malformed"]),
            ("a twofold group", set_item("jid='a@b.example'", "<group>x</group><group>x</group>"), ["bad-request"]),
            ("an empty group", set_item("jid='a@b.example'", "<group/>"), ["not-acceptable", "bad-request"]),
            ("a long name", set_item(f"jid='a@b.example' name='{'x' * 5000}'"), ["not-acceptable"]),
            ("a long group", set_item("jid='a@b.example'", f"<group>{'x' * 5000}</group>"), ["not-acceptable"]),
            ("too many groups", set_item("jid='a@b.example'", "".join(f"<group>{n}</group>" for n in range(1000))), ["not-acceptable", "resource-constraint", "policy-violation"]),
            ("oneself", set_item(f"jid='{own}'"), ["not-allowed", "bad-request", "conflict", "not-acceptable"]),
            ("a get with an item that is no get", f"<iq type='get'><query xmlns='{ROSTER}'><item jid='a@b.example'/></query></iq>", ["bad-request", None]),
        ]
        for what, iq, conditions in cases:
            with self.subTest(what):
                answer = client.asks(iq)
                self.assertIn(answer.condition, conditions, f"{answer}")
        client.receives_nothing()
        self.assertEqual({}, self.roster(client))

    def test_somebody_elses_roster_cannot_be_read_or_written(self):
        alice, bob = self.accounts(2)
        watcher, client = self.interested(bob, "r"), self.interested(alice, "r")
        for iq in (GET, set_item("jid='a@localhost.example'")):
            answer = client.asks(iq.replace("<iq ", f"<iq to='{bob.jid}' "))
            self.assertIn(answer.condition, ("service-unavailable", "forbidden", "not-authorized"))
        watcher.receives_nothing()
        self.assertEqual({}, self.roster(watcher))

    def test_a_push_can_only_come_from_the_server(self):
        alice, bob = self.accounts(2)
        watcher, client = self.interested(bob, "r"), self.session(alice, "r")
        answer = client.asks(set_item("jid='evil@localhost.example' subscription='both'").replace("<iq ", f"<iq to='{watcher.full}' "))
        self.assert_error(answer, "service-unavailable")
        watcher.receives_nothing()

    def test_a_full_roster_takes_changes_but_no_new_contacts(self):
        client = self.interested(self.account(), "r")
        for number in range(5):
            client.asks_ok(set_item(f"jid='c{number}@localhost.example'"))
        self.assertIn(client.asks(set_item("jid='more@localhost.example'")).condition, ("resource-constraint", "not-allowed", "policy-violation"))
        client.asks_ok(set_item("jid='c1@localhost.example' name='changed'"))
        client.asks_ok(set_item("jid='c0@localhost.example' subscription='remove'"))
        client.asks_ok(set_item("jid='more@localhost.example'"))


if __name__ == "__main__":
    main()
