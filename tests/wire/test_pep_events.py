# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0163 section 4: who is notified of what, by presence and capabilities; last items for whoever comes."""
from lethe_test import WireCase, main
from lethe_test.pubsub import INFO, answer_caps, as_owner, caps, configure, events_in, item, publish, retract, wants


def note(text):
    return f"<note xmlns='urn:test'>{text}</note>"


def news(*items):
    return [("item", item_id, text) for item_id, text in items]


class Events(WireCase):
    def trio(self, *nodes):
        """The owner, his friend and a stranger, all of them wanting news of these nodes."""
        clients = [self.session(a, "r") for a in self.accounts(3)]
        for client in clients:
            wants(client, *nodes)
        self.befriend(clients[0], clients[1])
        return clients

    def test_friends_and_own_sessions_that_want_it_are_notified_and_nobody_else(self):
        owner, friend, stranger = self.trio("n")
        second = self.session(owner.account, "second")
        wants(second, "n")
        deaf = self.session(owner.account, "deaf")
        wants(deaf, "other")
        silent = self.session(owner.account, "silent")
        self.settle(owner, second, deaf, silent, friend)
        owner.asks_ok(publish("n", item("a", note("hello"))))
        told = [(owner.jid, "n", news(("a", "hello")))]
        for client in (owner, second, friend):
            got = client.collect()
            self.assertEqual(told, events_in(got))
            message = next(s for s in got if s.name == "message")
            self.assertEqual(("headline", client.full), (message.type, message.get("to")))
        for client in (stranger, deaf, silent):
            client.receives_nothing()

    def test_whitelist_nodes_are_told_to_the_owner_alone(self):
        owner, friend, stranger = self.trio("n")
        owner.asks_ok(publish("n", item("a", note("x")), access_model="whitelist"))
        self.assertEqual(1, len(events_in(owner.collect())))
        friend.receives_nothing(), stranger.receives_nothing()

    def test_what_is_retracted_purged_and_deleted_is_told(self):
        owner, friend, _ = self.trio("n")
        owner.asks_ok(publish("n", item("a", note(1)), item("b", note(2)), max_items="max"))
        owner.asks_ok(retract("n", "a"))
        owner.asks_ok(as_owner("purge", "n"))
        owner.asks_ok(as_owner("delete", "n"))
        expected = [news(("a", "1"), ("b", "2")), [("retract", "a", None)], [("purge", None, None)], [("delete", None, None)]]
        for client in (owner, friend):
            self.assertEqual([(owner.jid, "n", what) for what in expected], events_in(client.collect()))

    def test_what_the_node_is_told_to_keep_to_itself(self):
        owner, friend, _ = self.trio("n")
        owner.asks_ok(publish("n", item("a", note(1)), max_items="max", deliver_payloads="false", notify_retract="false", notify_delete="false"))
        owner.asks_ok(publish("n", item("b", note(2))))
        owner.asks_ok(retract("n", "b"))
        owner.asks_ok(as_owner("delete", "n"))
        self.assertEqual([(owner.jid, "n", [("item", i, None)]) for i in "ab"], events_in(friend.collect()))
        owner.asks_ok(publish("n", item("a", note(1)), max_items="max", notify_retract="false", notification_type="normal"))
        owner.asks_ok(retract("n", "a", notify="true"))
        got = friend.collect()
        self.assertEqual([news(("a", "1")), [("retract", "a", None)]], [what for _, _, what in events_in(got)])
        self.assertEqual({"normal"}, {s.type for s in got})

    def test_blocked_people_hear_nothing_and_those_who_block_neither(self):
        owner, friend, _ = self.trio("n")
        block = "<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{}'/></block></iq>"
        unblock = "<iq type='set'><unblock xmlns='urn:xmpp:blocking'/></iq>"
        for one, other in ((owner, friend), (friend, owner)):
            one.asks_ok(block.format(other.jid))
            self.settle(owner, friend)
            owner.asks_ok(publish("n", item("a", note("x"))))
            self.assertEqual([], events_in(friend.collect()))
            one.asks_ok(unblock)
            self.settle(owner, friend)

    def test_last_items_come_with_the_first_presence(self):
        owner, friend, stranger = self.trio("n")
        for access, node in (("presence", "n"), ("open", "o"), ("whitelist", "w")):
            owner.asks_ok(publish(node, item("a", note("old")), item("b", note("new of " + node)), access_model=access, max_items="max"))
        owner.asks_ok(publish("never", item("a", note("x")), send_last_published_item="never"))
        def comes(account):
            client = self.session(account, "new")
            return sorted((node, what) for _, node, what in events_in(wants(client, "n", "o", "w", "never")))
        self.assertEqual([(n, news(("b", "new of " + n))) for n in "now"], comes(owner.account))
        self.assertEqual([(n, news(("b", "new of " + n))) for n in "no"], comes(friend.account))
        self.assertEqual([], comes(stranger.account))

    def test_the_owner_comes_and_his_contacts_get_what_they_have_not_seen_once(self):
        owner, friend, _ = self.trio("n", "o")
        owner.asks_ok(publish("n", item("a", note("x"))))
        friend.collect()
        friend.leaves()
        owner.leaves()
        friend = self.session(friend.account, "r")
        self.assertEqual([], events_in(wants(friend, "n")))
        for round_ in range(2):
            owner = self.session(owner.account, "r")
            wants(owner, "n")
            self.assertEqual([(owner.jid, "n", news(("a", "x")))] if round_ == 0 else [], events_in(friend.collect()))
            owner.leaves()
            friend.collect()

    def test_the_same_item_is_not_sent_again_and_another_is(self):
        owner, friend, _ = self.trio("n")
        owner.asks_ok(publish("n", item("a", note("x"))))
        self.assertEqual(1, len(events_in(friend.collect())))
        owner.sends("<presence type='unavailable'/>"), owner.collect()
        owner.sends("<presence/>"), owner.collect()
        self.assertEqual([], events_in(friend.collect()))
        owner.asks_ok(publish("n", item("a", note("y"))))
        self.assertEqual([news(("a", "y"))], [what for _, _, what in events_in(friend.collect())])

    def test_who_missed_a_return_to_an_earlier_item_is_sent_it(self):
        owner, friend, _ = self.trio("n")
        for text in "ab":
            owner.asks_ok(publish("n", item("current", note(text))))
        self.assertEqual(2, len(events_in(friend.collect())))
        friend.sends("<presence type='unavailable'/>"), friend.collect()
        owner.asks_ok(publish("n", item("current", note("a"))))
        friend.receives_nothing()
        self.assertEqual([(owner.jid, "n", news(("current", "a")))], events_in(wants(friend, "n")))

    def test_a_client_that_is_blocked_by_its_full_address_hears_nothing(self):
        owner, friend, _ = self.trio("n")
        second = self.session(friend.account, "second")
        wants(second, "n")
        owner.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{friend.full}'/></block></iq>")
        self.settle(owner, friend, second)
        owner.asks_ok(publish("n", item("a", note("x"))))
        self.assertEqual([], events_in(friend.collect()))
        self.assertEqual(1, len(events_in(second.collect())))
        friend.sends("<presence type='unavailable'/>"), friend.collect()
        self.assertEqual([], events_in(wants(friend, "n")))

    def test_a_client_is_asked_once_for_each_of_its_kind(self):
        one, two, three = (self.session(a, "r") for a in self.accounts(3))
        wants(one, "urn:test:kind")
        wants(two, "urn:test:kind")
        self.assertEqual((1, 0), (one.asked_for_caps, two.asked_for_caps))
        two.asks_ok(publish("urn:test:kind", item("a", note("x"))))
        self.assertEqual(1, len(events_in(two.collect())))
        wants(three, "urn:test:kind", "urn:test:another")
        self.assertEqual(1, three.asked_for_caps)

    def test_new_capabilities_bring_what_is_newly_wanted(self):
        owner = self.session(self.account(), "r")
        wants(owner, "n")
        owner.asks_ok(publish("n", item("a", note(1))))
        owner.asks_ok(publish("m", item("b", note(2))))
        self.assertEqual(["n"], [node for _, node, _ in events_in(owner.collect())])
        self.assertEqual(["m"], [node for _, node, _ in events_in(wants(owner, "m", "n"))])

    def test_an_answer_without_the_hash_is_believed_for_its_session_only(self):
        liar, victim = (self.session(a, "r") for a in self.accounts(2))
        truth = [INFO, "urn:test:truth+notify"]
        liar.sends(f"<presence>{caps(truth)}</presence>")
        query = next(s for s in liar.collect() if s.name == "iq")
        answer_caps(liar, query, [INFO, "urn:test:lie+notify"])
        liar.asks_ok(publish("urn:test:lie", item("a", note("x"))))
        self.assertEqual(1, len(events_in(liar.collect())))
        wants(victim, "urn:test:truth")
        self.assertEqual(1, victim.asked_for_caps)

    def test_an_answer_that_hides_features_in_others_is_believed_for_its_session_only(self):
        liar, victim = (self.session(a, "r") for a in self.accounts(2))
        truth = sorted([INFO, "urn:test:hidden+notify"])
        liar.sends(f"<presence>{caps(truth)}</presence>")
        query = next(s for s in liar.collect() if s.name == "iq")
        answer_caps(liar, query, ["&lt;".join(truth)])
        liar.collect()
        wants(victim, "urn:test:hidden")
        self.assertEqual(1, victim.asked_for_caps)
        victim.asks_ok(publish("urn:test:hidden", item("a", note("x"))))
        self.assertEqual(1, len(events_in(victim.collect())))

    def test_a_client_that_does_not_answer_is_told_nothing_and_odd_answers_do_no_harm(self):
        client = self.session(self.account(), "r")
        client.sends(f"<presence>{caps([INFO, 'n+notify'])}</presence>")
        query = next(s for s in client.collect() if s.name == "iq")
        client.asks_ok(publish("n", item("a", note("x"))))
        client.sends(f"<iq type='result' id='other' to='{query.get('from')}'/>")
        client.sends(f"<iq type='error' id='{query.get('id')}' to='{query.get('from')}'/>")
        answer_caps(client, query, [INFO, "n+notify"])
        client.receives_nothing()

    def test_a_node_that_is_closed_is_told_to_contacts_no_more(self):
        owner, friend, _ = self.trio("n")
        owner.asks_ok(publish("n", item("a", note(1))))
        owner.asks_ok(configure("n", access_model="whitelist"))
        owner.asks_ok(publish("n", item("a", note(2))))
        self.assertEqual([news(("a", "1"))], [what for _, _, what in events_in(friend.collect())])


if __name__ == "__main__":
    main()
