# SPDX-License-Identifier: AGPL-3.0-or-later
"""A policy that changes while people rely on it: what acts at once, what waits for its notice, who is told, and what a restart finds."""
import contextlib
import hashlib
import json
import subprocess
import tomllib

from lethe_test import archive, ledger, main
from lethe_test.policy import BASE, PolicyCase, XML_LANG
from lethe_test.waiting import until


class Notice(PolicyCase):
    def test_the_first_policy_is_in_force_and_nobody_is_told(self):
        account = self.account()
        self.assertEqual([], self.told_at_login(account))
        shown = self.show()
        self.assertEqual(self.file(), shown["in_force"]["text"])
        self.assertEqual(hashlib.blake2b(self.file().encode(), digest_size=32).hexdigest(), shown["in_force"]["hash"])
        self.assertNotIn("announced", shown)

    def test_a_looser_policy_is_not_obeyed_before_its_notice_and_is_published_as_announced(self):
        client = self.online(self.account())
        old = self.file()
        shown = self.change({"archive": {"keep": "30d"}})
        self.assertEqual(old, shown["in_force"]["text"])
        self.assertEqual(self.file(), shown["announced"]["text"])
        self.assertEqual([{"key": "archive.keep", "from": '"7d"', "to": '"30d"', "direction": "looser"}], shown["announced"]["changes"])
        self.assertEqual("7d", self.value(client, "archive"))
        self.assertEqual(shown["announced"]["hash"], self.value(client, "announced"))
        self.assertEqual(shown["announced"]["effective_at"], self.value(client, "announced-from"))
        page = self.server.ctl("policy", "render", "--text").stdout
        self.assertIn("30 days", page)
        self.assertIn("30 Tage", page)

    def test_every_account_is_told_once_online_ones_at_once_and_those_made_meanwhile_too(self):
        online, away, both = self.accounts(3)
        first = self.online(online, "one")
        second = self.online(both, "one")
        third = self.online(both, "two")
        self.change({"archive": {"keep": "30d"}})
        self.assert_news(until(lambda: self.news(first.collect()), "the news")[0], "30 ")
        self.assertEqual(1, len(until(lambda: self.news(second.collect() + third.collect()), "the news for one of two sessions")))
        later = self.server.add_account("later")
        self.sighup()
        told = self.told_at_login(away)
        self.assertEqual(1, len(told))
        self.assert_news(told[0], "30 ")
        self.assert_news(self.told_at_login(later)[0], "30 ")
        for account in (online, away, both, later):
            self.assertEqual([], self.told_at_login(account), account)
        self.server.restart()
        for account in (online, away, both, later):
            self.assertEqual([], self.told_at_login(account), account)

    def test_the_message_says_what_changes_and_when(self):
        client = self.online(self.account())
        shown = self.change({"archive": {"keep": "30d"}, "letterbox": {"max_messages": 2000}})
        news = until(lambda: self.news(client.collect()), "the news")[0]
        day = shown["announced"]["effective_at"][:10]
        bodies = {b.get(XML_LANG): b.text for b in news.element.findall("{jabber:client}body")}
        for part in (day, "7 days → 30 days", "1000 → 2000", "(letterbox.max_messages)"):
            self.assertIn(part, bodies["en"])
        for part in (".".join(reversed(day.split("-"))), "7 Tage → 30 Tage", "1000 → 2000"):
            self.assertIn(part, bodies["de"])

    def test_somebody_who_was_away_for_two_announcements_gets_one_message_about_both(self):
        self.change({"archive": {"keep": "30d"}})
        self.change({"letterbox": {"keep": "30d"}})
        told = self.told_at_login(self.account())
        self.assertEqual(1, len(told))
        self.assert_news(told[0], "letterbox.keep")

    def test_a_change_taken_back_during_its_notice_never_happens_and_who_was_told_of_it_is_told_that(self):
        told, away, unaware = self.accounts(3)
        client, before = self.online(told), self.file()
        self.change({"archive": {"keep": "30d"}})
        until(lambda: self.news(client.collect()), "the news")
        self.assertEqual(1, len(self.told_at_login(away)))
        (self.server.config_dir / "policy.toml").write_text(before)
        self.sighup()
        shown = until(lambda: (lambda now: now if "announced" not in now else None)(self.show()), "the withdrawal")
        self.assertEqual(before, shown["in_force"]["text"])
        for news in (until(lambda: self.news(client.collect()), "the withdrawal's message"), self.told_at_login(away)):
            bodies = {b.get(XML_LANG): b.text for b in news[0].element.findall("{jabber:client}body")}
            self.assertIn("withdrawn", bodies["en"])
            self.assertIn("zurückgenommen", bodies["de"])
            self.assertNotIn("archive.keep", bodies["en"])
        for account in (told, away, unaware):
            self.assertEqual([], self.told_at_login(account))
        self.server.restart()
        self.assertNotIn("announced", self.show())
        for account in (told, away, unaware):
            self.assertEqual([], self.told_at_login(account))

    def test_a_new_name_or_a_smaller_change_during_the_notice_tells_nobody_again_and_is_in_the_ledger(self):
        told, away = self.accounts(2)
        client = self.online(told)
        first = self.change({"archive": {"keep": "30d"}})
        until(lambda: self.news(client.collect()), "the news")
        shown = self.change({"archive": {"keep": "20d"}, "letterbox": {"keep": "1d"}, "service": {"name": "Another name"}})
        self.assertEqual(first["announced"]["effective_at"], shown["announced"]["effective_at"])
        self.assertEqual("1d", self.value(client, "letterbox"))
        self.assertEqual([], self.news(client.collect()))
        news = self.told_at_login(away)
        self.assert_news(news[0], "20 ", "Another name")
        self.assertNotIn("letterbox", news[0].text_of("body"))
        announced = [line["policy"] for line in ledger.lines((self.server.data / "ledger.jsonl").read_bytes()) if line["event"] == "policy_announced"]
        self.assertEqual([first["announced"]["hash"], shown["announced"]["hash"]], announced)

    def test_it_counts_as_told_when_the_client_has_acknowledged_it(self):
        account = self.account()
        self.change({"archive": {"keep": "30d"}})
        for _ in range(2):
            client = self.session(account)
            client.auto_ack = False
            client.enable_sm()
            client.sends("<presence/>")
            until(lambda: self.news(client.collect()), "the news")
            client.drop()  # without a word of what arrived
            until(lambda: json.loads(self.server.ctl("status", "--json").stdout)["sessions"] == 0, "the end of the session")
        client = self.session(account).enable_sm()
        self.assertEqual(1, len(self.news(client.goes_online())))
        client.ack()
        self.settle(client)
        client.leaves()
        self.server.restart()
        self.assertEqual([], self.told_at_login(account))

    def test_two_sessions_are_not_told_at_once_and_the_second_is_if_the_first_is_lost(self):
        account = self.account()
        self.change({"archive": {"keep": "30d"}})
        first, second = self.session(account, "one"), self.session(account, "two")
        first.auto_ack = False
        first.enable_sm()
        first.sends("<presence/>")
        until(lambda: self.news(first.collect()), "the news")
        self.assertEqual([], self.news(second.goes_online()))
        first.drop()
        until(lambda: any(s.type == "unavailable" for s in second.collect()), "the end of the first session")
        second.sends("<presence type='unavailable'/>")
        self.assertEqual(1, len(self.news(second.goes_online())))

    def test_an_account_keeps_what_it_was_told_through_a_change_of_its_password(self):
        account = self.account()
        client = self.online(account)
        self.change({"archive": {"keep": "30d"}})
        until(lambda: self.news(client.collect()), "the news")
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{account.local}</username>"
                       "<password>another horse battery</password></query></iq>")
        account.password = "another horse battery"
        client.leaves()
        self.assertEqual([], self.told_at_login(account))


class Restart(PolicyCase):
    def test_an_announcement_survives_every_end_with_its_date(self):
        announced = self.change({"archive": {"keep": "30d"}})
        for end in (self.server.stop, self.server.kill):
            end()
            self.server.start()
            self.assertEqual(announced, self.show())
        self.server.stop()
        self.assertEqual(announced, json.loads(self.server.ctl("policy", "show", "--json").stdout), "from the directory at rest")
        self.server.start()

    def said(self, event):
        return [line for line in ledger.lines((self.server.data / "ledger.jsonl").read_bytes()) if line["event"] == event]

    def test_what_a_crash_left_unsaid_in_the_ledger_is_said_at_the_next_start(self):
        announced = self.change({"archive": {"keep": "30d"}, "letterbox": {"keep": "1d"}})
        until(lambda: self.said("policy_announced"), "the ledger's line")
        self.server.stop()
        file = self.server.data / "ledger.jsonl"
        key = self.server.ctl("ledger", "key").stdout.strip()
        whole = file.read_bytes().splitlines(keepends=True)
        cut = next(at for at, line in enumerate(whole) if b'"policy_announced"' in line)
        # In the way of a crash right after the standing was stored: neither the announcement nor what was tightened with it is said.
        file.write_bytes(b"".join(whole[:cut]))
        for _ in range(2):  # once, however often the server starts
            self.server.start()
            until(lambda: self.said("policy_announced"), "the missing line")
            self.server.stop()
            self.assertEqual([], ledger.verify(file.read_bytes(), key))
            self.assertEqual([(announced["announced"]["hash"], announced["announced"]["effective_at"][:19])],
                             [(line["policy"], line["effective"][:19]) for line in self.said("policy_announced")])
            self.assertEqual(announced["in_force"]["hash"], self.said("policy_in_force")[-1]["policy"])
        self.server.start()

    def test_a_file_changed_while_the_server_was_down_is_announced_at_start_and_not_obeyed(self):
        account = self.account()
        old = self.file()
        self.server.stop()
        self.server.set_policy({"archive": {"keep": "30d"}, "letterbox": {"keep": "1d"}})
        self.server.start()
        shown = until(lambda: (lambda now: now if "announced" in now else None)(self.show()), "the announcement")
        client = self.online(account)
        self.assertEqual(("7d", "1d"), (self.value(client, "archive"), self.value(client, "letterbox")))
        self.assertNotEqual(old, shown["in_force"]["text"])
        self.assertEqual(1, len(self.news(client.at_login)))

    def status(self):
        """(exit status, what it says)"""
        done = self.server.ctl("status", "--json", expect=None)
        return done.returncode, json.loads(done.stdout)

    def alarm(self, fact, *words):
        """The status has one alarm, and this is it."""
        code, facts = until(lambda: (lambda now: now if now[1]["alarms"] else None)(self.status()), "an alarm")
        self.assertEqual((1, 1), (code, facts["alarms"]), facts)
        for word in words:
            self.assertIn(str(word), facts[fact])
        return facts

    def no_alarm(self):
        code, facts = until(lambda: (lambda now: None if now[1]["alarms"] else now)(self.status()), "the end of the alarm")
        self.assertEqual((0, "good", "good"), (code, facts["policy_file"], facts["certificate"]), facts)

    def test_a_file_that_is_wrong_is_an_alarm_until_a_good_one_was_read(self):
        self.no_alarm()
        file = self.server.config_dir / "policy.toml"
        good = file.read_text()
        file.write_text(good.replace('keep = "7d"', 'keep = "7 days"', 1))
        self.sighup()
        self.assertEqual("good", self.alarm("policy_file", f"lethectl policy check {file}", "SIGHUP")["certificate"])
        file.write_text(good)  # nothing changed after all: no event tells of that
        self.alarm("policy_file")
        self.sighup()
        self.no_alarm()
        file.write_text("nonsense")
        self.sighup()
        self.alarm("policy_file", "lethectl policy check")
        file.write_text(good.replace('keep = "7d"', 'keep = "6d"', 1))
        self.sighup()
        self.no_alarm()
        until(lambda: tomllib.loads(self.show()["in_force"]["text"])["archive"]["keep"] == "6d", "the new policy")

    def test_a_file_that_others_may_read_and_a_certificate_that_is_none_are_alarms(self):
        file = self.server.config_dir / "policy.toml"
        file.chmod(0o644)
        self.sighup()
        self.alarm("policy_file", f"chmod 0600 {file}", "SIGHUP")
        file.chmod(0o600)
        self.sighup()
        self.no_alarm()
        certificate = self.server.config_dir / "tls" / "cert.pem"
        good = certificate.read_text()
        certificate.write_text("nonsense")
        self.sighup()
        self.assertEqual("good", self.alarm("certificate", certificate)["policy_file"])
        certificate.write_text(good)
        self.sighup()
        self.no_alarm()

    def test_a_certificate_of_another_name_or_near_its_end_is_an_alarm_and_serves(self):
        tls = self.server.config_dir / "tls"
        kept = {file: file.read_text() for file in tls.iterdir()}

        def issue(name, days):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj", f"/CN={name}",
                            "-addext", f"subjectAltName=DNS:{name}", "-keyout", tls / "key.pem", "-out", tls / "cert.pem"], check=True, capture_output=True)

        issue("other.example", 90)
        self.sighup()
        self.alarm("certificate", tls / "cert.pem", f"is not for {self.server.domain}", "SIGHUP")
        self.session(self.accounts(1)[0], "served")
        self.server.restart()
        self.alarm("certificate", f"is not for {self.server.domain}")
        self.assertIn(" certificate_problem problem=other_name", self.server.stderr())
        issue(self.server.domain, 13)
        self.sighup()
        until(lambda: " certificate_problem problem=expires_soon" in self.server.stderr(), "a line in the log")
        self.alarm("certificate", "expires on 20", "renew")
        issue(self.server.domain, 15)
        self.sighup()
        self.no_alarm()
        for file, text in kept.items():
            file.write_text(text)
        self.sighup()
        self.no_alarm()

    def test_a_file_that_is_wrong_leaves_the_old_one_in_force_and_is_refused_at_start(self):
        before, file = self.show(), self.server.config_dir / "policy.toml"
        good = file.read_text()
        file.write_text(good.replace('keep = "7d"', 'keep = "7 days"', 1))
        self.sighup()
        until(lambda: "policy_problem" in self.server.stderr(), "a line in the log")
        self.assertEqual(before, self.show())
        self.server.stop()
        status, said = self.server.start_refused()
        self.assertEqual(2, status)
        self.assertIn("policy.toml:", said)
        file.write_text(good)
        self.server.start()
        self.assertEqual(before, self.show())


class SoonEffective(PolicyCase):
    policy = {**BASE, "change": {"notice": "2s"}}

    def test_the_moment_comes_while_the_server_runs(self):
        client = self.online(self.account())
        self.change({"archive": {"keep": "30d"}})
        shown = until(lambda: (lambda now: now if "announced" not in now else None)(self.show()), "the end of the notice")
        self.assertEqual(self.file(), shown["in_force"]["text"])
        until(lambda: self.value(client, "archive") == "30d", "the new figure in service discovery")
        self.assertIsNone(self.value(client, "announced"))

    def test_the_moment_comes_while_the_server_is_down(self):
        for end in (self.server.stop, self.server.kill):
            keep = "30d" if end == self.server.stop else "60d"
            self.change({"archive": {"keep": keep}})
            end()
            until(lambda: "announced" not in json.loads(self.server.ctl("policy", "show", "--json").stdout), "the end of the notice")
            self.server.start()
            self.assertEqual(keep, self.value(self.session(self.account()), "archive"))
            self.assertEqual(self.file(), self.show()["in_force"]["text"])

    def test_who_logs_in_after_it_took_effect_is_told_too(self):
        self.change({"archive": {"keep": "30d"}})
        until(lambda: "announced" not in self.show(), "the end of the notice")
        told = self.told_at_login(self.account())
        self.assertEqual(1, len(told))
        self.assert_news(told[0], "30 ")


class Stored(PolicyCase):
    """What the disk holds follows what is tighter, and never what is looser."""

    policy = {**BASE, "change": {"notice": "0"}}

    def buckets(self, cls="archive"):
        return set((self.server.data / "buckets" / cls).glob("*.mdb"))

    def says(self, client, text):
        client.sends(f"<message to='{client.jid}' type='chat'><body>{text}</body></message>")
        client.collect()

    def bodies(self, client):
        return [entry.message.text_of("body") for entry in archive.everything(client)]

    def test_a_tighter_policy_acts_on_what_is_stored(self):
        client = self.online(self.account())
        self.says(client, "early")
        self.assertEqual(["early"], self.bodies(client))
        old = self.buckets()
        self.change({"archive": {"keep": "2s"}})
        self.says(client, "late")
        until(lambda: not old & self.buckets(), "the end of the old bucket")
        until(lambda: self.bodies(client) == [], "the end of what was stored")

    def test_nothing_any_more_acts_at_once(self):
        client = self.online(self.account())
        self.says(client, "early")
        until(self.buckets, "the bucket")
        self.change({"archive": {"keep": "0"}})
        self.says(client, "late")
        self.assertEqual([], self.bodies(client))
        until(lambda: not self.buckets(), "the end of all buckets")

    def test_what_was_received_under_a_shorter_promise_keeps_it_after_a_loosening(self):
        self.change({"archive": {"keep": "4s"}})
        client = self.online(self.account())
        self.says(client, "early")
        old = until(self.buckets, "the bucket")
        self.change({"archive": {"keep": "1h"}})
        self.says(client, "late")
        self.assertEqual("late", self.bodies(client)[-1])
        until(lambda: not old & self.buckets(), "the end of the bucket that was promised to end")
        self.assertEqual(["late"], self.bodies(client))

    def test_limits_of_the_letterbox_follow(self):
        away, client = self.account(), self.online(self.account())
        self.change({"letterbox": {"max_messages": 1}})
        for number in range(3):
            client.sends(f"<message to='{away.jid}' id='m{number}' type='chat'><body>x</body></message>")
        refused = [s.get("id") for s in client.collect() if s.type == "error"]
        self.assertEqual(["m1", "m2"], refused)

    def test_log_rules_follow(self):
        self.change({"log": {"account": "full"}})
        account = self.account()

        def named_after_a_login():
            self.session(account).leaves()
            return account.jid in self.log_text()

        until(named_after_a_login, "a name in the log")
        self.change({"log": {"account": "none"}})
        until(lambda: account.jid not in self.log_text(), "the end of the file with names in it")
        self.assertFalse(named_after_a_login())

    def log_text(self):
        text = ""
        for file in (self.server.data / "log").glob("*.log"):
            with contextlib.suppress(FileNotFoundError):  # its time had come
                text += file.read_text()
        return text


if __name__ == "__main__":
    main()
