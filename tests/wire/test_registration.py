# SPDX-License-Identifier: AGPL-3.0-or-later
"""Making an account by XEP-0077 before the login, as the policy lets strangers."""
import itertools

from lethe_test import Account, SaslFailure, WireCase, main
from lethe_test.server import PASSWORD

REGISTER = "jabber:iq:register"
FEATURE = "http://jabber.org/features/iq-register"
OPEN = {"accounts": {"registration": "open"}}
FREELY = {"limits": {"registrations": 0, "registrations_per_network": 0}}
names = itertools.count(1)


def wish(username=None, password=PASSWORD):
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in (("username", username), ("password", password)) if value is not None)
    return f"<iq type='set'><query xmlns='{REGISTER}'>{fields}</query></iq>"


class RegistrationCase(WireCase):
    def stranger(self):
        client = self.client()
        client.secure()
        return client

    def registers(self, client=None):
        """A new account, made over the wire."""
        name = f"newcomer{next(names)}"
        (client or self.stranger()).asks_ok(wish(name))
        return Account(f"{name}@{self.server.domain}", PASSWORD)


class Open(RegistrationCase):
    policy = OPEN
    config = FREELY

    def test_a_stranger_makes_an_account_and_logs_in_on_the_same_stream(self):
        client = self.client()
        client.connect()
        client.open_stream()
        self.assertIsNone(client.features.child("register", FEATURE), "only inside TLS")
        client.starttls()
        self.assertIsNotNone(client.features.child("register", FEATURE))
        form = client.asks_ok(f"<iq type='get' to='{self.server.domain.upper()}'><query xmlns='{REGISTER}'/></iq>").child("query", REGISTER)
        self.assertEqual(["instructions", "username", "password"], [c.tag.partition("}")[2] for c in form])
        client.account = self.registers(client)
        self.assertEqual("not-acceptable", client.asks(wish("second")).condition)
        client.authenticate()
        self.assertIsNone(client.features.child("register", FEATURE))
        client.bind("r")
        self.assertEqual({}, self.roster(client))
        client.goes_online()

    def test_what_the_client_was_told_of_survives_a_kill(self):
        account = self.registers()
        self.server.kill()
        self.server.start()
        self.session(account).leaves()

    def test_every_mechanism_and_the_old_password_rules_hold_for_it(self):
        account = self.registers()
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"):
            client = self.client(account)
            client.login(mechanism=mechanism)
            client.leaves()
        client = self.client(account)
        client.secure()
        with self.assertRaises(SaslFailure):
            client.authenticate(password="another")

    def test_what_is_wrong_is_said(self):
        taken = self.account()
        client = self.stranger()
        for condition, asked in (
                ("conflict", wish(taken.local)), ("conflict", wish(taken.local.upper())),
                ("not-acceptable", wish("x", None)), ("not-acceptable", wish(None)), ("not-acceptable", wish("")), ("not-acceptable", wish("x", "")),
                ("not-acceptable", wish("a@b")), ("not-acceptable", wish("a b")), ("not-acceptable", wish("a/b")), ("not-acceptable", wish("x" * 1024)),
                ("not-acceptable", wish("x", "seven77")), ("not-acceptable", wish("x", "p" * 1024)), ("not-acceptable", wish("x", "tab\tin it")),
                ("not-acceptable", f"<iq type='set'><query xmlns='{REGISTER}'/></iq>"),
                ("bad-request", wish("x").replace("<iq ", "<iq to='elsewhere.example' ")),
                ("registration-required", f"<iq type='set'><query xmlns='{REGISTER}'><remove/></query></iq>")):
            with self.subTest(asked[:200]):
                answer = client.asks(asked)
                self.assert_error(answer, condition)
                self.assertNotIn(PASSWORD, str(answer))
        self.assertIn("fewer than 8 characters", client.asks(wish("x", "seven77")).child("error").findtext("{urn:ietf:params:xml:ns:xmpp-stanzas}text"))
        self.registers(client)

    def test_nothing_else_is_possible_before_the_login(self):
        for stanza in (f"<iq type='get' id='1' to='{self.server.domain}'><ping xmlns='urn:xmpp:ping'/></iq>",
                       "<message to='a@localhost.example'><body>x</body></message>", f"<iq type='result' id='1'><query xmlns='{REGISTER}'/></iq>",
                       "<iq type='set' id='1'/>", f"<message><query xmlns='{REGISTER}'/></message>"):
            with self.subTest(stanza):
                client = self.stranger()
                client.send_bytes(stanza)
                client.receives_end("not-authorized")
        client = self.client()
        client.connect()
        client.open_stream()
        client.send_bytes(wish("early").replace("<iq ", "<iq id='1' "))
        client.receives_end("policy-violation")

    def test_in_the_middle_of_a_login_there_is_none(self):
        account = self.account()
        client = self.client(account)
        client.secure()
        client.auth_begins("SCRAM-SHA-256", f"n,,n={account.local},r=abc")
        client.send_bytes(wish("x").replace("<iq ", "<iq id='1' "))
        client.receives_end("not-authorized")

    def test_one_name_gives_one_account_however_many_want_it_at_once(self):
        clients = [self.stranger() for _ in range(4)]
        for client in clients:
            client.send_bytes(wish("popular", f"password of {id(client)}").replace("<iq ", "<iq id='w' "))
        answers = [client.next() for client in clients]
        self.assertEqual(["error"] * 3 + ["result"], sorted(a.type for a in answers))
        self.assertEqual({"conflict"}, {a.condition for a in answers if a.type == "error"})
        winner = next(c for c, a in zip(clients, answers) if a.type == "result")
        self.session(Account(f"popular@{self.server.domain}", f"password of {id(winner)}")).leaves()

    def test_who_leaves_before_the_answer_harms_nobody(self):
        for _ in range(3):
            client = self.stranger()
            client.send_bytes(wish(f"gone{next(names)}").replace("<iq ", "<iq id='w' "))
            client.drop()
        self.registers()


class MostAccounts(RegistrationCase):
    policy = {"accounts": {"registration": "open", "max_accounts": 8}}
    config = FREELY

    def test_the_policy_bounds_how_many_there_are(self):
        self.assert_error(self.stranger().asks(wish("onemore")), "not-allowed")


class Limited(RegistrationCase):
    policy = OPEN
    config = {"limits": {"registrations": 5, "registrations_per_network": 3}}

    def test_a_network_makes_so_many_and_asks_for_so_many_names(self):
        taken = self.account()
        client = self.stranger()
        for condition in ("conflict", "conflict", "conflict", "resource-constraint"):
            self.assert_error(client.asks(wish(taken.local)), condition)
        self.assert_error(self.stranger().asks(wish("fresh")), "resource-constraint", "wait")
        self.session(self.server.add_account("own")).leaves()  # the operator's accounts are not bounded


class Closed(RegistrationCase):
    def test_nobody_makes_an_account_where_the_operator_does(self):
        client = self.stranger()
        self.assertIsNone(client.features.child("register", FEATURE))
        self.assert_error(client.asks(f"<iq type='get'><query xmlns='{REGISTER}'/></iq>"), "service-unavailable")
        self.assert_error(client.asks(wish(self.account().local)), "service-unavailable")
        self.assert_error(client.asks(wish("newcomer")), "service-unavailable")

    def test_a_policy_that_opens_holds_from_the_end_of_its_notice_on_and_one_that_closes_at_once(self):
        self.server.set_policy(OPEN)
        self.addCleanup(self.server.set_policy, {"accounts": {"registration": "closed"}})
        self.server.restart()
        self.registers()
        client = self.stranger()
        self.server.set_policy({"accounts": {"registration": "closed"}})
        self.server.process.send_signal(1)
        while client.asks(wish("late")).condition != "service-unavailable":
            client = self.stranger()


if __name__ == "__main__":
    main()
