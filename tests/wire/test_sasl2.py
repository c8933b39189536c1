# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0388 with XEP-0386: login and a session in one exchange, what it turns on, resumption inside it, and every way to fail."""
import base64
import itertools

from lethe_test import WireCase, archive, main
from lethe_test.scram import Scram, b64
from lethe_test.xmlstream import MAM, SASL, SM

SASL2, BIND2, CARBONS, CSI = "urn:xmpp:sasl:2", "urn:xmpp:bind:0", "urn:xmpp:carbons:2", "urn:xmpp:csi:0"
_numbers = itertools.count(1)


def decoded(text):
    return base64.b64decode(text or "", validate=True).decode()


class Sasl2Case(WireCase):
    def secured(self, account):
        client = self.client(account, name=f"{account.local}/{next(_numbers)}")
        client.secure()
        return client

    def begins(self, client, inner="", mechanism="SCRAM-SHA-256", password=None, first=True):
        scram = Scram(mechanism, client.account.local, password or client.account.password,
                      **({"binding": client.binding()} if mechanism.endswith("PLUS") else {}))
        initial = f"<initial-response>{b64(scram.client_first().encode())}</initial-response>" if first else ""
        client.send_bytes(f"<authenticate xmlns='{SASL2}' mechanism='{mechanism}'>{initial}{inner}</authenticate>")
        return scram

    def answers(self, client, scram, challenge):
        self.assertEqual(("challenge", SASL2), (challenge.name, challenge.ns), f"{challenge}")
        client.send_bytes(f"<response xmlns='{SASL2}'>{b64(scram.client_final(decoded(challenge.element.text)).encode())}</response>")
        return client.next()

    def logs_in(self, account, inner="", **how):
        """(client, <success/>, features); no features after a resumption (XEP-0198 section 9.2)"""
        client = self.secured(account)
        scram = self.begins(client, inner, **how)
        success = self.answers(client, scram, client.next())
        self.assertEqual(("success", SASL2), (success.name, success.ns), f"{success}")
        scram.verify(decoded(success.element.find(f"{{{SASL2}}}additional-data").text))
        identity = success.element.findtext(f"{{{SASL2}}}authorization-identifier")
        if "/" in identity:
            client.full = identity
        return client, success, None if success.element.find(f"{{{SM}}}resumed") is not None else client.next()

    def bound(self, success):
        return success.element.find(f"{{{BIND2}}}bound")

    def bind(self, inner="", tag="", agent=""):
        user_agent = f"<user-agent id='{agent}'><software>s</software></user-agent>" if agent else ""
        return f"{user_agent}<bind xmlns='{BIND2}'>{f'<tag>{tag}</tag>' if tag else ''}{inner}</bind>"

    def says(self, writer, to, *bodies):
        for body in bodies:
            writer.sends(f"<message to='{to}' type='chat' id='{body}'><body>{body}</body></message>")
        writer.collect()


class Login(Sasl2Case):
    def test_it_is_offered_beside_the_other_profile_only_under_tls(self):
        client = self.client(self.account())
        client.connect()
        self.assertIsNone(client.open_stream().child("authentication", SASL2))
        client = self.secured(client.account)
        offered = client.features.child("authentication", SASL2)
        self.assertEqual(client.mechanisms, [m.text for m in offered.findall(f"{{{SASL2}}}mechanism")])
        inline = offered.find(f"{{{SASL2}}}inline")
        self.assertIsNotNone(inline.find(f"{{{SM}}}sm"))
        features = inline.find(f"{{{BIND2}}}bind/{{{BIND2}}}inline")
        self.assertEqual({CARBONS, CSI, SM}, {f.get("var") for f in features})

    def test_every_mechanism_logs_in_and_the_stream_goes_on_without_a_restart(self):
        account = self.account()
        for mechanism in self.secured(account).mechanisms:
            with self.subTest(mechanism):
                client, success, features = self.logs_in(account, mechanism=mechanism)
                self.assertEqual(account.jid, success.element.findtext(f"{{{SASL2}}}authorization-identifier"))
                self.assertIsNone(self.bound(success))
                self.assertIsNotNone(features.child("bind", "urn:ietf:params:xml:ns:xmpp-bind"))
                client.bind("classic")
                client.receives_nothing()

    def test_after_a_bind_the_stream_offers_what_it_offers_after_any_other(self):
        account = self.account()
        client, _, before = self.logs_in(account)
        _, _, after = self.logs_in(account, self.bind())
        offered = [{child.tag for child in features.element} for features in (before, after)]
        self.assertEqual({"{urn:ietf:params:xml:ns:xmpp-bind}bind"}, offered[0] - offered[1])
        self.assertEqual(set(), offered[1] - offered[0])
        self.assertIn(f"{{{CSI}}}csi", offered[1])

    def test_a_client_that_waits_for_the_challenge_before_it_says_anything(self):
        client = self.secured(self.account())
        scram = self.begins(client, self.bind(), first=False)
        client.next()
        client.send_bytes(f"<response xmlns='{SASL2}'>{b64(scram.client_first().encode())}</response>")
        self.assertEqual("success", self.answers(client, scram, client.next()).name)

    def test_failures_name_their_condition_and_process_nothing_inline(self):
        account = self.account()
        client = self.secured(account)
        for attempt in range(2):
            scram = self.begins(client, self.bind(), password="not the password")
            failure = self.answers(client, scram, client.next())
            self.assertEqual(("failure", SASL2), (failure.name, failure.ns))
            self.assertIsNotNone(failure.element.find(f"{{{SASL}}}not-authorized"), f"{failure}")
        client.send_bytes(f"<authenticate xmlns='{SASL2}' mechanism='PLAIN'/>")
        self.assertIsNotNone(client.next().element.find(f"{{{SASL}}}invalid-mechanism"))
        self.begins(client, self.bind())
        client.next()
        client.send_bytes(f"<abort xmlns='{SASL2}'/>")
        self.assertIsNotNone(client.next().element.find(f"{{{SASL}}}aborted"))
        scram = self.begins(client)
        success = self.answers(client, scram, client.next())
        self.assertEqual(account.jid, success.element.findtext(f"{{{SASL2}}}authorization-identifier"), "the wishes of failed attempts are forgotten")

    def test_what_does_not_belong_into_the_exchange_ends_the_stream(self):
        for stray in ("<presence/>", f"<response xmlns='{SASL}'>eA==</response>", f"<auth xmlns='{SASL}' mechanism='SCRAM-SHA-1'/>"):
            with self.subTest(stray):
                client = self.secured(self.account())
                self.begins(client)
                client.next()
                client.send_bytes(stray)
                client.receives_end("not-authorized")
        client = self.secured(self.account())
        client.send_bytes(f"<response xmlns='{SASL2}'>eA==</response>")
        client.receives_end("not-authorized")


class Bind(Sasl2Case):
    def test_a_session_begins_with_the_login(self):
        account = self.account()
        client, success, _ = self.logs_in(account, self.bind(tag="Client"))
        self.assertRegex(client.full, f"^{account.jid}/Client/[0-9a-f]+$")
        self.assertIsNotNone(self.bound(success))
        client.goes_online()
        other, _, _ = self.logs_in(account, self.bind())
        self.assertNotEqual(client.full, other.full)
        client.receives_nothing()
        strange, success, _ = self.logs_in(account, self.bind(tag="x" * 2000))
        self.assertIsNotNone(self.bound(success))

    def test_what_it_turns_on_is_on_before_anything_can_be_missed(self):
        mine, theirs = self.accounts(2)
        friend = self.online(theirs, "friend")
        phone, success, _ = self.logs_in(mine, self.bind(f"<enable xmlns='{CARBONS}'/><enable xmlns='{SM}' resume='true'/><inactive xmlns='{CSI}'/>"))
        enabled = self.bound(success).find(f"{{{SM}}}enabled")
        self.assertTrue(enabled.get("id"))
        desk = self.online(mine, "desk")
        self.says(friend, desk.full, "hello")
        self.assertEqual("hello", desk.next().text_of("body"))
        copy = next(s for s in phone.collect() if s.child("received", CARBONS) is not None)
        self.assertIn("hello", str(copy))

    def test_resumption_comes_first_and_its_failure_does_not_stop_the_bind(self):
        mine, theirs = self.accounts(2)
        friend = self.online(theirs, "friend")
        phone, success, _ = self.logs_in(mine, self.bind(f"<enable xmlns='{SM}' resume='true'/>"))
        phone.sm_enabled, phone.received_count, phone.sent_count = True, 0, 0
        phone.goes_online()
        previous, full = self.bound(success).find(f"{{{SM}}}enabled").get("id"), phone.full
        phone.drop()
        self.says(friend, mine.jid, "meanwhile")
        again, success, _ = self.logs_in(mine, f"<resume xmlns='{SM}' previd='{previous}' h='{phone.received_count}'/>" + self.bind())
        self.assertIsNotNone(success.element.find(f"{{{SM}}}resumed"))
        self.assertIsNone(self.bound(success))
        self.assertEqual(full, again.full)
        got = again.collect()
        self.assertIn("meanwhile", [s.text_of("body") for s in got if s.name == "message"])
        self.assertNotIn("features", [s.name for s in got])
        new, success, _ = self.logs_in(mine, f"<resume xmlns='{SM}' previd='nonsense' h='0'/>" + self.bind())
        self.assertIsNotNone(success.element.find(f"{{{SM}}}failed"))
        self.assertIsNotNone(self.bound(success))
        new.receives_nothing()

    def test_the_state_of_the_archive_comes_along_and_what_it_holds_is_not_sent_again(self):
        mine, theirs = self.accounts(2)
        friend = self.session(theirs, "friend")
        _, success, _ = self.logs_in(mine, self.bind())
        self.assertEqual([], list(self.bound(success).find(f"{{{MAM}}}metadata")))
        self.clients[-1].leaves()
        self.says(friend, mine.jid, "one", "two")
        client, success, _ = self.logs_in(mine, self.bind())
        entries = archive.everything(client)
        metadata = {e.tag.split("}")[1]: e.get("id") for e in self.bound(success).find(f"{{{MAM}}}metadata")}
        self.assertEqual({"start": entries[0].id, "end": entries[-1].id}, metadata)
        self.says(friend, mine.jid, "after the bind")
        self.assertEqual(["after the bind"], [s.text_of("body") for s in client.goes_online() if s.name == "message"])
        client.leaves()
        self.assertEqual([], [s for s in self.logs_in_for(mine) if s.name == "message"], "the letterbox is empty")
        self.assertEqual(3, len(archive.everything(self.session(mine))))

    def test_the_same_installation_ends_its_former_session_and_no_other(self):
        account = self.account()
        first, _, _ = self.logs_in(account, self.bind(agent="d4565fa7-4d72-4749-b3d3-740edbf87770"))
        other, _, _ = self.logs_in(account, self.bind(agent="00000000-4d72-4749-b3d3-740edbf87770"))
        nameless, _, _ = self.logs_in(account, self.bind())
        again, _, _ = self.logs_in(account, self.bind(agent="d4565fa7-4d72-4749-b3d3-740edbf87770"))
        first.receives_end("conflict")
        for client in (other, nameless, again):
            client.receives_nothing()


class WithoutArchive(Sasl2Case):
    policy = {"archive": {"keep": "0"}}

    def test_what_no_archive_holds_is_sent(self):
        mine, theirs = self.accounts(2)
        friend = self.session(theirs, "friend")
        self.says(friend, mine.jid, "kept")
        client, _, _ = self.logs_in(mine, self.bind())
        self.assertEqual(["kept"], [s.text_of("body") for s in client.goes_online() if s.name == "message"])


class FewSessions(Sasl2Case):
    config = {"limits": {"sessions_per_account": 1}}

    def test_one_too_many_is_refused_by_the_stream(self):
        account = self.account()
        first = self.online(account, "first")
        client = self.secured(account)
        scram = self.begins(client, self.bind())
        client.send_bytes(f"<response xmlns='{SASL2}'>{b64(scram.client_final(decoded(client.next().element.text)).encode())}</response>")
        client.receives_end("resource-constraint")
        first.receives_nothing()


if __name__ == "__main__":
    main()
