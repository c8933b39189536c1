# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses (RFC 7622, RFC 6120 section 8): malformed, remote, and the same in different spellings."""
from lethe_test import WireCase, main

MALFORMED = ["@", "@@", "a@", "@localhost.example", "a@b@c", "a b@localhost.example", "a@localhost.example/", "/r", "a&amp;b@localhost.example",
             "a&quot;@localhost.example", "a:b@localhost.example", "a&lt;@localhost.example", "\u00a0@localhost.example", "a@local host",
             "a" * 1024 + "@localhost.example", "a@" + "b" * 1024, "a@localhost.example/" + "r" * 1024, "a\u2028b@localhost.example"]


class Addresses(WireCase):
    KINDS = (("message", "type='chat'", "<body>x</body>"), ("message", "", "<body>x</body>"), ("iq", "type='get'", "<ping xmlns='urn:xmpp:ping'/>"),
             ("iq", "type='set'", "<x xmlns='urn:x'/>"), ("presence", "type='subscribe'", ""), ("presence", "", ""))

    def test_malformed_addresses_are_jid_malformed_and_the_stream_goes_on(self):
        client = self.online(self.account(), "r")
        for to in MALFORMED:
            for name, attributes, inner in self.KINDS:
                with self.subTest(to[:40], stanza=name, attributes=attributes):
                    client.sends(f"<{name} to='{to}' {attributes} id='m'>{inner}</{name}>")
                    (answer,) = client.collect()
                    self.assertEqual((name, "m"), (answer.name, answer.get("id")))
                    self.assert_error(answer, "jid-malformed", "modify")

    def test_errors_and_results_to_malformed_addresses_are_not_answered(self):
        client = self.online(self.account(), "r")
        for stanza in ("<message to='@@' type='error'/>", "<iq to='@@' type='result' id='1'/>", "<iq to='@@' type='error' id='1'/>",
                       "<presence to='@@' type='error'/>"):
            client.sends(stanza)
        client.receives_nothing()

    def test_remote_domains_cannot_be_found(self):
        client = self.online(self.account(), "r")
        for to in ("elsewhere.example", "a@elsewhere.example", "a@elsewhere.example/r", f"rooms.{self.server.domain}", "a@192.0.2.1", "a@xn--bcher-kva.example"):
            for name, attributes, inner in self.KINDS[:-1]:
                with self.subTest(to, stanza=name, attributes=attributes):
                    client.sends(f"<{name} to='{to}' {attributes} id='m'>{inner}</{name}>")
                    errors = [s for s in client.collect() if s.type == "error"]
                    self.assertEqual(["remote-server-not-found"], [s.condition for s in errors])
                    self.assertEqual(to, errors[0].get("from"))

    def test_errors_and_results_to_remote_domains_are_not_answered(self):
        client = self.online(self.account(), "r")
        gone = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        for stanza in (f"<message to='a@elsewhere.example' type='error'>{gone}</message>", "<iq to='a@elsewhere.example' type='result' id='1'/>",
                       f"<iq to='a@elsewhere.example' type='error' id='1'>{gone}</iq>"):
            client.sends(stanza)
        client.receives_nothing()

    def test_messages_to_remote_domains_are_not_lost_silently_nor_delivered_to_namesakes(self):
        sender, namesake = (self.online(a, "r") for a in self.accounts(2))
        sender.sends(f"<message to='{namesake.account.local}@elsewhere.example' type='chat'><body>x</body></message>")
        self.assert_error(sender.next(), "remote-server-not-found")
        namesake.receives_nothing()

    def test_one_account_in_many_spellings(self):
        sender, target = (self.online(a, "Resource \u00fc") for a in self.accounts(2))
        for to in (target.jid.upper(), target.account.local.capitalize() + "@LOCALHOST.example", target.jid + ".",
                   "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in target.account.local) + "@localhost.example"):
            with self.subTest(to):
                sender.sends(f"<message to='{to}' type='chat'><body>x</body></message>")
                self.assertEqual([], sender.collect())
                self.assertEqual(1, len(target.collect()))

    def test_resources_are_compared_exactly_after_normalisation(self):
        sender, target = (self.online(a, "Resource \u00fc") for a in self.accounts(2))
        sender.sends(f"<message to='{target.jid}/Resource u\u0308' type='headline'><body>x</body></message>")
        sender.collect()
        self.assertEqual(1, len(target.collect()))
        sender.sends(f"<message to='{target.jid}/resource \u00fc' type='headline'><body>x</body></message>")
        sender.collect()
        target.receives_nothing()

    def test_an_empty_or_absent_address_is_ones_own_account(self):
        client = self.online(self.account(), "r")
        client.asks_ok("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>")
        client.sends("<iq type='get' id='e' to=''><query xmlns='jabber:iq:roster'/></iq>")
        (answer,) = client.collect()
        self.assertIn(answer.condition, (None, "jid-malformed"))


if __name__ == "__main__":
    main()
