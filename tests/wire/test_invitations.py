# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invitations: who has the link makes an account (XEP-0445), so many times and so long."""
import itertools
import json

import lmdb

from lethe_test import Account, WireCase, main
from lethe_test.server import PASSWORD
from lethe_test.waiting import until

REGISTER = "jabber:iq:register"
names = itertools.count(1)


def wish(username, password=PASSWORD):
    return f"<iq type='set'><query xmlns='{REGISTER}'><username>{username}</username><password>{password}</password></query></iq>"


def preauth(token):
    return f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"


class InvitationCase(WireCase):
    policy = {"accounts": {"registration": "invite"}}
    config = {"limits": {"registrations": 0, "registrations_per_network": 0}}

    def invite(self, *options):
        """A fresh token of the operator's."""
        return json.loads(self.server.ctl("invite", "--json", *options).stdout)["uri"].rpartition("=")[2]

    def stranger(self, token=None):
        client = self.client()
        client.secure()
        if token:
            client.asks_ok(preauth(token))
        return client

    def newcomer(self):
        return Account(f"newcomer{next(names)}@{self.server.domain}", PASSWORD)

    def registers(self, token):
        account = self.newcomer()
        self.stranger(token).asks_ok(wish(account.local))
        return account

    def assert_useless(self, token):
        self.assert_error(self.stranger().asks(preauth(token)), "item-not-found")

    def on_disk(self, *secrets):
        """Which of these texts, or of the bytes that they spell in hexadecimal, some file of the data directory holds."""
        found = set()
        for path in self.server.data.rglob("*"):
            if not path.is_file():
                continue
            content = path.read_bytes()
            for secret in secrets:
                spellings = [secret.encode()]
                if len(secret) == 32:
                    spellings.append(bytes.fromhex(secret))
                if any(s in content for s in spellings):
                    found.add(secret)
        return found


class ByTheOperator(InvitationCase):
    def test_who_has_the_link_makes_an_account_and_nobody_else(self):
        client = self.stranger()
        self.assertIsNotNone(client.features.child("register", "urn:xmpp:ibr-token:0"))
        self.assertIsNotNone(client.features.child("register", "http://jabber.org/features/iq-register"))
        self.assert_error(client.asks(f"<iq type='get'><query xmlns='{REGISTER}'/></iq>"), "not-allowed")
        self.assert_error(client.asks(wish("nobody")), "not-allowed")
        token = self.invite()
        self.assertEqual("result", client.asks(preauth(token)).type)
        client.asks_ok(f"<iq type='get'><query xmlns='{REGISTER}'/></iq>")
        client.account = self.newcomer()
        client.asks_ok(wish(client.account.local))
        client.authenticate()
        client.bind()
        self.assert_useless(token)
        self.assertEqual({}, self.roster(client))

    def test_looking_and_failing_use_nothing_up(self):
        token, taken = self.invite(), self.account()
        for _ in range(3):
            client = self.stranger(token)
            self.assert_error(client.asks(wish(taken.local)), "conflict")
            self.assert_error(client.asks(wish("a b")), "not-acceptable")
        self.stranger(token).drop()
        self.registers(token)
        self.assert_useless(token)

    def test_so_many_uses_whoever_asks_at_once(self):
        token = self.invite("--uses", "3")
        clients = [self.stranger(token) for _ in range(5)]
        for client in clients:
            client.account = self.newcomer()
            client.send_bytes(wish(client.account.local).replace("<iq ", "<iq id='w' "))
        answers = [client.next() for client in clients]
        self.assertEqual(["error"] * 2 + ["result"] * 3, sorted(a.type for a in answers))
        self.assertEqual({"item-not-found"}, {a.condition for a in answers if a.type == "error"})
        for client, answer in zip(clients, answers):
            if answer.type == "result":
                self.session(client.account).leaves()
        self.assert_useless(token)

    def test_what_is_no_token_is_refused_like_one_that_is_used_up(self):
        client = self.stranger()
        for token in ("", "x", "0" * 32, "f" * 31, "f" * 33, "F" * 32, "\u00e4" * 32, "0" * 10000, "../../x", "&apos;"):
            with self.subTest(token[:40]):
                answer = client.asks(preauth(token))
                self.assert_error(answer, "item-not-found")
                self.assertEqual(1, len({str(answer.child("error"))}))
        self.assert_error(client.asks("<iq type='set'><preauth xmlns='urn:xmpp:pars:0'/></iq>"), "item-not-found")

    def test_a_kill_loses_no_account_that_the_client_was_told_of_and_no_use(self):
        token = self.invite("--uses", "2")
        account = self.registers(token)
        self.server.kill()
        self.server.start()
        self.session(account).leaves()
        self.registers(token)
        self.assert_useless(token)

    def test_a_kill_in_the_middle_gives_the_account_and_takes_the_use_or_neither(self):
        for _ in range(4):
            token, account = self.invite(), self.newcomer()
            client = self.stranger(token)
            client.send_bytes(wish(account.local).replace("<iq ", "<iq id='w' "))
            self.server.kill()
            self.server.start()
            if self.exists(account):
                self.assert_useless(token)
            else:
                self.registers(token)
                self.assert_useless(token)

    def exists(self, account):
        """Whether somebody can log in there."""
        client = self.client(account)
        client.secure()
        try:
            client.authenticate()
        except AssertionError:
            return False
        finally:
            client.drop()
        return True

    def test_it_survives_a_restart_and_is_made_while_no_server_runs(self):
        before = self.invite()
        self.server.stop()
        between = self.invite()
        self.server.start()
        self.registers(before)
        self.registers(between)

    def test_nothing_on_the_disk_says_the_token_or_the_name(self):
        token, used = self.invite(), self.invite()
        account = self.registers(used)
        self.stranger(token)
        self.session(account).leaves()
        self.server.stop()
        self.assertEqual(set(), self.on_disk(token, used, account.local))
        self.assertNotIn(token, self.server.stderr())
        self.server.start()
        self.registers(token)


def rows_of(server):
    with lmdb.open(str(server.data / "state.mdb"), subdir=False, max_dbs=16, readonly=True) as env, env.begin() as txn:
        return txn.stat(env.open_db(b"invitations", txn, create=False))["entries"]


class InTime(InvitationCase):
    policy = {"accounts": {"registration": "invite"}, "invitations": {"keep": "2s"}, "change": {"notice": "0"}}

    def test_it_ends_by_itself_and_its_row_goes(self):
        token = self.invite("--days", "1")
        until(lambda: self.stranger().asks(preauth(token)).type == "error", "its end")
        self.server.stop()  # what is due goes first at the next start
        self.server.start()
        until(lambda: self.rows() == 0, "its erasure")
        done = self.server.ctl("audit", self.server.data, expect=None)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def rows(self):
        return rows_of(self.server)


class Withdrawn(InvitationCase):
    policy = {"accounts": {"registration": "invite"}, "change": {"notice": "0"}}

    def test_a_policy_without_invitations_ends_them(self):
        token = self.invite("--days", "14")
        self.stranger(token)
        done = self.server.ctl("audit", self.server.data, expect=None)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.server.set_policy({"accounts": {"registration": "closed"}})
        self.server.process.send_signal(1)
        until(lambda: self.stranger().asks(preauth(token)).condition == "service-unavailable", "the tighter policy")
        until(lambda: rows_of(self.server) == 0, "its erasure")


if __name__ == "__main__":
    main()
