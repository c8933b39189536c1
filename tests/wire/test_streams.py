# SPDX-License-Identifier: AGPL-3.0-or-later
"""Streams (RFC 6120 sections 4, 5 and 11): headers, STARTTLS, and every kind of bad XML."""

from lethe_test import WireCase, main
from lethe_test.scram import b64
from lethe_test.xmlstream import SASL, STREAMS, TLS

BAD_XML = [
    # what, bytes, the stream errors that say so
    ("a mismatched end tag", b"<message><body></message>", ["not-well-formed"]),
    ("a start tag that never ends before another", b"<message <body/>", ["not-well-formed"]),
    ("a byte that no UTF-8 has", b"<message><body>\xff</body></message>", ["not-well-formed"]),
    ("an overlong UTF-8 form", b"<message><body>\xc0\xaf</body></message>", ["not-well-formed"]),
    ("a UTF-8 surrogate", b"<message><body>\xed\xa0\x80</body></message>", ["not-well-formed"]),
    ("UTF-8 beyond U+10FFFF", b"<message><body>\xf4\x90\x80\x80</body></message>", ["not-well-formed"]),
    ("a cut UTF-8 sequence", b"<message><body>\xc3</body></message>", ["not-well-formed"]),
    ("broken UTF-8 in an attribute", b"<message to='\xff'/>", ["not-well-formed"]),
    ("a raw control character", b"<message><body>\x01</body></message>", ["not-well-formed"]),
    ("a zero byte", b"<message><body>\x00</body></message>", ["not-well-formed"]),
    ("a reference to a forbidden character", b"<message><body>&#1;</body></message>", ["not-well-formed"]),
    ("U+FFFF", b"<message><body>\xef\xbf\xbf</body></message>", ["not-well-formed"]),
    ("a duplicate attribute", b"<message to='a@b.example' to='a@b.example'/>", ["not-well-formed"]),
    ("a duplicate attribute by namespace",
     b"<message><x xmlns='u' xmlns:p='u:1' xmlns:q='u:1' p:a='1' q:a='2'/></message>", ["not-well-formed"]),
    ("an unquoted attribute", b"<message to=a/>", ["not-well-formed"]),
    ("an unbound element prefix", b"<message><p:x/></message>", ["bad-namespace-prefix", "not-well-formed"]),
    ("an unbound attribute prefix", b"<message><x p:a='1'/></message>", ["bad-namespace-prefix", "not-well-formed"]),
    ("an unbound prefix of the stanza itself", b"<p:message/>", ["bad-namespace-prefix", "not-well-formed"]),
    ("the prefix xmlns bound", b"<message xmlns:xmlns='u'/>", ["bad-namespace-prefix", "not-well-formed"]),
    ("a comment", b"<message><!-- hidden --></message>", ["restricted-xml"]),
    ("a comment between stanzas", b"<!-- hidden --><message/>", ["restricted-xml"]),
    ("a processing instruction", b"<message><?php x ?></message>", ["restricted-xml"]),
    ("a document type in the stream", b"<!DOCTYPE x [<!ENTITY a 'b'>]><message/>", ["restricted-xml", "not-well-formed"]),
    ("an entity of its own", b"<message><body>&lol;</body></message>", ["restricted-xml", "not-well-formed"]),
    ("text between stanzas", b"hello", ["not-well-formed", "bad-format", "invalid-xml"]),
    ("a stray end tag", b"</message>", ["not-well-formed"]),
    ("an end of CDATA in text", b"<message><body>]]></body></message>", ["not-well-formed"]),
]


class Headers(WireCase):
    def answer_to(self, data, to_end=True):
        client = self.client().connect()
        client.fresh_parser()
        client.send_tolerant(data)
        if to_end:
            client.receives_end()
        return client

    def test_the_answer_names_the_domain_the_version_and_an_unpredictable_id(self):
        seen = set()
        for _ in range(3):
            client = self.client().connect()
            client.open_stream()
            self.assertEqual(self.server.domain, client.stream_header["from"])
            self.assertEqual("1.0", client.stream_header["version"])
            self.assertGreaterEqual(len(client.stream_header["id"]), 12)
            seen.add(client.stream_header["id"])
        self.assertEqual(3, len(seen))

    def test_who_says_who_it_is_is_answered_by_that_name(self):
        account = self.account()
        for stated, to in ((account.jid, account.jid), (f"{account.local.upper()}@{self.server.domain}/phone", account.jid), ("stranger@elsewhere.example", "stranger@elsewhere.example"),
                           ("@", None), ("", None), (None, None)):
            client = self.client().connect()
            client.fresh_parser()
            client.send_bytes(client.header(extra="" if stated is None else f" from='{stated}'"))
            client.next()
            self.assertEqual(to, client.stream_header.get("to"), stated)
            client.drop()

    def test_bad_headers_are_answered_with_a_header_and_the_matching_error(self):
        good = self.client().header()
        cases = [
            ("an unknown domain", good.replace(self.server.domain, "elsewhere.example"), ["host-unknown"]),
            ("a user's address", good.replace(f"to='{self.server.domain}'", f"to='x@{self.server.domain}'"),
             ["host-unknown", "improper-addressing"]),
            ("a malformed domain", good.replace(f"to='{self.server.domain}'", "to='@@'"), ["host-unknown", "improper-addressing"]),
            ("no domain", good.replace(f"to='{self.server.domain}'", ""), ["host-unknown", "improper-addressing"]),
            ("no version", good.replace(" version='1.0'>", ">"), ["unsupported-version"]),
            ("an old version", good.replace(" version='1.0'>", " version='0.9'>"), ["unsupported-version"]),
            ("an odd version", good.replace(" version='1.0'>", " version='one'>"), ["unsupported-version"]),
            ("a wrong stream namespace", good.replace(STREAMS, "http://example.org/streams"), ["invalid-namespace"]),
            ("a wrong content namespace", good.replace("jabber:client", "jabber:other"), ["invalid-namespace"]),
            ("the servers' namespace", good.replace("jabber:client", "jabber:server"), ["invalid-namespace"]),
            ("another root", good.replace("stream:stream", "stream:torrent"), ["bad-format", "invalid-namespace"]),
            ("no namespace at all", "<stream>", ["invalid-namespace", "bad-format"]),
            ("an unbound prefix", "<stream:stream>", ["bad-namespace-prefix", "not-well-formed", "invalid-namespace"]),
            ("a foreign encoding", good.replace("version='1.0'?", "version='1.0' encoding='ISO-8859-1'?"), ["unsupported-encoding"]),
            ("an unknown encoding", good.replace("version='1.0'?", "version='1.0' encoding='klingon'?"), ["unsupported-encoding"]),
            ("a document type", good.replace("?>", "?><!DOCTYPE x>", 1), ["restricted-xml"]),
            ("a comment first", good.replace("?>", "?><!-- x -->", 1), ["restricted-xml"]),
            ("another protocol", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ["not-well-formed", "bad-format", "invalid-xml"]),
        ]
        for what, data, conditions in cases:
            with self.subTest(what):
                client = self.answer_to(data)
                self.assertIsNotNone(client.stream_header, "the error needs a stream to stand in")
                self.assertEqual(self.server.domain, client.stream_header["from"])
                self.assertIn(client.stream_error and client.stream_error.condition, conditions)

    def test_utf16_is_refused(self):
        for codec in ("utf-16-le", "utf-16-be", "utf-16"):
            with self.subTest(codec):
                client = self.answer_to(self.client().header().encode(codec))
                self.assertIn(client.stream_error.condition, ["unsupported-encoding", "not-well-formed"])

    def test_entities_do_not_multiply(self):
        laughs = "<!DOCTYPE x [<!ENTITY a '" + "ha" * 50 + "'>" + "".join(
            f"<!ENTITY a{n} '{('&a%s;' % (n - 1 if n else '')) * 10}'>" for n in range(9)) + "]>"
        client = self.answer_to(self.client().header().replace("?>", "?>" + laughs, 1))
        self.assertEqual("restricted-xml", client.stream_error.condition)

    def test_a_stream_that_is_closed_is_closed_by_the_server_too(self):
        client = self.client().connect()
        client.open_stream()
        client.send_bytes("</stream:stream>")
        self.assertIsNone(client.receives_end())
        self.assertTrue(client.ended)

    def test_an_unknown_domain_is_refused_after_tls_too(self):
        client = self.client().connect()
        client.open_stream()
        client.send_bytes(f"<starttls xmlns='{TLS}'/>")
        client.receives(f"<proceed xmlns='{TLS}'/>")
        client.wrap_tls()
        client.fresh_parser()
        client.send_bytes(client.header(to="elsewhere.example"))
        client.receives_end("host-unknown")


class BeforeAuthentication(WireCase):
    def test_only_starttls_is_offered_in_the_clear_and_it_is_required(self):
        client = self.client().connect()
        client.open_stream()
        self.assertEqual([], client.mechanisms)
        starttls = client.features.child("starttls", TLS)
        self.assertIsNotNone(starttls)
        self.assertIsNotNone(starttls.find(f"{{{TLS}}}required"))

    def test_sasl_in_the_clear_is_refused(self):
        client = self.client().connect()
        client.open_stream()
        client.send_tolerant(f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{b64(b'n,,n=user00,r=abcdefgh')}</auth>")
        try:
            answer = client.next()
        except AssertionError:
            self.assertIn(client.receives_end(), ["policy-violation", "not-authorized", "unsupported-stanza-type"])
        else:
            self.assertEqual("failure", answer.name)
            self.assertIsNotNone(answer.child("encryption-required"))

    def test_after_tls_mechanisms_are_offered_and_starttls_is_not(self):
        for direct in (False, True):
            with self.subTest(direct_tls=direct):
                client = self.client(self.account(), direct_tls=direct)
                client.secure()
                self.assertIn("SCRAM-SHA-256", client.mechanisms)
                self.assertNotIn("PLAIN", client.mechanisms)
                self.assertIsNone(client.features.child("starttls", TLS))

    def test_direct_tls_speaks_alpn(self):
        client = self.client(direct_tls=True).connect()
        self.assertEqual("xmpp-client", client.sock.selected_alpn_protocol())

    def test_bytes_sent_in_the_clear_after_starttls_are_never_obeyed(self):
        account = self.account()
        for injected in (self.client().header(), "<presence/>", "<iq type='get' id='injected'><ping xmlns='urn:xmpp:ping'/></iq>",
                         self.client().header() + f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-256'>{b64(b'n,,n=x,r=abcdefgh')}</auth>"):
            with self.subTest(injected):
                client = self.client(account).connect()
                client.open_stream()
                client.send_bytes(f"<starttls xmlns='{TLS}'/>{injected}")
                try:
                    client.receives(f"<proceed xmlns='{TLS}'/>")
                    client.wrap_tls()
                    client.open_stream()
                except (AssertionError, OSError):
                    continue  # hanging up on such a client is as good
                client.authenticate()
                client.bind("x")
                client.receives_nothing()

    def test_a_second_starttls_fails(self):
        client = self.client(self.account())
        client.secure()
        client.send_bytes(f"<starttls xmlns='{TLS}'/>")
        try:
            self.assertEqual("failure", client.next().name)
        except AssertionError:
            self.assertIsNotNone(client.receives_end())

    def test_stanzas_before_authentication_are_not_authorized(self):
        for in_tls in (False, True):
            for stanza in ("<message to='a@localhost.example'><body>x</body></message>", "<presence/>",
                           "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
                           "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"):
                with self.subTest(stanza, in_tls=in_tls):
                    client = self.client()
                    if in_tls:
                        client.secure()
                    else:
                        client.connect()
                        client.open_stream()
                    client.send_bytes(stanza)
                    client.receives_end("not-authorized", "policy-violation")

    def test_stanzas_before_bind_are_not_authorized(self):
        account = self.account()
        for stanza in (f"<message to='{account.jid}'><body>x</body></message>", "<presence/>",
                       "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>"):
            with self.subTest(stanza):
                client = self.client(account)
                client.secure()
                client.authenticate()
                client.send_bytes(stanza)
                client.receives_end("not-authorized", "policy-violation")

    def test_bad_xml_in_the_clear_ends_the_stream_with_the_matching_error(self):
        for what, data, conditions in BAD_XML:
            with self.subTest(what):
                client = self.client().connect()
                client.open_stream()
                client.send_tolerant(data)
                client.receives_end(*conditions)


class InSession(WireCase):
    def test_bad_xml_ends_the_session_with_the_matching_error_and_nobody_elses(self):
        victim, offender = self.accounts(2)
        watcher = self.online(victim, "watcher")
        for what, data, conditions in BAD_XML:
            with self.subTest(what):
                client = self.session(offender, "rude")
                client.send_tolerant(data)
                client.receives_end(*conditions)
        watcher.receives_nothing()

    def test_bytes_one_at_a_time_make_the_same_stanzas(self):
        alice, bob = self.accounts(2)
        watcher = self.online(bob, "watcher")
        for direct in (False, True):
            with self.subTest(direct_tls=direct):
                client = self.client(alice, direct_tls=direct)
                client.bytewise = True
                client.login("slow")
                client.sends(f"<message to='{watcher.full}' type='chat'><body>gr\u00fc\u00dfe \U0001f44b &amp; <![CDATA[<more>]]></body></message>")
                watcher.receives(f"<message from='{alice.jid}/slow' type='chat'><body>gr\u00fc\u00dfe \U0001f44b &amp; &lt;more></body></message>")
                client.leaves()

    def test_many_stanzas_in_one_write_come_through_in_order(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        alice.send_bytes("".join(f"<message to='{bob.full}' type='chat' id='{n}'><body>{n}</body></message>\n " for n in range(200)))
        for n in range(200):
            bob.receives(f"<message id='{n}' from='{alice.full}' type='chat'><body>{n}</body></message>")

    def test_foreign_payloads_keep_namespaces_and_prefixed_attributes(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        alice.sends(f"<message to='{bob.full}' type='chat' xml:lang='de'><body>x</body><p:x xmlns:p='urn:x' xmlns:q='urn:q' p:a='1' q:a='2' b='3'>"
                    "<p:y/><z xmlns=''/><w xmlns='jabber:client'/></p:x></message>")
        got = bob.next()
        x = got.child("x", "urn:x")
        self.assertEqual({"{urn:x}a": "1", "{urn:q}a": "2", "b": "3"}, x.attrib)
        self.assertEqual(["{urn:x}y", "z", "{jabber:client}w"], [c.tag for c in x])
        self.assertEqual("de", got.get("{http://www.w3.org/XML/1998/namespace}lang"))

    def test_special_characters_survive_in_text_and_attributes(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        alice.sends(f"<message to='{bob.full}' type='chat'><body>&lt;&gt;&amp;&quot;&apos;]]&gt;&#9;&#10;</body>"
                    "<x xmlns='urn:x' a='&lt;&gt;&amp;&quot;&apos;&#9;&#10;&#13;'/></message>")
        got = bob.next()
        self.assertEqual("<>&\"']]>\t\n", got.text_of("body"))
        self.assertEqual("<>&\"'\t\n\r", got.child("x", "urn:x").get("a"))

    def test_whitespace_between_stanzas_is_harmless(self):
        alice = self.online(self.account(), "r")
        alice.send_bytes(" \n\t\r\n ")
        alice.receives_nothing()

    def test_top_level_elements_that_are_no_stanzas_end_the_stream(self):
        for data in ("<query xmlns='jabber:iq:roster'/>", "<hello/>", "<message xmlns='urn:other'/>"):
            with self.subTest(data):
                client = self.session(self.account(), "r")
                client.send_bytes(data)
                client.receives_end("unsupported-stanza-type", "invalid-namespace")

    def test_a_stanza_from_somebody_else_is_refused(self):
        alice, mallory = self.accounts(2)
        for forged in (alice.jid, f"{alice.jid}/r", self.server.domain, "someone@elsewhere.example"):
            with self.subTest(forged):
                client = self.session(mallory, "r")
                client.sends(f"<message from='{forged}' to='{alice.jid}' id='f'><body>x</body></message>")
                client.receives_end("invalid-from")

    def test_the_sender_is_stamped_with_the_full_address(self):
        alice, bob = (self.online(a, "r") for a in self.accounts(2))
        for own in ("", f"from='{alice.full}'", f"from='{alice.jid}'"):
            alice.sends(f"<message {own} to='{bob.full}' type='chat'><body>x</body></message>")
            bob.receives(f"<message from='{alice.full}' to='{bob.full}' type='chat'><body>x</body></message>")


if __name__ == "__main__":
    main()
