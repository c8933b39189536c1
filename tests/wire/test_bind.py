# SPDX-License-Identifier: AGPL-3.0-or-later
"""Resource binding (RFC 6120 section 7) and the session request of RFC 3921, which old clients still send."""
from lethe_test import WireCase, main
from lethe_test.xmlstream import BIND


class Bind(WireCase):
    def authenticated(self, account):
        client = self.client(account)
        client.secure()
        client.authenticate()
        return client

    def test_the_client_may_choose(self):
        account = self.account()
        client = self.authenticated(account)
        client.sends(f"<iq type='set' id='b'><bind xmlns='{BIND}'><resource>balcony</resource></bind></iq>")
        client.receives(f"<iq type='result' id='b'><bind xmlns='{BIND}'><jid>{account.jid}/balcony</jid></bind></iq>")

    def test_the_server_chooses_unpredictably_and_differently_each_time(self):
        account = self.account()
        resources = []
        for _ in range(3):
            resources.append(self.authenticated(account).bind().partition("/")[2])
        self.assertEqual(3, len(set(resources)))
        self.assertTrue(all(len(r) >= 8 for r in resources), resources)

    def test_an_empty_resource_is_as_none(self):
        client = self.authenticated(self.account())
        answer = client.asks_ok(f"<iq type='set'><bind xmlns='{BIND}'><resource/></bind></iq>")
        self.assertGreater(len(answer.element[0].findtext(f"{{{BIND}}}jid").partition("/")[2]), 0)

    def test_a_resource_is_normalised(self):
        client = self.authenticated(self.account())
        self.assertEqual(f"{client.jid}/caf\u00e9", client.bind("cafe\u0301"))

    def test_invalid_resources_are_refused_or_replaced(self):
        for resource in ("x" * 1024, "\u0085", "a&#10;b"):
            with self.subTest(resource[:10]):
                client = self.authenticated(self.account())
                answer = client.asks(f"<iq type='set'><bind xmlns='{BIND}'><resource>{resource}</resource></bind></iq>")
                if answer.type == "error":
                    self.assertIn(answer.condition, ("bad-request", "not-acceptable", "jid-malformed"))
                    client.bind("ok")
                else:
                    self.assertNotIn(resource, str(answer))

    def test_a_taken_resource_never_gives_two_sessions_the_same_address(self):
        account = self.account()
        old = self.online(account, "same")
        new = self.authenticated(account)
        answer = new.asks(f"<iq type='set'><bind xmlns='{BIND}'><resource>same</resource></bind></iq>")
        if answer.type == "error":
            self.assertEqual("conflict", answer.condition)
            old.collect()
            return
        bound = answer.child("bind", BIND).findtext(f"{{{BIND}}}jid")
        if bound == old.full:
            old.receives_end("conflict")
        else:
            old.collect()
        new.full = bound
        new.goes_online()

    def test_contacts_see_one_session_end_when_another_takes_its_place(self):
        alice, bob = self.accounts(2)
        watcher, old = self.online(bob, "watcher"), self.online(alice, "same")
        self.befriend(watcher, old)
        new = self.session(alice, "same")
        if new.full != old.full:
            self.skipTest("this server gives the newcomer another resource")
        old.receives_end("conflict")
        new.collect()
        watcher.receives(f"<presence from='{old.full}' type='unavailable'>...</presence>")
        new.goes_online()
        watcher.receives(f"<presence from='{new.full}'/>")

    def test_binding_twice_is_refused(self):
        client = self.authenticated(self.account())
        client.bind("one")
        answer = client.asks(f"<iq type='set'><bind xmlns='{BIND}'><resource>two</resource></bind></iq>")
        self.assertEqual("error", answer.type)

    def test_bad_bind_requests(self):
        for iq in (f"<iq type='get' id='1'><bind xmlns='{BIND}'/></iq>", f"<iq type='set' id='1'><tie xmlns='{BIND}'/></iq>",
                   f"<iq type='set' id='1' to='user00@{self.server.domain}'><bind xmlns='{BIND}'/></iq>"):
            with self.subTest(iq):
                client = self.authenticated(self.account())
                client.send_bytes(iq)
                try:
                    self.assertEqual("error", client.next().type)
                except AssertionError:
                    self.assertIsNotNone(client.receives_end())

    def test_the_session_request_of_rfc_3921_is_harmless(self):
        client = self.authenticated(self.account())
        offered = client.features.child("session", "urn:ietf:params:xml:ns:xmpp-session")
        client.bind("r")
        if offered is not None:
            client.asks_ok("<iq type='set'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
        client.receives_nothing()

    def test_bind_may_be_pipelined_with_what_follows(self):
        client = self.authenticated(self.account())
        client.send_bytes(f"<iq type='set' id='b'><bind xmlns='{BIND}'><resource>r</resource></bind></iq>"
                          "<presence/><iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
        client.receives(f"<iq type='result' id='b'><bind xmlns='{BIND}'><jid>{client.jid}/r</jid></bind></iq>")
        client.receives_all(f"<presence from='{client.jid}/r'/>", "<iq type='result' id='r'>...</iq>")


if __name__ == "__main__":
    main()
