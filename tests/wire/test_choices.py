# SPDX-License-Identifier: AGPL-3.0-or-later
"""The user's own choice of retention: the ad-hoc command (XEP-0050) that makes it, and what the archive and the letterbox make of it."""
import re
import time

from lethe_test import Account, WireCase, archive, main
from lethe_test.commands import COMMANDS, DATA, RETENTION, choose_retention, command_iq, submitted
from lethe_test.waiting import until

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"


class ChoiceCase(WireCase):
    policy = {"archive": {"keep": "7d", "choices": ["7d", "1h", "0"]}}

    def at(self, client, here=None):
        return here or self.server.domain

    def node(self, client, to=None):
        answer = client.asks_ok(f"<iq type='get' to='{self.at(client, to)}'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>")
        (item,) = [item for item in answer.child("query", ITEMS) if item.get("node") == RETENTION]
        self.assertEqual(self.at(client, to), item.get("jid"))
        return item.get("node")

    def begins(self, client, to=None, lang=None):
        """(session id, the command's element)"""
        answer = client.asks_ok(command_iq(self.at(client, to), self.node(client, to), "execute", lang=lang))
        command = answer.child("command", COMMANDS)
        self.assertEqual("executing", command.get("status"))
        return command.get("sessionid"), command

    def offer(self, command):
        """(current value, {value: label})"""
        (field,) = [f for f in command.iter(f"{{{DATA}}}field") if f.get("var") == "keep"]
        self.assertEqual("list-single", field.get("type"))
        options = {o.findtext(f"{{{DATA}}}value"): o.get("label") for o in field.findall(f"{{{DATA}}}option")}
        return field.findtext(f"{{{DATA}}}value"), options

    def chooses(self, client, value, to=None):
        return choose_retention(client, value, to)

    def current(self, client):
        session, command = self.begins(client)
        client.asks_ok(command_iq(self.server.domain, self.node(client), "cancel", session))
        return self.offer(command)[0]

    def send(self, writer, to, *bodies):
        for body in bodies:
            writer.sends(f"<message to='{to}' type='chat'><body>{body}</body></message>")
        writer.collect()

    def bodies(self, client):
        return [e.message.text_of("body") for e in archive.everything(client)]

    def buckets(self, directory):
        return sorted(p.name for p in (self.server.data / "buckets" / directory).glob("*.mdb"))


class Command(ChoiceCase):
    def test_it_is_listed_at_the_domain_and_at_the_own_address(self):
        client = self.session(self.account())
        for to in (self.server.domain, client.jid):
            info = client.asks_ok(f"<iq type='get' to='{to}'><query xmlns='{INFO}'/></iq>")
            self.assertIn(COMMANDS, [f.get("var") for f in info.child("query", INFO)])
            node = self.node(client, to)
            for asked, kind in ((COMMANDS, "command-list"), (node, "command-node")):
                about = client.asks_ok(f"<iq type='get' to='{to}'><query xmlns='{INFO}' node='{asked}'/></iq>").child("query", INFO)
                self.assertEqual(asked, about.get("node"))
                identity = about.find(f"{{{INFO}}}identity")
                self.assertEqual(("automation", kind), (identity.get("category"), identity.get("type")))
            features = {f.get("var") for f in about.findall(f"{{{INFO}}}feature")}
            self.assertEqual({COMMANDS, DATA}, features)
            empty = client.asks_ok(f"<iq type='get' to='{to}'><query xmlns='{ITEMS}' node='{node}'/></iq>").child("query", ITEMS)
            self.assertEqual(0, len(empty))

    def test_the_form_offers_what_the_policy_publishes_and_shows_what_holds(self):
        client = self.session(self.account())
        _, command = self.begins(client)
        self.assertEqual(("7d", {"7d": "7 days", "1h": "1 hour", "0": "not at all"}), self.offer(command))
        actions = command.find(f"{{{COMMANDS}}}actions")
        self.assertEqual(("complete", [f"{{{COMMANDS}}}complete"]), (actions.get("execute"), [a.tag for a in actions]))

    def test_in_german(self):
        client = self.session(self.account())
        for lang in ("de", "de-AT"):
            session, command = self.begins(client, lang=lang)
            self.assertEqual({"7d": "7 Tage", "1h": "1 Stunde", "0": "gar nicht"}, self.offer(command)[1])
            done = client.asks_ok(command_iq(self.server.domain, self.node(client), None, session, submitted("1h"), lang))
            self.assertIn("1 Stunde lang", done.child("command", COMMANDS).findtext(f"{{{COMMANDS}}}note"))
        _, command = self.begins(client, lang="tlh")
        self.assertEqual("7 days", self.offer(command)[1]["7d"])

    def test_a_choice_is_made_at_either_address_and_shown_from_then_on(self):
        client = self.session(self.account())
        self.assertIn("1 hour", self.chooses(client, "1h"))
        self.assertEqual("1h", self.current(client))
        self.assertIn("not kept", self.chooses(client, "0", client.jid))
        self.assertEqual("0", self.current(client))
        self.chooses(client, "0")
        self.assertEqual("0", self.current(client))

    def test_cancelled_nothing_changes(self):
        client = self.session(self.account())
        session, _ = self.begins(client)
        node = self.node(client)
        answer = client.asks_ok(command_iq(self.server.domain, node, "cancel", session)).child("command", COMMANDS)
        self.assertEqual(("canceled", session), (answer.get("status"), answer.get("sessionid")))
        self.refused(client, node, "complete", session, submitted("1h"), "bad-sessionid")
        self.assertEqual("7d", self.current(client))

    def refused(self, client, node, action, session, form, what, condition="bad-request"):
        error = client.asks(command_iq(self.server.domain, node, action, session, form))
        self.assert_error(error, condition)
        if what:
            self.assertIsNotNone(error.child("error").find(f"{{{COMMANDS}}}{what}"), f"{error}")

    def test_bad_values_are_refused_and_the_command_stays_open(self):
        client = self.session(self.account())
        session, _ = self.begins(client)
        node = self.node(client)
        double = f"<x xmlns='{DATA}' type='submit'><field var='keep'><value>1h</value><value>0</value></field></x>"
        for form in ("", submitted("2h"), submitted("60min"), submitted(""), submitted("1h", "form"), double,
                     f"<x xmlns='{DATA}' type='submit'/>", f"<x xmlns='{DATA}' type='submit'><field var='other'><value>1h</value></field></x>"):
            self.refused(client, node, "complete", session, form, "bad-payload")
        for action in ("next", "prev"):
            self.refused(client, node, action, session, submitted("1h"), "bad-action")
        self.refused(client, node, "dance", session, submitted("1h"), "malformed-action")
        self.refused(client, node, "complete", session + "x", submitted("1h"), "bad-sessionid")
        self.refused(client, node, "complete", None, submitted("1h"), "bad-sessionid")
        self.refused(client, "urn:nobody", "execute", None, "", None, "item-not-found")
        self.assertEqual("7d", self.current(client))
        client.asks_ok(command_iq(self.server.domain, node, "complete", session, submitted("1h")))
        self.assertEqual("1h", self.current(client))

    def test_a_session_id_is_its_owners_alone_and_ends_with_the_command(self):
        account, other = self.accounts(2)
        client, stranger, second = self.session(account, "a"), self.session(other), self.session(account, "b")
        session, _ = self.begins(client)
        node = self.node(client)
        for thief in (stranger, second):
            self.refused(thief, node, "complete", session, submitted("0"), "bad-sessionid")
        client.asks_ok(command_iq(self.server.domain, node, "execute", session, submitted("1h")))  # execute is the default action's name
        self.refused(client, node, "complete", session, submitted("0"), "bad-sessionid")
        self.assertEqual("1h", self.current(client))

    def test_nothing_is_offered_at_somebody_elses_address(self):
        account, other, nobody = *self.accounts(2), "nobody@" + self.server.domain
        client = self.session(account)
        node = self.node(client)
        def answers(to):
            got = [client.asks(iq) for iq in (command_iq(to, node, "execute"),
                                              f"<iq type='get' to='{to}'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>",
                                              f"<iq type='get' to='{to}'><query xmlns='{INFO}' node='{node}'/></iq>")]
            for answer in got:
                self.assert_error(answer, "service-unavailable")
            return [re.sub(r" id=['\"][^'\"]*['\"]", "", str(answer)).replace(to, "TO") for answer in got]
        closed = answers(other.jid)
        self.online(other, "r")
        self.assertEqual(closed, answers(other.jid))
        self.assertEqual(closed, answers(nobody))


class NothingToChoose(ChoiceCase):
    policy = {"archive": {"keep": "7d"}}

    def test_without_published_choices_there_is_no_command(self):
        client = self.session(self.account())
        answer = client.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>")
        self.assertNotIn(RETENTION, [item.get("node") for item in answer.child("query", ITEMS)])
        self.assert_error(client.asks(command_iq(self.server.domain, RETENTION, "execute")), "item-not-found")


class Obeyed(ChoiceCase):
    def test_present_and_absent_each_account_by_its_own_choice(self):
        alice, bob = self.accounts(2)
        self.chooses(self.session(bob), "1h")
        self.server.restart()  # which writes into buckets it makes itself
        writer, reader = self.session(alice, "w"), self.online(bob, "r")
        def counts():
            return [len(self.buckets(name)) for name in ("archive-1h", "archive")]
        expected = [count + 1 for count in counts()]
        self.send(writer, bob.jid, "present")
        reader.collect()
        until(lambda: counts() == expected, f"one bucket more of each class, {expected}: the sender's copy goes by the sender's choice")
        reader.leaves()
        self.send(writer, bob.jid, "absent")
        reader = self.session(bob)
        waiting = [s for s in reader.goes_online() if s.name == "message"]
        self.assertEqual(["absent"], [s.text_of("body") for s in waiting])
        entries = archive.everything(reader)
        self.assertEqual(["present", "absent"], [e.message.text_of("body") for e in entries])
        self.assertEqual(entries[1].id, waiting[0].stanza_id)
        self.assertEqual(["present", "absent"], self.bodies(writer))

    def test_who_keeps_nothing_has_no_archive_and_no_stanza_ids_and_still_gets_what_waited(self):
        alice, bob = self.accounts(2)
        writer, reader = self.session(alice, "w"), self.online(bob, "r")
        self.send(writer, bob.jid, "before")
        reader.collect()
        self.chooses(reader, "0")
        self.send(writer, bob.jid, "present")
        self.assertEqual([None], [s.stanza_id for s in reader.collect() if s.name == "message"])
        self.send(reader, alice.jid, "sent")
        self.assertEqual([], self.bodies(reader))
        reader.leaves()
        self.send(writer, bob.jid, "absent")
        reader = self.session(bob)
        waiting = [s for s in reader.goes_online() if s.name == "message"]
        self.assertEqual([("absent", None)], [(s.text_of("body"), s.stanza_id) for s in waiting])
        self.assertEqual([], self.bodies(reader))
        self.assertEqual(["before", "present", "sent", "absent"], self.bodies(writer))
        # Back to the longest: what was ruled out stays so.
        self.chooses(reader, "7d")
        self.assertEqual([], self.bodies(reader))
        self.send(writer, bob.jid, "after")
        reader.collect()
        self.assertEqual(["after"], self.bodies(reader))

    def test_it_is_kept_over_restart_kill_password_change_and_reset(self):
        account, friend = self.accounts(2)
        client = self.session(account)
        self.chooses(client, "1h")
        for end in (self.server.restart, lambda: (self.server.kill(), self.server.start())):
            end()
            client = self.session(account)
            self.assertEqual("1h", self.current(client))
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{account.local}</username><password>another one</password></query></iq>")
        self.assertEqual("1h", self.current(client))
        client.leaves()
        account = Account(account.jid, "another one")
        self.assertEqual("1h", self.current(self.session(account)))
        self.server.ctl("account", "reset", account.jid, "--password-stdin", stdin="a third one\n")
        self.send(self.session(friend), account.jid, "to the new vault")
        client = self.session(Account(account.jid, "a third one"))
        self.assertEqual("1h", self.current(client))
        self.assertEqual(["to the new vault"], self.bodies(client))
        self.assertTrue(self.buckets("archive-1h"))

    def test_pages_stay_in_order_across_changes_without_gap_or_repetition(self):
        alice, bob = self.accounts(2)
        writer, reader = self.session(alice, "w"), self.online(bob, "r")
        count = 0
        for value in ("7d", "1h", "7d", "1h", "7d"):
            self.chooses(reader, value)
            self.send(writer, bob.jid, *range(count, count + 4))
            count += 4
            if value == "1h":
                self.server.restart()
                writer, reader = self.session(alice, "w"), self.online(bob, "r")
        reader.collect()
        expected = [str(n) for n in range(count)]
        whole = archive.everything(reader)
        self.assertEqual(expected, [e.message.text_of("body") for e in whole])
        ids = [e.id for e in whole]
        self.assertEqual(sorted(e.stamp for e in whole), [e.stamp for e in whole])
        for size in (1, 3, 7):
            self.assertEqual(ids, [e.id for e in archive.everything(reader, size=size)])
            got, before = [], ""
            while True:
                page = archive.page(reader, set_=archive.rsm(max=size, before=before))
                got = page.ids + got
                if page.complete:
                    break
                before = page.first
            self.assertEqual(ids, got)
        for n, at in enumerate(ids):
            self.assertEqual(ids[n + 1:], archive.page(reader, set_=archive.rsm(after=at)).ids)
            self.assertEqual(ids[:n], archive.page(reader, set_=archive.rsm(before=at)).ids)


class Shorter(ChoiceCase):
    policy = {"archive": {"keep": "7d", "choices": ["7d", "6s"]}, "letterbox": {"keep": "7d"}}

    def test_a_shorter_choice_hides_what_is_older_at_once_and_its_buckets_go_at_their_deadline(self):
        alice, bob = self.accounts(2)
        writer, reader = self.session(alice, "w"), self.online(bob, "r")
        self.send(writer, bob.jid, "old")
        reader.collect()
        (old,) = archive.everything(reader)
        born = time.monotonic()
        until(lambda: time.monotonic() > born + 7, "seven seconds")
        self.chooses(reader, "6s")
        self.assertEqual([], self.bodies(reader))
        self.send(writer, bob.jid, "short")
        reader.collect()
        self.assertNotIn("old", self.bodies(reader))
        files = self.buckets("archive-6s")
        self.assertTrue(files)
        kept = self.buckets("archive")
        until(lambda: not set(files) & set(self.buckets("archive-6s")), "the end of the bucket of the choice")
        self.assertEqual(kept, self.buckets("archive"))
        self.assertEqual([], self.bodies(reader))
        # Back again: neither what the choice had ruled out nor what is destroyed comes back; an id from then still pages.
        self.chooses(reader, "7d")
        self.send(writer, bob.jid, "new")
        reader.collect()
        self.assertEqual(["new"], self.bodies(reader))
        self.assertEqual(["new"], archive.page(reader, set_=archive.rsm(after=old.id)).bodies)
        page = archive.page(reader, set_=archive.rsm(before=old.id))
        self.assertEqual(([], True), (page.entries, page.complete))
        self.assertEqual(["old", "short", "new"], self.bodies(writer))


if __name__ == "__main__":
    main()
