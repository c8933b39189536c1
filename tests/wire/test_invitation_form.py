# SPDX-License-Identifier: AGPL-3.0-or-later
"""The form of an invitation's page: an account made by a browser, without a script."""
import concurrent.futures
import itertools
import json
import urllib.parse

from lethe_test import Account, SaslFailure, main
from lethe_test.http import HttpCase

PASSWORD = "correct horse+battery & \u00e9%"
names = itertools.count(1)


class FormCase(HttpCase):
    policy = {"accounts": {"registration": "invite"}, "service": {"languages": ["en", "de"]}}

    def invite(self, *options):
        return json.loads(self.server.ctl("invite", "--json", *options).stdout)["uri"].rpartition("=")[2]

    def sends(self, token, body, tls=False, **fields):
        body = body if isinstance(body, bytes) else urllib.parse.urlencode(body).encode()
        fields = {"Content_Type": "application/x-www-form-urlencoded", "Content_Length": len(body), **fields}
        return self.get(f"/i/{token}", tls, method="POST", body=body, **fields)

    def wish(self, token, name, password=PASSWORD, again=None, **how):
        return self.sends(token, {"username": name, "password": password, "again": password if again is None else again}, **how)

    def exists(self, name, password=PASSWORD):
        client = self.client(Account(f"{name}@{self.server.domain}", password))
        client.secure()
        try:
            client.authenticate()
        except SaslFailure:
            return False
        return True


class Form(FormCase):
    def test_it_makes_an_account_once(self):
        for tls in (False, True):
            token, name = self.invite(), f"guest{next(names)}"
            self.assertIn(b'<form method="post"', self.get(f"/i/{token}", tls).body)
            made = self.wish(token, name, tls=tls)
            self.assertEqual((201, "no-store"), (made.status, made["Cache-Control"]))
            self.assertIn(f"{name}@{self.server.domain}", made.body.decode())
            self.assertTrue(self.exists(name))
            again = self.wish(token, "other" + name, tls=tls)
            self.assertEqual((404, self.get("/i/x").body), (again.status, again.body))
            self.assertFalse(self.exists("other" + name))

    def test_who_writes_the_whole_address_means_the_name(self):
        name = f"Guest{next(names)}"
        self.assertEqual(201, self.wish(self.invite(), f"{name}@{self.server.domain}").status)
        self.assertTrue(self.exists(name.lower()))

    def test_what_was_told_survives_a_kill(self):
        name = f"guest{next(names)}"
        self.assertEqual(201, self.wish(self.invite(), name).status)
        self.server.kill()
        self.server.start()
        self.assertTrue(self.exists(name))

    def test_what_is_wrong_is_said_above_the_form_and_uses_nothing_up(self):
        token, taken, name = self.invite(), self.account(), f"guest{next(names)}"
        for status, sentence, wanted, password, again in (
                (409, "This name is taken", taken.local, PASSWORD, None), (409, "This name is taken", taken.local.upper(), PASSWORD, None),
                (422, "cannot be the name", "a b", PASSWORD, None), (422, "cannot be the name", '"><b>@x', PASSWORD, None), (422, "cannot be the name", "x" * 1024, PASSWORD, None),
                (422, "are needed", "", PASSWORD, None), (422, "are needed", name, "", None), (422, "twice alike", name, PASSWORD, "correct horse"),
                (422, "too short: it needs at least 8 characters", name, "seven77", None), (422, "cannot be a password", name, "p" * 1024, None), (422, "cannot be a password", name, "tab\tin it", None)):
            with self.subTest((sentence, wanted, password)):
                answer = self.wish(token, wanted, password, again)
                text = answer.body.decode()
                self.assertEqual(status, answer.status)
                self.assertIn(sentence, text.partition('role="alert"')[2].partition("</p>")[0])
                self.assertIn('<form method="post"', text)
                self.assertNotIn("<b>", text)
                for secret in (PASSWORD, "correct horse", "p" * 1024):
                    self.assertNotIn(secret, text)
        self.assertIn('value="a b"', self.wish(token, "a b").body.decode())
        self.assertIn("Dieser Name ist vergeben", self.wish(token, taken.local, Accept_Language="de").body.decode())
        self.assertIn("Es braucht mindestens 8 Zeichen", self.wish(token, name, "seven77", Accept_Language="de").body.decode())
        self.assertEqual(201, self.wish(token, name).status)

    def test_what_no_page_of_ours_sends_is_refused(self):
        token = self.invite()
        whole = "username=x&password=y&again=y"
        for status, body, fields in (
                (415, whole, {"Content_Type": "text/plain"}), (415, whole, {"Content_Type": "multipart/form-data; boundary=x"}), (413, "username=" + "x" * 10240, {}),
                (400, "username=x&password=y", {}), (400, whole + "&again=y", {}), (400, "username=%zz&password=y&again=y", {}), (400, "", {})):
            with self.subTest((status, body[:40], fields)):
                self.assertEqual(status, self.sends(token, body.encode(), **fields).status)
        self.assertEqual(411, self.web().get(f"/i/{token}", method="POST", Content_Type="application/x-www-form-urlencoded").status)
        self.assertEqual(404, self.wish("0" * 32, "x").status)
        self.assertEqual("GET, HEAD, POST, OPTIONS", self.get(f"/i/{token}", method="OPTIONS")["Allow"])
        self.assertEqual(200, self.get(f"/i/{token}").status)

    def test_of_many_who_send_it_at_once_as_many_get_an_account_as_there_are_uses(self):
        token, wanted = self.invite("--uses", "2"), [f"guest{next(names)}" for _ in range(6)]
        with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
            answers = list(pool.map(lambda name: self.wish(token, name).status, wanted))
        self.assertEqual([201] * 2 + [404] * 4, sorted(answers))
        self.assertEqual([status == 201 for status in answers], [self.exists(name) for name in wanted])

    def test_the_inviter_and_the_newcomer_are_contacts(self):
        inviter = self.online(self.account(), "r")
        answer = inviter.asks_ok(f"<iq type='set' to='{self.server.domain}'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite'/></iq>")
        token = {f.get("var"): f[0].text for f in answer.child("command", "http://jabber.org/protocol/commands")[0]}["uri"].partition("preauth=")[2].partition(";")[0]
        name = f"guest{next(names)}"
        made = self.wish(token, name)
        self.assertIn(inviter.jid, made.body.decode())
        newcomer = self.online(Account(f"{name}@{self.server.domain}", PASSWORD), "r")
        self.assertEqual("both", self.roster(newcomer)[inviter.jid][0])
        self.assertEqual("both", self.roster(inviter)[newcomer.jid][0])

    def test_nothing_of_it_lies_on_the_disk(self):
        token, name = self.invite(), f"canaryguest{next(names)}"
        self.assertEqual(201, self.wish(token, name).status)
        self.assertEqual(422, self.wish(self.invite(), name + "x", PASSWORD, "another").status)
        self.server.stop()
        kept = b"".join(p.read_bytes() for p in self.server.data.rglob("*") if p.is_file()) + self.server.stderr().encode()
        for secret in (token, name, PASSWORD, urllib.parse.quote_plus(PASSWORD)):
            self.assertNotIn(secret.encode(), kept)
        self.server.start()


class Bounded(FormCase):
    config = {"limits": {"registrations_per_network": 3}}

    def test_names_that_are_taken_can_be_asked_for_so_often(self):
        token, taken = self.invite(), self.account()
        for expected in (409, 409, 409, 429):
            self.assertEqual(expected, self.wish(token, taken.local, tls=True).status)
        self.assertEqual(201, self.wish(token, f"guest{next(names)}", tls=True).status)


if __name__ == "__main__":
    main()
