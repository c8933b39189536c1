#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0363: slots, files in and out, what is refused, and what an interrupted upload leaves."""
import datetime
import os
import socket
import urllib.parse

from lethe_test import main
from lethe_test.client import LIMIT
from lethe_test.http import HttpCase
from lethe_test.waiting import until

NS = "urn:xmpp:http:upload:0"
PURPOSE = "urn:xmpp:http:upload:purpose:0"
INFO = "http://jabber.org/protocol/disco#info"
CHUNK = 65536
CORS = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}


class UploadCase(HttpCase):
    policy = {"uploads": {"keep": "7d", "max_size": 4 << 20, "quota_per_day": 16 << 20}}

    def setUp(self):
        super().setUp()
        self.romeo = self.session(self.account())

    def ask(self, size, name="a.txt", content_type=None, client=None):
        kind = f" content-type='{content_type}'" if content_type else ""
        return (client or self.romeo).asks(f"<iq type='get' to='{self.server.domain}'><request xmlns='{NS}' filename='{name}' size='{size}'{kind}/></iq>")

    def slot(self, size, **how):
        """The paths to put and to get."""
        answer = self.ask(size, **how)
        self.assertEqual("result", answer.type, f"{answer}")
        slot = answer.child("slot", NS)
        urls = [slot.find(f"{{{NS}}}{part}").get("url") for part in ("put", "get")]
        origin = f"https://{self.server.domain}:{self.https[1]}"
        for url in urls:
            self.assertTrue(url.startswith(origin + "/"), url)
        return [url[len(origin):] for url in urls]

    def put(self, path, body, tls=False, **fields):
        fields.setdefault("Content_Length", len(body))
        return self.web(tls).get(path, method="PUT", body=body, **fields)

    def send(self, body, **how):
        put, get = self.slot(len(body), **how)
        answer = self.put(put, body)
        self.assertEqual(201, answer.status, answer)
        return get


class Upload(UploadCase):
    def test_it_is_found_at_the_domain(self):
        query = self.romeo.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
        features = [f.get("var") for f in query.findall(f"{{{INFO}}}feature")]
        self.assertIn(NS, features)
        self.assertEqual([PURPOSE + "#message"], [f for f in features if f.startswith(PURPOSE)])
        self.assertIn(("store", "file"), [(i.get("category"), i.get("type")) for i in query.findall(f"{{{INFO}}}identity")])
        forms = [{f.get("var"): f.findtext("{jabber:x:data}value") for f in x} for x in query.findall("{jabber:x:data}x")]
        self.assertIn({"FORM_TYPE": NS, "max-file-size": str(4 << 20)}, forms)

    def test_a_file_of_any_size_comes_back_as_it_was(self):
        for size in (1, 1023, 1024, 1025, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK, 5 * CHUNK + 17, 4 << 20):
            body = os.urandom(size)
            get = self.send(body, name="b.bin")
            for tls in (False, True):
                answer = self.get(get, tls)
                self.assertEqual((200, str(size)), (answer.status, answer["content-length"]))
                self.assertTrue(body == answer.body, size)

    def test_the_answer_says_how_to_treat_it(self):
        for kind, shown, sent in (("image/png", "inline", None), ("video/mp4", "inline", None), ("audio/ogg", "inline", None), ("image/svg+xml", "attachment", None),
                                  ("text/html", "attachment", None), ("application/octet-stream", "attachment", ""), ("text/plain;charset=utf-8", "attachment", None)):
            answer = self.get(self.send(b"x", content_type=kind if sent is None else None))
            self.assertEqual((kind, shown), (answer["content-type"], answer["content-disposition"]))
            media = " media-src 'self';" if kind.startswith(("audio/", "video/")) else ""
            self.assertEqual(f"default-src 'none';{media} sandbox", answer["content-security-policy"])
            self.assertEqual(("nosniff", "no-referrer"), (answer["x-content-type-options"], answer["referrer-policy"]))
            for name, value in CORS.items():
                self.assertEqual(value, answer[name])
            self.assertRegex(answer["cache-control"], r"^private, max-age=\d+$")
            left = int(answer["cache-control"].split("=")[1])
            self.assertTrue(6 * 86400 < left <= 7 * 86400, left)

    def test_head_ranges_and_conditions(self):
        body = os.urandom(3 * CHUNK + 100)
        get = self.send(body)
        head = self.get(get, method="HEAD")
        self.assertEqual((200, str(len(body)), "bytes"), (head.status, head["content-length"], head["accept-ranges"]))
        for first, last in ((0, 0), (10, 20), (CHUNK - 1, CHUNK), (CHUNK, 2 * CHUNK - 1), (5, 3 * CHUNK + 99), (3 * CHUNK, 10 ** 9)):
            part = self.get(get, Range=f"bytes={first}-{last}")
            self.assertEqual((206, f"bytes {first}-{min(last, len(body) - 1)}/{len(body)}"), (part.status, part["content-range"]))
            self.assertTrue(body[first:last + 1] == part.body, (first, last))
        self.assertTrue(body[-100:] == self.get(get, Range="bytes=-100").body)
        self.assertEqual(416, self.get(get, Range=f"bytes={len(body)}-").status)
        tag = head["etag"]
        self.assertEqual(304, self.get(get, If_None_Match=tag).status)
        self.assertEqual(206, self.get(get, Range="bytes=0-9", If_Range=tag).status)
        self.assertEqual(200, self.get(get, Range="bytes=0-9", If_Range='"other"').status)
        self.assertEqual([200, 412, 412], [self.get(get, If_Match=given).status for given in (tag, '"other"', "W/" + tag)])
        self.assertEqual(200, self.get(get, Range="bytes=0-0,-1").status)
        self.assertEqual("Content-Range, Accept-Ranges, ETag", head["access-control-expose-headers"])

    def test_browsers_of_other_places_are_told_that_they_may(self):
        put, get = self.slot(3)
        for path, methods in ((put, "PUT, OPTIONS"), (get, "GET, HEAD, OPTIONS")):
            answer = self.get(path, method="OPTIONS", Origin="https://other.example", Access_Control_Request_Method="PUT")
            self.assertEqual((204, methods, "*"), (answer.status, answer["access-control-allow-methods"], answer["access-control-allow-origin"]))
        self.assertEqual("*", self.put(put, b"abc")["access-control-allow-origin"])

    def test_a_slot_is_for_one_file_of_its_size_and_type(self):
        put, get = self.slot(5, content_type="text/plain")
        self.assertEqual(404, self.get(get).status)
        self.assertEqual(413, self.put(put, b"123456").status)
        self.assertEqual(400, self.put(put, b"1234").status)
        self.assertEqual(415, self.put(put, b"12345", Content_Type="text/html").status)
        self.assertEqual(400, self.put(put, b"12345", Content_Range="bytes 0-4/9").status)
        coded = self.put(put, b"12345", Content_Encoding="gzip")
        self.assertEqual((415, "identity", "*"), (coded.status, coded["accept-encoding"], coded["access-control-allow-origin"]))
        self.assertEqual(405, self.get(put).status)
        self.assertEqual(405, self.put(get, b"12345").status)
        self.assertEqual(404, self.get(get).status)
        self.assertEqual(201, self.put(put, b"12345", Content_Type="text/plain").status)
        self.assertEqual(b"12345", self.get(get).body)
        self.assertEqual(403, self.put(put, b"54321").status)
        self.assertEqual(b"12345", self.get(get).body)

    def test_types_are_compared_as_media_types_and_the_slot_names_the_one_that_is_kept(self):
        for asked, sent, status in (("text/plain", "Text/Plain;charset=UTF-8", 201), ("text/plain;charset=utf-8", "text/plain", 201), ("text/plain", "text/plainer", 415),
                                    ("image/png", "text/html; a=image/png", 415), ("IMAGE/SVG+XML", "image/svg+xml", 201)):
            put, get = self.slot(1, content_type=asked)
            self.assertEqual(status, self.put(put, b"x", Content_Type=sent).status, (asked, sent))
            if status == 201:
                answer = self.get(get)
                self.assertEqual((asked, "attachment"), (answer["content-type"], answer["content-disposition"]))
        for sent, kept in (("image/gif", "image/gif"), ("none", "application/octet-stream")):
            put, get = self.slot(1)
            self.assertEqual(201, self.put(put, b"x", Content_Type=sent).status)
            self.assertEqual(kept, self.get(get)["content-type"])

    def test_addresses_that_are_none_say_404_and_tokens_403(self):
        put, get = self.slot(3)
        self.put(put, b"abc")
        token = get.split("/")[2]
        for path in ("/f/", "/f", f"/f/{token}", f"/f/{token}/", f"/f/{token}/a/b", f"/f/{'A' * 43}/a", f"/f/{token[:-1]}/a", f"/f/{token}A/a", "/f/" + put.split("/")[2] + "/a"):
            self.assertEqual(404, self.get(path).status, path)
        self.assertEqual(200, self.get(f"/f/{token}/another-name").status)
        for path in ("/u/" + "A" * 43 + "/a", f"/u/{token}/a"):
            self.assertEqual(403, self.put(path, b"abc").status, path)

    def test_expect_continue(self):
        put, get = self.slot(3)
        web = self.web().send(f"PUT {put} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(100, web.answer().status)
        self.assertEqual(201, web.send(b"abc").answer().status)
        self.assertEqual(b"abc", self.get(get).body)
        refused = self.web().send(f"PUT {put} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(403, refused.answer().status)

    def test_names_end_the_address_and_break_nothing(self):
        for name, end in (("a b.txt", "a%20b.txt"), ("../../x", ".._.._x"), ("..", "file"), ("ä", "%C3%A4"), ("a&amp;b?c#d", "a%26b%3Fc%23d"), ("a\\b", "a_b")):
            put, get = self.slot(1, name=name)
            self.assertEqual(end, get.split("/")[3])
            self.assertEqual(201, self.put(put, b"x").status)
            self.assertEqual(b"x", self.get(get).body)
            self.assertEqual(get, urllib.parse.urlsplit(get).path)

    def test_requests_that_make_no_sense_are_refused(self):
        for size, name, kind, why in (("0", "a", None, "empty file"), ("-1", "a", None, "size is not"), ("x", "a", None, "size is not"), ("", "a", None, "size is not"),
                                      ("1", "", None, "no name"), ("1", "a" * 256, None, "shorter"), ("1", "a", "nonsense", "content-type"), ("1", "a", "a/b\u00e4", "content-type")):
            refused = self.ask(size, name, kind)
            self.assert_error(refused, "bad-request")
            self.assertIn(why, refused.child("error").findtext("{urn:ietf:params:xml:ns:xmpp-stanzas}text"))
        self.assertEqual("result", self.ask("1", "a" * 255).type)
        too_large = self.ask((4 << 20) + 1)
        self.assert_error(too_large, "not-acceptable", "modify")
        self.assertEqual(str(4 << 20), too_large.child("error").findtext(f"{{{NS}}}file-too-large/{{{NS}}}max-file-size"))

    def test_a_purpose_that_is_not_offered_is_refused_and_promises_nothing(self):
        def asks(purpose):
            return self.romeo.asks(f"<iq type='get' to='{self.server.domain}'><request xmlns='{NS}' filename='a' size='1'>{purpose}</request></iq>")
        for name in ("profile", "permanent", "ephemeral", "unheard-of"):
            self.assert_error(asks(f"<{name} xmlns='{PURPOSE}' expire-before='2100-01-01T00:00:00Z'/>"), "feature-not-implemented", "cancel")
        for purpose in (f"<message xmlns='{PURPOSE}'/>", "<permanent xmlns='urn:example:other'/>"):
            self.assertEqual("result", asks(purpose).type)

    def test_a_day_has_a_quota_for_each_account(self):
        for _ in range(4):
            self.slot(4 << 20)
        refused = self.ask(1)
        self.assert_error(refused, "resource-constraint", "wait")
        left = datetime.datetime.fromisoformat(refused.child("error").find(f"{{{NS}}}retry").get("stamp").replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
        self.assertTrue(datetime.timedelta(hours=20) < left <= datetime.timedelta(hours=24, seconds=1), left)
        other = self.session(self.account())
        self.assertEqual("result", self.ask(1, client=other).type)

    def test_who_may_not_log_in_puts_no_file_with_a_slot_from_before(self):
        by_operator = {command: self.account() for command in ("suspend", "reset", "erase")}
        slots = {command: self.slot(1, client=self.session(account))[0] for command, account in by_operator.items()}
        for command, account in by_operator.items():
            self.server.ctl("account", command, account.jid, *(("--password-stdin",) if command == "reset" else ()), stdin="another password\n")
            self.assertEqual(403, self.put(slots[command], b"x").status, command)
        put = self.slot(1)[0]
        self.romeo.asks_ok("<iq type='set'><query xmlns='jabber:iq:register'><remove/></query></iq>")
        self.assertEqual(403, self.put(put, b"x").status)

    def test_an_interrupted_upload_leaves_nothing(self):
        body = os.urandom(16 * CHUNK)
        put, get = self.slot(len(body))
        web = self.web().send(f"PUT {put} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:12 * CHUNK])
        until(lambda: self.put(put, b"").status == 403, "the upload to begin")  # an empty one takes no slot
        web.close()
        self.assertEqual(404, self.get(get).status)
        self.assertEqual(403, self.put(put, body).status)
        # What was written of it is taken back: see forensic/test_uploads.

    def test_the_operator_takes_a_file_away(self):
        get = self.send(os.urandom(3 * CHUNK))
        url = f"https://{self.server.domain}:{self.https[1]}{get}"
        self.server.ctl("upload", "remove", url)
        self.assertEqual(404, self.get(get).status)
        self.assertIn("no file at this address", self.server.ctl("upload", "remove", url, expect=1).stderr)
        self.assertIn("not the address of a file", self.server.ctl("upload", "remove", "https://chat.example/", expect=2).stderr)


class Expiry(UploadCase):
    policy = {"uploads": {"keep": "6s"}}

    def test_a_file_ends_with_its_time(self):
        put, get = self.slot(3)
        self.put(put, b"abc")
        until(lambda: self.get(get).status == 404, "the end of the file")
        until(lambda: not list((self.server.data / "buckets" / "uploads").glob("*.mdb")), "its bucket to be gone")


class Large(UploadCase):
    policy = {"uploads": {"keep": "7d", "max_size": 64 << 20, "quota_per_day": 1 << 30}}
    config = {"limits": {"stall_seconds": 600}}

    def fetch(self, path, body, tls):
        """Compares piece by piece: the whole of it."""
        web = self.web(tls).send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = b""
        while b"\r\n\r\n" not in data:
            data += web.socket.recv(65536)
        data, at = data.split(b"\r\n\r\n", 1)[1], 0
        while True:
            self.assertTrue(body[at:at + len(data)] == data, at)
            at += len(data)
            data = web.socket.recv(1 << 20)
            if not data:
                return at

    def test_a_large_file_passes_through_little_memory(self):
        small = os.urandom(1 << 20)
        for tls in (False, True):
            self.fetch(self.send(small), small, tls)
        before = self.server.most_memory()
        body = memoryview(os.urandom(64 << 20))
        put, get = self.slot(len(body))
        self.assertEqual(201, self.web().send(f"PUT {put} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n").send(bytes(body)).answer().status)
        for tls in (False, True):
            self.assertEqual(len(body), self.fetch(get, body, tls))
        if before:
            self.assertLess(self.server.most_memory() - before, 16 << 10)


    def test_many_who_fetch_and_do_not_read_cost_little_memory(self):
        get = self.send(os.urandom(4 << 20))
        before = self.server.most_memory()
        stalled = []
        for _ in range(400):
            stalled.append(socket.socket())
            self.addCleanup(stalled[-1].close)
            stalled[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled[-1].settimeout(LIMIT)
            stalled[-1].connect(self.plain)
            stalled[-1].sendall(f"GET {get} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 8)
        for one in stalled:  # until some of the file has come, so that a piece of it is under way
            got = b""
            while not got.partition(b"\r\n\r\n")[2]:
                more = one.recv(256)
                self.assertTrue(more)
                got += more
        if before:
            self.assertLess(self.server.most_memory() - before, 60 << 10)


class Behind(UploadCase):
    @classmethod
    def listen(cls):
        cls.server.config["http"] = {"url": "https://files.example"}
        return super().listen()

    def test_links_are_of_the_configured_address_and_work_behind_a_proxy(self):
        answer = self.ask(1)
        urls = [answer.child("slot", NS).find(f"{{{NS}}}{part}").get("url") for part in ("put", "get")]
        self.assertEqual(["https://files.example"] * 2, [url[:21] for url in urls])
        put, get = [url[21:] for url in urls]
        forwarded = {"X_Forwarded_Host": "other.example", "X_Forwarded_Proto": "http", "Forwarded": "host=other.example", "Via": "1.1 proxy"}
        self.assertEqual(201, self.put(put, b"x", **forwarded).status)
        self.assertEqual(b"x", self.get(get, **forwarded).body)


class Dropped(UploadCase):
    policy = {"uploads": {"keep": "7d"}}

    def test_a_policy_without_uploads_ends_those_that_are_there(self):
        get = self.send(b"x")
        self.server.stop()
        self.server.set_policy({"uploads": {"keep": "0"}})
        self.server.start()
        self.assertEqual(404, self.get(get).status)
        until(lambda: not list((self.server.data / "buckets" / "uploads").iterdir()), "the files to be gone")


class Off(HttpCase):
    def test_without_a_class_for_them_there_are_no_uploads(self):
        romeo = self.session(self.account())
        query = romeo.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
        self.assertNotIn(NS, [f.get("var") for f in query.findall(f"{{{INFO}}}feature")])
        answer = romeo.asks(f"<iq type='get' to='{self.server.domain}'><request xmlns='{NS}' filename='a' size='1'/></iq>")
        self.assert_error(answer, "service-unavailable")
        self.assertEqual(404, self.get("/f/" + "A" * 43 + "/a").status)


if __name__ == "__main__":
    main()
