# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the server itself answers: disco (XEP-0030), caps (XEP-0115), ping (XEP-0199), version (XEP-0092), time (XEP-0202)."""
import base64
import datetime
import hashlib

from lethe_test import WireCase, main
from lethe_test.waiting import until
from test_policy_published import capabilities

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"
CAPS = "http://jabber.org/protocol/caps"


def query(ns, to=None, node=None):
    address = f" to='{to}'" if to else ""
    at_node = f" node='{node}'" if node else ""
    return f"<iq type='get'{address}><query xmlns='{ns}'{at_node}/></iq>"


class Disco(WireCase):
    def info(self, client, to=None, node=None):
        answer = client.asks_ok(query(INFO, to, node)).child("query", INFO)
        identities = {(i.get("category"), i.get("type")) for i in answer.findall(f"{{{INFO}}}identity")}
        return identities, {f.get("var") for f in answer.findall(f"{{{INFO}}}feature")}

    def test_the_server_says_what_it_is_and_can(self):
        client = self.session(self.account(), "r")
        identities, features = self.info(client, self.server.domain)
        self.assertIn(("server", "im"), identities)
        self.assertLessEqual({INFO, ITEMS, "urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time", "urn:xmpp:blocking"}, features)

    def test_ones_own_account_says_what_it_is(self):
        client = self.session(self.account(), "r")
        for to in (client.jid, None):
            self.assertIn(("account", "registered"), self.info(client, to)[0])

    def test_subscribers_see_the_account_and_strangers_do_not(self):
        friend, target, stranger = (self.online(a, "r") for a in self.accounts(3))
        self.befriend(friend, target)
        self.assertIn(("account", "registered"), self.info(friend, target.jid)[0])
        for to in (target.jid, f"nobody@{self.server.domain}"):
            self.assert_error(stranger.asks(query(INFO, to)), "service-unavailable")
            self.assertNotEqual("result", stranger.asks(query(ITEMS, to)).type)

    def test_items(self):
        client = self.session(self.account(), "r")
        for to in (self.server.domain, client.jid):
            self.assertIsNotNone(client.asks_ok(query(ITEMS, to)).child("query", ITEMS))

    def test_an_unknown_node_is_item_not_found(self):
        client = self.session(self.account(), "r")
        for ns in (INFO, ITEMS):
            self.assert_error(client.asks(query(ns, self.server.domain, "urn:nothing")), "item-not-found")

    def test_the_servers_capabilities_are_hashed_as_told(self):
        client = self.client(self.account())
        client.secure()
        client.authenticate()
        caps = client.features.child("c", CAPS)
        self.assertIsNotNone(caps, "capabilities belong into stream features")
        client.bind("r")
        self.assertEqual("sha-1", caps.get("hash"))
        for node in (None, f"{caps.get('node')}#{caps.get('ver')}"):
            answer = client.asks_ok(query(INFO, self.server.domain, node)).child("query", INFO)
            identities = sorted("/".join((i.get("category"), i.get("type"), i.get("{http://www.w3.org/XML/1998/namespace}lang", ""), i.get("name", "")))
                                for i in answer.findall(f"{{{INFO}}}identity"))
            features = sorted(f.get("var") for f in answer.findall(f"{{{INFO}}}feature"))
            forms = []
            for form in answer.findall("{jabber:x:data}x"):
                fields = {f.get("var"): sorted(v.text or "" for v in f.findall("{jabber:x:data}value")) for f in form}
                forms.append(fields.pop("FORM_TYPE") + [p for var in sorted(fields) for p in (var, *fields[var])])
            text = "".join(part + "<" for part in identities + features + [p for form in sorted(forms) for p in form])
            self.assertEqual(caps.get("ver"), base64.b64encode(hashlib.sha1(text.encode()).digest()).decode())

    def test_features_are_unique_and_each_announced_namespace_answers(self):
        client = self.session(self.account(), "r")
        answer = client.asks_ok(query(INFO, self.server.domain)).child("query", INFO)
        features = [f.get("var") for f in answer.findall(f"{{{INFO}}}feature")]
        self.assertEqual(len(set(features)), len(features))


class Small(WireCase):
    def test_ping(self):
        client = self.session(self.account(), "r")
        for to in ("", f"to='{self.server.domain}'", f"to='{client.jid}'"):
            client.sends(f"<iq type='get' id='p' {to}><ping xmlns='urn:xmpp:ping'/></iq>")
            answer = client.next()
            self.assertEqual(("iq", "result", "p", 0), (answer.name, answer.type, answer.get("id"), len(answer.element)))

    def test_answers_come_from_the_address_that_was_asked(self):
        client = self.session(self.account(), "r")
        for to in (self.server.domain, client.jid):
            answer = client.asks_ok(f"<iq type='get' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>")
            self.assertEqual((to, client.full), (answer.get("from"), answer.get("to")))

    def test_version_gives_the_name_only(self):
        client = self.session(self.account(), "r")
        answer = client.asks_ok(query("jabber:iq:version", self.server.domain)).child("query", "jabber:iq:version")
        fields = {c.tag.rpartition("}")[2]: c.text for c in answer}
        self.assertEqual("Lethe", fields["name"])
        self.assertNotIn("os", fields)
        self.assertFalse(any(c.isdigit() for c in fields.get("version") or ""), "no version number for attackers")

    def test_time_is_now_in_utc(self):
        client = self.session(self.account(), "r")
        before = datetime.datetime.now(datetime.timezone.utc)
        answer = client.asks_ok("<iq type='get' to='%s'><time xmlns='urn:xmpp:time'/></iq>" % self.server.domain).child("time", "urn:xmpp:time")
        after = datetime.datetime.now(datetime.timezone.utc)
        self.assertIn(answer.findtext("{urn:xmpp:time}tzo"), ("+00:00", "Z", "-00:00"))
        told = datetime.datetime.fromisoformat(answer.findtext("{urn:xmpp:time}utc").replace("Z", "+00:00"))
        slack = datetime.timedelta(seconds=1)  # whole seconds are allowed
        self.assertTrue(before - slack <= told <= after + slack, f"{before} {told} {after}")

    def test_set_requests_to_get_only_services_are_refused(self):
        client = self.session(self.account(), "r")
        for payload in ("<ping xmlns='urn:xmpp:ping'/>", "<time xmlns='urn:xmpp:time'/>", "<query xmlns='jabber:iq:version'/>", f"<query xmlns='{INFO}'/>"):
            answer = client.asks(f"<iq type='set' to='{self.server.domain}'>{payload}</iq>")
            self.assertEqual("error", answer.type, payload)

    def test_the_servers_uptime_is_told_and_rises(self):
        client = self.session(self.account(), "r")

        def seconds():
            return int(client.asks_ok(query("jabber:iq:last", self.server.domain)).child("query", "jabber:iq:last").get("seconds"))

        before = seconds()
        until(lambda: seconds() > before, "a later second")
        self.server.restart()
        client = self.session(self.account(), "r")
        self.assertLessEqual(seconds(), before + 60)

    def test_nobodys_last_activity_is_told(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(alice, bob)
        bob.leaves()
        alice.collect()
        self.assertEqual("error", alice.asks(query("jabber:iq:last", bob.jid)).type)

    def test_messages_and_presence_to_the_server_do_no_harm(self):
        client = self.online(self.account(), "r")
        for kind in ("chat", "normal", "headline", "groupchat", "error"):
            client.sends(f"<message to='{self.server.domain}' type='{kind}'><body>x</body></message>")
        for kind in ("", "type='probe'", "type='unavailable'", "type='subscribe'"):
            client.sends(f"<presence to='{self.server.domain}' {kind}/>")
        self.assertTrue(all(s.type in ("error", "unsubscribed") for s in client.collect()))


class Outage(WireCase):
    config = {"outage": {"status": ["https://status.example/chat.json", "http://other.example/"]}}

    def test_the_addresses_are_in_the_answer_and_in_its_hash(self):
        client = self.session(self.account())
        answer = client.asks_ok(query(INFO, self.server.domain)).child("query", INFO)
        [form] = [x for x in answer.findall("{jabber:x:data}x") if "urn:xmpp:sos:0" in "".join(x.itertext())]
        self.assertEqual([("FORM_TYPE", "hidden", ["urn:xmpp:sos:0"]), ("external-status-addresses", "list-multi", self.config["outage"]["status"])],
                         [(f.get("var"), f.get("type"), [v.text for v in f]) for f in form])
        fresh = self.client(self.account())
        fresh.secure()
        fresh.authenticate()
        self.assertEqual(fresh.features.child("c", CAPS).get("ver"), capabilities(answer))


if __name__ == "__main__":
    main()
