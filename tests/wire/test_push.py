# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0357: an app server, played by a client of the same server, is told that something waits, and nothing more."""
import base64
import secrets

from lethe_test import Account, main, pattern
from lethe_test.pubsub import DATA, INFO, PUBSUB
from test_resumption import ResumptionCase

PUSH = "urn:xmpp:push:0"
BODY = "<body>meet me at the bridge</body>"


def options(secret, form_type=PUBSUB + "#publish-options", extra=""):
    return (f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE'><value>{form_type}</value></field>"
            f"<field var='secret'><value>{secret}</value></field>{extra}</x>")


def request(verb, jid=None, node=None, inner=""):
    jid = "" if jid is None else f" jid='{jid}'"
    node = "" if node is None else f" node='{node}'"
    return f"<iq type='set'><{verb} xmlns='{PUSH}'{jid}{node}>{inner}</{verb}></iq>"


def says(writer, to, content=BODY, kind="chat"):
    """One message, processed and stored when this returns."""
    writer.sends(f"<message to='{to}' type='{kind}'>{content}</message>")
    writer.all_acked()


class PushCase(ResumptionCase):
    def app_server(self, *owners):
        """A client that these accounts may send requests to."""
        client = self.online(self.account(), "push")
        for owner in owners:
            client.sends(f"<presence to='{owner.jid}'/>")
        client.collect()
        return client

    def writer(self):
        return self.session(self.account(), "w").enable_sm()

    def enabled(self, owner, app, node="n1", inner=""):
        """The account has enabled notifications, and is away."""
        client = self.session(owner, "setup")
        client.asks_ok(request("enable", app.full, node, inner))
        client.leaves()

    def stage(self, inner=""):
        """Who writes, to whom, and who is notified."""
        owner = self.account()
        app = self.app_server(owner)
        self.enabled(owner, app, inner=inner)
        return self.writer(), owner, app

    def taken(self, app):
        """What the app server was sent since the last look."""
        return [s for s in app.collect() if s.name == "iq" and s.child("pubsub", PUBSUB) is not None]

    def nodes(self, app):
        return sorted(s.child("pubsub", PUBSUB).find(f"{{{PUBSUB}}}publish").get("node") or "" for s in self.taken(app))

    def answers(self, app, notification, error=None, error_type="cancel"):
        inner = f"<error type='{error_type}'><{error} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>" if error else ""
        app.sends(f"<iq type='{'error' if error else 'result'}' id='{notification.get('id')}' to='{notification.get('from')}'>{inner}</iq>")
        app.collect()


class Enabling(PushCase):
    def test_the_account_says_that_it_can(self):
        client = self.session(self.account())
        answer = client.asks_ok(f"<iq type='get' to='{client.jid}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
        self.assertIn(PUSH, {f.get("var") for f in answer.findall(f"{{{INFO}}}feature")})

    def test_what_is_wrong_is_refused(self):
        client = self.session(self.account())
        here = f"somebody@{self.server.domain}/phone"
        for inner, condition in ((request("enable"), "bad-request"), (request("disable"), "bad-request"), (request("enable", "@@"), "jid-malformed"),
                                 (request("enable", here, "n", "<x xmlns='urn:x'/>"), "bad-request"),
                                 (request("enable", here, "n", options("s", "urn:other")), "bad-request"),
                                 (request("enable", here, "n", options("s") + options("s")), "bad-request"),
                                 (request("enable", here, "n", f"<x xmlns='{DATA}' type='submit'><field><value>x</value></field></x>"), "bad-request"),
                                 (request("enable", here, "n", options("s" * 5000)), "not-acceptable"),
                                 (request("enable", here, "n" * 1024), "not-acceptable"),
                                 (request("enable", self.server.domain, "n"), "not-acceptable"),
                                 (request("enable", f"somebody@{self.server.domain}", "n"), "not-acceptable"),
                                 (request("enable", "push.example.org", "n"), "remote-server-not-found"),
                                 (request("enable", "app@push.example.org/x", "n"), "remote-server-not-found")):
            answer = client.asks(inner)
            self.assert_error(answer, condition)
        self.assertIn("no other servers", "".join(answer.child("error").itertext()))

    def test_only_for_ones_own_account(self):
        owner, other = self.accounts(2)
        app = self.app_server(owner)
        client = self.session(other)
        for verb in ("enable", "disable"):
            inner = request(verb, app.full, "n").replace("<iq ", f"<iq to='{owner.jid}' ", 1)
            self.assert_error(client.asks(inner), "service-unavailable")
        says(self.writer(), owner.jid)
        self.assertEqual([], self.nodes(app))

    def test_nobody_learns_who_is_there(self):
        asking, online, away = self.accounts(3)
        self.online(online, "here")
        client = self.session(asking)
        answers = set()
        for jid in (f"{online.jid}/here", f"{online.jid}/gone", f"{away.jid}/here", f"nobody@{self.server.domain}/here"):
            for verb in ("enable", "disable"):
                answers.add((verb, client.asks(request(verb, jid, "n").replace("<iq ", "<iq id='same' ", 1)).raw))
        self.assertEqual(2, len(answers), answers)
        self.assertTrue(all(b"type='result'" in raw for _, raw in answers))

    def test_a_stranger_is_sent_nothing(self):
        owner, victim = self.accounts(2)
        client = self.online(victim, "here")
        self.enabled(owner, client)
        writer = self.writer()
        says(writer, owner.jid)
        self.assertEqual([], self.nodes(client))
        client.sends(f"<presence to='{owner.jid}'/>")
        client.collect()
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(client))

    def test_somebody_blocked_sends_nothing(self):
        owner, serving = self.accounts(2)
        app, client = self.online(serving, "push"), self.online(owner)
        self.befriend(app, client)
        client.asks_ok(request("enable", app.full, "n1"))
        client.leaves()
        writer = self.writer()
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app), "a subscriber's request reaches it")
        self.session(owner).leaves()
        app.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{owner.jid}'/></block></iq>")
        says(writer, owner.jid)
        self.assertEqual([], self.nodes(app))

    def test_no_more_than_eight_and_the_same_one_takes_the_place_of_the_old(self):
        owner = self.account()
        app = self.app_server(owner)
        client = self.session(owner)
        for number in range(8):
            client.asks_ok(request("enable", app.full, f"n{number}"))
        answer = client.asks(request("enable", app.full, "n8"))
        self.assert_error(answer, "resource-constraint")
        self.assertIn("(8)", "".join(answer.child("error").itertext()))
        client.asks_ok(request("enable", app.full, "n3", options("newer")))
        client.asks_ok(request("disable", app.full, "n0"))
        client.asks_ok(request("enable", app.full, "n8"))
        client.leaves()
        says(self.writer(), owner.jid)
        got = self.taken(app)
        self.assertEqual([f"n{number}" for number in range(1, 9)], sorted(s.child("pubsub", PUBSUB)[0].get("node") for s in got))
        self.assertEqual(1, sum(b"newer" in s.raw for s in got))

    def test_requests_in_a_row_see_each_other(self):
        owner = self.account()
        app = self.app_server(owner)
        client = self.session(owner)
        for number in range(10):
            client.sends(request("enable", app.full, f"n{number}").replace("<iq ", f"<iq id='e{number}' ", 1))
        answers = {}
        while len(answers) < 10:
            answers |= {s.get("id"): s.type for s in client.collect()}
        self.assertEqual({f"e{n}": "result" if n < 8 else "error" for n in range(10)}, answers)

    def test_disabling_one_node_or_all_of_a_service(self):
        owner = self.account()
        apps = [self.app_server(owner) for _ in range(2)]
        client = self.session(owner)
        for app in apps:
            for node in ("a", "b", None):
                client.asks_ok(request("enable", app.full, node))
        client.asks_ok(request("disable", apps[0].full, "a"))
        client.asks_ok(request("disable", apps[0].full, "not there"))
        client.asks_ok(request("disable", apps[1].full))
        client.leaves()
        says(self.writer(), owner.jid)
        self.assertEqual([["", "b"], []], [self.nodes(app) for app in apps])


class Notifying(PushCase):
    def test_the_notification_is_empty(self):
        secret = secrets.token_hex(8)
        owner = self.account()
        app = self.app_server(owner)
        self.enabled(owner, app, "yxs32", options(secret, extra="<field var='x'><value>a&lt;</value><value>b</value></field>"))
        writer = self.writer()
        says(writer, owner.jid)
        [got] = self.taken(app)
        self.assertIsNone(pattern.mismatch(
            f"<iq type='set' id='*' from='{self.server.domain}' to='{app.full}'><pubsub xmlns='{PUBSUB}'><publish node='yxs32'><item>"
            f"<notification xmlns='{PUSH}'/></item></publish><publish-options><x xmlns='{DATA}' type='submit'>"
            f"<field var='FORM_TYPE'><value>{PUBSUB}#publish-options</value></field><field var='secret'><value>{secret}</value></field>"
            "<field var='x'><value>a&lt;</value><value>b</value></field></x></publish-options></pubsub></iq>", got), got)
        for private in (writer.account.local, owner.local, "bridge"):
            for form in (private.encode(), base64.b64encode(private.encode())):
                self.assertNotIn(form, got.raw.replace(app.full.encode(), b""))

    def test_an_absent_account_is_notified_once_until_it_connects_again(self):
        writer, owner, app = self.stage()
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))
        for _ in range(3):
            says(writer, owner.jid)
        self.assertEqual([], self.nodes(app))
        self.session(owner).leaves()  # a bind is enough
        self.assertEqual([], self.nodes(app))
        for _ in range(3):
            says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))

    def test_a_session_that_hibernates_is_notified_once_until_it_is_resumed(self):
        writer, owner, app = self.stage()
        phone = self.phone(owner)
        says(writer, owner.jid)
        self.assertEqual([], self.nodes(app), "it is connected")
        phone.collect()
        phone.ack()
        phone.collect()
        phone.ack()
        self.loses(phone)
        self.assertEqual([], self.nodes(app))
        for _ in range(3):
            says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))
        phone = self.back(phone)
        phone.collect()
        phone.ack()
        phone.request_ack()
        self.assertEqual([], self.nodes(app))
        self.loses(phone)
        says(writer, phone.full)
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))

    def test_what_a_lost_connection_left_unconfirmed_notifies(self):
        writer, owner, app = self.stage()
        phone = self.phone(owner)
        phone.auto_ack = False
        confirmed = phone.received_count
        says(writer, owner.jid)
        phone.collect()
        self.assertEqual([], self.nodes(app))
        self.loses(phone)
        self.assertEqual(["n1"], self.nodes(app))
        phone = self.back(phone, h=confirmed)
        phone.auto_ack = False
        self.loses(phone)  # it has confirmed nothing
        self.assertEqual(["n1"], self.nodes(app))

    def test_what_a_session_without_resumption_left_unconfirmed_notifies(self):
        writer, owner, app = self.stage()
        phone = self.session(owner, "phone").enable_sm()
        phone.auto_ack = False
        phone.goes_online()
        says(writer, owner.jid)
        phone.collect()
        self.assertEqual([], self.nodes(app))
        phone.leaves()
        self.assertEqual(["n1"], self.nodes(app))
        desk = self.session(owner, "desk").enable_sm()
        desk.auto_ack = False
        self.assertEqual(1, len(self.ids(desk.goes_online())))
        desk.leaves()
        self.assertEqual(["n1"], self.nodes(app), "it waits again")

    def test_a_client_that_was_connected_meanwhile_is_notified_when_it_is_away(self):
        writer, owner, app = self.stage()
        phone = self.session(owner, "phone").enable_sm(resume=True)
        says(writer, owner.jid)  # it has sent no presence yet
        self.assertEqual(["n1"], self.nodes(app))
        self.assertEqual(1, len(self.ids(phone.goes_online())))
        phone.ack()
        phone.request_ack()
        says(writer, owner.jid)
        self.assertEqual(1, len(self.ids(phone.collect())))
        phone.ack()
        phone.request_ack()
        self.assertEqual([], self.nodes(app))
        self.loses(phone)
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))

    def test_a_sleeper_is_notified_although_another_session_has_the_message(self):
        writer, owner, app = self.stage()
        phone, desk = self.phone(owner), self.phone(owner, "desk")
        self.loses(phone)
        for _ in range(2):
            says(writer, owner.jid)
        self.assertEqual(2, len(self.ids(desk.collect())))
        self.assertEqual(["n1"], self.nodes(app))

    def test_nobody_is_notified_of_what_is_not_for_people(self):
        writer, owner, app = self.stage()
        phone = self.phone(owner)
        self.loses(phone)
        for to in (owner.jid, phone.full):
            for content in ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", "<received xmlns='urn:xmpp:receipts' id='x'/>",
                            "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>", "<body/>", "<x xmlns='urn:x'/><store xmlns='urn:xmpp:hints'/>",
                            "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted><store xmlns='urn:xmpp:hints'/>",
                            "<proceed xmlns='urn:xmpp:jingle-message:0' id='x'/>", "<accept xmlns='urn:xmpp:jingle-message:0' id='x'/>"):
                says(writer, to, content)
            says(writer, to, BODY, "headline")
            says(writer, to, "<body>x</body><error type='cancel'/>", "error")
        self.assertEqual([], self.nodes(app))

    def test_what_is_for_people(self):
        owner = self.account()
        app = self.app_server(owner)
        self.enabled(owner, app)
        writer = self.writer()
        for content in ("<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted>",
                        "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>x</payload></encrypted>",
                        "<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>", "<x xmlns='jabber:x:conference' jid='r@rooms.example'/>",
                        "<propose xmlns='urn:xmpp:jingle-message:0' id='call'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>"):
            with self.subTest(content):
                says(writer, owner.jid, content)
                self.assertEqual(["n1"], self.nodes(app))
                self.session(owner).leaves()

    def test_a_call_to_a_session_that_hibernates(self):
        _, owner, app = self.stage()
        caller, phone = self.online(self.account(), "c"), self.phone(owner)
        self.befriend(caller, phone)
        phone.ack()
        phone.collect()
        phone.ack()
        self.loses(phone)
        caller.sends(f"<iq type='set' id='v' to='{phone.full}'><query xmlns='jabber:iq:version'/></iq>")
        caller.collect()
        self.assertEqual([], self.nodes(app))
        caller.sends(f"<iq type='set' id='c' to='{phone.full}'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'/></iq>")
        caller.collect()
        self.assertEqual(["n1"], self.nodes(app))

    def test_an_app_server_that_is_away_misses_nothing_that_comes_later(self):
        writer, owner, app = self.stage()
        app.leaves()
        says(writer, owner.jid)
        app = self.session(app.account, "push")
        app.goes_online()
        app.sends(f"<presence to='{owner.jid}'/>")
        self.assertEqual([], self.nodes(app))
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))


class Answers(PushCase):
    def after(self, error, error_type):
        """Which nodes are notified after the app server's error to one of two."""
        owner = self.account()
        app = self.app_server(owner)
        for node in ("a", "b"):
            self.enabled(owner, app, node)
        writer = self.writer()
        says(writer, owner.jid)
        for notification in self.taken(app):
            wrong = notification.child("pubsub", PUBSUB)[0].get("node") == "a"
            self.answers(app, notification, error if wrong else None, error_type)
        # What was written before this bind is on the disk.
        self.session(owner).leaves()
        says(writer, owner.jid)
        return self.nodes(app)

    def test_an_error_ends_a_registration(self):
        for error, error_type in (("item-not-found", "cancel"), ("gone", "cancel"), ("forbidden", "auth"), ("service-unavailable", "cancel"), ("bad-request", "modify")):
            with self.subTest(error):
                self.assertEqual(["b"], self.after(error, error_type))

    def test_an_error_that_passes_does_not(self):
        for error in ("recipient-unavailable", "remote-server-timeout", "service-unavailable"):
            with self.subTest(error):
                self.assertEqual(["a", "b"], self.after(error, "wait"))

    def test_somebody_elses_error_is_none(self):
        writer, owner, app = self.stage()
        says(writer, owner.jid)
        [notification] = self.taken(app)
        self.answers(self.online(self.account()), notification, "item-not-found")
        self.answers(self.session(app.account, "other"), notification, "item-not-found")
        self.session(owner).leaves()
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))
        self.answers(app, notification, "item-not-found")
        self.session(owner).leaves()
        says(writer, owner.jid)
        self.assertEqual([], self.nodes(app))


class Lasting(PushCase):
    def again(self, app, owner):
        """The app server after a restart of the server."""
        app = self.online(app.account, "push")
        app.sends(f"<presence to='{owner.jid}'/>")
        app.collect()
        return app

    def test_a_registration_survives_a_stop_and_a_kill(self):
        _, owner, app = self.stage(options("s3cret"))
        for end in (self.server.stop, self.server.kill):
            end()
            self.server.start()
            app = self.again(app, owner)
            says(self.writer(), owner.jid)
            [got] = self.taken(app)
            self.assertIn(b"s3cret", got.raw)

    def test_it_lies_beside_what_the_account_publishes(self):
        writer, owner, app = self.stage()
        client = self.session(owner)
        client.asks_ok(f"<iq type='set'><vCard xmlns='vcard-temp'><FN>x</FN></vCard></iq>")
        client.leaves()
        client = self.session(owner)
        self.assertIn(b"<FN>x</FN>", client.asks_ok("<iq type='get'><vCard xmlns='vcard-temp'/></iq>").raw)
        client.leaves()
        self.server.stop()
        self.assertNotIn("sealed_row_unreadable", "".join(p.read_text() for p in (self.server.data / "log").glob("*.log")))
        self.server.start()
        app = self.again(app, owner)
        says(self.writer(), owner.jid)
        self.assertEqual(["n1"], self.nodes(app))

    def test_a_new_password_keeps_it(self):
        writer, owner, app = self.stage()
        client = self.session(owner)
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{owner.local}</username><password>new password</password></query></iq>")
        client.leaves()
        says(writer, owner.jid)
        self.assertEqual(["n1"], self.nodes(app))

    def test_a_reset_ends_it(self):
        writer, owner, app = self.stage()
        self.server.ctl("account", "reset", owner.jid, "--password-stdin", stdin="another password\n")
        says(writer, owner.jid)
        self.assertEqual([], self.nodes(app))
        client = self.session(Account(owner.jid, "another password"))
        client.asks_ok(request("enable", app.full, "n2"))
        client.leaves()
        says(writer, owner.jid)
        self.assertEqual(["n2"], self.nodes(app))

    def test_erasing_the_account_ends_it(self):
        writer, owner, app = self.stage()
        self.server.ctl("account", "erase", owner.jid)
        again = self.server.add_account(owner.local)
        says(writer, again.jid)
        self.assertEqual([], self.nodes(app))


if __name__ == "__main__":
    main()
