# SPDX-License-Identifier: AGPL-3.0-or-later
"""SASL (RFC 6120 section 6, RFC 5802, RFC 7677, XEP-0440): every success, every failure, and the same answer to all who fail."""
import base64
import hashlib
import re
import ssl

from lethe_test import Account, SaslFailure, WireCase, main
from lethe_test.scram import Scram, b64
from lethe_test.xmlstream import SASL

WRONG = "not the password"


class SaslCase(WireCase):
    def secured(self, account=None, **how):
        client = self.client(account, **how)
        client.secure()
        return client

    def first(self, client, mechanism="SCRAM-SHA-256", **how):
        """Client-first sent; returns (scram, server-first)."""
        scram = Scram(mechanism, client.account.local, client.account.password, **how)
        return scram, client.sasl_text(client.auth_begins(mechanism, scram.client_first()), "challenge")

    def assert_failure(self, stanza, *conditions):
        self.assertEqual(("failure", SASL), (stanza.name, stanza.ns), f"{stanza}")
        self.assertIn(SaslFailure(stanza).condition, conditions, f"{stanza}")


class Success(SaslCase):
    def test_every_offered_mechanism_logs_in_and_opens_the_same_roster(self):
        account = self.account()
        first = self.session(account, "first")
        first.asks_ok("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='kept@localhost.example' name='Kept'/></query></iq>")
        first.leaves()
        for direct in (False, True):
            offered = self.secured(account, direct_tls=direct).mechanisms
            self.assertGreaterEqual(set(offered), {"SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"})
            self.assertEqual([], [m for m in offered if not m.startswith("SCRAM-SHA-")])
            for mechanism in offered:
                with self.subTest(mechanism, direct_tls=direct):
                    client = self.client(account, direct_tls=direct).login(mechanism=mechanism)
                    self.assertIn("kept@localhost.example", self.roster(client))
                    client.leaves()

    def test_channel_binding_types_are_announced(self):
        client = self.secured(self.account())
        types = client.features.child("sasl-channel-binding", "urn:xmpp:sasl-cb:0")
        self.assertIn("tls-server-end-point", [t.get("type") for t in types])

    def test_the_challenge_holds_the_digest_of_what_was_offered(self):
        """XEP-0474: a client that saw another list than the server sent knows that somebody took something away."""
        client = self.secured(self.account())
        bindings = [t.get("type") for t in client.features.child("sasl-channel-binding", "urn:xmpp:sasl-cb:0")]
        offer = "\x1e".join(sorted(client.mechanisms)) + "\x1f" + "\x1e".join(sorted(bindings))
        for mechanism, name in (("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-1-PLUS", "sha1")):
            client = self.secured(client.account)
            scram = Scram(mechanism, client.account.local, client.account.password,
                          **({"binding": client.binding()} if mechanism.endswith("PLUS") else {}))
            challenge = client.sasl_text(client.auth_begins(mechanism, scram.client_first()), "challenge")
            self.assertEqual(b64(hashlib.new(name, offer.encode()).digest()), scram.attributes(challenge)["h"])

    def spoken_versions(self, account):
        """(version, client after STARTTLS) for every TLS version the server speaks."""
        clients = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.client(account).connect()
            client.open_stream()
            client.send_bytes("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            client.next()
            try:
                client.wrap_tls(version=version)
            except ssl.SSLError:
                continue  # mbedTLS 2.28 has no TLS 1.3
            client.open_stream()
            clients.append((version, client))
        self.assertTrue(clients)
        return clients

    def test_plus_mechanisms_work_on_every_tls_version_the_server_speaks(self):
        for version, client in self.spoken_versions(self.account()):
            with self.subTest(version):
                client.authenticate("SCRAM-SHA-256-PLUS")

    def test_tls_unique_works_where_clients_take_plus_to_mean_it(self):
        for version, client in self.spoken_versions(self.account()):
            with self.subTest(version):
                types = [t.get("type") for t in client.features.child("sasl-channel-binding", "urn:xmpp:sasl-cb:0")]
                self.assertEqual("tls-unique" in types, version == ssl.TLSVersion.TLSv1_2)
                if "tls-unique" in types:
                    client.authenticate("SCRAM-SHA-256-PLUS", binding=("tls-unique", client.sock.get_channel_binding("tls-unique")))

    def test_tls_1_1_is_refused(self):
        client = self.client(direct_tls=False).connect()
        client.open_stream()
        client.send_bytes("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        client.next()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionResetError)):
            context.wrap_socket(client.sock)

    def test_the_initial_response_may_come_in_a_response_of_its_own(self):
        client = self.secured(self.account())
        challenge = client.auth_begins("SCRAM-SHA-256", None)
        self.assertEqual("", client.sasl_text(challenge, "challenge"))
        scram = Scram("SCRAM-SHA-256", client.account.local, client.account.password)
        second = client.sasl_text(client.auth_answers(scram.client_first()), "challenge")
        scram.verify(client.sasl_text(client.auth_answers(scram.client_final(second)), "success"))

    def test_own_authorization_identity_is_accepted(self):
        account = self.account()
        self.secured(account).authenticate(authzid=account.jid)

    def test_after_success_mechanisms_are_gone_and_bind_is_there(self):
        client = self.secured(self.account())
        client.authenticate()
        self.assertEqual([], client.mechanisms)
        self.assertIsNotNone(client.features.child("bind", "urn:ietf:params:xml:ns:xmpp-bind"))

    def test_authenticating_twice_is_refused(self):
        client = self.session(self.account(), "r")
        client.send_bytes(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{b64(b'n,,n=x,r=abcdefgh')}</auth>")
        try:
            self.assertEqual("failure", client.next().name)
        except AssertionError:
            self.assertIsNotNone(client.receives_end())


class Failure(SaslCase):
    def test_wrong_password_then_right_password_on_the_same_stream(self):
        client = self.secured(self.account())
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            with self.assertRaises(SaslFailure) as caught:
                client.authenticate(mechanism, password=WRONG)
            self.assertEqual("not-authorized", caught.exception.condition)
        client.authenticate()
        client.bind("r")
        client.receives_nothing()

    def test_a_mechanism_that_was_not_offered(self):
        client = self.secured(self.account())
        for mechanism in ("SCRAM-SHA-512", "PLAIN", "DIGEST-MD5", "scram-sha-256", "", "X" * 200):
            with self.subTest(mechanism):
                client = self.secured(client.account)
                self.assert_failure(client.auth_begins(mechanism, "n,,n=x,r=abcdefgh"), "invalid-mechanism")

    def test_malformed_base64(self):
        for payload in ("!!!!", "a", "YWJj=", "YW Jj", "YWJjZA", "YWJjZ===", "bixuLA==x"):
            with self.subTest(payload):
                client = self.secured(self.account())
                client.send_bytes(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{payload}</auth>")
                self.assert_failure(client.next(), "incorrect-encoding")

    def test_malformed_base64_in_a_response(self):
        client = self.secured(self.account())
        self.first(client)
        client.send_bytes(f"<response xmlns='{SASL}'>*</response>")
        self.assert_failure(client.next(), "incorrect-encoding")

    def test_abort(self):
        client = self.secured(self.account())
        self.first(client)
        client.send_bytes(f"<abort xmlns='{SASL}'/>")
        self.assert_failure(client.next(), "aborted")
        client.authenticate()

    def test_malformed_first_messages(self):
        for message in ("", "n", "n,,", "n,,n=user", "n,,r=abcdefgh", "n,,n=,r=abcdefgh", "x,,n=user,r=abcdefgh", "n,,m=ext,n=user,r=abcdefgh",
                        "n,,n=us=er,r=abcdefgh", "n,,n=user,r=", "p=,,n=user,r=abcdefgh", "n,b=c,n=user,r=abcdefgh", "\0\0\0"):
            with self.subTest(message):
                client = self.secured(self.account())
                client.send_bytes(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{b64(message.encode()) or '='}</auth>")
                self.assert_failure(client.next(), "malformed-request", "not-authorized")

    def test_broken_utf8_inside_base64(self):
        client = self.secured(self.account())
        client.send_bytes(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{b64(bytes.fromhex('6e2c2c6e3dfffe2c723d6162636465666768'))}</auth>")
        self.assert_failure(client.next(), "malformed-request", "not-authorized")

    def test_malformed_final_messages(self):
        for change in (lambda f: "", lambda f: f.replace(",p=", ",q="), lambda f: f[:-4], lambda f: f.replace("c=", "d=", 1),
                       lambda f: f + ",x=y", lambda f: f.replace("c=", "c=*", 1), lambda f: f[:f.index(",p=")]):
            client = self.secured(self.account())
            scram, challenge = self.first(client)
            message = change(scram.client_final(challenge))
            with self.subTest(message):
                self.assert_failure(client.auth_answers(message), "malformed-request", "not-authorized", "incorrect-encoding")

    def test_a_proof_for_another_nonce_or_binding_or_one_bit_off(self):
        for how in ({"spoil_proof": True}, {"nonce": "abcdefghabcdefgh"}, {"binding": b"else"}):
            with self.subTest(how):
                client = self.secured(self.account())
                scram, challenge = self.first(client)
                self.assert_failure(client.auth_answers(scram.client_final(challenge, **how)), "not-authorized", "malformed-request")

    def test_a_proof_cannot_be_used_again(self):
        client = self.secured(self.account())
        scram, challenge = self.first(client)
        final = scram.client_final(challenge)
        client.sasl_text(client.auth_answers(final), "success")
        again = self.secured(client.account)
        again.sasl_text(again.auth_begins("SCRAM-SHA-256", scram.client_first()), "challenge")
        self.assert_failure(again.auth_answers(final), "not-authorized", "malformed-request")

    def test_a_response_without_an_exchange(self):
        client = self.secured(self.account())
        client.send_bytes(f"<response xmlns='{SASL}'>{b64(b'c=biws,r=x,p=y')}</response>")
        try:
            self.assertEqual("failure", client.next().name)
        except AssertionError:
            self.assertIsNotNone(client.receives_end())

    def test_a_foreign_authorization_identity(self):
        alice, bob = self.accounts(2)
        with self.assertRaises(SaslFailure) as caught:
            self.secured(alice).authenticate(authzid=bob.jid)
        self.assertIn(caught.exception.condition, ("invalid-authzid", "not-authorized"))

    def test_too_many_attempts_end_the_stream(self):
        client = self.secured(self.account())
        attempts = 0
        while True:
            self.assertLess(attempts, 10, "a stream may be used for guessing without end")
            try:
                client.authenticate(password=WRONG)
            except SaslFailure:
                attempts += 1
            except AssertionError:
                break
        self.assertGreaterEqual(attempts, 2, "RFC 6120 section 6.4.5 asks for two at least")
        client.receives_end("policy-violation", "not-authorized")


class Downgrade(SaslCase):
    """Somebody who removes -PLUS from the offer is noticed (RFC 5802 section 6)."""

    def test_a_client_that_believes_there_is_no_channel_binding_is_told(self):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            with self.subTest(mechanism), self.assertRaises(SaslFailure):
                self.secured(self.account()).authenticate(mechanism, flag="y")

    def test_plus_without_binding_and_binding_without_plus(self):
        for mechanism, header in (("SCRAM-SHA-256-PLUS", "n,,"), ("SCRAM-SHA-256-PLUS", "y,,"), ("SCRAM-SHA-256", "p=tls-server-end-point,,")):
            with self.subTest(mechanism, header=header):
                client = self.secured(self.account())
                self.assert_failure(client.auth_begins(mechanism, f"{header}n={client.account.local},r=abcdefghijkl"),
                                    "malformed-request", "not-authorized")

    def test_an_unknown_binding_type(self):
        client = self.secured(self.account())
        self.assert_failure(client.auth_begins("SCRAM-SHA-256-PLUS", f"p=tls-magic,,n={client.account.local},r=abcdefghijkl"),
                            "malformed-request", "not-authorized")

    def test_another_certificates_binding(self):
        client = self.secured(self.account())
        with self.assertRaises(SaslFailure) as caught:
            client.authenticate("SCRAM-SHA-256-PLUS", binding=("tls-server-end-point", b"\0" * 32))
        self.assertIn(caught.exception.condition, ("not-authorized", "malformed-request"))


class SameAnswer(SaslCase):
    """An unknown account, a wrong password and a suspended account look alike."""

    def exchange(self, account, mechanism, password):
        """Server-first fields and the raw bytes of challenge and failure, with nonce and salt masked."""
        client = self.secured(account)
        scram = Scram(mechanism, account.local, password)
        first = client.auth_begins(mechanism, scram.client_first())
        text = client.sasl_text(first, "challenge")
        fields = Scram.attributes(text)
        last = client.auth_answers(scram.client_final(text))
        shape = re.sub(r"r=[^,]*", "r=" + "R" * len(fields["r"]), re.sub(r"s=[^,]*", "s=" + "S" * len(fields["s"]), text, count=1), count=1)
        masked = first.raw.replace(base64.b64encode(text.encode()), b64(shape.encode()).encode())
        return fields, masked, last.raw

    def test_unknown_account_wrong_password_and_suspended_account_are_byte_for_byte_alike(self):
        known, suspended = self.accounts(2)
        self.server.ctl("account", "suspend", suspended.jid)
        unknown = Account(f"nobody@{self.server.domain}", WRONG)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            with self.subTest(mechanism):
                wrong = self.exchange(known, mechanism, WRONG)
                nobody = self.exchange(unknown, mechanism, WRONG)
                shut_out = self.exchange(suspended, mechanism, suspended.password)
                self.assertIn(b"not-authorized", wrong[2])
                for other in (nobody, shut_out):
                    self.assertEqual(wrong[1:], other[1:])
                    self.assertEqual(wrong[0]["i"], other[0]["i"])
                    self.assertEqual(len(wrong[0]["r"]), len(other[0]["r"]))

    def test_salts_of_unknown_accounts_are_as_steady_and_as_distinct_as_real_ones(self):
        known = self.account()
        for name in (known.local, "nobody", "somebody"):
            account = Account(f"{name}@{self.server.domain}", WRONG)
            once, twice = (self.exchange(account, "SCRAM-SHA-256", WRONG)[0]["s"] for _ in range(2))
            self.assertEqual(once, twice)
            self.assertNotEqual(once, self.exchange(account, "SCRAM-SHA-1", WRONG)[0]["s"])
        salts = {self.exchange(Account(f"nobody{n}@{self.server.domain}", WRONG), "SCRAM-SHA-256", WRONG)[0]["s"] for n in range(4)}
        self.assertEqual(4, len(salts))

    def test_salts_survive_a_restart(self):
        unknown = Account(f"nobody@{self.server.domain}", WRONG)
        before = self.exchange(unknown, "SCRAM-SHA-256", WRONG)[0]["s"]
        self.server.restart()
        self.assertEqual(before, self.exchange(unknown, "SCRAM-SHA-256", WRONG)[0]["s"])

    def test_names_that_are_no_localparts_fail_alike(self):
        for name in ("a b", "a@b", "\u2163\u00ad", "x" * 1100, "a/b"):
            with self.subTest(name):
                account = Account(f"nobody@{self.server.domain}", WRONG)
                client = self.secured(account)
                with self.assertRaises(SaslFailure) as caught:
                    client.authenticate(username=name, password=WRONG)
                self.assertIn(caught.exception.condition, ("not-authorized", "malformed-request"))

    def test_a_name_is_normalised_before_it_is_looked_up(self):
        account = self.account()
        client = self.secured(account)
        client.authenticate(username=account.local.upper())
        self.assertTrue(client.bind("r").startswith(account.jid))

    def test_suspending_ends_sessions(self):
        account = self.account()
        client = self.online(account, "r")
        self.server.ctl("account", "suspend", account.jid)
        client.receives_end("not-authorized", "policy-violation", "conflict", "reset")


class Throttle(SaslCase):
    """Guessing passwords: a network that guesses waits, an account under attack leaves each network one try."""
    config = {"limits": {"login_failures_per_network": 5, "login_failures_per_account": 8}}

    def tries(self, source, account, password=None):
        """The failure's condition, or None if the login succeeded."""
        client = self.client(account, source=source)
        client.secure()
        try:
            client.authenticate(password=password or account.password)
        except SaslFailure as failure:
            return failure.condition
        finally:
            client.drop()
        return None

    def test_a_network_that_guesses_has_to_wait_and_learns_nothing_from_it(self):
        account, other, suspended = self.accounts(3)
        self.server.ctl("account", "suspend", suspended.jid)
        nobody = Account("nobody-of-that-name@" + self.server.domain, "x")
        for number in range(5):
            self.assertEqual("not-authorized", self.tries(f"127.20.1.{number + 1}", account, f"guess {number}"))
        for whom in (account, other, suspended, nobody):
            for password in (None, "wrong"):
                self.assertEqual("temporary-auth-failure", self.tries("127.20.1.99", whom, password))
        self.assertIsNone(self.tries("127.20.2.1", account))  # from another network its owner gets in

    def test_an_account_under_attack_leaves_each_network_one_try(self):
        account, suspended = self.accounts(2)
        self.server.ctl("account", "suspend", suspended.jid)
        nobody = Account("another-name-nobody-has@" + self.server.domain, "x")
        for base, whom in ((30, account), (60, suspended), (90, nobody)):
            for number in range(8):
                self.assertEqual("not-authorized", self.tries(f"127.21.{base + number // 4}.1", whom, "guess"))
            self.assertEqual("temporary-auth-failure", self.tries(f"127.21.{base}.1", whom, "guess"))
            self.assertEqual("not-authorized", self.tries(f"127.21.{base + 5}.1", whom, "guess"))
            self.assertEqual("temporary-auth-failure", self.tries(f"127.21.{base + 5}.1", whom))
        self.assertIsNone(self.tries("127.21.39.1", account))

    def test_logins_begun_before_the_bound_was_reached_are_bounded_too(self):
        account = self.account()
        begun = []
        for _ in range(10):
            client = self.client(account, source="127.22.1.1")
            client.secure()
            scram = Scram("SCRAM-SHA-256", account.local, "wrong")
            begun.append((client, scram, client.sasl_text(client.auth_begins("SCRAM-SHA-256", scram.client_first()), "challenge")))
        answers = []
        for client, scram, challenge in begun:
            with self.assertRaises(SaslFailure) as caught:
                client.sasl_text(client.auth_answers(scram.client_final(challenge)), "success")
            answers.append(caught.exception.condition)
        self.assertEqual(["not-authorized"] * 5 + ["temporary-auth-failure"] * 5, answers)


class WithoutSha1(SaslCase):
    config = {"sasl": {"scram_sha_1": False}}

    def test_sha_1_can_be_turned_off(self):
        client = self.secured(self.account())
        self.assertEqual({"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}, set(client.mechanisms))
        self.assert_failure(client.auth_begins("SCRAM-SHA-1", f"n,,n={client.account.local},r=abcdefghijkl"), "invalid-mechanism")
        client.authenticate()


if __name__ == "__main__":
    main()
