# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ad-hoc commands (XEP-0050) for everybody's own account: which sessions there are, ending one, and erasing the account."""
import json
import re

from lethe_test import SaslFailure, WireCase, main
from lethe_test.commands import COMMANDS, ERASURE, SESSIONS, begin, command_iq, note_of, submitted
from lethe_test.waiting import until

ITEMS = "http://jabber.org/protocol/disco#items"


class CommandCase(WireCase):
    def hibernating(self):
        return json.loads(self.server.ctl("status", "--json").stdout)["sessions_hibernating"]

    def assert_not_taken(self, answer):
        self.assert_error(answer, "bad-request")
        self.assertIsNotNone(answer.child("error").find(f"{{{COMMANDS}}}bad-payload"), answer)


class Sessions(CommandCase):
    def offered(self, client, **options):
        """(command's session id, instructions, {resource: label} of the others)"""
        run, instructions, fields = begin(client, SESSIONS, **options)
        kind, value, labels = fields["end"]
        self.assertEqual(("list-single", "-"), (kind, value))
        return run, instructions, {v[2:]: label for v, label in labels.items() if v.startswith("r/")}

    def completes(self, client, run, value):
        return client.asks(command_iq(self.server.domain, SESSIONS, "complete", run, submitted(value, var="end")))

    def test_both_commands_are_listed_in_the_language_asked_for(self):
        client = self.session(self.account())
        for to in (self.server.domain, client.jid):
            for lang, names in (("en", {"My sessions", "Erase my account"}), ("de", {"Meine Sitzungen", "Mein Konto löschen"})):
                listed = client.asks_ok(f"<iq type='get' to='{to}' xml:lang='{lang}'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>").child("query", ITEMS)
                self.assertLessEqual(names, {item.get("name") for item in listed})
                self.assertLessEqual({SESSIONS, ERASURE}, {item.get("node") for item in listed})

    def test_they_are_told_by_name_hour_and_state_and_by_no_address(self):
        account, other = self.accounts(2)
        self.session(other, "of somebody else")
        client, available = self.session(account, "asks"), self.online(account, "phone &amp; &lt;tablet&gt;")
        self.session(account, "silent")
        asleep = self.session(account, "asleep").enable_sm(resume=True)
        asleep.drop()
        until(lambda: self.hibernating() == 1, "a session that hibernates")
        client.collect()
        _, instructions, others = self.offered(client)
        when = r"since 20\d\d-\d\d-\d\d \d\d:00 UTC, "
        self.assertRegex(instructions, "This one: asks: " + when + "connected, not available")
        self.assertEqual({"phone & <tablet>", "silent", "asleep"}, set(others))
        self.assertRegex(others["phone & <tablet>"], "^phone & <tablet>: " + when + "connected, available$")
        self.assertRegex(others["silent"], "^silent: " + when + "connected, not available$")
        self.assertRegex(others["asleep"], "^asleep: " + when + "connection lost, may still be resumed$")
        for text in (instructions, *others.values()):
            self.assertNotRegex(re.sub(r"\d\d:00 UTC", "", text), r"127\.|::1|\d:\d")
        self.assertIn("seit 20", self.offered(client, lang="de")[1])
        self.assertEqual({"asks", "silent", "asleep"}, set(self.offered(available, to=available.jid)[2]))

    def test_one_is_ended_and_no_other(self):
        account = self.account()
        client, phone, tablet = (self.online(account, name) for name in ("asks", "phone", "tablet"))
        self.settle(client, phone, tablet)
        run, _, _ = self.offered(client)
        self.assertEqual("The session was ended.", note_of(self.completes(client, run, "r/phone")))
        phone.receives_end("conflict")
        self.assertEqual({"tablet"}, set(self.offered(client)[2]))
        tablet.asks_ok("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.session(account, "phone")

    def test_a_hibernating_one_cannot_be_resumed_after_it_was_ended(self):
        account = self.account()
        client, phone = self.session(account, "asks"), self.session(account, "phone").enable_sm(resume=True)
        phone.drop()
        until(lambda: self.hibernating() == 1, "a session that hibernates")
        run, _, _ = self.offered(client)
        note_of(self.completes(client, run, "r/phone"))
        until(lambda: self.hibernating() == 0, "the end of it")
        self.assertEqual({}, self.offered(client)[2])

    def test_nothing_is_ended_by_whoever_picks_none_or_nonsense(self):
        account, other = self.accounts(2)
        client, second, stranger = self.session(account, "asks"), self.session(account, "second"), self.session(other, "stranger")
        run, _, _ = self.offered(client)
        for value in ("", "second", "r/asks", "R/second"):
            self.assert_not_taken(self.completes(client, run, value))
        self.assertEqual("No session was ended.", note_of(self.completes(client, run, "-")))
        run, _, _ = self.offered(client)
        self.assertEqual("The session was ended.", note_of(self.completes(client, run, "r/stranger")), "it is not there, whoever else has it")
        for session in (client, second, stranger):
            session.asks_ok("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")


class Erasure(CommandCase):
    def completes(self, client, run, value):
        return client.asks(command_iq(self.server.domain, ERASURE, "complete", run, submitted(value, var="confirm")))

    def test_only_after_a_confirmation(self):
        account, other = self.accounts(2)
        client, second, stranger = self.session(account, "asks"), self.session(account, "second"), self.session(other, "stranger")
        run, text, fields = begin(client, ERASURE)
        self.assertEqual(("boolean", "0", {}), fields["confirm"])
        self.assertIn(account.jid, text)
        for value in ("0", "false", "", "yes"):
            self.assert_not_taken(self.completes(client, run, value))
        client.asks_ok(command_iq(self.server.domain, ERASURE, "cancel", run))
        run, _, _ = begin(client, ERASURE, lang="de")
        second.asks_ok("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.assertEqual("The account was erased.", note_of(self.completes(client, run, "true")))
        for session in (client, second):
            session.receives_end("not-authorized")
        stranger.asks_ok("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        with self.assertRaises(SaslFailure) as caught:
            self.session(account)
        self.assertEqual("not-authorized", caught.exception.condition)


if __name__ == "__main__":
    main()
