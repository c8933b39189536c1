#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Converse.js finds the WebSocket by the domain alone, logs in, and talks with somebody at a slixmpp client: both read what the other wrote, and
the picture that one sends is shown to the sender and lies at its address for the other, where a browser shows it."""
import asyncio
import io
import struct
import urllib.parse
import wave
import zlib

from browser import DESKTOP, PHONE
from lethe_test import main
from lethe_test.http import HttpCase
from lethe_test.waiting import until
from web_client import Site, WebClient, person


SIZE = (160, 96)
UPLOAD = "urn:xmpp:http:upload:0"


def picture():
    """A PNG with a gradient."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(v for x in range(SIZE[0]) for v in (x, 2 * y, 160 - x)) for y in range(SIZE[1]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sound():
    """A WAV file of a second of silence."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))
    return out.getvalue()


class Converse(HttpCase):
    policy = {"uploads": {"keep": "7d", "max_size": 1 << 20, "quota_per_day": 4 << 20}}

    def setUp(self):
        super().setUp()
        site = Site(self.server.host)
        self.addCleanup(site.close)
        self.client_page = WebClient(site, self.server.domain, self.https)
        self.addCleanup(self.client_page.close)

    def friends(self):
        accounts = self.accounts(2)
        people = [self.online(account, "before") for account in accounts]
        self.befriend(*people)
        for person in people:
            person.leaves()
        return accounts

    def sends_picture(self):
        file = self.server.directory / "a picture.png"
        file.write_bytes(picture())
        self.client_page.gives("input.fileupload", str(file))
        until(lambda: self.client_page.browser.script("const i = document.querySelector('.chat-msg .chat-image'); return i && i.complete && [i.naturalWidth, i.naturalHeight]") == list(SIZE),
              "the picture to be shown")

    def test_what_was_sent_is_shown_and_heard_by_who_opens_its_address(self):
        client, page = self.session(self.account()), self.client_page.browser
        for kind, name, body, shown in (("image/png", "a.png", picture(), "img"), ("audio/wav", "a.wav", sound(), "video, audio")):
            slot = client.asks_ok(f"<iq type='get' to='{self.server.domain}'><request xmlns='{UPLOAD}' filename='{name}' size='{len(body)}' content-type='{kind}'/></iq>").child("slot", UPLOAD)
            put, get = (slot.find(f"{{{UPLOAD}}}{part}").get("url") for part in ("put", "get"))
            self.assertEqual(201, self.web(True).get(urllib.parse.urlsplit(put).path, method="PUT", body=body, Content_Length=len(body), Content_Type=kind).status)
            page.open(get)
            until(lambda: page.script(f"const e = document.querySelector('{shown}'); return e && (e.naturalWidth || e.duration)"), f"{name} to be there")

    def test_two_people_talk(self):
        asyncio.run(self.talk(*self.friends()))

    async def talk(self, one, other):
        web, do = self.client_page, asyncio.to_thread
        async with person(self.server, other) as bob:
            await do(web.opens)
            await do(web.logs_in, one.jid, one.password)
            await do(web.click, f"converse-roster a[data-jid='{other.jid}']")
            await do(web.type, "textarea.chat-textarea", "Hello from a browser, h\u00e9 <b>\n")
            await bob.hear("Hello from a browser, h\u00e9 <b>")
            bob.say(one.jid, "Hello from a library & a terminal")
            await do(web.reads, "Hello from a browser, h\u00e9 <b>", "Hello from a library & a terminal")
            await do(self.sends_picture)
            await bob.until(lambda: len(bob.messages) == 2, "the picture's address")
            address = urllib.parse.urlsplit(bob.messages[-1]["body"])
            self.assertEqual(("https", f"{self.server.domain}:{self.https[1]}"), (address.scheme, address.netloc))
            self.assertEqual(picture(), (await do(self.get, address.path, True)).body)
            await do(web.browser.screenshot, "converse-desktop", False)
            await do(web.browser.look, PHONE)
            await do(web.browser.screenshot, "converse-phone", False)
            await do(web.browser.look, DESKTOP)
            self.assertEqual([], [c for c in web.browser.complaints() if self.server.domain in c])


if __name__ == "__main__":
    main()
