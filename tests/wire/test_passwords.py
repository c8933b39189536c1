# SPDX-License-Identifier: AGPL-3.0-or-later
"""Passwords: changed by their owner (XEP-0077), reset, suspended and erased by an admin; what opens afterwards and what does not."""
from lethe_test import Account, SaslFailure, WireCase, archive, main
from lethe_test.scram import Scram

NEW = "a new & better <password>"


def change(username, password):
    escaped = password.replace("&", "&amp;").replace("<", "&lt;")
    return f"<iq type='set'><query xmlns='jabber:iq:register'><username>{username}</username><password>{escaped}</password></query></iq>"


class PasswordCase(WireCase):
    def furnished(self):
        """An account with a contact, a blocked address, an archived message and one that waits. Logged out."""
        account, friend = self.accounts(2)
        client, other = self.online(account, "r"), self.online(friend, "friend")
        self.befriend(client, other)
        client.asks_ok("<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='pest@elsewhere.example'/></block></iq>")
        other.sends(f"<message to='{account.jid}' type='chat' id='m1'><body>live</body></message>")
        other.collect()
        client.collect()
        client.leaves()
        other.sends(f"<message to='{account.jid}' type='chat' id='m2'><body>waiting</body></message>")
        other.collect()
        return account, friend

    def assert_fails(self, account, password=None):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"):
            client = self.client(account)
            client.secure()
            with self.assertRaises(SaslFailure) as caught:
                client.authenticate(mechanism, password)
            self.assertEqual("not-authorized", caught.exception.condition)

    def assert_furnished(self, account, friend, waiting=("waiting",)):
        client = self.session(account)
        at_login = client.goes_online()
        self.assertEqual(list(waiting), [s.text_of("body") for s in at_login if s.name == "message"])
        self.assertEqual(("both", None), self.roster(client)[friend.jid][:2])
        self.assertEqual(["live", "waiting"], [e.message.text_of("body") for e in archive.everything(client)])
        blocked = client.asks_ok("<iq type='get'><blocklist xmlns='urn:xmpp:blocking'/></iq>")
        self.assertEqual(["pest@elsewhere.example"], [i.get("jid") for i in blocked.element[0]])
        client.leaves()

    def assert_empty(self, account):
        client = self.session(account)
        self.assertEqual([], client.goes_online())
        self.assertEqual({}, self.roster(client))
        self.assertEqual([], archive.everything(client))
        blocked = client.asks_ok("<iq type='get'><blocklist xmlns='urn:xmpp:blocking'/></iq>")
        self.assertEqual(0, len(blocked.element[0]))
        client.leaves()


class Change(PasswordCase):
    def test_the_old_password_fails_and_the_new_one_opens_everything(self):
        account, friend = self.furnished()
        client = self.session(account)
        client.asks_ok(change(account.local, NEW))
        client.receives_nothing()
        client.leaves()
        renewed = Account(account.jid, NEW)
        self.assert_fails(account)
        self.assert_furnished(renewed, friend)
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"):
            self.client(renewed).login(mechanism=mechanism).leaves()
        self.server.restart()
        self.assert_fails(account)
        self.assert_furnished(renewed, friend, waiting=())

    def test_other_sessions_end_and_this_one_stays(self):
        account = self.account()
        here, there, elsewhere = (self.online(account, r) for r in ("here", "there", "elsewhere"))
        self.settle(here, there, elsewhere)
        here.asks_ok(change(account.local, NEW))
        for other in (there, elsewhere):
            other.receives_end()
        here.collect()
        here.asks_ok("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='a@b.example'/></query></iq>")
        here.leaves()
        self.assertIn("a@b.example", self.roster(self.session(Account(account.jid, NEW))))

    def test_a_login_half_way_with_the_old_password_does_not_get_in(self):
        account = self.account()
        client = self.session(account)
        late = self.client(account)
        late.secure()
        scram = Scram("SCRAM-SHA-256", account.local, account.password)
        challenge = late.sasl_text(late.auth_begins("SCRAM-SHA-256", scram.client_first()), "challenge")
        client.asks_ok(change(account.local, NEW))
        answer = late.auth_answers(scram.client_final(challenge))
        self.assertEqual("failure", answer.name, f"{answer}")

    def test_messages_that_come_after_the_change_wait_for_the_new_password(self):
        account, friend = self.accounts(2)
        client = self.session(account)
        client.asks_ok(change(account.local, NEW))
        client.leaves()
        writer = self.session(friend)
        writer.sends(f"<message to='{account.jid}' type='chat'><body>after</body></message>")
        writer.collect()
        got = self.logs_in_for(Account(account.jid, NEW))
        self.assertEqual(["after"], [s.text_of("body") for s in got if s.name == "message"])

    def test_many_changes_in_a_row(self):
        account, friend = self.furnished()
        current = account
        for number in range(4):
            client = self.session(current)
            current = Account(account.jid, f"{NEW} {number}")
            client.asks_ok(change(account.local, current.password))
            client.leaves()
        self.assert_fails(account)
        self.assert_furnished(current, friend)

    def test_bad_requests_change_nothing(self):
        account, other = self.accounts(2)
        client = self.session(account)
        for iq, conditions in ((change(other.local, NEW), ["forbidden", "not-allowed", "not-authorized", "bad-request"]),
                               (change(account.local, ""), ["bad-request"]),
                               (change(account.local, "seven77"), ["not-acceptable"]),
                               (change(account.local, "a&#9;b").replace("&amp;", "&"), ["bad-request", "not-acceptable"]),
                               (change("", NEW), ["bad-request"]),
                               ("<iq type='set'><query xmlns='jabber:iq:register'><username>x</username></query></iq>", ["bad-request"]),
                               ("<iq type='set'><query xmlns='jabber:iq:register'/></iq>", ["bad-request"])):
            with self.subTest(iq):
                self.assertIn(client.asks(iq).condition, conditions)
        self.assertIn("fewer than 8 characters", client.asks(change(account.local, "seven77")).child("error").findtext("{urn:ietf:params:xml:ns:xmpp-stanzas}text"))
        client.leaves()
        self.session(account).leaves()
        self.session(other).leaves()

    def test_nobody_changes_anybody_elses_password(self):
        account, other = self.accounts(2)
        client = self.session(account)
        answer = client.asks(change(other.local, NEW).replace("<iq ", f"<iq to='{other.jid}' "))
        self.assertEqual("error", answer.type)
        self.session(other).leaves()

    def test_registration_by_strangers_is_closed(self):
        client = self.client()
        client.secure()
        self.assertIsNone(client.features.child("register", "http://jabber.org/features/iq-register"))
        client.send_bytes(change("newcomer", NEW).replace("<iq ", "<iq id='1' "))
        try:
            self.assertEqual("error", client.next().type)
        except AssertionError:
            self.assertIsNotNone(client.receives_end())


class ByAnAdmin(PasswordCase):
    def test_a_reset_gives_a_new_empty_account_and_ends_sessions(self):
        account, _ = self.furnished()
        session = self.session(account)
        self.server.ctl("account", "reset", account.jid, "--password-stdin", stdin=NEW + "\n")
        session.receives_end()
        self.assert_fails(account)
        self.assert_empty(Account(account.jid, NEW))

    def test_an_erased_account_is_gone_and_its_name_starts_anew(self):
        account, friend = self.furnished()
        session = self.session(account)
        self.server.ctl("account", "erase", account.jid)
        session.receives_end()
        self.assert_fails(account)
        writer = self.session(friend, "w")
        writer.sends(f"<message to='{account.jid}' type='chat' id='x'><body>x</body></message>")
        self.assert_error(writer.next(), "service-unavailable")
        self.server.add_account(account.local, NEW)
        self.assert_empty(Account(account.jid, NEW))
        self.assert_fails(account)

    def test_a_suspended_account_keeps_everything_but_cannot_log_in(self):
        account, friend = self.furnished()
        self.server.ctl("account", "suspend", account.jid)
        self.assert_fails(account)
        self.server.restart()
        self.assert_fails(account)

    def test_a_login_that_has_no_session_yet_ends_with_the_account(self):
        commands = {"suspend": ("suspend",), "erase": ("erase",), "reset": ("reset", "--password-stdin")}
        for what, arguments in commands.items():
            with self.subTest(what):
                account = self.account()
                client = self.client(account)
                client.secure()
                client.authenticate()
                self.server.ctl("account", arguments[0], account.jid, *arguments[1:], stdin=NEW + "\n")
                client.send_bytes("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
                client.receives_end("reset")

    def test_the_same_while_the_server_is_down(self):
        reset, erased = self.furnished()[0], self.furnished()[0]
        self.server.stop()
        self.server.ctl("account", "reset", reset.jid, "--password-stdin", stdin=NEW + "\n")
        self.server.ctl("account", "erase", erased.jid)
        self.server.start()
        self.assert_fails(reset)
        self.assert_empty(Account(reset.jid, NEW))
        self.assert_fails(erased)


if __name__ == "__main__":
    main()
