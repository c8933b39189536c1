# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0163 and XEP-0060: an owner publishes, configures, retracts and deletes; what is asked for wrongly is refused properly."""
from lethe_test import WireCase, main
from lethe_test.pubsub import (DATA, INFO, ITEMS, OWNER, PUBSUB, as_owner, config_of, configure, create, item, items, items_of, publish, pubsub_condition,
                               retract, texts_of)


def note(text):
    return f"<note xmlns='urn:test'>{text}</note>"


class Publishing(WireCase):
    def owner(self):
        return self.online(self.account(), "r")

    def assert_refused(self, answer, condition, specific=None):
        self.assert_error(answer, condition)
        self.assertEqual(specific, pubsub_condition(answer), f"{answer}")

    def test_the_account_says_that_it_is_a_pubsub_service(self):
        client = self.owner()
        answer = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
        self.assertIn(("pubsub", "pep"), {(i.get("category"), i.get("type")) for i in answer.findall(f"{{{INFO}}}identity")})
        features = {f.get("var") for f in answer.findall(f"{{{INFO}}}feature")}
        for name in ("publish", "publish-options", "auto-create", "access-open", "access-presence", "access-whitelist", "multi-items", "persistent-items",
                     "retract-items", "delete-nodes", "purge-nodes", "config-node", "config-node-max", "create-and-configure", "filtered-notifications"):
            self.assertIn(f"{PUBSUB}#{name}", features)

    def test_a_published_item_is_read_back_also_after_a_new_login_and_a_restart(self):
        client = self.owner()
        answer = client.asks_ok(publish("urn:test:a", item("one", note("&lt;first&gt;"))))
        self.assertEqual("one", answer.child("pubsub", PUBSUB)[0][0].get("id"))
        for how in ("at once", "after a new login", "after a restart"):
            if how == "after a restart":
                client.leaves()
                self.server.stop()
                self.server.start()
            if how != "at once":
                client.leaves()
                client = self.session(client.account, "r")
            self.assertEqual([("one", "<first>")], texts_of(client.asks_ok(items("urn:test:a"))), how)

    def test_publishing_again_replaces(self):
        client = self.owner()
        for text in ("old", "new"):
            client.asks_ok(publish("n", item("x", note(text)), max_items="max"))
        self.assertEqual([("x", "new")], texts_of(client.asks_ok(items("n"))))

    def test_an_item_without_an_id_gets_one(self):
        client = self.owner()
        answer = client.asks_ok(publish("n", item(None, note("a"))))
        given = answer.child("pubsub", PUBSUB)[0][0].get("id")
        self.assertEqual([(given, "a")], texts_of(client.asks_ok(items("n"))))

    def test_a_node_keeps_one_item_unless_it_is_told_otherwise(self):
        client = self.owner()
        for n in range(3):
            client.asks_ok(publish("one", item(f"i{n}", note(n))))
            client.asks_ok(publish("two", item(f"i{n}", note(n)), max_items=2))
            client.asks_ok(publish("all", item(f"i{n}", note(n)), max_items="max"))
        self.assertEqual(["i2"], [i for i, _ in items_of(client.asks_ok(items("one")))])
        self.assertEqual(["i1", "i2"], [i for i, _ in items_of(client.asks_ok(items("two")))])
        self.assertEqual(["i0", "i1", "i2"], [i for i, _ in items_of(client.asks_ok(items("all")))])
        self.assertEqual(["i2"], [i for i, _ in items_of(client.asks_ok(items("all", most=1)))])
        self.assertEqual(["i0", "i2"], sorted(i for i, _ in items_of(client.asks_ok(items("all", ids=("i0", "i2", "nothing"))))))
        self.assert_refused(client.asks(items("all", ids=("nothing",))), "item-not-found")

    def test_several_items_at_once(self):
        client = self.owner()
        client.asks_ok(publish("n", item("a", note(1)), item("b", note(2)), max_items="max"))
        self.assertEqual([("a", "1"), ("b", "2")], texts_of(client.asks_ok(items("n"))))
        self.assert_refused(client.asks(publish("small", item("a", note(1)), item("b", note(2)))), "not-acceptable")

    def test_pages_of_items(self):
        client = self.owner()
        client.asks_ok(publish("n", *(item(f"i{n}", note(n)) for n in range(5)), max_items="max"))
        def page(inner):
            answer = client.asks_ok(items("n", rsm=f"<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>"))
            rsm = answer.child("pubsub", PUBSUB).find("{http://jabber.org/protocol/rsm}set")
            self.assertEqual("5", rsm.findtext("{http://jabber.org/protocol/rsm}count"))
            return [i for i, _ in items_of(answer)]
        self.assertEqual(["i0", "i1"], page("<max>2</max>"))
        self.assertEqual(["i2", "i3"], page("<max>2</max><after>i1</after>"))
        self.assertEqual(["i3", "i4"], page("<max>2</max><before/>"))
        self.assertEqual(["i0", "i1"], page("<max>2</max><before>i2</before>"))
        self.assertEqual([], page("<max>0</max>"))
        self.assert_refused(client.asks(items("n", rsm="<set xmlns='http://jabber.org/protocol/rsm'><after>x</after></set>")), "item-not-found")

    def test_a_page_counts_the_ids_of_its_items_too(self):
        client = self.owner()
        ids = [f"{n:03}" + "x" * 2990 for n in range(380)]
        for at in range(0, len(ids), 76):
            client.asks_ok(publish("n", *(item(i, note("y")) for i in ids[at:at + 76]), max_items="max"))
        newest = [i for i, _ in items_of(client.asks_ok(items("n")))]
        self.assertEqual(ids[-len(newest):], newest)
        self.assertLessEqual(sum(map(len, newest)), 1 << 20)
        self.assertGreater(len(newest), 300)

    def test_retract_purge_and_delete(self):
        client = self.owner()
        client.asks_ok(publish("n", *(item(f"i{n}", note(n)) for n in range(3)), max_items="max"))
        client.asks_ok(retract("n", "i1"))
        self.assertEqual(["i0", "i2"], [i for i, _ in items_of(client.asks_ok(items("n")))])
        self.assert_refused(client.asks(retract("n", "i1")), "item-not-found")
        client.asks_ok(as_owner("purge", "n"))
        self.assertEqual([], items_of(client.asks_ok(items("n"))))
        client.asks_ok(as_owner("delete", "n"))
        for request in (items("n"), retract("n", "i0"), as_owner("purge", "n"), as_owner("delete", "n"), as_owner("configure", "n"), configure("n", title="x")):
            self.assert_refused(client.asks(request), "item-not-found")

    def test_a_node_that_is_not_there_is_not_found_with_a_code_for_those_who_look_for_one(self):
        client = self.owner()
        answer = client.asks(items("n"))
        self.assert_error(answer, "item-not-found", "cancel")
        self.assertEqual("404", answer.child("error").get("code"))

    def test_requests_in_a_row_see_each_other(self):
        client = self.owner()
        for n in range(20):
            client.sends(publish("n", item(f"i{n}", note(n)), max_items="max").replace("<iq ", f"<iq id='p{n}' ", 1))
        client.sends(items("n").replace("<iq ", "<iq id='read' ", 1))
        answers = {}
        while len(answers) < 21:  # those to changes come after their commits
            answers |= {s.get("id"): s for s in client.collect()}
        read = answers.pop("read")
        self.assertEqual([f"i{n}" for n in range(20)], [i for i, _ in items_of(read)])
        self.assertEqual({"result"}, {a.type for a in answers.values()})

    def test_create_and_configure(self):
        client = self.owner()
        client.asks_ok(create("n", access_model="whitelist", max_items=7, title="Notes"))
        self.assert_refused(client.asks(create("n")), "conflict")
        told = config_of(client.asks_ok(as_owner("configure", "n")))
        self.assertEqual(("whitelist", "7", "Notes", "1"), (told["access_model"], told["max_items"], told["title"], told["persist_items"]))
        client.asks_ok(configure("n", access_model="open", max_items="max", title="", send_last_published_item="never"))
        told = config_of(client.asks_ok(as_owner("configure", "n")))
        self.assertEqual(("open", "max", "", "never"), (told["access_model"], told["max_items"], told["title"], told["send_last_published_item"]))
        client.asks_ok(f"<iq type='set'><pubsub xmlns='{OWNER}'><configure node='n'><x xmlns='{DATA}' type='cancel'/></configure></pubsub></iq>")
        self.assertIn("access_model", config_of(client.asks_ok(as_owner("default", None)), "default"))
        self.assert_refused(client.asks(f"<iq type='set'><pubsub xmlns='{PUBSUB}'><create/></pubsub></iq>"), "not-acceptable", "nodeid-required")

    def test_items_move_with_the_access_model_and_survive(self):
        client = self.owner()
        client.asks_ok(publish("n", item("a", note(1)), item("b", note(2)), max_items="max"))
        for access in ("open", "whitelist", "open", "presence"):
            client.asks_ok(configure("n", access_model=access))
            client.leaves()
            client = self.session(client.account, "r")
            self.assertEqual([("a", "1"), ("b", "2")], texts_of(client.asks_ok(items("n"))), access)
        client.asks_ok(configure("n", max_items=1))
        self.assertEqual([("b", "2")], texts_of(client.asks_ok(items("n"))))

    def test_what_is_not_offered_is_refused_by_name(self):
        client = self.owner()
        for config in ({"access_model": "authorize"}, {"access_model": "roster"}, {"publish_model": "open"}, {"max_items": "0"}, {"max_items": "1000000"},
                       {"max_items": "many"}, {"item_expire": "10"}, {"persist_items": "perhaps"}):
            self.assert_refused(client.asks(create("n", **config)), "not-acceptable")
            self.assert_refused(client.asks(publish("n", item("a", note(1)), **config)), "conflict", "precondition-not-met")
        self.assert_refused(client.asks(items("n")), "item-not-found")

    def test_preconditions(self):
        client = self.owner()
        client.asks_ok(publish("n", item("a", note(1)), access_model="open", max_items="max", persist_items="true"))
        told = config_of(client.asks_ok(as_owner("configure", "n")))
        self.assertEqual(("open", "max"), (told["access_model"], told["max_items"]))
        client.asks_ok(publish("n", item("b", note(2)), access_model="open"))
        self.assert_refused(client.asks(publish("n", item("c", note(3)), access_model="whitelist")), "conflict", "precondition-not-met")
        self.assertEqual(["a", "b"], [i for i, _ in items_of(client.asks_ok(items("n")))])
        client.asks_ok(configure("n", access_model="whitelist"))
        client.asks_ok(publish("n", item("c", note(3)), access_model="whitelist"))

    def test_items_that_are_not_kept(self):
        client = self.owner()
        client.asks_ok(publish("n", item("a", note(1)), persist_items="false"))
        self.assertEqual([], items_of(client.asks_ok(items("n"))))

    def test_well_known_nodes_begin_as_they_are_used(self):
        client = self.owner()
        for node, access in (("eu.siacs.conversations.axolotl.devicelist", "open"), ("eu.siacs.conversations.axolotl.bundles:31415", "open"),
                             ("urn:xmpp:omemo:2:devices", "open"), ("urn:xmpp:omemo:2:bundles", "open"), ("urn:xmpp:avatar:data", "open"),
                             ("urn:xmpp:mds:displayed:0", "whitelist"), ("http://jabber.org/protocol/nick", "presence"), ("urn:xmpp:vcard4", "presence")):
            client.asks_ok(publish(node, item("i", note(1))))
            self.assertEqual(access, config_of(client.asks_ok(as_owner("configure", node)))["access_model"], node)

    def test_bad_requests(self):
        client = self.owner()
        client.asks_ok(publish("n", item("a", note(1))))
        def with_pubsub(inner, kind="set", ns=PUBSUB):
            return client.asks(f"<iq type='{kind}'><pubsub xmlns='{ns}'>{inner}</pubsub></iq>")
        self.assert_refused(with_pubsub("<publish><item/></publish>"), "bad-request", "nodeid-required")
        self.assert_refused(with_pubsub("<publish node='n'/>"), "bad-request", "item-required")
        self.assert_refused(with_pubsub("<publish node='n'><item id='a'/></publish>"), "bad-request", "payload-required")
        self.assert_refused(with_pubsub("<publish node='n'><item><a xmlns='u'/><b xmlns='u'/></item></publish>"), "bad-request", "invalid-payload")
        self.assert_refused(with_pubsub("<publish node='n'><thing/></publish>"), "bad-request", "invalid-payload")
        self.assert_refused(with_pubsub("<publish node='n'><item><a xmlns='u'/></item></publish><publish-options><x/></publish-options>"), "bad-request")
        self.assert_refused(with_pubsub("<retract node='n'/>"), "bad-request", "item-required")
        self.assert_refused(with_pubsub("<retract><item id='a'/></retract>"), "bad-request", "nodeid-required")
        self.assert_refused(with_pubsub("<retract node='n'><item/></retract>"), "bad-request", "item-required")
        self.assert_refused(with_pubsub("<items/>", "get"), "bad-request", "nodeid-required")
        self.assert_refused(with_pubsub("<items node='n' max_items='x'/>", "get"), "bad-request")
        self.assert_refused(with_pubsub(f"<subscribe node='n' jid='{client.jid}'/>"), "feature-not-implemented", "unsupported")
        self.assert_refused(with_pubsub("<affiliations/>", "get"), "feature-not-implemented", "unsupported")
        self.assert_refused(with_pubsub("<affiliations node='n'/>", "get", OWNER), "feature-not-implemented", "unsupported")
        self.assert_refused(with_pubsub("<subscriptions node='n'/>", "set", OWNER), "feature-not-implemented", "unsupported")
        self.assert_refused(with_pubsub("<delete/>", "set", OWNER), "bad-request", "nodeid-required")
        for kind, ns, inner in (("get", PUBSUB, ""), ("set", PUBSUB, ""), ("get", OWNER, ""), ("set", OWNER, ""), ("set", PUBSUB, "<publish/><retract/>"),
                                ("set", OWNER, "<configure node='n'/>"), ("set", OWNER, "<configure node='n'><x xmlns='jabber:x:data' type='form'/></configure>")):
            self.assert_refused(with_pubsub(inner, kind, ns), "bad-request")

    def test_the_account_lists_its_nodes(self):
        client = self.owner()
        client.asks_ok(create("n", title="Notes", access_model="whitelist"))
        client.asks_ok(publish("m", item("a", note(1))))
        listed = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='{ITEMS}'/></iq>").child("query", ITEMS)
        self.assertEqual({("n", "Notes"), ("m", None)}, {(i.get("node"), i.get("name")) for i in listed})
        info = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='{INFO}' node='n'/></iq>").child("query", INFO)
        self.assertEqual(("pubsub", "leaf"), (info[0].get("category"), info[0].get("type")))
        inside = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='{ITEMS}' node='m'/></iq>").child("query", ITEMS)
        self.assertEqual(["a"], [i.get("name") for i in inside])
        self.assert_refused(client.asks(f"<iq type='get' to='{client.jid}'><query xmlns='{INFO}' node='x'/></iq>"), "item-not-found")

    def test_payloads_keep_their_namespaces(self):
        client = self.owner()
        for payload in ("<message xmlns='jabber:client'><body>x</body></message>", "<a xmlns='urn:a'><b xmlns='urn:b' xml:lang='de' c='&apos;'/></a>"):
            client.asks_ok(publish("n", item("a", payload)))
            read = items_of(client.asks_ok(items("n")))[0][1]
            self.assertEqual(("{jabber:client}message", "{jabber:client}body") if "message" in payload else ("{urn:a}a", "{urn:b}b"), (read.tag, read[0].tag))


class ManyItems(WireCase):
    def test_a_flood_of_items_is_refused_cleanly_and_what_is_allowed_is_taken(self):
        client = self.session(self.account(), "r")
        flood = [f"<item id='{n}'><a xmlns='u'/></item>" for n in range(7000)]
        for most in ("max", "1000", "1"):
            self.assert_error(client.asks(publish("n" + most, *flood, max_items=most)), "not-acceptable")
        client.asks_ok(publish("n", *flood[:1000], max_items="max"))
        client.asks_ok(publish("n", *flood[1000:1500]))
        self.assertEqual([str(n) for n in range(500, 1500)], [i for i, _ in items_of(client.asks_ok(items("n")))])


class Quotas(WireCase):
    config = {"limits": {"pep_nodes": 16, "pep_items": 20, "pep_item_bytes": 10000, "pep_bytes": 40000}}

    def test_nodes_items_and_bytes_are_bounded(self):
        client = self.online(self.account(), "r")
        for n in range(16):
            client.asks_ok(create(f"n{n}"))
        for request in (create("one more"), publish("one more", item("a", note(1)))):
            self.assert_error(client.asks(request), "resource-constraint")
        client.asks_ok(as_owner("delete", "n1"))
        client.asks_ok(publish("many", *(item(f"i{n}", note(n)) for n in range(20)), max_items="max"))
        self.assert_error(client.asks(publish("many", *(item(f"j{n}", note(n)) for n in range(21)))), "not-acceptable")
        client.asks_ok(publish("many", item("last", note("x"))))
        self.assertEqual(20, len(items_of(client.asks_ok(items("many")))))
        answer = client.asks(publish("n2", item("a", note("x" * 10000))))
        self.assert_error(answer, "not-acceptable")
        self.assertEqual("payload-too-big", pubsub_condition(answer))
        for n in range(2, 6):
            client.asks_ok(publish(f"n{n}", item("a", note("x" * 9000))))
        self.assert_error(client.asks(publish("n6", item("a", note("x" * 9000)))), "resource-constraint")
        client.asks_ok(publish("n2", item("a", note("y" * 9000))))  # in the place of another as large
        client.asks_ok(publish("n3", item("b", note("y" * 9000))))
        client.asks_ok(as_owner("purge", "n2"))
        client.asks_ok(publish("n6", item("a", note("x" * 9000))))
        self.assertEqual([], items_of(client.asks_ok(items("n2"))))


if __name__ == "__main__":
    main()
