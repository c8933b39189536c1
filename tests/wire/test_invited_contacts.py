# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who uses a user's invitation is that user's contact: the ad-hoc command (XEP-0401), new accounts (XEP-0445) and those that exist (XEP-0379)."""
import itertools
import pathlib
import re
import subprocess

from lethe_test import Account, WireCase, main
from lethe_test.client import LIMIT
from lethe_test.server import PASSWORD
from lethe_test.waiting import until

REGISTER = "jabber:iq:register"
COMMANDS = "http://jabber.org/protocol/commands"
NODE = "urn:xmpp:invite#invite"
names = itertools.count(1)


class Invited(WireCase):
    policy = {"accounts": {"registration": "invite"}}
    config = {"limits": {"registrations": 0, "registrations_per_network": 0}}

    def invitation(self, client):
        """(uri, token) of a fresh invitation by this user."""
        answer = client.asks_ok(f"<iq type='set' to='{self.server.domain}'><command xmlns='{COMMANDS}' node='{NODE}' action='execute'/></iq>")
        command = answer.child("command", COMMANDS)
        self.assertEqual(("completed", NODE), (command.get("status"), command.get("node")))
        fields = {f.get("var"): f[0].text for f in command[0]}
        self.assertEqual(["FORM_TYPE", "uri", "expire"], list(fields))
        self.assertEqual("urn:xmpp:invite#invitation", fields["FORM_TYPE"])
        self.assertRegex(fields["expire"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertRegex(fields["uri"], f"^xmpp:{re.escape(client.account.jid)}\\?roster;preauth=[0-9a-f]{{32}};ibr=y$")
        return fields["uri"].partition("preauth=")[2].partition(";")[0]

    def stranger(self):
        client = self.client()
        client.secure()
        return client

    def registers(self, token):
        """A new account by this invitation, not logged in."""
        account = Account(f"guest{next(names)}@{self.server.domain}", PASSWORD)
        client = self.stranger()
        client.asks_ok(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>")
        client.asks_ok(f"<iq type='set'><query xmlns='{REGISTER}'><username>{account.local}</username><password>{PASSWORD}</password></query></iq>")
        client.drop()
        return account

    def assert_mutual(self, one, other):
        for mine, theirs in ((one, other), (other, one)):
            until(lambda: self.roster(mine).get(theirs.account.jid, ())[:2] == ("both", None), "mutual subscriptions")

    def subscribes(self, client, to, token):
        client.sends(f"<presence type='subscribe' to='{to.jid}'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></presence>")

    def test_the_command_is_offered_and_answers_at_once(self):
        client = self.session(self.account())
        items = client.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/></iq>")
        self.assertIn(NODE, [i.get("node") for i in items.element[0]])
        self.assertNotEqual(self.invitation(client), self.invitation(client))

    def test_the_inviter_is_online(self):
        romeo = self.session(self.account())
        token = self.invitation(romeo)
        self.roster(romeo)
        romeo.goes_online()
        juliet = self.registers(token)
        pushes = [s for s in romeo.collect() if s.name == "iq" and s.type == "set"]
        self.assertEqual([(juliet.jid, "both")], [(i.get("jid"), i.get("subscription")) for p in pushes for i in p.element[0]])
        guest = self.session(juliet)
        self.assert_mutual(guest, romeo)
        seen = guest.goes_online()
        self.assertIn(romeo.full, [s.get("from") for s in seen if s.name == "presence"])
        self.assertIn(guest.full, [s.get("from") for s in romeo.collect() if s.name == "presence" and s.type is None])
        self.assert_error(self.stranger().asks(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"), "item-not-found")

    def test_the_inviter_comes_later_and_the_server_was_killed_meanwhile(self):
        account = self.account()
        romeo = self.session(account)
        token = self.invitation(romeo)
        romeo.leaves()
        juliet = self.registers(token)
        guest = self.session(juliet)
        self.assertEqual(("from", "subscribe"), self.roster(guest)[account.jid][:2])
        self.server.kill()
        self.server.start()
        romeo = self.session(account)
        self.assertEqual(("both", None), self.roster(romeo)[juliet.jid][:2])
        guest = self.session(juliet)
        self.assert_mutual(guest, romeo)
        # Once is enough: a contact that was removed stays away.
        romeo.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:roster'><item jid='{juliet.jid}' subscription='remove'/></query></iq>")
        romeo.leaves()
        self.assertNotIn(juliet.jid, self.roster(self.session(account)))

    def test_both_are_away_until_later(self):
        account = self.account()
        romeo = self.session(account)
        token = self.invitation(romeo)
        romeo.leaves()
        juliet = self.registers(token)
        self.session(account).leaves()
        guest = self.online(juliet)
        self.assertEqual(("both", None), self.roster(guest)[account.jid][:2])
        guest.sends(f"<message to='{account.jid}' type='chat'><body>found you</body></message>")
        guest.collect()
        self.assertEqual(["found you"], [s.text_of("body") for s in self.logs_in_for(account) if s.name == "message"])

    def test_somebody_with_an_account_shows_the_token_with_the_request(self):
        for there in (True, False):
            with self.subTest(inviter_online=there):
                account, other = self.accounts(2)
                romeo = self.online(account)
                token = self.invitation(romeo)
                if not there:
                    romeo.leaves()
                juliet = self.online(other)
                self.subscribes(juliet, account, token)
                juliet.collect()
                if not there:
                    romeo = self.online(account)
                self.settle(romeo, juliet)
                self.assert_mutual(juliet, romeo)
                self.assertEqual([], [s for s in romeo.collect() if s.type == "subscribe"])
                self.assert_error(self.stranger().asks(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"), "item-not-found")

    def test_a_token_of_somebody_else_or_of_nobody_is_an_ordinary_request(self):
        account, friend, other = self.accounts(3)
        romeo, tybalt, juliet = (self.online(a) for a in (account, friend, other))
        token = self.invitation(romeo)
        for useless in (token, "0" * 32, "client-made"):
            self.subscribes(juliet, friend, useless)
            juliet.collect()
        asked = [s for s in tybalt.collect() if s.type == "subscribe"]
        self.assertEqual(token, asked[0].child("preauth", "urn:xmpp:pars:0").get("token"))
        self.assertEqual(("none", "subscribe"), self.roster(juliet)[friend.jid][:2])
        self.registers(token)  # nothing was used up

    def test_an_inviter_who_has_gone_has_not_invited(self):
        account = self.account()
        romeo = self.session(account)
        token, other = self.invitation(romeo), self.invitation(romeo)
        client = self.stranger()
        client.asks_ok(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{other}'/></iq>")
        self.server.ctl("account", "erase", account.jid)
        self.assert_error(self.stranger().asks(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"), "item-not-found")
        late = f"<iq type='set'><query xmlns='{REGISTER}'><username>late</username><password>{PASSWORD}</password></query></iq>"
        self.assert_error(client.asks(late), "item-not-found")
        self.server.add_account(account.local, "another person")
        self.assert_error(self.stranger().asks(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"), "item-not-found")

    def test_who_is_blocked_does_not_get_in_by_an_old_invitation(self):
        account, other = self.accounts(2)
        romeo = self.session(account)
        token = self.invitation(romeo)
        romeo.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{other.jid}'/></block></iq>")
        juliet = self.online(other)
        self.subscribes(juliet, account, token)
        self.settle(juliet)
        self.assertNotIn(other.jid, self.roster(romeo))

    def test_nothing_on_the_disk_says_who_invited_whom(self):
        inviter = self.server.add_account("inviter-canary")
        romeo = self.session(inviter)
        tokens = [self.invitation(romeo) for _ in range(2)]
        romeo.leaves()
        guest = self.registers(tokens[0])
        self.server.stop()
        for path in self.server.data.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            for canary in (b"inviter-canary", guest.local.encode(), *(t.encode() for t in tokens), *(bytes.fromhex(t) for t in tokens)):
                self.assertNotIn(canary, content, path)
        self.server.start()
        self.assertEqual(("both", None), self.roster(self.session(inviter))[guest.jid][:2])


class Bounded(WireCase):
    policy = {"accounts": {"registration": "open"}}
    config = {"limits": {"invitations_per_day": 2}}

    def test_a_user_makes_so_many_a_day(self):
        command = f"<iq type='set' to='{self.server.domain}'><command xmlns='{COMMANDS}' node='{NODE}'/></iq>"
        client = self.session(self.account())
        client.asks_ok(command)
        client.asks_ok(command)
        self.assert_error(client.asks(command), "resource-constraint", "wait")
        self.session(self.account()).asks_ok(command)


class TwoWays(WireCase):
    """One invitation, wanted at once by somebody who makes an account and by somebody who has one, on a disk that takes its time."""
    policy = {"accounts": {"registration": "invite"}}
    invitation, stranger, subscribes, assert_mutual = Invited.invitation, Invited.stranger, Invited.subscribes, Invited.assert_mutual

    def slow_disk(self):
        """Where strace may attach, until the end of the test; elsewhere the two seldom meet, and what is asked of them holds all the same."""
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(self.server.pid), "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=300000"],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(tracer.wait, LIMIT)
        self.addCleanup(tracer.terminate)
        status = pathlib.Path(f"/proc/{self.server.pid}/status")
        until(lambda: tracer.poll() is not None or "TracerPid:\t0" not in status.read_text(), "strace attaching")

    def test_one_of_them_gets_it_and_the_other_is_told_so(self):
        inviter, other = self.accounts(2)
        romeo, juliet, client = self.online(inviter), self.online(other), self.stranger()
        token = self.invitation(romeo)
        client.asks_ok(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>")
        self.slow_disk()
        client.send_bytes(f"<iq type='set' id='r'><query xmlns='{REGISTER}'><username>slow</username><password>{PASSWORD}</password></query></iq>")
        self.subscribes(juliet, romeo, token)
        answer = client.next()
        if answer.type == "error":
            self.assert_error(answer, "item-not-found")
            self.assert_mutual(juliet, romeo)
        self.assert_error(self.stranger().asks(f"<iq type='set'><preauth xmlns='urn:xmpp:pars:0' token='{token}'/></iq>"), "item-not-found")


class NothingWaits(WireCase):
    """Where the policy keeps nothing for an inviter who is away, an ordinary request comes as soon as both are there."""
    policy = {"accounts": {"registration": "invite"}, "subscriptions": {"keep": "0"}}
    invitation, stranger, registers = Invited.invitation, Invited.stranger, Invited.registers

    def test_the_inviter_is_asked_when_both_are_there(self):
        account = self.account()
        romeo = self.session(account)
        token = self.invitation(romeo)
        romeo.leaves()
        juliet = self.registers(token)
        self.session(juliet).leaves()
        romeo = self.online(account)
        self.assertEqual({}, self.roster(romeo))
        guest = self.online(juliet)
        self.assertEqual([juliet.jid], [s.get("from") for s in romeo.collect() if s.type == "subscribe"])
        romeo.sends(f"<presence type='subscribed' to='{juliet.jid}'/><presence type='subscribe' to='{juliet.jid}'/>")
        self.settle(romeo, guest)
        self.assertEqual(("both", None), self.roster(guest)[account.jid][:2])
        self.assertEqual(("both", None), self.roster(romeo)[juliet.jid][:2])


class None_(WireCase):
    def test_where_the_operator_makes_the_accounts_there_are_none(self):
        client = self.session(self.account())
        self.assert_error(client.asks(f"<iq type='set' to='{self.server.domain}'><command xmlns='{COMMANDS}' node='{NODE}'/></iq>"), "item-not-found")
        items = client.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/></iq>")
        self.assertNotIn(NODE, [i.get("node") for i in items.element[0]])


if __name__ == "__main__":
    main()
