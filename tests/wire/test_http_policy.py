#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is published over HTTP: the policy page in the languages it names, the file, and the ledger."""
import html.parser
import os
import pathlib
import socket
import tempfile

from lethe_test import main
from lethe_test.client import LIMIT
from lethe_test.http import HttpCase
from lethe_test.waiting import until

BOTH = {"service": {"languages": ["en", "de"]}, "archive": {"keep": "90min"}, "change": {"notice": "0"}}


class Page(html.parser.HTMLParser):
    """What a page loads, links and shows."""

    def __init__(self, text):
        super().__init__()
        self.language, self.links, self.tags, self.text = None, [], set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        attributes = dict(attributes)
        if tag == "html":
            self.language = attributes["lang"]
        if tag == "a":
            self.links.append(attributes["href"])
        assert not {"src", "onclick", "onload"} & set(attributes), attributes

    def handle_data(self, data):
        self.text += data


class Published(HttpCase):
    policy = BOTH

    def page(self, path="/policy", **fields):
        answer = self.get(path, **fields)
        self.assertEqual((200, "text/html; charset=utf-8"), (answer.status, answer["content-type"]))
        page = Page(answer.body.decode())
        self.assertEqual(page.language, answer["content-language"])
        return page

    def test_the_page_is_in_the_language_that_is_asked_for(self):
        self.assertEqual("en", self.page().language)
        self.assertEqual("de", self.page(Accept_Language="de-AT,de;q=0.9,en;q=0.8").language)
        self.assertEqual("en", self.page(Accept_Language="fr, en;q=0.2, de;q=0.1").language)
        self.assertEqual("de", self.page("/policy/de", Accept_Language="en").language)
        self.assertEqual("en", self.page("/policy/en", Accept_Language="de").language)
        self.assertEqual("Accept-Language", self.get("/policy")["vary"])
        self.assertIsNone(self.get("/policy/de")["vary"])
        self.assertIn("14 Tage", self.page("/policy/de").text)

    def test_its_links_lead_somewhere_and_it_loads_nothing(self):
        for language in ("en", "de"):
            page = self.page("/policy/" + language)
            own = [link for link in page.links if link.startswith("/")]
            self.assertEqual(3, len(own))
            for link in own:
                self.assertEqual(200, self.get(link).status, link)
            self.assertIn("svg", page.tags)
            self.assertFalse(page.tags & {"script", "link", "img", "iframe", "form", "object"}, page.tags)

    def test_a_browser_that_has_it_is_told_so(self):
        for path in ("/policy", "/policy/de", "/policy.toml", "/policy/ledger"):
            tag = self.get(path)["etag"]
            for given in (tag, f'"other", W/{tag}', "*"):
                answer = self.get(path, If_None_Match=given)
                self.assertEqual((304, b"", tag), (answer.status, answer.body, answer["etag"]), path)
            self.assertEqual(200, self.get(path, If_None_Match='"other"').status)
            self.assertEqual([200, 412], [self.get(path, If_Match=given).status for given in ("*", '"other"')], path)
        self.assertNotEqual(self.get("/policy/en")["etag"], self.get("/policy/de")["etag"])

    def test_the_file_is_served_byte_for_byte(self):
        answer = self.get("/policy.toml", tls=True)
        self.assertEqual("text/plain; charset=utf-8", answer["content-type"])
        self.assertEqual((self.server.config_dir / "policy.toml").read_bytes(), answer.body)

    def test_a_change_shows_at_once(self):
        before = self.get("/policy")
        self.server.set_policy({"archive": {"keep": "80min"}})
        self.server.process.send_signal(1)
        until(lambda: self.get("/policy")["etag"] != before["etag"], "the page to change")
        self.assertIn("80 minutes", self.page().text)
        self.assertIn(b"80min", self.get("/policy.toml").body)

    def test_the_ledger_can_be_verified_by_what_the_page_says(self):
        with tempfile.TemporaryDirectory() as room:
            copy = pathlib.Path(room) / "ledger.jsonl"
            copy.write_bytes(self.get("/policy/ledger").body)
            for path in ("/policy/en", "/policy/de"):
                page = self.page(path).text
                command = next(line for line in page.splitlines() if line.startswith("lethectl ledger verify")).split()
                self.server.ctl("ledger", "verify", copy, *command[4:])
                self.assertIn(f"curl -o ledger.jsonl https://{self.server.domain}:{self.https[1]}/policy/ledger", page)

    def test_the_ledger_goes_on_where_a_copy_ended(self):
        answer = self.get("/policy/ledger")
        whole, size = answer.body, len(answer.body)
        self.assertEqual((200, "application/x-ndjson", "bytes"), (answer.status, answer["content-type"], answer["accept-ranges"]))
        self.assertTrue(whole.endswith(b"\n"))
        for first in (0, 1, size // 2, size - 1):
            part = self.get("/policy/ledger", Range=f"bytes={first}-")
            self.assertEqual(206, part.status)
            total = int(part["content-range"].split("/")[1])
            self.assertEqual(f"bytes {first}-{total - 1}/{total}", part["content-range"])
            self.assertEqual(whole[first:], part.body[:size - first])
        part = self.get("/policy/ledger", Range="bytes=10-19", If_Range=answer["etag"])
        self.assertIn((part.status, part.body), ((206, whole[10:20]), (200, self.get("/policy/ledger").body)))
        self.assertEqual(200, self.get("/policy/ledger", Range="bytes=10-19", If_Range='"other"').status)
        beyond = self.get("/policy/ledger", Range="bytes=100000000-")
        self.assertEqual(416, beyond.status)
        self.assertRegex(beyond["content-range"], r"bytes \*/\d+")

    def test_a_line_in_the_making_is_not_served(self):
        with open(self.server.data / "ledger.jsonl", "ab") as ledger:
            before = self.get("/policy/ledger").body
            end = ledger.tell()
            ledger.write(b'{"half a line')
            ledger.flush()
            try:
                self.assertTrue(self.get("/policy/ledger").body.endswith(b"\n"))
                self.assertNotIn(b"half a line", self.get("/policy/ledger").body)
            finally:
                ledger.truncate(end)
        self.assertTrue(before.endswith(b"\n"))


class Unread(HttpCase):
    config = {"limits": {"stall_seconds": 600}}

    def open_ledgers(self):
        path, descriptors = str(self.server.data / "ledger.jsonl"), []
        for descriptor in pathlib.Path(f"/proc/{self.server.pid}/fd").iterdir():
            try:
                descriptors.append(os.readlink(descriptor))
            except OSError:
                pass  # closed meanwhile
        return descriptors.count(path)

    def test_who_asks_for_the_ledger_and_does_not_read_keeps_no_file_open(self):
        before = self.open_ledgers()
        with open(self.server.data / "ledger.jsonl", "ab") as ledger:
            end = ledger.tell()
            try:
                ledger.write((b"x" * 99 + b"\n") * 160_000)
                ledger.flush()
                for _ in range(20):
                    one = socket.socket()
                    self.addCleanup(one.close)
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    one.settimeout(LIMIT)
                    one.connect(self.plain)
                    one.sendall(b"GET /policy/ledger HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertEqual(b"HTTP/1.1 200 OK", one.recv(15))
                until(lambda: self.open_ledgers() == before, "no more open files than before")
            finally:
                ledger.truncate(end)


class OneLanguage(HttpCase):
    def test_a_language_that_the_policy_does_not_name_is_not_there(self):
        self.assertEqual("en", self.get("/policy", Accept_Language="de")["content-language"])
        self.assertEqual([200, 404], [self.get("/policy/" + code).status for code in ("en", "de")])


if __name__ == "__main__":
    main()
