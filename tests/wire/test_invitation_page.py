# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of an invitation: /i/TOKEN."""
import base64
import hashlib
import json
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

from lethe_test import main
from lethe_test.http import HttpCase

SVG = "{http://www.w3.org/2000/svg}"


class Page(HttpCase):
    policy = {"accounts": {"registration": "invite"}, "service": {"name": "Verona & <friends>", "languages": ["en", "de"]}}

    @classmethod
    def listen(cls):
        cls.server.config["http"] = {"url": "https://localhost.example:5443"}
        return super().listen()

    def invite(self, *options):
        return json.loads(self.server.ctl("invite", "--json", *options).stdout)

    def test_the_link_leads_to_a_page_that_says_all_that_is_needed(self):
        told = self.invite()
        token = told["uri"].rpartition("=")[2]
        self.assertEqual(f"https://localhost.example:5443/i/{token}", told["link"])
        for tls in (False, True):
            answer = self.get(f"/i/{token}", tls)
            self.assertEqual(200, answer.status)
            self.assertEqual(("text/html; charset=utf-8", "en", "no-store", "no-referrer"),
                             tuple(answer[n] for n in ("Content-Type", "Content-Language", "Cache-Control", "Referrer-Policy")))
            text = answer.body.decode()
            self.assertIn(f'href="{told["uri"]}"', text.replace("&amp;", "&"))
            self.assertIn("Verona &amp; &lt;friends&gt;", text)
            self.assertNotIn("<script", text)
            self.assertNotIn("<friends>", text)
            for name in ("Conversations", "Dino", "Gajim", "Monal", "Siskin", "Profanity"):
                self.assertIn(name, text)
            for kept in ("7 days", "14 days", "24 hours"):
                self.assertIn(kept, text.replace("1 day.", "24 hours."))
            self.assertIn('href="https://localhost.example:5443/policy"', text)
        self.assertEqual(b"", self.get(f"/i/{token}", method="HEAD").body)

    def test_the_browser_may_use_its_style_and_nothing_else(self):
        answer = self.get("/i/" + self.invite()["uri"].rpartition("=")[2])
        style = re.search("<style>(.*)</style>", answer.body.decode()).group(1)
        allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.assertEqual(f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
                         answer["Content-Security-Policy"])
        self.assertNotIn("style=", answer.body.decode())

    def test_german_for_who_prefers_it(self):
        token = self.invite()["uri"].rpartition("=")[2]
        answer = self.get(f"/i/{token}", Accept_Language="de-AT,en;q=0.5")
        self.assertEqual("de", answer["Content-Language"])
        self.assertIn("Sie sind eingeladen", answer.body.decode())
        self.assertIn('<html lang="de">', answer.body.decode())
        self.assertEqual("en", self.get(f"/i/{token}", Accept_Language="fr")["Content-Language"])
        self.assertIn("Diese Einladung kann nicht benutzt werden", self.get("/i/x", Accept_Language="de").body.decode())

    def test_looking_uses_nothing_up_and_used_up_late_and_unknown_look_alike(self):
        token = self.invite()["uri"].rpartition("=")[2]
        for _ in range(3):
            self.assertEqual(200, self.get(f"/i/{token}").status)
        client = self.client()
        client.secure()
        client.asks_ok(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>")
        self.assertEqual(200, self.get(f"/i/{token}").status)
        client.asks_ok("<iq type='set'><query xmlns='jabber:iq:register'><username>guest</username><password>correct horse</password></query></iq>")
        used = self.get(f"/i/{token}")
        self.assertEqual(404, used.status)
        for other in ("0" * 32, "x", "", token.upper(), token + "/", token + "/x", "x/" + token, token[:-1]):
            with self.subTest(other):
                answer = self.get(f"/i/{other}")
                self.assertEqual((404, used.body), (answer.status, answer.body))
                self.assertEqual({**used.fields, "date": ""}, {**answer.fields, "date": ""})
        self.assertNotIn(token.encode(), used.body)
        self.assertEqual(405, self.get("/i/" + self.invite()["uri"].rpartition("=")[2], method="DELETE").status)

    def test_the_code_is_the_invitation_and_has_a_name(self):
        told = self.invite()
        text = self.get("/i/" + told["uri"].rpartition("=")[2]).body.decode()
        svg = ElementTree.fromstring(re.search("<svg.*</svg>", text, re.S).group().replace("<svg ", "<svg xmlns='http://www.w3.org/2000/svg' "))
        self.assertEqual("img", svg.get("role"))
        self.assertEqual("QR code of this invitation", svg.find(f"{SVG}title").text)
        self.assertEqual(svg.find(f"{SVG}title").get("id"), svg.get("aria-labelledby"))
        side = int(svg.get("viewBox").split()[2])
        dark = [[False] * side for _ in range(side)]
        for x, y, run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg.find(f"{SVG}path").get("d")):
            for i in range(int(run)):
                dark[int(y)][int(x) + i] = True
        with tempfile.NamedTemporaryFile(suffix=".pgm") as picture:
            pixels = b"".join(b"".join(b"\0" * 4 if d else b"\xff" * 4 for d in row) * 4 for row in dark)
            picture.write(b"P5 %d %d 255\n" % (4 * side, 4 * side) + pixels)
            picture.flush()
            read = subprocess.run(["zbarimg", "--quiet", "--raw", picture.name], capture_output=True, text=True, check=True, timeout=300).stdout.strip()
        self.assertEqual(told["uri"], read)

    def test_a_users_invitation_says_who_invites_and_the_log_says_nothing(self):
        account = self.account()
        romeo = self.session(account)
        command = "http://jabber.org/protocol/commands"
        answer = romeo.asks_ok(f"<iq type='set' to='{self.server.domain}'><command xmlns='{command}' node='urn:xmpp:invite#invite'/></iq>")
        fields = {f.get("var"): f[0].text for f in answer.child("command", command)[0]}
        token = fields["uri"].partition("preauth=")[2].partition(";")[0]
        self.assertEqual(f"https://localhost.example:5443/i/{token}", fields["landing-url"])
        text = self.get(f"/i/{token}").body.decode()
        self.assertIn(account.jid, text)
        self.assertIn(f"xmpp:{account.jid}?roster;preauth={token};ibr=y", text)
        self.server.stop()
        logs = b"".join(p.read_bytes() for p in self.server.data.rglob("*") if p.is_file()) + self.server.stderr().encode()
        self.assertNotIn(token.encode(), logs)
        self.server.start()


if __name__ == "__main__":
    main()
