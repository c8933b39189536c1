#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""HTTP itself: framing, what is refused and how, deadlines, and how many connections there may be."""
import socket
import urllib.parse

from lethe_test import main
from lethe_test.client import LIMIT
from lethe_test.http import Connection, HttpCase
from lethe_test.waiting import until

STRICT = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}


class Http(HttpCase):
    def test_both_listeners_answer_and_keep_the_connection(self):
        for tls in (False, True):
            web = self.web(tls)
            for _ in range(3):
                answer = web.get("/policy")
                self.assertEqual(200, answer.status)
                self.assertIsNone(answer["connection"])
            self.assertEqual(404, web.get("/nothing").status)
            last = web.get("/policy", Connection="close")
            self.assertEqual((200, "close"), (last.status, last["connection"]))
            self.assertTrue(web.ended())

    def test_every_answer_is_strict_and_anonymous(self):
        for path, method in (("/", "GET"), ("/policy", "GET"), ("/nothing", "GET"), ("/policy", "PUT"), ("/policy/ledger", "GET"), ("/policy.toml", "HEAD"), ("/policy", "OPTIONS")):
            answer = self.get(path, method=method)
            for name, value in STRICT.items():
                self.assertEqual(value, answer[name], (path, answer))
            self.assertIn("default-src 'none'", answer["content-security-policy"])
            self.assertNotIn("script", answer["content-security-policy"])
            for name in ("server", "set-cookie", "x-powered-by"):
                self.assertIsNone(answer[name], answer)

    def test_methods(self):
        web = self.web()
        whole = web.get("/policy")
        head = web.get("/policy", method="HEAD")
        self.assertEqual((200, whole["content-length"], whole["etag"]), (head.status, head["content-length"], head["etag"]))
        self.assertEqual((204, "GET, HEAD, OPTIONS"), (lambda a: (a.status, a["allow"]))(web.get("/policy", method="OPTIONS")))
        self.assertEqual((405, "GET, HEAD, OPTIONS"), (lambda a: (a.status, a["allow"]))(web.get("/policy", method="DELETE")))
        self.assertEqual(204, web.get("*", method="OPTIONS").status)
        refused = web.get("/policy", method="BREW")
        self.assertEqual((501, "close"), (refused.status, refused["connection"]))
        self.assertTrue(web.ended())

    def test_who_types_only_the_hosts_name_is_led_to_the_policy(self):
        for tls in (False, True):
            for method, target in (("GET", "/"), ("HEAD", "/"), ("GET", "/?from=a-link"), ("GET", "http://evil.example/")):
                answer = self.get(target, tls, method=method, Accept_Language="de")
                self.assertEqual((303, "policy", "no-store"), (answer.status, answer["location"], answer["cache-control"]))
        for base in ("https://chat.example:5443/", "https://proxy.example/chat/"):  # behind one that puts a path before ours, too
            self.assertEqual(base + "policy", urllib.parse.urljoin(base, answer["location"]))
        self.assertEqual((405, "GET, HEAD, OPTIONS"), (lambda a: (a.status, a["allow"]))(self.get("/", method="POST", Content_Length=0)))

    def test_requests_in_one_packet_are_answered_in_their_order(self):
        web = self.web().send("GET /policy.toml HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\nHEAD /policy HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([200, 404, 200], [web.answer().status, web.answer().status, web.answer(head=True).status])

    def test_a_request_comes_in_pieces(self):
        web = self.web(tls=True)
        for byte in b"GET /policy.toml HTTP/1.1\r\nHost: a\r\n\r\n":
            web.send(bytes([byte]))
        self.assertEqual(200, web.answer().status)

    def test_smuggling_is_refused_and_ends_the_connection(self):
        hidden = "GET /policy.toml HTTP/1.1\r\nHost: a\r\n\r\n"
        for fields in ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n",
                       "Content-Length: 0, 5\r\n", "A: b\r\n folded\r\n", "A: b\nB: c\r\n", "Content-Length : 5\r\n", "Transfer-Encoding\r\n : chunked\r\n", "Host: b\r\n", "A: b\0\r\n"):
            web = self.web().send(f"GET /policy HTTP/1.1\r\nHost: a\r\n{fields}\r\n{hidden}{hidden}")
            answer = web.answer()
            self.assertEqual((400, "close"), (answer.status, answer["connection"]), fields)
            self.assertTrue(web.ended(), fields)
        for coding, status in (("chunked", 411), ("gzip, chunked", 501)):
            web = self.web().send(f"PUT /policy HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n{hidden}")
            answer = web.answer()
            self.assertEqual((status, "close"), (answer.status, answer["connection"]))
            self.assertTrue(web.ended())

    def test_a_body_that_nobody_asked_for_is_no_request(self):
        web = self.web().send("GET /policy.toml HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n12345")
        answer = web.answer()
        self.assertEqual((200, "close"), (answer.status, answer["connection"]))
        self.assertTrue(web.ended())

    def test_a_bad_host_is_refused(self):
        for lines in ("", "Host: \r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: a@b\r\n", "Host: a:x\r\n"):
            answer = self.web().send(f"GET /policy HTTP/1.1\r\n{lines}\r\n").answer()
            self.assertEqual((400, "close"), (answer.status, answer["connection"]), lines)
        answer = self.web().send("GET /policy HTTP/1.0\r\n\r\n").answer()  # what a proxy may speak
        self.assertEqual((200, "close"), (answer.status, answer["connection"]))

    def test_path_tricks_lead_nowhere(self):
        for path in ("/policy/../../etc/passwd", "/policy/%2e%2e/%2e%2e/etc/passwd", "/%2e%2e%2f", "//policy", "/policy%00", "/policy%2fledger", "/policy\\ledger", "/./policy", "/policy#a", "/%zz"):
            self.assertEqual(400, self.get(path).status, path)
        for path in ("/etc/passwd", "/ledger.jsonl", "/policy/ledger.jsonl", "/policy.toml/", "/POLICY", "/policy/", "/lethe.toml", "/node.key"):
            self.assertEqual(404, self.get(path).status, path)
        self.assertEqual(200, self.get("/%70olicy?next=/../..").status)

    def test_a_target_with_a_host_is_a_path_and_its_host_is_repeated_nowhere(self):
        self.assertEqual(200, self.get("http://evil.example/policy.toml").status)
        self.assertNotIn(b"evil.example", self.get("https://evil.example:1/policy", X_Forwarded_Host="evil.example").body)
        for target in ("http://me@evil.example/policy", "http:///policy", "ftp://a/policy", "evil.example:443", "http://a/policy/%2e%2E/policy", "http://a"):
            self.assertEqual(400, self.get(target).status, target)
        for path in ("/policy/.%2e/policy", "/%2e/policy", "/policy/..", "/policy/...;/..", "/policy%00.toml", "/policy.toml%0d%0aX:y", "/policy\0"):
            self.assertEqual(400, self.get(path).status, path)

    def test_bodies_in_one_packet_hide_no_request(self):
        body = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
        one = f"GET /policy.toml HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        web = self.web().send(one + one)
        answer = web.answer()  # a body that was not read ends the connection, so what stands in it is never read as a request
        self.assertEqual((200, "close"), (answer.status, answer["connection"]))
        self.assertTrue(web.ended())

    def test_each_port_speaks_its_own_way_only(self):
        plain = Connection(self.https)
        self.addCleanup(plain.close)
        plain.send("GET /policy HTTP/1.1\r\nHost: a\r\n\r\n")
        while plain._more():
            pass
        self.assertNotIn(b"HTTP/", plain.buffer)
        with self.assertRaises(OSError):
            Connection(self.plain, tls=True)
        for tls in (False, True):
            self.assertEqual(200, self.get("/policy", tls).status)

    def test_heads_have_limits(self):
        self.assertEqual(414, self.get("/" + "a" * 5000).status)
        self.assertEqual(431, self.get("/policy", X="a" * 20000).status)
        self.assertEqual(431, self.get("/policy", **{f"x{i}": "y" for i in range(100)}).status)
        web = self.web().send(b"A" * 100000)
        self.assertEqual(414, web.answer().status)

    def test_garbage_ends_the_connection_alone(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 100, b"<stream:stream>\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            web = self.web().send(data)
            self.assertIn(web.answer().status, (400, 505))
            self.assertTrue(web.ended())
        raw = self.web()
        raw.socket.close()
        self.assertEqual(200, self.get("/policy").status)

    def test_nothing_of_a_request_is_logged(self):
        for tls in (False, True):
            self.get("/canary-of-a-path?canary-of-a-query", tls, X_Canary="canary-of-a-field")
        self.get("/canary/../canary-refused")
        for path in [self.server.stderr_file, *self.server.data.rglob("*")]:
            if path.is_file():
                self.assertNotIn(b"canary", path.read_bytes(), path)


class Slow(HttpCase):
    """Only what ends by a deadline: nothing here has to be quick."""
    config = {"limits": {"handshake_seconds": 2, "http_idle_seconds": 1}}

    def test_a_slow_head_is_told_so_and_ends(self):
        def told():
            web = self.web()
            try:
                answer = web.send("GET /policy HTTP/1.1\r\nHost: a\r\n").answer()
            except (OSError, AssertionError):  # the machine was so slow that nothing of it came in time
                return False
            return (answer.status, answer["connection"], web.ended()) == (408, "close", True)
        until(told, "408")

    def test_a_head_is_not_prolonged_by_dribbling(self):
        web = self.web()
        web.socket.settimeout(0.05)
        web.send("GET /policy HTTP/1.1\r\n")

        def over():
            try:
                web.send("a")  # a field's name that goes on and on
                got = web.socket.recv(65536)
            except socket.timeout:
                return False
            except OSError:
                return True
            return not got or b" 408 " in got
        until(over, "the server to lose its patience")

    def test_who_says_nothing_is_left(self):
        self.assertTrue(self.web().ended())
        raw = socket.create_connection(self.https, timeout=LIMIT)
        self.addCleanup(raw.close)
        self.assertEqual(b"", raw.recv(100))


class Idle(HttpCase):
    config = {"limits": {"http_idle_seconds": 1}}

    def test_between_requests_so_much_time_may_pass(self):
        for tls in (False, True):
            web = self.web(tls)
            self.assertEqual(200, web.get("/policy.toml").status)
            self.assertTrue(web.ended())


class Silent(HttpCase):
    config = {"limits": {"http_idle_seconds": 3600}}

    def test_who_is_silent_after_a_long_head_costs_no_buffer(self):
        def served(count):
            for _ in range(count):
                self.assertEqual(200, self.get("/health", X="a" * 15000).status)  # and stays
            return self.server.most_memory()
        before = served(50)
        if before:
            self.assertLess(served(400) - before, 400 * 12)


class Counted(HttpCase):
    config = {"limits": {"http_connections": 4, "connections_per_network": 2, "http_requests": 3, "http_idle_seconds": 3600}}

    def served(self, tls=False):
        """A connection that takes up a place, or None if there was none."""
        web = self.web(tls=False) if not tls else None
        try:
            web = web or self.web(tls=True)
            web.send("GET /policy.toml HTTP/1.1\r\nHost: a\r\n\r\n")
            return web if web.answer().status == 200 else None
        except (OSError, AssertionError):
            return None

    def test_a_connection_has_so_many_requests(self):
        web = until(self.served, "a place to be free")
        self.assertEqual([None, "close"], [web.get("/policy.toml")["connection"] for _ in range(2)])
        self.assertTrue(web.ended())

    def test_one_network_has_so_many_and_a_proxy_all_that_are_left(self):
        held = [until(lambda: self.served(tls=True), "a place to be free") for _ in range(2)]
        self.assertIsNone(self.served(tls=True))
        held += [until(self.served, "a place to be free") for _ in range(2)]
        self.assertIsNone(self.served())
        held[0].close()
        until(lambda: self.served(tls=True), "the place to be free again")


if __name__ == "__main__":
    main()
