# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was sent to a session and never acknowledged when the session was lost: it goes to the account's others or waits, under the same
rules as a message that arrives: blocklist and quotas."""
from lethe_test import WireCase, archive, main
from lethe_test.waiting import until


def block(*jids):
    return "<iq type='set'><block xmlns='urn:xmpp:blocking'>" + "".join(f"<item jid='{j}'/>" for j in jids) + "</block></iq>"


class ReturnedCase(WireCase):
    def setUp(self):
        super().setUp()
        self.alice, self.carol = (self.session(account, "sender").enable_sm() for account in self.accounts(2))
        self.bob = self.account()

    def send(self, sender, *ids):
        """Returns once the server is answerable for them; the conditions of errors."""
        for message_id in ids:
            sender.sends(f"<message to='{self.bob.jid}' type='chat' id='{message_id}'><body>body of {message_id}</body></message>")
        sender.all_acked()
        return self.errors(sender)

    def errors(self, sender):
        return [(s.get("id"), s.condition) for s in sender.collect() if s.type == "error"]

    def silent(self, resource="phone", priority=None):
        """A session of bob's that acknowledges nothing."""
        client = self.session(self.bob, resource)
        client.auto_ack = False
        client.enable_sm()
        client.at_login = client.goes_online(priority)
        return client

    def ids(self, stanzas):
        return [s.get("id") for s in stanzas if s.name == "message"]

    def watcher(self):
        """A session of bob's that takes no messages, so that it can block and look while the other one is lost."""
        return self.online(self.bob, "watcher", priority=-1)

    def lose(self, client, watcher):
        client.drop()
        until(lambda: any(s.type == "unavailable" and s.get("from") == client.full for s in watcher.collect()), "the end of the session")

    def next_login(self):
        got = self.online(self.bob, "later", priority=5)
        got.auto_ack = True
        return self.ids(got.at_login)

    def archived(self, client):
        return [e.message.get("id") for e in archive.everything(client)]


class Blocklist(ReturnedCase):
    def test_what_was_sent_live_by_somebody_blocked_since_does_not_wait(self):
        phone, watcher = self.silent(), self.watcher()
        self.assertEqual([], self.send(self.alice, "a1") + self.send(self.carol, "c1"))
        self.assertEqual(["a1", "c1"], self.ids(phone.collect()))
        watcher.asks_ok(block(self.alice.jid))
        self.lose(phone, watcher)
        self.assertEqual(["c1"], self.next_login())
        self.assertEqual([], self.errors(self.alice), "who is blocked hears nothing of it")

    def test_what_was_sent_live_by_somebody_blocked_since_does_not_go_to_another_session(self):
        phone = self.silent()
        self.assertEqual([], self.send(self.alice, "a1") + self.send(self.carol, "c1"))
        self.assertEqual(["a1", "c1"], self.ids(phone.collect()))
        tablet = self.online(self.bob, "tablet")
        tablet.asks_ok(block(self.alice.jid))
        phone.drop()
        self.assertEqual(["c1"], until(lambda: self.ids(tablet.collect()), "the return"))
        tablet.receives_nothing()

    def test_what_waited_from_somebody_blocked_since_does_not_go_to_another_session(self):
        self.assertEqual([], self.send(self.alice, "a1", "a2") + self.send(self.carol, "c1"))
        phone = self.silent()
        self.assertEqual(["a1", "a2", "c1"], self.ids(phone.at_login))
        tablet = self.online(self.bob, "tablet")
        self.assertEqual([], self.ids(tablet.at_login))
        tablet.asks_ok(block(self.alice.jid))
        phone.drop()
        self.assertEqual(["c1"], until(lambda: self.ids(tablet.collect()), "the return"))
        tablet.receives_nothing()
        tablet.leaves()
        self.assertEqual([], self.next_login())

    def test_what_waits_from_somebody_blocked_before_it_is_opened_is_gone_from_the_archive_too(self):
        self.assertEqual([], self.send(self.alice, "a1") + self.send(self.carol, "c1"))
        watcher = self.watcher()
        self.assertEqual([], self.ids(watcher.at_login))
        watcher.asks_ok(block(self.alice.jid))
        phone = self.online(self.bob, "phone")
        self.assertEqual(["c1"], self.ids(phone.at_login))
        until(lambda: self.archived(phone) == ["c1"], "the removal from the archive")

    def test_what_was_blocked_and_is_not_any_more_waits_again(self):
        phone, watcher = self.silent(), self.watcher()
        self.assertEqual([], self.send(self.alice, "a1"))
        watcher.asks_ok(block(self.alice.jid))
        watcher.asks_ok(block(self.alice.jid).replace("block ", "unblock ").replace("/block", "/unblock"))
        self.lose(phone, watcher)
        self.assertEqual(["a1"], self.next_login())


class Quota(ReturnedCase):
    policy = {"letterbox": {"max_messages": 5}}

    def test_what_the_quota_has_no_room_for_goes_back_to_its_sender_and_stays_in_the_archive(self):
        phone, watcher = self.silent(), self.watcher()
        sent = [f"a{n}" for n in range(8)]
        self.assertEqual([], self.send(self.alice, *sent), "nobody is refused while somebody takes it")
        self.assertEqual(sent, self.ids(phone.collect()))
        self.lose(phone, watcher)
        refused = until(lambda: self.errors(self.alice), "the errors")
        self.assertEqual([(name, "service-unavailable") for name in sent[5:]], refused)
        self.assertEqual(sent, self.archived(watcher))
        self.assertEqual([("b1", "service-unavailable")], self.send(self.alice, "b1"), "the quota is full")
        self.assertEqual(sent[:5], self.next_login())

    def test_what_came_out_of_the_letterbox_has_its_room_there(self):
        waiting = [f"a{n}" for n in range(5)]
        self.assertEqual([], self.send(self.alice, *waiting))
        phone, watcher = self.silent(), self.watcher()
        self.assertEqual(waiting, self.ids(phone.at_login))
        self.lose(phone, watcher)
        self.assertEqual([], self.errors(self.alice))
        self.assertEqual(waiting, self.next_login())


class Share(ReturnedCase):
    """Half of the room is the most that one sender may take."""

    policy = {"letterbox": {"max_messages": 8}}
    config = {"limits": {"letterbox_percent_per_sender": 50}}

    def test_one_sender_does_not_take_all_the_room_by_a_session_that_is_lost(self):
        phone, watcher = self.silent(), self.watcher()
        sent = [f"a{n}" for n in range(6)]
        self.assertEqual([], self.send(self.alice, *sent))
        self.lose(phone, watcher)
        self.assertEqual([(name, "service-unavailable") for name in sent[4:]], until(lambda: self.errors(self.alice), "the errors"))
        self.assertEqual([], self.send(self.carol, "c1"), "there is room for others")
        self.assertEqual(sent[:4] + ["c1"], self.next_login())


if __name__ == "__main__":
    main()
