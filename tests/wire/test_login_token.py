# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0484: tokens that log in in the place of a password and open what the password opens; what ends them, and what is no token."""
import base64
import datetime
import hashlib
import hmac
import itertools
import os
import pathlib
import secrets
import unittest

from lethe_test import Account, WireCase, archive, main
from lethe_test.scram import Scram, b64

SASL2, BIND2, SASL, FAST = "urn:xmpp:sasl:2", "urn:xmpp:bind:0", "urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:fast:0"
NONE, ENDP = "HT-SHA-256-NONE", "HT-SHA-256-ENDP"
FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
AGENT = "d4565fa7-4d72-4749-b3d3-740edbf87770"
BIND = f"<bind xmlns='{BIND2}'/>"
_numbers = itertools.count(1)


def user_agent(agent):
    return f"<user-agent id='{agent}'/>" if agent else ""


class TokenCase(WireCase):
    def secured(self, account):
        client = self.client(account, name=f"{account.local}/{next(_numbers)}")
        client.secure()
        return client

    def by_password(self, account, inner="", agent=AGENT):
        """(client, <success/>)"""
        client = self.secured(account)
        scram = Scram("SCRAM-SHA-256", account.local, account.password)
        client.send_bytes(f"<authenticate xmlns='{SASL2}' mechanism='SCRAM-SHA-256'><initial-response>{b64(scram.client_first().encode())}"
                          f"</initial-response>{user_agent(agent)}{inner}</authenticate>")
        challenge = client.next()
        client.send_bytes(f"<response xmlns='{SASL2}'>{b64(scram.client_final(base64.b64decode(challenge.element.text).decode()).encode())}</response>")
        success = client.next()
        self.assertEqual("success", success.name, f"{success}")
        return self.bound(client, success)

    def bound(self, client, success):
        identity = success.element.findtext(f"{{{SASL2}}}authorization-identifier")
        if "/" in identity:
            client.full = identity
        self.assertEqual("features", client.next().name)
        return client, success

    def token(self, account, mechanism=NONE, agent=AGENT, inner=BIND):
        """A fresh token, or None."""
        client, success = self.by_password(account, inner + f"<request-token xmlns='{FAST}' mechanism='{mechanism}'/>", agent)
        client.leaves() if inner else client.drop()
        given = success.element.find(f"{{{FAST}}}token")
        return given if given is None else given.get("token")

    def proof(self, client, token, mechanism, role=b"Initiator"):
        return hmac.digest(token.encode(), role + (client.binding()[1] if mechanism == ENDP else b""), "sha256")

    def tries(self, account, token, mechanism=NONE, agent=AGENT, inner=BIND, fast=f"<fast xmlns='{FAST}'/>", payload=None):
        """(client, what the server says)"""
        client = self.secured(account)
        payload = account.local.encode() + b"\0" + self.proof(client, token, mechanism) if payload is None else payload
        client.send_bytes(f"<authenticate xmlns='{SASL2}' mechanism='{mechanism}'><initial-response>{b64(payload)}</initial-response>"
                          f"{user_agent(agent)}{inner}{fast}</authenticate>")
        return client, client.next()

    def by_token(self, account, token, mechanism=NONE, **how):
        """(client, <success/>)"""
        client, success = self.tries(account, token, mechanism, **how)
        self.assertEqual("success", success.name, f"{success}")
        self.assertEqual(b64(self.proof(client, token, mechanism, b"Responder")), success.element.findtext(f"{{{SASL2}}}additional-data"))
        return self.bound(client, success)

    def assert_refused(self, account, token, condition="not-authorized", **how):
        client, failure = self.tries(account, token, **how)
        self.assertEqual("failure", failure.name, f"{failure}")
        self.assertIsNotNone(failure.element.find(f"{{{SASL}}}{condition}"), f"{failure}")
        client.drop()


class Tokens(TokenCase):
    def test_they_are_offered_and_given_with_an_end_that_tells_no_day(self):
        account = self.account()
        inline = self.secured(account).features.child("authentication", SASL2).find(f"{{{SASL2}}}inline")
        self.assertEqual([ENDP, NONE], [m.text for m in inline.find(f"{{{FAST}}}fast")])
        _, success = self.by_password(account, BIND + f"<request-token xmlns='{FAST}' mechanism='{NONE}'/>")
        end = datetime.datetime.fromisoformat(success.element.find(f"{{{FAST}}}token").get("expiry").replace("Z", "+00:00"))
        left = end - datetime.datetime.now(datetime.timezone.utc)
        self.assertTrue(datetime.timedelta(days=29) < left <= datetime.timedelta(days=37, hours=1), left)
        self.assertEqual(0, end.timestamp() % (7 * 86400))

    def test_a_token_opens_what_the_password_opens(self):
        account, friend = self.accounts(2)
        client, other = self.online(account, "r"), self.online(friend, "friend")
        self.befriend(client, other)
        other.sends(f"<message to='{account.jid}' type='chat' id='m1'><body>live</body></message>"), other.collect()
        client.collect()
        client.leaves()
        for mechanism in (NONE, ENDP):
            token = self.token(account, mechanism)
            other.sends(f"<message to='{account.jid}' type='chat' id='m2'><body>waiting {mechanism}</body></message>"), other.collect()
            for _ in range(2):
                self.server.restart()
                other = self.online(friend, "friend")
                client, success = self.by_token(account, token, mechanism)
                self.assertIsNone(success.element.find(f"{{{FAST}}}token"))
                self.assertEqual("both", self.roster(client)[friend.jid][0])
                self.assertIn(f"waiting {mechanism}", [e.message.text_of("body") for e in archive.everything(client)])
                client.leaves()

    def test_the_disk_and_the_log_hold_neither_the_token_nor_what_a_client_makes_of_it(self):
        account = self.account()
        token = self.token(account)
        client, _ = self.by_token(account, token)
        v, answer = (self.proof(client, token, NONE, role) for role in (b"Initiator", b"Responder"))
        client.leaves()
        secret = base64.urlsafe_b64decode(token.removeprefix("secret-token:") + "=")
        files = [path.read_bytes() for path in self.server.data.rglob("*") if path.is_file()]
        self.assertGreater(len(files), 3)
        for what in (token[13:].encode(), secret, v, answer, AGENT.encode(), b64(v).encode(), v.hex().encode()):
            self.assertFalse(any(what in data for data in files), what)

    def test_it_logs_in_without_inline_bind_and_resumes(self):
        account = self.account()
        token = self.token(account)
        client, success = self.by_token(account, token, inner="")
        self.assertEqual(account.jid, success.element.findtext(f"{{{SASL2}}}authorization-identifier"))
        client.bind("classic")
        client.leaves()
        client, success = self.by_token(account, token, inner=f"<bind xmlns='{BIND2}'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>")
        enabled = success.element.find(f"{{{BIND2}}}bound/{{urn:xmpp:sm:3}}enabled")
        client.drop()
        again, success = self.tries(account, token, inner=f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{enabled.get('id')}'/>" + BIND)
        self.assertIsNotNone(success.element.find("{urn:xmpp:sm:3}resumed"), f"{success}")

    def test_who_cannot_have_one_gets_none_and_is_logged_in(self):
        account = self.account()
        for mechanism, agent in (("HT-SHA-256-EXPR", AGENT), ("HT-SHA-256-UNIQ", AGENT), ("SCRAM-SHA-256", AGENT), ("", AGENT), (NONE, "")):
            self.assertIsNone(self.token(account, mechanism, agent), (mechanism, agent))
        token = self.token(account)
        _, success = self.by_token(account, token, inner=BIND + f"<request-token xmlns='{FAST}' mechanism='{NONE}'/>")
        self.assertIsNone(success.element.find(f"{{{FAST}}}token"), "an end is never put off")

    def test_everything_about_it_must_fit(self):
        account, another = self.accounts(2)
        token, bound = self.token(account, NONE, "one"), self.token(account, ENDP, "two")
        self.token(another, NONE, "one")
        self.assert_refused(account, token, agent="two")
        self.assert_refused(account, token, agent="")
        self.assert_refused(account, token, agent="one", mechanism=ENDP)
        self.assert_refused(account, bound, agent="two", mechanism=NONE)
        self.assert_refused(another, token, agent="one")
        self.assert_refused(Account("nobody@" + account.domain, "x"), token, agent="one")
        self.assert_refused(account, "secret-token:" + secrets.token_urlsafe(32), agent="one")
        self.by_token(account, token, agent="one")
        self.by_token(account, bound, ENDP, agent="two")

    def test_what_is_no_proof(self):
        account = self.account()
        token = self.token(account)
        v = hmac.digest(token.encode(), b"Initiator", "sha256")
        name = account.local.encode()
        for payload in (b"", name, name + b"\0", name + b"\0" + v[:31], name + b"\0" + v + b"x", b"\0" + v, b"\xff\0" + v):
            self.assert_refused(account, token, "malformed-request", payload=payload)
        self.assert_refused(account, token, "invalid-mechanism", mechanism="HT-SHA-256-UNIQ")
        self.assert_refused(account, token, "invalid-mechanism", mechanism="SCRAM-SHA-256")
        self.assert_refused(account, token, "invalid-mechanism", fast="")
        self.assert_refused(account, hashlib.sha256(v).hexdigest())
        self.by_token(account, token)

    def test_a_client_has_one_and_an_account_eight(self):
        account = self.account()
        old, new = self.token(account), self.token(account)
        self.assert_refused(account, old)
        many = [(f"agent {n}", self.token(account, agent=f"agent {n}")) for n in range(8)]
        self.assert_refused(account, new)
        for agent, token in many:
            self.by_token(account, token, agent=agent)[0].leaves()


class Throttled(TokenCase):
    config = {"limits": {"login_failures_per_network": 5}}

    def test_wrong_ones_count_as_wrong_passwords(self):
        account = self.account()
        token = self.token(account)
        for _ in range(5):
            self.tries(account, "secret-token:x")[0].drop()
        self.assert_refused(account, token, "temporary-auth-failure")


class Ends(TokenCase):
    def test_the_client_ends_it(self):
        account = self.account()
        kept = self.token(account, agent="another")
        token = self.token(account)
        for said, ended in (("false", False), ("true", True)):
            client, _ = self.by_token(account, token, fast=f"<fast xmlns='{FAST}' invalidate='{said}'/>")
            client.asks_ok("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
            client.leaves()
            if ended:
                self.assert_refused(account, token)
        self.by_token(account, kept, agent="another")

    def test_a_new_password_a_reset_and_an_erasure_end_it(self):
        for how in ("changed", "reset", "erased"):
            account = self.account()
            token = self.token(account)
            if how == "changed":
                client = self.session(account)
                client.asks_ok("<iq type='set'><query xmlns='jabber:iq:register'>"
                               f"<username>{account.local}</username><password>another one</password></query></iq>")
                client.leaves()
            else:
                arguments = {"reset": ("reset", "--password-stdin"), "erased": ("erase",)}[how]
                self.server.ctl("account", *arguments, account.jid, stdin="another one\n" if how == "reset" else None)
            self.assert_refused(account, token)
            self.server.restart()
            self.assert_refused(account, token)

    def test_a_suspended_account_is_not_logged_in(self):
        account = self.account()
        token = self.token(account)
        self.server.ctl("account", "suspend", account.jid)
        self.assert_refused(account, token)
        self.server.ctl("account", "unsuspend", account.jid)
        self.by_token(account, token)


@unittest.skipUnless(FAKETIME, "faketime is not installed")
class Time(TokenCase):
    def test_it_ends_at_its_time(self):
        account = self.account()
        token = self.token(account)
        self.server.stop()
        for days, condition in ((28, None), (38, "credentials-expired")):
            self.server.environment = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"+{days}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
                                       "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
            self.server.restart() if condition else self.server.start()
            if condition:
                self.assert_refused(account, token, condition)
            else:
                self.by_token(account, token)[0].leaves()


class Off(TokenCase):
    config = {"sasl": {"tokens": "0"}}

    def test_none_are_offered_given_or_taken(self):
        account = self.account()
        inline = self.secured(account).features.child("authentication", SASL2).find(f"{{{SASL2}}}inline")
        self.assertIsNone(inline.find(f"{{{FAST}}}fast"))
        self.assertIsNone(self.token(account))
        self.assert_refused(account, "secret-token:x", "invalid-mechanism")


if __name__ == "__main__":
    main()
