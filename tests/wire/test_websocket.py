#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""XMPP over WebSocket: the handshake, dialogues, what no client may send, how it ends, and how much there may be of it."""
import base64
import socket
import time

from lethe_test import Closed, main
from lethe_test.client import LIMIT
from lethe_test.http import HttpCase
from lethe_test.negotiation import SaslFailure
from lethe_test.waiting import until
from lethe_test.websocket import (BINARY, CLOSE, CONTINUATION, FRAMING, HANDSHAKE, PATH, PING, PONG, TEXT, WebSocketClient, accept_of, frame)
from lethe_test.xmlstream import STREAM_ERRORS

KEY = base64.b64encode(bytes(range(16))).decode()
WHOLE = {**HANDSHAKE, "Sec-WebSocket-Key": KEY}


class WebSocketCase(HttpCase):
    def web_client(self, account=None, **how):
        client = WebSocketClient(self.server, account, **how)
        self.clients.append(client)
        return client

    def web_online(self, account, resource=None, **how):
        client = self.web_client(account, **how).login(resource)
        client.goes_online()
        return client

    def assert_ends(self, client, condition, code):
        client.receives_end(condition)
        self.assertEqual(code, client.close_code)


class Handshake(HttpCase):
    def shakes(self, leave_out=(), method="GET", version="1.1", behind=b"", **fields):
        fields = {**{n: v for n, v in WHOLE.items() if n not in leave_out}, **{n.replace("_", "-"): v for n, v in fields.items()}}
        lines = "".join(f"{n}: {v}\r\n" for n, v in fields.items() if v is not None)
        return self.web().send(f"{method} {PATH} HTTP/{version}\r\nHost: a\r\n{lines}\r\n".encode() + behind)

    def head(self, connection):
        while b"\r\n\r\n" not in connection.buffer and connection._more():
            pass
        text, _, connection.buffer = connection.buffer.partition(b"\r\n\r\n")
        return text.decode().split("\r\n")

    def test_it_is_switched_to_with_nothing_but_what_was_agreed(self):
        for tls in (False, True):
            web = self.web(tls)
            self.assertEqual(200, web.get("/policy.toml").status)
            web.send(f"GET {PATH} HTTP/1.1\r\nHost: a\r\nOrigin: https://elsewhere.example\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" +
                     "".join(f"{n}: {v}\r\n" for n, v in WHOLE.items()) + "\r\n")
            status, *fields = self.head(web)
            self.assertEqual("HTTP/1.1 101 Switching Protocols", status)
            self.assertEqual({"Date", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept_of(KEY)}", "Sec-WebSocket-Protocol: xmpp"},
                             {f if not f.startswith("Date: ") else "Date" for f in fields})
        self.assertEqual("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept_of("dGhlIHNhbXBsZSBub25jZQ=="))  # RFC 6455 section 1.3

    def test_lists_and_letters_of_any_case(self):
        for fields in ({"Connection": "keep-alive, upgrade", "Upgrade": "WebSocket"}, {"Sec_WebSocket_Protocol": "chat,  xmpp ,other"}):
            self.assertIn(" 101 ", self.head(self.shakes(**fields))[0], fields)

    def test_anything_else_is_refused_and_says_why(self):
        for status, web in ((405, self.shakes(method="PUT")), (426, self.shakes(leave_out=["Upgrade"])), (426, self.shakes(Upgrade="h2c")),
                            (426, self.shakes(Sec_WebSocket_Version="8")), (426, self.shakes(leave_out=["Sec-WebSocket-Version"])), (400, self.shakes(Connection="keep-alive")),
                            (400, self.shakes(Connection="Upgrade, close")), (400, self.shakes(version="1.0")), (400, self.shakes(leave_out=["Sec-WebSocket-Key"])),
                            (400, self.shakes(Sec_WebSocket_Key=KEY[:-4])), (400, self.shakes(Sec_WebSocket_Key=f"{KEY}, {KEY}")), (400, self.shakes(Sec_WebSocket_Key="!" * 24)),
                            (400, self.shakes(leave_out=["Sec-WebSocket-Protocol"])), (400, self.shakes(Sec_WebSocket_Protocol="chat")), (400, self.shakes(Sec_WebSocket_Protocol="XMPP")),
                            (400, self.shakes(Content_Length="3", behind=b"abc")), (400, self.shakes(behind=frame(TEXT, b"<open/>")))):
            answer = web.answer(head=False)
            self.assertEqual(status, answer.status, answer)
            self.assertIn("default-src 'none'", answer["content-security-policy"])
            self.assertTrue(answer.body)
            if status == 426:
                self.assertEqual(("websocket", "Upgrade", "13"), (answer["upgrade"], answer["connection"], answer["sec-websocket-version"]))


class Dialogue(WebSocketCase):
    def test_two_accounts_talk_over_both_listeners_and_with_one_on_tcp(self):
        one, other, third = self.accounts(3)
        alice, bob, carol = self.web_online(one, "web"), self.web_online(other, "proxied", tls=False), self.online(third, "tcp")
        people = (alice, bob, carol)
        self.befriend(*people)
        for sender in people:
            for receiver in people:
                if sender is receiver:
                    continue
                sender.sends(f"<message to='{receiver.full}' type='chat'><body>h\u00e9 \U0001f600 &lt;</body></message>")
                receiver.receives(f"<message from='{sender.full}' to='{receiver.full}' type='chat'><body>h\u00e9 \U0001f600 &lt;</body></message>")
        self.assertEqual({"from", "version", "id", "tag", "{http://www.w3.org/XML/1998/namespace}lang"}, set(alice.stream_header))
        bob.send_text(f"<close xmlns='{FRAMING}'/>")
        bob.receives_end()
        self.assertEqual((None, 1000), (bob.stream_error, bob.close_code))
        self.assertIn("receives <close/>", bob.transcript[-1])
        for friend in (alice, carol):
            friend.receives(f"<presence type='unavailable' from='{bob.full}' to='{friend.jid}'/>")

    def test_who_says_who_it_is_is_answered_by_that_name(self):
        account = self.account()
        client = self.web_client(account).connect()
        client.fresh_parser()
        client.send_text(client.header(extra=f" from='{account.jid}'"))
        client.next()
        self.assertEqual(account.jid, client.stream_header.get("to"))

    def test_every_byte_alone(self):
        client = self.web_client(self.account())
        client.bytewise = True
        client.login("r")
        client.goes_online()
        client.sends(f"<message to='{client.full}' type='chat'><body>{'x' * 200}</body></message>")
        self.assertEqual("x" * 200, client.next().text_of("body"))

    def test_tls_is_not_offered_and_channel_binding_only_where_there_is_tls(self):
        account = self.account()
        over_tls, proxied = self.web_client(account), self.web_client(account, tls=False)
        for client in (over_tls, proxied):
            client.secure()
            self.assertNotIn("starttls", str(client.features))
        self.assertIn("SCRAM-SHA-256-PLUS", over_tls.mechanisms)
        self.assertEqual(["SCRAM-SHA-256", "SCRAM-SHA-1"], proxied.mechanisms)
        self.assertNotIn("sasl-channel-binding", str(proxied.features))
        over_tls.authenticate("SCRAM-SHA-256-PLUS")
        self.assertIn("invalid-mechanism", str(proxied.auth_begins("SCRAM-SHA-256-PLUS", f"p=tls-server-end-point,,n={account.local},r=nonce")))
        client = self.web_client(account)
        client.secure()
        client.send_bytes("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        self.assert_ends(client, "not-authorized", 1000)

    def test_pings_are_answered_between_the_frames_of_a_message(self):
        client = self.web_online(self.account(), "r")
        text = f"<message xmlns='jabber:client' to='{client.full}' type='chat'><body>in three</body></message>"
        client.send_frame(PING, b"one").send_frame(TEXT, text[:30], fin=False).send_frame(PING, b"two").send_frame(PONG, b"unasked").send_frame(CONTINUATION, text[30:50], fin=False)
        while client.pongs[-1:] != [b"two"]:  # the first need not be answered any more
            client._wait(time.monotonic() + LIMIT, "a pong")
        client.send_frame(CONTINUATION, text[50:])
        self.assertEqual("in three", client.next().text_of("body"))

    def test_a_session_goes_on_on_another_kind_of_connection(self):
        account, friend = self.accounts(2)
        bob = self.online(friend, "r")
        for first, second in (("web", "tcp"), ("tcp", "web"), ("web", "web")):
            kinds = {"web": self.web_client, "tcp": self.client}
            phone = kinds[first](account, name=f"{first} to {second}").login("phone")
            phone.goes_online()
            phone.enable_sm(resume=True)
            phone.drop() if first == "tcp" else phone.send_frame(CLOSE, b"\x03\xe9")
            if first == "web":
                phone.receives_end()
                self.assertEqual(1001, phone.close_code)
            bob.sends(f"<message to='{phone.full}' type='chat' id='{first}'><body>while away</body></message>")
            bob.ping()
            back = kinds[second](account)
            back.resumes(phone)
            back.receives(f"<message from='{bob.full}' to='{phone.full}' type='chat' id='{first}'><body>while away</body><stanza-id xmlns='urn:xmpp:sid:0' by='{account.jid}' id='*'/></message>")
            back.ack()
            back.leaves()

    def test_who_leaves_without_a_word_of_xmpp_keeps_what_was_on_its_way(self):
        alice, friend = self.web_online(self.account(), "r"), self.account()
        bob = self.web_online(friend, "r")
        bob.send_raw(frame(TEXT, f"<message xmlns='jabber:client' to='{alice.full}' type='chat'><body>last</body></message>".encode()) + frame(CLOSE))
        self.assertEqual("last", alice.next().text_of("body"))
        bob.receives_end()
        alice.sends(f"<message to='{friend.jid}' type='chat'><body>too late</body></message>")
        alice.ping()
        self.assertEqual(["too late"], [s.text_of("body") for s in self.logs_in_for(friend, "s") if s.name == "message"])

    def test_what_comes_before_the_end_counts(self):
        alice, bob = (self.web_online(a, "r") for a in self.accounts(2))
        bob.send_raw(frame(TEXT, f"<message xmlns='jabber:client' to='{alice.full}' type='chat'><body>bye</body></message>".encode()) +
                     frame(TEXT, f"<close xmlns='{FRAMING}'/>".encode()) + frame(CLOSE, b"\x03\xe8"))
        bob.receives_end()
        self.assertEqual((None, 1000), (bob.stream_error, bob.close_code))
        self.assertEqual("bye", alice.next().text_of("body"))


class Refused(WebSocketCase):
    config = {"limits": {"stanza_bytes": 100000, "unauthenticated_bytes": 20000}}

    def test_a_stream_has_a_beginning(self):
        for text, condition in (("<presence xmlns='jabber:client'/>", "bad-format"), (f"<open xmlns='{FRAMING}' to='elsewhere.example' version='1.0'/>", "host-unknown"),
                                (f"<open xmlns='{FRAMING}' to='{self.server.domain}'/>", "unsupported-version"), (f"<open xmlns='{FRAMING}' version='1.0'/>", "host-unknown")):
            client = self.web_client().connect()
            client.fresh_parser()
            client.send_text(text)
            self.assert_ends(client, condition, 1000)
            self.assertEqual(self.server.domain, client.stream_header["from"])
        twice = self.web_client()
        twice.secure()
        twice.send_text(twice.header())
        self.assert_ends(twice, "bad-format", 1000)

    def test_frames_that_no_client_may_send(self):
        text = f"<iq xmlns='jabber:client' type='get' id='x' to='{self.server.domain}'><ping xmlns='urn:xmpp:ping'/></iq>".encode()
        cases = [(1002, "bad-format", data) for data in
                 (frame(TEXT, text, mask=None), frame(TEXT, text, rsv=4), frame(TEXT, text, rsv=1), frame(PING, rsv=4), frame(CONTINUATION, text), frame(3, text), frame(15, text),
                  frame(PING, b"a", fin=False), frame(CLOSE, fin=False), frame(PING, b"a" * 126), frame(TEXT, text, extended=8), frame(TEXT, text[:50], fin=False) + frame(TEXT, text[50:]),
                  frame(TEXT, b"", length=1 << 63), frame(CLOSE, b"\x03"), frame(CLOSE, b"\x03\xed"), frame(CLOSE, b"\x0b\xb7"))]
        cases += [(1003, "bad-format", frame(BINARY, text)), (1007, "not-well-formed", frame(TEXT, b"<a xmlns='u'>\xff")), (1007, "not-well-formed", frame(TEXT, text + b"\xe2\x82")), (1007, "not-well-formed", frame(CLOSE, b"\x03\xe8\xff")),
                  (1007, "bad-format", frame(TEXT, b"")), (1007, "bad-format", frame(TEXT, text + text)), (1007, "bad-format", frame(TEXT, text[:-1])),
                  (1007, "not-well-formed", frame(TEXT, b"<a xmlns='u'></b>")), (1007, "restricted-xml", frame(TEXT, b"<!-- a --><a xmlns='u'/>")),
                  (1007, "bad-namespace-prefix", frame(TEXT, b"<stream:error/>")), (1000, "unsupported-stanza-type", frame(TEXT, b"<message/>"))]
        account = self.account()
        for code, condition, data in cases:
            client = self.web_client(account).login("r")
            client.send_raw(data)
            self.assert_ends(client, condition, code)
            self.assertEqual([], list(client.inbox), data)
            if code == 1002:
                self.assertIn("RFC 6455", client.stream_error.text_of("text", STREAM_ERRORS))
        before = self.web_client().connect()
        before.fresh_parser()
        before.send_frame(BINARY, b"\0")
        self.assert_ends(before, "bad-format", 1003)

    def test_limits_are_those_of_streams_over_tcp(self):
        client = self.web_client(self.account()).login("r")
        body = f"<message xmlns='jabber:client' to='{client.full}' type='chat'><body></body></message>"
        client.goes_online()
        client.send_text(body.replace("<body>", "<body>" + "x" * (100000 - len(body))))
        self.assertEqual(100000 - len(body), len(client.next().text_of("body")))
        for data in (frame(TEXT, body.replace("<body>", "<body>" + "x" * (100001 - len(body))).encode()), frame(TEXT, b"<a xmlns='u'>" + b"x" * 100000, length=1 << 40),
                     frame(TEXT, b"<a xmlns='u'>", fin=False) + frame(CONTINUATION, b"x" * 1000, fin=False) * 101):
            client = self.web_client(client.account).login("r")
            client.send_tolerant_raw(data)
            self.assert_ends(client, "policy-violation", 1009)
            self.assertIsNotNone(client.stream_error.child("stanza-too-big", "urn:xmpp:errors"))
        for data in (frame(CONTINUATION, fin=False) * 4000, frame(PING) * 4000):  # bytes are bytes, even those around nothing
            stranger = self.web_client()
            stranger.secure()
            stranger.send_frame(TEXT, b"<a xmlns='u'>", fin=False)
            stranger.send_tolerant_raw(data)
            self.assert_ends(stranger, "policy-violation", 1000)
            self.assertIn("(unauthenticated_bytes)", stranger.stream_error.text_of("text", STREAM_ERRORS))

    def test_who_goes_in_the_middle_of_a_frame_has_said_nothing(self):
        account, friend = self.accounts(2)
        bob = self.online(friend, "r")
        text = f"<message xmlns='jabber:client' to='{bob.full}' type='chat'><body>half</body></message>".encode()
        for data in (frame(TEXT, text)[:1], frame(TEXT, text)[:5], frame(TEXT, text)[:-1], frame(TEXT, text, fin=False), frame(TEXT, text, fin=False) + frame(CONTINUATION)[:3]):
            client = self.web_client(account).login("r")
            client.send_raw(data)
            client.drop()
        self.online(account, "r").leaves()
        bob.receives_nothing()


class Bounded(WebSocketCase):
    config = {"limits": {"connections_per_network": 3, "http_connections": 5, "login_failures_per_network": 4, "login_failures_per_account": 1000}}

    def wrong(self, account, **how):
        client = self.web_client(account, **how)
        client.secure()
        with self.assertRaises(SaslFailure) as refused:
            client.authenticate(password="wrong")
        client.leaves()
        return refused.exception.condition

    def test_guessers_behind_a_proxy_lock_nobody_else_out_there(self):
        victim, other = self.accounts(2)
        self.assertEqual(["not-authorized"] * 8, [self.wrong(victim, tls=False) for _ in range(8)])
        self.web_client(other, tls=False).login("r").leaves()
        self.assertEqual({"not-authorized", "temporary-auth-failure"}, {self.wrong(victim) for _ in range(6)})
        with self.assertRaises(SaslFailure):
            self.web_client(other).login("r")
        self.web_client(other, tls=False).login("r").leaves()

    def test_connections_are_counted_with_those_over_tcp_and_apart_from_a_proxys(self):
        def opened(**how):
            client = self.web_client(**how).connect()
            client.fresh_parser()
            client.send_text(client.header())
            try:
                client.next()
            except Closed:
                self.assertEqual("policy-violation", client.stream_error.condition)
                return client.stream_error.text_of("text", STREAM_ERRORS)
            return ""
        over_tls = []
        until(lambda: over_tls.append(opened()) or over_tls[-1], "too many of a network")
        self.assertIn("(connections_per_network)", over_tls[-1])
        proxied = []
        until(lambda: proxied.append(opened(tls=False)) or proxied[-1], "too many of a proxy")
        self.assertIn("(http_connections)", proxied[-1])
        self.assertEqual(6, len(proxied))


class Leaving(WebSocketCase):
    config = {"limits": {"queue_bytes": 64 << 20}}
    policy = {"letterbox": {"max_bytes": 64 << 20}}

    def test_what_was_not_written_when_the_peer_left_goes_to_the_letterbox(self):
        account, friend = self.accounts(2)
        alice, bob = self.online(friend, "r"), self.web_online(account, "r")
        self.befriend(alice, bob)
        bob.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        alice.enable_sm()
        for number in range(60):  # more than the server's side of the socket holds
            alice.sends(f"<message to='{bob.full}' type='chat' id='{number}'><body>{'x' * 200000}</body></message>")
        alice.all_acked()
        bob.send_frame(CLOSE, b"\x03\xe9")
        alice.receives(f"<presence type='unavailable' from='{bob.full}' to='{alice.jid}'/>")
        later = [s.get("id") for s in self.logs_in_for(account, "s") if s.name == "message"]
        self.assertTrue(later)
        self.assertEqual([str(n) for n in range(60)][-len(later):], later)


class Ending(WebSocketCase):
    config = {"limits": {"handshake_seconds": 3}}

    def test_who_says_nothing_is_left_and_who_is_there_hears_when_the_server_stops(self):
        account = self.account()

        def told():
            client = self.web_client(tls=False)
            try:
                client.connect()
            except (OSError, AssertionError):  # the machine was so slow that the handshake took too long
                return False
            client.fresh_parser()
            self.assert_ends(client, "connection-timeout", 1000)
            return True
        until(told, "a WebSocket")

        def online():
            try:
                return self.web_online(account, "r")
            except (OSError, AssertionError):
                return None
        client = until(online, "a login")
        self.server.stop()
        self.assert_ends(client, "system-shutdown", 1000)


if __name__ == "__main__":
    main()
