# SPDX-License-Identifier: AGPL-3.0-or-later
"""Strangers, blocked senders and removed contacts get the same bytes whether the account is online or not.

Otherwise the server would tell a blocked harasser who is there. Every stanza kind and type goes to the bare address and to the address of
the one session there is or was; answers are compared byte by byte between an open vault (three ways to be online) and a closed one.
"""
import itertools

from lethe_test import WireCase, main
from lethe_test.pubsub import item, publish

CONTENTS = {
    "body": "<body>x</body>",
    "chat state": "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
    "no-store": "<body>x</body><no-store xmlns='urn:xmpp:hints'/>",
    "no-permanent-store": "<body>x</body><no-permanent-store xmlns='urn:xmpp:hints'/>",
    "store": "<x xmlns='urn:x'/><store xmlns='urn:xmpp:hints'/>",
    "nothing": "",
    "receipt request": "<body>x</body><request xmlns='urn:xmpp:receipts'/>",
    "invitation": "<x xmlns='jabber:x:conference' jid='room@rooms.example'/>",
    "error": "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
}
PAYLOADS = {
    "ping": "<ping xmlns='urn:xmpp:ping'/>",
    "version": "<query xmlns='jabber:iq:version'/>",
    "time": "<time xmlns='urn:xmpp:time'/>",
    "last": "<query xmlns='jabber:iq:last'/>",
    "disco info": "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "disco info of a node": "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:n'/>",
    "disco items": "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    "vcard": "<vCard xmlns='vcard-temp'/>",
    "roster": "<query xmlns='jabber:iq:roster'/>",
    "roster item": "<query xmlns='jabber:iq:roster'><item jid='a@b.example'/></query>",
    "private": "<query xmlns='jabber:iq:private'><x xmlns='u'/></query>",
    "pubsub": "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>",
    **{f"pubsub node {node}": f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'/></pubsub>" for node in ("open", "presence", "whitelist", "none")},
    "pubsub publish": "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='open'><item id='i'><x xmlns='u'/></item></publish></pubsub>",
    "pubsub subscribe": "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='open' jid='a@b.example'/></pubsub>",
    "pubsub configure": "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='open'/></pubsub>",
    "disco info of a pubsub node": "<query xmlns='http://jabber.org/protocol/disco#info' node='open'/>",
    "bookmarks": "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='storage:bookmarks'/></pubsub>",
    "archive": "<query xmlns='urn:xmpp:mam:2'/>",
    "blocklist": "<blocklist xmlns='urn:xmpp:blocking'/>",
    "block": "<block xmlns='urn:xmpp:blocking'><item jid='a@b.example'/></block>",
    "register": "<query xmlns='jabber:iq:register'/>",
    "bind": "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
    "session": "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
    "unknown": "<x xmlns='urn:nobody:knows'/>",
}


def stanzas(to):
    """(what, stanza) for every kind and type."""
    for kind, (what, inner) in itertools.product((None, "normal", "chat", "groupchat", "headline", "error", "odd"), CONTENTS.items()):
        yield f"message {kind} {what}", f"<message to='{to}' id='s'{attribute(kind)}>{inner}</message>"
    for kind in (None, "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error", "odd"):
        yield f"presence {kind}", f"<presence to='{to}' id='s'{attribute(kind)}/>"
    for kind, (what, payload) in itertools.product(("get", "set", "result", "odd"), PAYLOADS.items()):
        yield f"iq {kind} {what}", f"<iq to='{to}' id='s'{attribute(kind)}>{payload}</iq>"
    yield "iq error", f"<iq to='{to}' id='s' type='error'>{CONTENTS['error']}</iq>"
    yield "iq get without payload", f"<iq to='{to}' id='s' type='get'/>"


def attribute(kind):
    return f" type='{kind}'" if kind else ""


def answers(client, to):
    """{what: the bytes that came back}"""
    got = {}
    for what, stanza in stanzas(to):
        client.sends(stanza)
        got[what] = b"".join(s.raw for s in client.collect())
    return got


class SameAnswers(WireCase):
    def states(self, account):
        """The ways to be online, each entered and left again; 'closed' first and last."""
        yield "closed"
        for name, priority in (("online", 0), ("with negative priority", -1)):
            client = self.online(account, "here", priority=priority)
            yield name
            client.leaves()
        client = self.session(account, "here")
        yield "without presence"
        client.leaves()
        yield "closed again"

    def furnish(self, account):
        """Nodes of every kind, a vCard and an avatar."""
        client = self.session(account, "furnishing")
        for access in ("open", "presence", "whitelist"):
            client.asks_ok(publish(access, item("i", f"<x xmlns='u'>{access}</x>"), access_model=access))
        client.asks_ok("<iq type='set'><vCard xmlns='vcard-temp'><FN>x</FN><PHOTO><BINVAL>eA==</BINVAL></PHOTO></vCard></iq>")
        client.leaves()

    def compare(self, prober, account):
        self.furnish(account)
        reference = None
        for state in self.states(account):
            prober.collect()
            got = {to: answers(prober, to) for to in (account.jid, f"{account.jid}/here")}
            reference = reference or got
            for to, by_stanza in got.items():
                for what, raw in by_stanza.items():
                    self.assertEqual(reference[to][what], raw, f"{what} to {to}, {state}")
        return reference

    def test_a_stranger(self):
        target, other = self.accounts(2)
        self.compare(self.online(other, "probe"), target)

    def test_a_stranger_without_presence(self):
        target, other = self.accounts(2)
        self.compare(self.session(other, "probe"), target)

    def test_a_blocked_stranger(self):
        target, other = self.accounts(2)
        client = self.online(target, "here")
        client.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{other.jid}'/></block></iq>")
        client.leaves()
        self.compare(self.online(other, "probe"), target)

    def test_a_blocked_friend(self):
        target, other = self.accounts(2)
        client, prober = self.online(target, "here"), self.online(other, "probe")
        self.befriend(client, prober)
        client.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{other.jid}'/></block></iq>")
        client.leaves()
        prober.collect()
        self.compare(prober, target)

    def test_a_removed_contact(self):
        target, other = self.accounts(2)
        client, prober = self.online(target, "here"), self.online(other, "probe")
        self.befriend(client, prober)
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{other.jid}' subscription='remove'/></query></iq>")
        self.settle(client, prober)
        client.leaves()
        self.compare(prober, target)

    def test_a_stranger_gets_these_answers_at_all(self):
        """The comparison could not fail if nothing were ever answered, or if answers did not depend on anything."""
        target, other = self.accounts(2)
        reference = self.compare(self.online(other, "probe"), target)
        self.assertIn(b"<x xmlns='u'>open</x>", reference[target.jid]["iq get pubsub node open"])
        self.assertIn(b"eA==", reference[target.jid]["iq get vcard"])
        for node in ("presence", "whitelist", "none"):
            self.assertIn(b"not-authorized", reference[target.jid][f"iq get pubsub node {node}"])
        for to in reference:
            self.assertIn(b"service-unavailable", reference[to]["iq get ping"])
            self.assertIn(b"service-unavailable", reference[to]["message groupchat body"])
            self.assertEqual(b"", reference[to]["message chat body"])
            self.assertEqual(b"", reference[to]["presence probe"])
        client, friend = self.online(target, "here"), self.online(self.account(), "probe")
        self.befriend(client, friend)
        friend.sends(f"<iq to='{client.full}' id='s' type='get'>{PAYLOADS['ping']}</iq>")
        friend.receives_nothing()
        self.assertEqual(1, len(client.collect()), "a friend's question does reach the session")

    def test_iqs_to_an_account_that_does_not_exist_are_answered_alike(self):
        target, other = self.accounts(2)
        prober = self.online(other, "probe")
        nobody = "x" * len(target.local)
        for suffix in ("", "/here"):
            known, unknown = f"{target.jid}{suffix}", f"{nobody}@{self.server.domain}{suffix}"
            masked = {what: raw.replace(nobody.encode(), target.local.encode()) for what, raw in answers(prober, unknown).items()}
            for what, raw in answers(prober, known).items():
                if what.startswith("iq"):
                    self.assertEqual(raw, masked[what], what)


if __name__ == "__main__":
    main()
