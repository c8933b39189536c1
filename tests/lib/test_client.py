# SPDX-License-Identifier: AGPL-3.0-or-later
"""The test client itself: its parser, its patterns, and its dialogue with Prosody."""
import unittest

from lethe_test import Client, SaslFailure
from lethe_test import pattern
from lethe_test.prosody import Prosody
from lethe_test.scram import Scram
from lethe_test.xmlstream import StreamParser

STREAM = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='x'>"
          b"<stream:features/><message to='a'><body>x &gt; y > z</body></message> <presence a='>'/></stream:stream>")


class Parser(unittest.TestCase):
    def test_every_split_gives_the_same_stanzas_and_their_bytes(self):
        for size in range(1, len(STREAM) + 1):
            parser = StreamParser()
            events = [e for at in range(0, len(STREAM), size) for e in parser.feed(STREAM[at:at + size])]
            self.assertEqual(["open", "stanza", "stanza", "stanza", "close"], [kind for kind, _ in events])
            self.assertEqual([b"<stream:features/>", b"<message to='a'><body>x &gt; y > z</body></message>", b"<presence a='>'/>"],
                             [value.raw for kind, value in events if kind == "stanza"])
            self.assertEqual("x > y > z", events[2][1].text_of("body"))


class Patterns(unittest.TestCase):
    def setUp(self):
        parser = StreamParser()
        parser.feed(STREAM[:STREAM.index(b"<stream:features")])
        self.stanza = parser.feed(b"<message from='a' id='1' type='chat'><body>hi</body><x xmlns='y'/></message>")[0][1]

    def test_what_agrees_matches(self):
        for text in ("<message from='a' type='chat'><body>hi</body><x xmlns='y'/></message>",
                     "<message from='*' id='1' type='chat'><x xmlns='y'/><body>*</body></message>",
                     "<message from='a' type='chat'>...</message>"):
            self.assertIsNone(pattern.mismatch(text, self.stanza), text)

    def test_what_differs_does_not(self):
        for text in ("<message type='chat'>...</message>", "<message from='b' type='chat'>...</message>", "<presence>...</presence>",
                     "<message from='a' type='chat'><body>hi</body></message>", "<message from='a' type='chat' to='*'>...</message>",
                     "<message from='a' type='chat'>...<body>ho</body></message>", "<message from='a' type='chat'>...<x/></message>"):
            self.assertIsNotNone(pattern.mismatch(text, self.stanza), text)


class ScramVectors(unittest.TestCase):
    def test_rfc_5802_section_5(self):
        scram = Scram("SCRAM-SHA-1", "user", "pencil")
        scram.nonce = "fyko+d2lbbFgONRv9qkxdawL"
        scram.first_bare = "n=user,r=" + scram.nonce
        final = scram.client_final("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096")
        self.assertEqual("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", final)
        scram.verify("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")

    def test_rfc_7677_section_3(self):
        scram = Scram("SCRAM-SHA-256", "user", "pencil")
        scram.nonce = "rOprNGfwEbeRWgbNEkqO"
        scram.first_bare = "n=user,r=" + scram.nonce
        final = scram.client_final("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        self.assertTrue(final.endswith(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), final)
        scram.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@unittest.skipUnless(Prosody.installed(), "Prosody is not installed")
class WithProsody(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Prosody()
        cls.alice = cls.server.add_account("alice")
        cls.bob = cls.server.add_account("bob")
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)

    def client(self, account, **how):
        client = Client(self.server, account, **how)
        self.addCleanup(client.drop)
        return client

    def test_logs_in_by_starttls_and_by_direct_tls(self):
        for direct in (False, True):
            client = self.client(self.alice, direct_tls=direct)
            client.login("here", mechanism="SCRAM-SHA-1")
            self.assertEqual(f"{self.alice.jid}/here", client.full)
            client.leaves()

    def test_logs_in_by_every_mechanism_it_shares_with_the_server(self):
        client = self.client(self.alice)
        client.secure()
        offered = [m for m in client.mechanisms if m.startswith("SCRAM")]
        self.assertIn("SCRAM-SHA-1", offered)
        for mechanism in offered:
            if mechanism.endswith("-PLUS"):
                continue  # this Prosody binds to tls-unique, which Python does not give for TLS 1.3
            self.client(self.alice).login(mechanism=mechanism)

    def test_a_wrong_password_is_a_failure(self):
        client = self.client(self.alice)
        client.secure()
        with self.assertRaises(SaslFailure) as caught:
            client.authenticate("SCRAM-SHA-1", password="no")
        self.assertEqual("not-authorized", caught.exception.condition)

    def test_a_dialogue_of_two(self):
        alice = self.client(self.alice).login("a", mechanism="SCRAM-SHA-1")
        bob = self.client(self.bob).login("b", mechanism="SCRAM-SHA-1")
        alice.enable_sm()
        alice.goes_online()
        bob.goes_online(priority=5)
        alice.sends(f"<message to='{bob.full}' type='chat' id='m1'><body>hello</body></message>")
        bob.receives(f"<message from='{alice.full}' to='{bob.full}' type='chat' id='m1'><body>hello</body></message>")
        alice.all_acked()
        alice.receives_nothing()
        with self.assertRaises(AssertionError):
            alice.sends(f"<message to='{alice.full}' id='m2'><body>me</body></message>")
            alice.receives_nothing()
        alice.leaves()


if __name__ == "__main__":
    unittest.main(verbosity=2)
