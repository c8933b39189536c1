# SPDX-License-Identifier: AGPL-3.0-or-later
"""The archive beyond the core of XEP-0313: ranges and single entries by id, flipped pages, metadata; and whose messages it takes (XEP-0441)."""
from lethe_test import WireCase, archive, main
from lethe_test.archive import everything, page, query_iq, rsm
from lethe_test.xmlstream import MAM


class ExtendedCase(WireCase):
    def conversation(self, count):
        alice, bob = self.accounts(2)
        reader, writer = self.online(alice, "reader"), self.session(bob, "writer")
        self.says(writer, reader.jid, *range(count))
        reader.collect()
        return reader, writer

    def says(self, writer, to, *bodies):
        for body in bodies:
            writer.sends(f"<message to='{to}' type='chat' id='m{body}'><body>{body}</body></message>")
        writer.collect()

    def bodies(self, client, fields=None, set_=""):
        return page(client, fields, set_).bodies


class Ids(ExtendedCase):
    def test_ranges_by_id_exclude_their_ends_and_go_with_paging(self):
        reader, _ = self.conversation(8)
        ids = page(reader).ids
        self.assertEqual(["5", "6", "7"], self.bodies(reader, {"after-id": ids[4]}))
        self.assertEqual(["0", "1"], self.bodies(reader, {"before-id": ids[2]}))
        between = {"after-id": ids[1], "before-id": ids[6]}
        self.assertEqual(["2", "3", "4", "5"], self.bodies(reader, between))
        first = page(reader, between, rsm(max=3))
        self.assertEqual((["2", "3", "4"], False), (first.bodies, first.complete))
        rest = page(reader, between, rsm(max=3, after=first.last))
        self.assertEqual((["5"], True), (rest.bodies, rest.complete))
        last = page(reader, between, rsm(max=3, before=""))
        self.assertEqual((["3", "4", "5"], False), (last.bodies, last.complete))
        # A page before something outside of the range ends with the range, one after something before it begins with it.
        self.assertEqual(["2", "3", "4", "5"], self.bodies(reader, between, rsm(before=ids[7])))
        self.assertEqual(["2", "3", "4", "5"], self.bodies(reader, between, rsm(after=ids[0])))
        self.assertEqual([], self.bodies(reader, {"after-id": ids[5], "before-id": ids[2]}))

    def test_single_entries(self):
        reader, _ = self.conversation(6)
        ids = page(reader).ids
        self.assertEqual(["3"], self.bodies(reader, {"ids": ids[3]}))
        self.assertEqual(["0"], self.bodies(reader, {"ids": ids[0]}))
        self.assertEqual(["1", "4", "5"], self.bodies(reader, {"ids": [ids[4], ids[1], ids[5], ids[4]]}))
        part = page(reader, {"ids": [ids[4], ids[1], ids[5]]}, rsm(max=2))
        self.assertEqual((["1", "4"], False), (part.bodies, part.complete))

    def test_an_id_that_is_not_there_is_item_not_found(self):
        reader, writer = self.conversation(2)
        ours, theirs = page(reader).ids, page(writer).ids
        for fields in ({"ids": "nonsense"}, {"ids": [ours[0], theirs[0]]}, {"after-id": theirs[0]}, {"before-id": "nonsense"}):
            with self.subTest(fields):
                self.assert_error(reader.asks(query_iq(fields)), "item-not-found")

    def test_malformed_ones_are_refused(self):
        reader, _ = self.conversation(2)
        at = page(reader).ids[0]
        self.assert_error(reader.asks(query_iq({"ids": at, "with": "a@b.example"})), "bad-request")
        self.assert_error(reader.asks(query_iq({"ids": at}, rsm(after=at))), "bad-request")
        self.assert_error(reader.asks(query_iq({"ids": [at] * 251})), "policy-violation")
        self.assert_error(reader.asks(query_iq({"free-text": "x"})), "feature-not-implemented")

    def test_the_form_names_every_field(self):
        reader, _ = self.conversation(0)
        query = reader.asks_ok(f"<iq type='get'><query xmlns='{MAM}'/></iq>").child("query", MAM)
        fields = {f.get("var"): f for f in query.find("{jabber:x:data}x")}
        self.assertEqual({"FORM_TYPE", "with", "start", "end", "before-id", "after-id", "ids"}, set(fields))
        validate = fields["ids"].find("{http://jabber.org/protocol/xdata-validate}validate")
        self.assertIsNotNone(validate.find("{http://jabber.org/protocol/xdata-validate}open"))
        info = reader.asks_ok(f"<iq type='get' to='{reader.jid}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        self.assertIn(MAM + "#extended", [f.get("var") for f in info.child("query", "http://jabber.org/protocol/disco#info")])


class Flipped(ExtendedCase):
    def flipped(self, client, set_):
        """(bodies in order of arrival, first, last, complete)"""
        answer = client.asks_ok(f"<iq type='set'><query xmlns='{MAM}' queryid='f'>{set_}<flip-page/></query></iq>")
        got = []
        while client.inbox:
            got.append(client.inbox.popleft().child("result", MAM))
        ids = [r.get("id") for r in got]
        fin = answer.child("fin", MAM)
        ends = [fin.find(f".//{{http://jabber.org/protocol/rsm}}{n}").text for n in ("first", "last")]
        self.assertEqual([ids[-1], ids[0]], ends, "the order on the wire is another, the page is not")
        return [r.find(".//{jabber:client}body").text for r in got], ends, fin.get("complete")

    def test_the_newest_of_a_page_comes_first_and_the_page_stays_the_same(self):
        reader, _ = self.conversation(7)
        for set_ in (rsm(max=3), rsm(max=3, before=""), rsm(max=20), ""):
            plain = page(reader, set_=set_)
            bodies, ends, complete = self.flipped(reader, set_)
            self.assertEqual((list(reversed(plain.bodies)), [plain.first, plain.last]), (bodies, ends))
            self.assertEqual("true" if plain.complete else None, complete)


class Metadata(ExtendedCase):
    def metadata(self, client):
        element = client.asks_ok(f"<iq type='get'><metadata xmlns='{MAM}'/></iq>").child("metadata", MAM)
        return {e.tag.split("}")[1]: (e.get("id"), e.get("timestamp")) for e in element}

    def test_the_ends_of_the_archive(self):
        reader, _ = self.conversation(5)
        entries = everything(reader)
        self.assertEqual({"start": (entries[0].id, entries[0].stamp), "end": (entries[-1].id, entries[-1].stamp)}, self.metadata(reader))

    def test_an_empty_archive_has_none(self):
        reader, _ = self.conversation(0)
        self.assertEqual({}, self.metadata(reader))

    def test_a_stranger_does_not_get_them(self):
        reader, writer = self.conversation(1)
        for payload in (f"<metadata xmlns='{MAM}'/>", f"<prefs xmlns='{MAM}'/>"):
            self.assert_error(writer.asks(f"<iq type='get' to='{reader.jid}'>{payload}</iq>"), "service-unavailable")


class Preferences(ExtendedCase):
    def prefs(self, client, default=None, always=(), never=()):
        def jids(name, values):
            return f"<{name}>" + "".join(f"<jid>{v}</jid>" for v in values) + f"</{name}>"
        payload = f"<prefs xmlns='{MAM}' default='{default}'>{jids('always', always)}{jids('never', never)}</prefs>" if default else f"<prefs xmlns='{MAM}'/>"
        answer = client.asks_ok(f"<iq type='{'set' if default else 'get'}'>{payload}</iq>").child("prefs", MAM)
        return (answer.get("default"), *(tuple(j.text for j in answer.find(f"{{{MAM}}}{name}")) for name in ("always", "never")))

    def test_what_is_set_is_what_is_told_also_after_a_restart(self):
        client = self.session(self.account())
        self.assertEqual(("always", (), ()), self.prefs(client))
        wanted = ("roster", ("a@b.example",), ("c@d.example/e", "f@g.example"))
        self.assertEqual(wanted, self.prefs(client, *wanted))
        self.server.restart()
        self.assertEqual(wanted, self.prefs(self.session(client.account)))

    def test_never_takes_nothing_either_way_and_always_makes_exceptions(self):
        reader, writer = self.conversation(1)
        third = self.session(self.account(), "third")
        self.prefs(reader, "never", always=[third.jid])
        self.says(writer, reader.jid, "no")
        self.says(third, reader.jid, "yes")
        self.says(reader, writer.jid, "not sent")
        self.says(reader, third.jid, "sent")
        self.assertEqual(["0", "yes", "sent"], self.bodies(reader))
        received = [s for s in reader.inbox if s.name == "message"]
        self.assertEqual([], received)

    def test_what_is_not_archived_carries_no_id_and_is_delivered_all_the_same(self):
        reader, writer = self.conversation(0)
        self.prefs(reader, "always", never=[writer.jid])
        self.says(writer, reader.jid, "x")
        got = reader.next()
        self.assertEqual(("x", None), (got.text_of("body"), got.stanza_id))
        self.assertEqual([], self.bodies(reader))
        self.assertEqual(["x"], self.bodies(writer), "the other side has its own preferences")

    def test_a_listed_resource_is_that_resource_only(self):
        reader, writer = self.conversation(0)
        other = self.session(writer.account, "other")
        self.prefs(reader, "always", never=[other.full])
        self.says(writer, reader.jid, "kept")
        self.says(other, reader.jid, "not kept")
        self.assertEqual(["kept"], self.bodies(reader))

    def test_roster_takes_contacts(self):
        reader, writer = self.conversation(0)
        self.prefs(reader, "roster")
        self.says(writer, reader.jid, "stranger")
        reader.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{writer.jid}'/></query></iq>")
        self.says(writer, reader.jid, "contact")
        self.assertEqual(["contact"], self.bodies(reader))

    def test_what_came_while_the_vault_was_closed_obeys_too(self):
        alice, bob, carol = self.accounts(3)
        reader, writer, contact = self.session(alice, "reader"), self.session(bob, "w"), self.session(carol, "c")
        reader.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{contact.jid}'/></query></iq>")
        self.prefs(reader, "roster")
        reader.leaves()
        self.says(writer, alice.jid, "stranger")
        self.says(contact, alice.jid, "contact")
        reader = self.session(alice, "reader")
        self.assertEqual(["contact"], self.bodies(reader), "before the letterbox was emptied")
        at_login = {s.text_of("body"): s.stanza_id for s in reader.goes_online() if s.name == "message"}
        self.assertEqual({"stranger", "contact"}, set(at_login))
        self.assertIsNone(at_login["stranger"])
        self.assertIsNotNone(at_login["contact"])
        reader.collect()
        self.prefs(reader, "always")
        self.assertEqual(["contact"], self.bodies(reader), "removed, not only hidden")

    def test_nonsense_is_refused_and_changes_nothing(self):
        client = self.session(self.account())
        for attributes, inner, condition in (("", "", "bad-request"), ("default='sometimes'", "", "bad-request"),
                                             ("default='never'", "<never><jid>@@</jid></never>", "jid-malformed"),
                                             ("default='never'", "<always><x/></always>", "jid-malformed"),
                                             ("default='never'", "<always>" + "".join(f"<jid>a{n}@b.example</jid>" for n in range(1001)) + "</always>",
                                              "policy-violation")):
            with self.subTest(attributes, inner=inner[:30]):
                self.assert_error(client.asks(f"<iq type='set'><prefs xmlns='{MAM}' {attributes}>{inner}</prefs></iq>"), condition)
        self.assertEqual(("always", (), ()), self.prefs(client))


if __name__ == "__main__":
    main()
