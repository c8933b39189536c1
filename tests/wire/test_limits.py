# SPDX-License-Identifier: AGPL-3.0-or-later
"""Limits: each has a name in lethe.toml, an advertised value where XEP-0478 has one, and a stream error as its answer."""
import json
import socket
import time

from lethe_test import Client, Closed, WireCase, main
from lethe_test.client import LIMIT
from lethe_test.scram import b64
from lethe_test.xmlstream import SASL, STREAM_ERRORS, TLS

STANZA, STRANGER, DEPTH = 100000, 20000, 20


def advertised(client):
    found = client.features.child("limits", "urn:xmpp:stream-limits:0")
    return None if found is None else int(found.findtext("{urn:xmpp:stream-limits:0}max-bytes"))


class LimitCase(WireCase):
    def assert_ends_naming(self, client, limit, condition="policy-violation"):
        client.receives_end(condition)
        self.assertIn(f"({limit})", client.stream_error.text_of("text", STREAM_ERRORS))

    def assert_too_big(self, client, limit):
        self.assert_ends_naming(client, limit)
        self.assertIsNotNone(client.stream_error.child("stanza-too-big", "urn:xmpp:errors"))


class Sizes(LimitCase):
    config = {"limits": {"stanza_bytes": STANZA, "unauthenticated_bytes": STRANGER, "depth": DEPTH}}

    def body_of(self, size, to):
        frame = f"<message to='{to}' type='chat'><body></body></message>"
        return frame.replace("<body>", "<body>" + "x" * (size - len(frame)))

    def test_limits_are_advertised_before_and_after_login(self):
        client = self.client(self.account())
        client.secure()
        self.assertEqual(STRANGER, advertised(client))
        client.authenticate()
        self.assertEqual(STANZA, advertised(client))

    def test_a_stanza_as_large_as_allowed_arrives(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        data = self.body_of(STANZA, bob.full)
        self.assertEqual(STANZA, len(data))
        alice.sends(data)
        self.assertEqual(data.count("x") - 1, bob.next().text_of("body").count("x"))  # one x is in 'example'

    def test_a_larger_stanza_ends_the_stream(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        alice.send_tolerant(self.body_of(STANZA + 1, bob.full))
        self.assert_too_big(alice, "stanza_bytes")
        bob.receives_nothing()

    def test_an_endless_stanza_ends_the_stream_without_being_finished(self):
        alice = self.online(self.account(), "r")
        alice.send_tolerant("<message><body>" + "x" * (STANZA + 70000))
        self.assert_too_big(alice, "stanza_bytes")

    def test_an_endless_tag_ends_the_stream(self):
        alice = self.online(self.account(), "r")
        alice.send_tolerant("<message to='" + "x" * (STANZA + 70000))
        alice.receives_end("policy-violation")

    def test_strangers_may_send_less(self):
        for in_tls in (False, True):
            with self.subTest(in_tls=in_tls):
                client = self.client()
                client.secure() if in_tls else (client.connect(), client.open_stream())
                client.send_tolerant(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{b64(b'x' * STRANGER)}</auth>")
                self.assert_ends_naming(client, "unauthenticated_bytes")

    def test_an_endless_stream_header_ends_the_connection(self):
        client = self.client().connect()
        client.fresh_parser()
        client.send_tolerant(client.header(extra=" a='" + "x" * 70000 + "'"))
        if client.receives_end("policy-violation", error_optional=True):
            self.assertIn("stream header", client.stream_error.text_of("text", STREAM_ERRORS))

    def test_nesting_as_deep_as_allowed_arrives(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        inner = DEPTH - 1  # the message is the first level
        alice.sends(f"<message to='{bob.full}' type='chat'>{'<a>' * inner}{'</a>' * inner}</message>")
        depth, at = 0, bob.next().element
        while len(at):
            depth, at = depth + 1, at[0]
        self.assertEqual(inner, depth)

    def test_deeper_nesting_ends_the_stream(self):
        alice = self.online(self.account(), "r")
        alice.send_tolerant(f"<message>{'<a>' * DEPTH}")
        self.assert_ends_naming(alice, "depth")
        self.assertIn(str(DEPTH), alice.stream_error.text_of("text", STREAM_ERRORS))
        self.assertIsNone(alice.stream_error.child("stanza-too-big", "urn:xmpp:errors"))

    def test_a_hundred_thousand_open_elements_end_the_stream_only(self):
        alice = self.online(self.account(), "r")
        alice.send_tolerant("<a>" * 100000)
        alice.receives_end("policy-violation", "unsupported-stanza-type")

    def test_too_many_attributes_end_the_stream(self):
        alice = self.online(self.account(), "r")
        alice.send_tolerant("<message " + " ".join(f"a{n}='x'" for n in range(1000)) + "/>")
        alice.receives_end("policy-violation")
        self.assertIn("attributes", alice.stream_error.text_of("text", STREAM_ERRORS))

    def test_a_namespace_used_so_often_that_it_fills_the_memory_ends_the_stream(self):
        alice = self.online(self.account(), "r")
        alice.send_tolerant(f"<message xmlns:p='{'u' * 1000}'>{'<p:b/>' * (STANZA // 1000 + 1)}</message>")
        alice.receives_end("policy-violation")
        self.assertIn("memory", alice.stream_error.text_of("text", STREAM_ERRORS))

    def test_endless_new_names_do_not_disturb_a_stream(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        for start in range(0, 12000, 400):
            names = "".join(f"<n{n} m{n}='1'/>" for n in range(start, start + 100))
            alice.sends(f"<message to='{bob.full}' type='headline'><x xmlns='urn:x:{start}'>{names}</x></message>")
            self.assertEqual(100, len(bob.next().element[0]))
        alice.receives_nothing()


class Time(WireCase):
    config = {"limits": {"handshake_seconds": 1}}

    def test_who_says_nothing_is_disconnected(self):
        client = self.client().connect()
        client.fresh_parser()
        if client.receives_end("connection-timeout", error_optional=True):
            self.assertIn("(handshake_seconds)", client.stream_error.text_of("text", STREAM_ERRORS))

    def test_who_stops_half_way_is_disconnected_at_every_step(self):
        account = self.account()

        def opened(client):
            client.connect()
            client.open_stream()

        def half_header(client):
            client.connect()
            client.fresh_parser()
            client.send_bytes("<stream:str")

        def authenticating(client):
            client.secure()
            client.auth_begins("SCRAM-SHA-256", f"n,,n={account.local},r=abcdefghijklmnop")

        def authenticated(client):
            client.secure()
            client.authenticate()

        for step in (opened, half_header, Client.secure, authenticating, authenticated):
            with self.subTest(step.__name__):
                client = self.client(account)
                step(client)
                client.receives_end("connection-timeout", "policy-violation", error_optional=True)

    def test_who_stalls_in_the_tls_handshake_is_disconnected(self):
        client = self.client().connect()
        client.open_stream()
        client.send_bytes(f"<starttls xmlns='{TLS}'/>")
        client.receives(f"<proceed xmlns='{TLS}'/>")
        client.fresh_parser()
        client.receives_end(error_optional=True)

    def test_a_bound_session_may_be_silent_for_longer(self):
        alice = self.online(self.account(), "r")
        late = self.client().connect()  # its end shows that the limit has passed since alice logged in
        late.fresh_parser()
        late.receives_end(error_optional=True)
        alice.receives_nothing()


class Refused(LimitCase):
    def assert_told(self, source, limit, condition):
        refused = self.client(source=source).connect()
        refused.fresh_parser()
        refused.send_tolerant(refused.header())
        self.assert_ends_naming(refused, limit, condition)

    def log(self):
        return "".join(file.read_text() for file in (self.server.data / "log").iterdir())


class Numbers(Refused):
    policy = {"log": {"keep": "24h", "address": "network"}}
    config = {"limits": {"sessions_per_account": 2, "connections_per_network": 6}}

    def test_one_session_too_many_is_refused_and_the_others_stay(self):
        account = self.account()
        first, second = self.online(account, "one"), self.online(account, "two")
        third = self.client(account)
        third.secure()
        third.authenticate()
        answer = third.asks("<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>three</resource></bind></iq>")
        self.assert_error(answer, "resource-constraint")
        self.settle(first, second)
        second.leaves()
        first.collect()
        self.session(account, "three").receives_nothing()

    def test_one_network_cannot_take_all_connections(self):
        crowd = []
        for number in range(6):
            client = self.client(source=f"127.9.9.{number + 1}").connect()
            client.open_stream()
            crowd.append(client)
        for last in (77, 78):
            self.assert_told(f"127.9.9.{last}", "connections_per_network", "policy-violation")
        with self.assertRaises((Closed, OSError)):
            self.client(source="127.9.9.79", direct_tls=True).connect()  # nothing can be said before a handshake
        self.assertEqual(1, self.log().count(" stream_error address=127.9.9.0/24 condition=policy-violation\n"))
        elsewhere = self.client(source="127.9.8.1").connect()
        elsewhere.open_stream()
        crowd[0].leaves()
        self.client(source="127.9.9.78").connect().open_stream()
        self.assert_told("127.9.9.80", "connections_per_network", "policy-violation")
        self.assertEqual(2, self.log().count(" stream_error address=127.9.9.0/24 condition=policy-violation\n"), "it had fewer in between")


class All(Refused):
    policy = {"log": {"keep": "24h"}}
    config = {"limits": {"connections": 4}}

    def test_one_connection_too_many_is_closed_wherever_it_comes_from(self):
        account = self.account()
        crowd = []
        limit = time.monotonic() + LIMIT
        while len(crowd) < 4:  # connections of the start may still be on their way out
            client = self.client(account, source=f"127.9.{len(crowd)}.1")
            try:
                client.connect().open_stream()
                crowd.append(client)
            except (Closed, OSError):
                self.assertLess(time.monotonic(), limit)
        self.assert_told("127.9.77.1", "connections", "resource-constraint")
        told = self.log().count(" stream_error condition=resource-constraint\n")
        self.assertGreater(told, 0)
        crowd[0].starttls()  # the others are not disturbed
        crowd[0].authenticate()
        crowd[1].leaves()
        self.client(source="127.9.78.1").connect().open_stream()
        self.assert_told("127.9.79.1", "connections", "resource-constraint")
        self.assertEqual(told + 1, self.log().count(" stream_error condition=resource-constraint\n"), "there were fewer in between")


class Stalled(WireCase):
    policy = {"letterbox": {"max_bytes": 256 << 20}}
    config = {"limits": {"queue_bytes": 300000, "stall_seconds": 1}}

    def test_who_does_not_read_while_the_letterbox_is_emptied_is_disconnected_and_loses_nothing(self):
        alice, bob = self.accounts(2)
        writer = self.session(alice, "w").enable_sm()
        body = "x" * 100000
        for number in range(200):  # more than the kernel's buffers take
            writer.sends(f"<message to='{bob.jid}' type='chat' id='m{number}'><body>{body}</body></message>")
            if number % 20 == 19:
                writer.all_acked()
        client = self.session(bob, "r")
        client.sends("<presence/>")
        limit = time.monotonic() + LIMIT
        while json.loads(self.server.ctl("status", "--json").stdout)["sessions"] > 1:  # nothing is read meanwhile
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.1)
        again = self.online(bob, "again")
        client.receives_end(error_optional=True)
        seen = [s.get("id") for s in [*client.inbox, *again.at_login] if s.name == "message"]
        # Without acknowledgements one that was half written comes again.
        self.assertEqual([f"m{n}" for n in range(200)], list(dict.fromkeys(seen)))
        self.assertLessEqual(len(seen), 201)
        self.assertLess(len(client.inbox), 200)


class SlowReader(WireCase):
    policy = {"letterbox": {"max_bytes": 256 << 20}}
    config = {"limits": {"queue_bytes": 300000}}

    def test_who_does_not_read_is_disconnected_and_nobody_else_waits(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        bob.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        alice.enable_sm()
        body = "x" * 100000
        for number in range(100):
            alice.sends(f"<message to='{bob.jid}' type='chat' id='{number}'><body>{body}</body></message>")
            if number % 20 == 19:
                alice.all_acked()
        self.assertEqual([], [s for s in alice.collect() if s.type == "error"])
        bob.receives_end(error_optional=True)
        self.assertLess(len(bob.inbox), 100)
        # What bob did not get is in his archive.
        again = self.online(bob.account, "again")
        ids, after, complete = set(), "", False
        while not complete:  # a page is bounded in bytes too
            fin = again.asks_ok("<iq type='set'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'>"
                                f"<max>250</max>{after}</set></query></iq>").child("fin", "urn:xmpp:mam:2")
            complete = fin.get("complete") == "true"
            after = f"<after>{fin.findtext('.//{http://jabber.org/protocol/rsm}last')}</after>"
            ids |= {s.child("result", "urn:xmpp:mam:2").find(".//{jabber:client}message").get("id")
                    for s in again.inbox if s.child("result", "urn:xmpp:mam:2") is not None}
            again.inbox.clear()
        self.assertEqual({str(n) for n in range(100)}, ids)


if __name__ == "__main__":
    main()
