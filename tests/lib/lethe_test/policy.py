# SPDX-License-Identifier: AGPL-3.0-or-later
"""What tests of a changing policy share: a server of their own, changes of its file, what it publishes, and who is told."""
import json
import os
import signal

from .case import WireCase
from .template import ready_server
from .waiting import until

INFO = "http://jabber.org/protocol/disco#info"
DATA_POLICY, FIGURES, CONTACTS = "urn:xmpp:data-policy:0", "urn:x-lethe:policy:0", "http://jabber.org/network/serverinfo"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
BASE = {"archive": {"keep": "7d"}, "letterbox": {"keep": "7d"}, "change": {"notice": "1h"}, "service": {"languages": ["en", "de"]}}


class PolicyCase(WireCase):
    """A server of its own for each test: its policy does not stay what it was."""

    policy = BASE

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        super().setUp()
        self.server, self.pool = ready_server(self.policy, self.config)
        self.addCleanup(self.server.remove)
        type(self)._extra = iter(range(1000))
        self.server.start()
        until(lambda: self.server.ctl("policy", "show", expect=None).returncode == 0, "the first standing")

    def tearDown(self):
        super().tearDown()
        self.server.stop()

    # What is in force ------------------------------------------------------------------------------------------------

    def show(self):
        return json.loads(self.server.ctl("policy", "show", "--json").stdout)

    def file(self):
        return (self.server.config_dir / "policy.toml").read_text()

    def sighup(self):
        os.kill(self.server.pid, signal.SIGHUP)

    def change(self, policy):
        """Writes the file, sends SIGHUP, and waits until the server has made something of it."""
        before = self.show()
        self.server.set_policy(policy)
        self.sighup()
        return until(lambda: (lambda now: now if now != before else None)(self.show()), "an answer to SIGHUP")

    def forms(self, client):
        answer = client.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
        out = {}
        for form in answer.findall("{jabber:x:data}x"):
            self.assertEqual("result", form.get("type"))
            fields = {f.get("var"): (f.get("type"), [v.text or "" for v in f.findall("{jabber:x:data}value")]) for f in form}
            self.assertEqual("hidden", fields["FORM_TYPE"][0])
            out[fields.pop("FORM_TYPE")[1][0]] = fields
        return out

    def value(self, client, var, form=FIGURES):
        fields = self.forms(client)[form]
        return fields[var][1][0] if var in fields else None

    # Who is told -----------------------------------------------------------------------------------------------------

    def news(self, stanzas):
        return [s for s in stanzas if s.name == "message" and s.get("from") == self.server.domain]

    def told_at_login(self, account):
        return self.news(self.logs_in_for(account))

    def assert_news(self, stanza, *words):
        self.assertEqual("normal", stanza.type)
        bodies = {b.get(XML_LANG): b.text for b in stanza.element.findall("{jabber:client}body")}
        self.assertEqual({"en", "de"}, set(bodies))
        self.assertEqual({"en", "de"}, {s.get(XML_LANG) for s in stanza.element.findall("{jabber:client}subject")})
        for body in bodies.values():
            for word in (*words, "archive.keep", "mailto:admin@localhost.example", self.server.domain):
                self.assertIn(word, body)
