# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who reads what of an account's nodes, while its owner is there and while he is away."""
from lethe_test import WireCase, main
from lethe_test.pubsub import INFO, ITEMS, as_owner, configure, create, item, items, items_of, publish, pubsub_condition, retract, texts_of


def note(text):
    return f"<note xmlns='urn:test'>{text}</note>"


class Readers(WireCase):
    def setUp(self):
        super().setUp()
        self.owner, self.friend, self.stranger = (self.online(a, "r") for a in self.accounts(3))
        self.befriend(self.owner, self.friend)
        for access in ("open", "presence", "whitelist"):
            self.owner.asks_ok(publish(access, item("i", note("of " + access)), access_model=access))
        self.settle(self.owner, self.friend)

    def seen(self, client, node):
        """The text of the one item, or (condition, pubsub's condition)."""
        answer = client.asks(items(node, to=self.owner.jid))
        if answer.type == "error":
            return answer.condition, pubsub_condition(answer)
        return texts_of(answer)[0][1]

    HIDDEN = ("not-authorized", "presence-subscription-required")

    def test_while_the_owner_is_there(self):
        self.assertEqual(["of open", "of presence", "of whitelist"], [self.seen(self.owner, n) for n in ("open", "presence", "whitelist")])
        self.assertEqual(["of open", "of presence", ("not-allowed", "closed-node"), ("item-not-found", None)],
                         [self.seen(self.friend, n) for n in ("open", "presence", "whitelist", "none")])
        self.assertEqual(["of open", self.HIDDEN, self.HIDDEN, self.HIDDEN], [self.seen(self.stranger, n) for n in ("open", "presence", "whitelist", "none")])

    def test_while_the_owner_is_away_open_nodes_are_served_and_nothing_else_is_told(self):
        self.owner.leaves()
        for who in (self.friend, self.stranger):
            self.assertEqual(["of open", self.HIDDEN, self.HIDDEN, self.HIDDEN], [self.seen(who, n) for n in ("open", "presence", "whitelist", "none")])
        self.server.stop()
        self.server.start()
        self.assertEqual("of open", self.seen(self.session(self.stranger.account, "again"), "open"))

    def test_blocked_people_read_what_is_open_in_either_state_and_nothing_else(self):
        self.owner.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{self.friend.jid}'/></block></iq>")
        before = [self.seen(self.friend, n) for n in ("open", "presence", "whitelist", "none")]
        self.assertEqual(["of open", self.HIDDEN, self.HIDDEN, self.HIDDEN], before)
        self.owner.leaves()
        self.assertEqual(before, [self.seen(self.friend, n) for n in ("open", "presence", "whitelist", "none")])

    def test_a_node_that_is_closed_is_no_longer_served(self):
        self.owner.asks_ok(configure("open", access_model="whitelist"))
        self.assertEqual(self.HIDDEN, self.seen(self.stranger, "open"))
        self.owner.asks_ok(configure("presence", access_model="open"))
        self.owner.leaves()
        self.assertEqual([self.HIDDEN, "of presence"], [self.seen(self.stranger, n) for n in ("open", "presence")])

    def test_nobody_but_the_owner_changes_anything(self):
        for who in (self.friend, self.stranger):
            for request in (publish("open", item("i", note("x"))), retract("open", "i"), create("mine"), configure("open", title="x"), as_owner("delete", "open"),
                            as_owner("configure", "open"), as_owner("default", None)):
                self.assert_error(who.asks(request.replace("<iq ", f"<iq to='{self.owner.jid}' ", 1)), "forbidden")
        self.assertEqual("of open", self.seen(self.stranger, "open"))

    def test_an_account_that_does_not_exist_has_no_nodes(self):
        for request, condition in ((items("open"), "not-authorized"), (publish("open", item("i", note("x"))), "forbidden")):
            self.assert_error(self.stranger.asks(request.replace("<iq ", f"<iq to='nobody@{self.server.domain}' ", 1)), condition)

    def test_contacts_see_in_the_list_what_they_may_read(self):
        def listed(client):
            answer = client.asks(f"<iq type='get' to='{self.owner.jid}'><query xmlns='{ITEMS}'/></iq>")
            return {i.get("node") for i in answer.child("query", ITEMS)} if answer.type == "result" else answer.condition
        self.assertEqual({"open", "presence", "whitelist"}, listed(self.owner))
        self.assertEqual({"open", "presence"}, listed(self.friend))
        self.assertEqual("service-unavailable", listed(self.stranger))
        for node, expected in (("open", "result"), ("whitelist", "error"), ("none", "error")):
            self.assertEqual(expected, self.friend.asks(f"<iq type='get' to='{self.owner.jid}'><query xmlns='{INFO}' node='{node}'/></iq>").type, node)

    def test_a_new_password_keeps_everything_and_a_reset_keeps_nothing(self):
        account = self.owner.account
        self.owner.asks_ok(publish("many", *(item(f"i{n}", note(n)) for n in range(30)), access_model="open", max_items="max"))
        self.owner.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{account.local}</username><password>another one</password></query></iq>")
        self.assertEqual(["of open", "of presence", "of whitelist"], [self.seen(self.owner, n) for n in ("open", "presence", "whitelist")])
        self.owner.asks_ok(publish("later", item("i", note("of later")), access_model="open"))
        self.owner.leaves()
        self.assertEqual(["of open", "of later"], [self.seen(self.stranger, n) for n in ("open", "later")])
        self.assertEqual(30, len(items_of(self.stranger.asks_ok(items("many", to=account.jid)))))
        account.password = "another one"
        self.owner = self.online(account, "r")
        self.assertEqual(["of open", "of presence", "of whitelist", "of later"], [self.seen(self.owner, n) for n in ("open", "presence", "whitelist", "later")])
        self.server.ctl("account", "reset", account.jid, "--password-stdin", stdin="a third one\n")
        self.assertEqual(self.HIDDEN, self.seen(self.stranger, "open"))
        account.password = "a third one"
        self.owner = self.online(account, "r")
        self.assertEqual([("item-not-found", None)] * 3, [self.seen(self.owner, n) for n in ("open", "presence", "whitelist")])

    def test_an_erased_account_serves_nothing_and_a_new_one_of_its_name_begins_empty(self):
        account = self.owner.account
        self.server.ctl("account", "erase", account.jid)
        self.assertEqual(self.HIDDEN, self.seen(self.stranger, "open"))
        again = self.server.add_account(account.local)
        self.assertEqual(self.HIDDEN, self.seen(self.stranger, "open"))
        self.owner = self.online(again, "r")
        self.assertEqual(("item-not-found", None), self.seen(self.owner, "open"))

    def test_publishing_while_the_password_changes_loses_nothing_that_was_confirmed(self):
        account = self.owner.account
        change = (f"<iq type='set' id='change'><query xmlns='jabber:iq:register'><username>{account.local}</username>"
                  "<password>yet another</password></query></iq>")
        for n in range(40):
            if n == 5:
                self.owner.sends(change)
            self.owner.sends(publish("many", item(f"i{n}", note(n)), access_model="open", max_items="max").replace("<iq ", f"<iq id='p{n}' ", 1))
        answers = {}
        while not {"change", *(f"p{n}" for n in range(40))} <= answers.keys():
            for stanza in self.owner.collect():
                answers[stanza.get("id")] = stanza
        self.assertEqual("result", answers.pop("change").type)
        confirmed = {f"i{n}" for n in range(40) if answers[f"p{n}"].type == "result"}
        self.assertLessEqual({a.condition for a in answers.values() if a.type == "error"}, {"resource-constraint"})
        self.owner.leaves()
        self.assertLessEqual(confirmed, {i for i, _ in items_of(self.stranger.asks_ok(items("many", to=account.jid)))})


if __name__ == "__main__":
    main()
