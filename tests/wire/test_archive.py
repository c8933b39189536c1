# SPDX-License-Identifier: AGPL-3.0-or-later
"""The archive (XEP-0313 urn:xmpp:mam:2) with result sets (XEP-0059) and stanza ids (XEP-0359)."""
from lethe_test import WireCase, archive, main
from lethe_test.archive import everything, page, query_iq, rsm
from lethe_test.xmlstream import MAM, SID


class ArchiveCase(WireCase):
    def conversation(self, count, other_count=0):
        """Alice with `count` messages from Bob in her archive, numbered; a third account's ones mixed in."""
        alice, bob, carol = self.accounts(3)
        reader, writer, third = self.online(alice, "reader"), self.session(bob, "writer"), self.session(carol, "third")
        for number in range(count):
            writer.sends(f"<message to='{alice.jid}' type='chat' id='m{number}'><body>{number}</body></message>")
            reader.receives(f"<message from='{writer.full}' type='chat'><body>{number}</body></message>")
            if number < other_count:
                third.sends(f"<message to='{alice.jid}' type='chat' id='c{number}'><body>other {number}</body></message>")
                reader.next()
        return reader, writer, third

    def live(self, reader, writer, inner, attributes="type='chat'", to=None):
        """Sends to the reader, returns what he received."""
        writer.sends(f"<message to='{to or reader.jid}' {attributes}>{inner}</message>")
        return reader.next()


class Contents(ArchiveCase):
    def test_live_messages_carry_the_id_they_have_in_the_archive(self):
        reader, writer, _ = self.conversation(0)
        ids = [self.live(reader, writer, f"<body>{n}</body>").stanza_id for n in range(5)]
        self.assertTrue(all(ids))
        self.assertEqual(5, len(set(ids)))
        self.assertEqual(ids, [e.id for e in everything(reader)])

    def test_sender_and_receiver_each_have_their_own_copy(self):
        reader, writer, third = self.conversation(3)
        received, sent = everything(reader), everything(writer)
        self.assertEqual(["0", "1", "2"], [e.message.text_of("body") for e in sent])
        for entry in received + sent:
            self.assertEqual((writer.full, reader.jid, "chat"), (entry.message.get("from"), entry.message.get("to"), entry.message.type))
        self.assertEqual([], everything(third))
        self.assertFalse({e.id for e in received} & {e.id for e in sent})

    def test_messages_to_an_absent_account_are_in_both_archives(self):
        alice, bob = self.accounts(2)
        writer = self.session(bob, "writer")
        for number in range(3):
            writer.sends(f"<message to='{alice.jid}' type='chat'><body>{number}</body></message>")
        writer.collect()
        for client in (writer, self.session(alice)):
            self.assertEqual(["0", "1", "2"], [e.message.text_of("body") for e in everything(client)])

    def test_what_is_archived_is_what_was_delivered(self):
        reader, writer, _ = self.conversation(0)
        got = self.live(reader, writer, "<body>x</body><a xmlns='urn:a' b='&lt;'><c/></a>", "type='chat' id='i' xml:lang='fr'")
        (entry,) = everything(reader)
        for stanza in (got, entry.message):
            self.assertEqual(("i", "x", "fr"), (stanza.get("id"), stanza.text_of("body"), stanza.get("{http://www.w3.org/XML/1998/namespace}lang")))
            self.assertEqual("<", stanza.child("a", "urn:a").get("b"))
            self.assertEqual(1, len(stanza.child("a", "urn:a")))

    def test_what_is_not_archived(self):
        reader, writer, _ = self.conversation(0)
        hints = "urn:xmpp:hints"
        for inner, attributes in (("<body>x</body>", "type='headline'"), ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "type='chat'"),
                                  (f"<body>x</body><no-store xmlns='{hints}'/>", "type='chat'"),
                                  (f"<body>x</body><no-permanent-store xmlns='{hints}'/>", "type='chat'")):
            with self.subTest(inner, attributes=attributes):
                self.assertIsNone(self.live(reader, writer, inner, attributes).stanza_id)
                self.assertEqual([], everything(reader))
                self.assertEqual([], everything(writer))

    def test_what_a_hint_wants_stored_is_archived(self):
        reader, writer, _ = self.conversation(0)
        got = self.live(reader, writer, "<x xmlns='urn:x'/><store xmlns='urn:xmpp:hints'/>")
        self.assertEqual([got.stanza_id], [e.id for e in everything(reader)])

    def test_refused_messages_are_not_in_the_archive_of_who_refused(self):
        reader, writer, _ = self.conversation(0)
        writer.sends(f"<message to='{reader.full}' type='groupchat' id='g'><body>x</body></message>")
        writer.collect()
        self.assertEqual([], everything(reader))

    def test_forged_ids_by_our_own_addresses_are_removed_and_others_stay(self):
        reader, writer, _ = self.conversation(0)
        for to in (reader.jid, reader.full):
            got = self.live(reader, writer, f"<body>x</body><stanza-id xmlns='{SID}' by='{reader.jid}' id='forged'/>"
                            f"<stanza-id xmlns='{SID}' by='{reader.jid.upper()}' id='forged'/><stanza-id xmlns='{SID}' by='room@elsewhere.example' id='theirs'/>"
                            f"<origin-id xmlns='{SID}' id='mine'/>", to=to)
            ids = {e.get("by"): e.get("id") for e in got.element.findall(f"{{{SID}}}stanza-id")}
            self.assertEqual({reader.jid, "room@elsewhere.example"}, set(ids))
            self.assertNotEqual("forged", ids[reader.jid])
            self.assertIsNotNone(got.child("origin-id", SID))
        # Where nothing is archived, a forged id must go too.
        got = self.live(reader, writer, f"<x xmlns='urn:x'/><stanza-id xmlns='{SID}' by='{reader.jid}' id='forged'/>", "type='headline'")
        self.assertEqual([], got.element.findall(f"{{{SID}}}stanza-id"))

    def test_forged_delays_are_removed_and_others_stay(self):
        reader, writer, _ = self.conversation(0)
        delay = "<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z' from='%s'/>"
        forged = "".join(delay % f for f in (self.server.domain, reader.jid, writer.jid, writer.full, self.server.domain.upper()))
        theirs = "room@elsewhere.example"
        got = self.live(reader, writer, "<body>x</body>" + forged + delay % theirs, "type='chat' id='i'")
        self.assertEqual([theirs], [d.get("from") for d in got.element.findall("{urn:xmpp:delay}delay")])
        (entry,) = everything(reader)
        self.assertEqual([theirs], [d.get("from") for d in entry.message.element.findall("{urn:xmpp:delay}delay")])
        writer.sends(f"<presence to='{reader.full}'>{forged}{delay % theirs}</presence>")
        writer.collect()
        (presence,) = reader.collect()
        self.assertEqual([theirs], [d.get("from") for d in presence.element.findall("{urn:xmpp:delay}delay")])

    def test_forged_ids_by_the_servers_domain_are_removed(self):
        reader, writer, _ = self.conversation(0)
        got = self.live(reader, writer, f"<body>x</body><stanza-id xmlns='{SID}' by='{self.server.domain}' id='forged'/>")
        self.assertNotIn("forged", [e.get("id") for e in got.element.findall(f"{{{SID}}}stanza-id")])

    def test_it_outlives_sessions_and_the_server(self):
        reader, writer, _ = self.conversation(5)
        before = everything(reader)
        self.server.restart()
        after = everything(self.session(reader.account))
        self.assertEqual([(e.id, e.stamp) for e in before], [(e.id, e.stamp) for e in after])


class Paging(ArchiveCase):
    def test_forwards_page_by_page(self):
        reader, _, _ = self.conversation(10)
        bodies, after, pages = [], {}, []
        for _ in range(4):
            got = page(reader, set_=rsm(max=3, **after))
            bodies += got.bodies
            pages.append((len(got.entries), got.complete))
            after = {"after": got.last}
        self.assertEqual([(3, False), (3, False), (3, False), (1, True)], pages)
        self.assertEqual([str(n) for n in range(10)], bodies)

    def test_backwards_page_by_page(self):
        reader, _, _ = self.conversation(10)
        bodies, before, pages = [], "", []
        for _ in range(4):
            got = page(reader, set_=rsm(max=3, before=before))
            bodies = got.bodies + bodies
            pages.append((len(got.entries), got.complete))
            before = got.first
        self.assertEqual([(3, False), (3, False), (3, False), (1, True)], pages)
        self.assertEqual([str(n) for n in range(10)], bodies)

    def test_every_page_size_gives_the_same_whole(self):
        reader, _, _ = self.conversation(12)
        whole = [e.id for e in everything(reader)]
        for size in range(1, 14):
            self.assertEqual(whole, [e.id for e in everything(reader, size=size)], size)

    def test_exact_fit_is_complete(self):
        reader, _, _ = self.conversation(3)
        self.assertTrue(page(reader, set_=rsm(max=3)).complete)
        self.assertTrue(page(reader, set_=rsm(max=3, before="")).complete)

    def test_after_each_and_before_each(self):
        reader, _, _ = self.conversation(4)
        ids = page(reader).ids
        for n, at in enumerate(ids):
            self.assertEqual(ids[n + 1:], page(reader, set_=rsm(after=at)).ids)
            self.assertEqual(ids[:n], page(reader, set_=rsm(before=at)).ids)
        self.assertTrue(page(reader, set_=rsm(after=ids[-1])).complete)
        self.assertTrue(page(reader, set_=rsm(before=ids[0])).complete)

    def test_what_arrives_while_paging_comes_at_the_end(self):
        reader, writer, _ = self.conversation(4)
        first = page(reader, set_=rsm(max=2))
        self.live(reader, writer, "<body>new</body>")
        rest = page(reader, set_=rsm(after=first.last))
        self.assertEqual(["2", "3", "new"], rest.bodies)
        self.assertTrue(rest.complete)

    def test_max_zero_asks_for_no_entries(self):
        reader, _, _ = self.conversation(3)
        got = page(reader, set_=rsm(max=0))
        self.assertEqual([], got.entries)
        self.assertIn(got.count, (3, None))

    def test_an_empty_archive_is_complete(self):
        client = self.session(self.account())
        for set_ in ("", rsm(max=5), rsm(before=""), rsm(max=5, before="")):
            got = page(client, set_=set_)
            self.assertEqual(([], True, None, None), (got.entries, got.complete, got.first, got.last))

    def test_ids_nobody_gave_are_item_not_found(self):
        reader, writer, _ = self.conversation(3)
        foreign = everything(writer)[0].id
        ours = everything(reader)[0].id
        flipped = ours[:-1] + ("A" if ours[-1] != "A" else "B")
        for at in ("nonsense", foreign, flipped, ours + "A", "&lt;", "x" * 3000):
            for where in ("after", "before"):
                with self.subTest(where, at=at[:30]):
                    self.assert_error(reader.asks(query_iq(set_=rsm(**{where: at}))), "item-not-found")

    def test_malformed_result_sets_are_bad_requests(self):
        reader, _, _ = self.conversation(1)
        at = everything(reader)[0].id
        for set_ in (rsm(max="many"), rsm(max=-1), rsm(max="99999999999999999999999999")):
            with self.subTest(set_):
                self.assertIn(reader.asks(query_iq(set_=set_)).condition, ("bad-request", None if "9999" in set_ else "bad-request"))
        self.assert_error(reader.asks(query_iq(set_=rsm(after=at, before=at))), "bad-request")

    def test_a_page_is_bounded_by_the_server(self):
        reader, writer, _ = self.conversation(0)
        for start in range(0, 300, 50):
            writer.send_bytes("".join(f"<message to='{reader.jid}' type='chat'><body>{n}</body></message>" for n in range(start, start + 50)))
            for _ in range(50):
                reader.next()
        first = page(reader, set_=rsm(max=100000))
        self.assertLessEqual(len(first.entries), 250)
        self.assertEqual([str(n) for n in range(300)], [e.message.text_of("body") for e in everything(reader, size=100000)])


class Filters(ArchiveCase):
    def test_with_selects_one_conversation_in_both_directions(self):
        reader, writer, third = self.conversation(4, other_count=3)
        reader.sends(f"<message to='{third.jid}' type='chat'><body>answer</body></message>")
        reader.collect()
        got = page(reader, {"with": third.jid})
        self.assertEqual(["other 0", "other 1", "other 2", "answer"], got.bodies)
        self.assertEqual(["0", "1", "2", "3"], page(reader, {"with": writer.jid}).bodies)
        self.assertEqual([], page(reader, {"with": f"nobody@{self.server.domain}"}).entries)

    def test_with_a_full_address_selects_that_session(self):
        reader, writer, _ = self.conversation(2)
        self.live(reader, self.session(writer.account, "second"), "<body>from second</body>")
        self.assertEqual(["from second"], page(reader, {"with": f"{writer.jid}/second"}).bodies)
        self.assertEqual(["0", "1"], page(reader, {"with": writer.full}).bodies)
        self.assertEqual(3, len(page(reader, {"with": writer.jid}).entries))

    def test_with_is_normalised(self):
        reader, writer, _ = self.conversation(1)
        self.assertEqual(["0"], page(reader, {"with": writer.jid.upper()}).bodies)

    def test_start_and_end_are_inclusive_times(self):
        reader, _, _ = self.conversation(5)
        stamps = [e.stamp for e in everything(reader)]
        self.assertEqual(5, len(set(stamps)))
        self.assertEqual(["2", "3", "4"], page(reader, {"start": stamps[2]}).bodies)
        self.assertEqual(["0", "1", "2"], page(reader, {"end": stamps[2]}).bodies)
        self.assertEqual(["1", "2", "3"], page(reader, {"start": stamps[1], "end": stamps[3]}).bodies)
        self.assertEqual([], page(reader, {"start": stamps[3], "end": stamps[1]}).entries)
        self.assertEqual([], page(reader, {"end": "2001-01-01T00:00:00Z"}).entries)
        self.assertEqual(5, len(page(reader, {"start": "2001-01-01T00:00:00+02:00"}).entries))

    def test_filters_and_pages_work_together(self):
        reader, writer, third = self.conversation(9, other_count=9)
        bodies, before = [], ""
        while True:
            got = page(reader, {"with": third.jid}, rsm(max=2, before=before))
            bodies = got.bodies + bodies
            if got.complete:
                break
            before = got.first
        self.assertEqual([f"other {n}" for n in range(9)], bodies)
        self.assertEqual(9, len(everything(reader, {"with": writer.jid}, size=2)))

    def test_bad_filters_are_refused(self):
        reader, _, _ = self.conversation(1)
        for fields, conditions in (({"start": "yesterday"}, ["bad-request"]), ({"end": "2020-13-01T00:00:00Z"}, ["bad-request"]),
                                   ({"with": "@@"}, ["bad-request", "jid-malformed"]),
                                   ({"mood": "bright"}, ["feature-not-implemented", "bad-request"])):
            with self.subTest(fields):
                self.assertIn(reader.asks(query_iq(fields)).condition, conditions)

    def test_a_filter_is_given_once_and_with_one_value(self):
        reader, writer, third = self.conversation(1)
        with_ = "<field var='with'>%s</field>"
        one, other = f"<value>{writer.jid}</value>", f"<value>{third.jid}</value>"
        for fields in (with_ % (one + other), with_ % one + with_ % other, with_ % one + with_ % one,
                       "<field var='start'><value>2020-01-01T00:00:00Z</value><value>2021-01-01T00:00:00Z</value></field>"):
            with self.subTest(fields):
                answer = reader.asks(f"<iq type='set'><query xmlns='{MAM}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{MAM}</value>"
                                     f"</field>{fields}</x></query></iq>")
                self.assert_error(answer, "bad-request")
        reader.receives_nothing()

    def test_the_form_is_given_on_request(self):
        client = self.session(self.account())
        answer = client.asks_ok(f"<iq type='get'><query xmlns='{MAM}'/></iq>")
        fields = {f.get("var"): f for f in answer.element.iter("{jabber:x:data}field")}
        self.assertEqual(MAM, fields["FORM_TYPE"].findtext("{jabber:x:data}value"))
        self.assertLessEqual({"with", "start", "end"}, set(fields))


class Access(ArchiveCase):
    def test_nobody_reads_somebody_elses_archive(self):
        reader, writer, _ = self.conversation(2)
        for to in (reader.jid, reader.full, f"nobody@{self.server.domain}"):
            answer = writer.asks(query_iq(to=to))
            self.assertIn(answer.condition, ("forbidden", "service-unavailable", "not-authorized", "item-not-found"))
            self.assertEqual([], writer.collect())
        reader.receives_nothing()

    def test_ones_own_bare_address_may_be_named(self):
        reader, _, _ = self.conversation(1)
        self.assertEqual("result", reader.asks(query_iq(to=reader.jid)).type)

    def test_two_sessions_read_the_same(self):
        reader, _, _ = self.conversation(4)
        self.assertEqual([e.id for e in everything(reader)], [e.id for e in everything(self.session(reader.account, "other"))])

    def test_results_go_to_the_session_that_asked(self):
        reader, _, _ = self.conversation(2)
        other = self.online(reader.account, "other")
        reader.collect()
        everything(reader)
        other.receives_nothing()

    def test_two_queries_at_once_do_not_mix(self):
        reader, _, _ = self.conversation(6)
        reader.sends(query_iq(query_id="a"))
        reader.sends(query_iq(query_id="b", set_=rsm(max=2)))
        results, answers = {"a": [], "b": []}, 0
        while answers < 2:
            stanza = reader.next()
            if stanza.name == "iq":
                answers += 1
            else:
                result = stanza.child("result", MAM)
                results[result.get("queryid")].append(result.get("id"))
        self.assertEqual((6, 2), (len(results["a"]), len(results["b"])))
        self.assertEqual(results["a"][:2], results["b"])

    def test_a_client_that_asks_too_much_at_once_is_told_to_wait(self):
        (reader, writer), count = self.conversation(3)[:2], 100
        query = "<iq type='set' id='q{0}'><query xmlns='urn:xmpp:mam:2' queryid='{0}'/></iq>"
        reader.send_bytes("".join(query.format(n) for n in range(count)))
        answers = {}
        while len(answers) < count:
            stanza = reader.next()
            if stanza.name == "iq":
                answers[stanza.get("id")] = stanza
        refused = [a for a in answers.values() if a.type == "error"]
        self.assertEqual({"resource-constraint"}, {a.condition for a in refused})
        self.assertGreaterEqual(count - len(refused), 16, "ordinary clients ask for several conversations at once")
        reader.asks_ok("<iq type='set'><query xmlns='urn:xmpp:mam:2'/></iq>")

    def test_the_feature_is_announced_by_the_account(self):
        client = self.session(self.account())
        answer = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        features = {f.get("var") for f in answer.element[0] if f.get("var")}
        self.assertLessEqual({MAM, SID}, features)


if __name__ == "__main__":
    main()
