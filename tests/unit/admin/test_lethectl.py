#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every command of lethectl, its exit codes and its sentences, without a server.

Usage: test_lethectl.py LETHECTL SOURCE_ROOT
"""
import calendar
import json
import os
import pwd
import re
import subprocess
import sys
import time
import unittest

import lethectl_case
from lethectl_case import LethectlCase, PlayedServer, on_terminal, run

COMMANDS = [["init"], ["account"], ["account", "add"], ["account", "reset"], ["account", "suspend"], ["account", "unsuspend"],
            ["account", "erase"], ["account", "count"], ["policy"], ["policy", "check"], ["policy", "diff"], ["policy", "show"], ["policy", "render"], ["catalogue"], ["sweep"], ["status"],
            ["ledger"], ["ledger", "key"], ["ledger", "verify"], ["ledger", "watch"], ["clock"], ["clock", "accept"], ["audit"], ["outage"], ["invite"]]


class Usage(LethectlCase):
    def test_every_command_explains_itself_with_an_example(self):
        for command in [[]] + COMMANDS:
            with self.subTest(command=command):
                done = run(*command, "--help")
                self.assertEqual((done.code, done.err), (0, ""), done)
                self.assertRegex(done.out, r"Examples?:\n  lethectl " + " ".join(command))
                if " SUBCOMMAND" not in done.out.splitlines()[1]:
                    self.assertRegex(done.out, r"\nExit status: 0 done, (1 .*, )?2 wrong usage or configuration, 3 system error\.")
                # Every option and argument is followed by what it is for, on its own line or on the next.
                lines = done.out.splitlines()
                for number, text in enumerate(lines):
                    if re.match(r" {2,4}(-|[A-Z]{2,} )", text):
                        self.assertRegex(text + " " + lines[number + 1], r"^ +\S.* {2,}[\w\"]")

    def test_what_clients_are_told_of_an_outage(self):
        done = run("outage", "--planned", "--from", "2026-11-28T21:00:00+01:00", "--until", "2026-11-28T21:00:00Z", "--message", 'back "soon"',
                   "--message-in", "de=bis = bald", "--message-in", "de-CH-1996=sch\u00f6n")
        self.assertEqual((0, ""), (done.code, done.err), done)
        self.assertEqual({"planned": True, "beginning": "2026-11-28T20:00:00Z", "expected_end": "2026-11-28T21:00:00Z",
                          "message": {"default": 'back "soon"', "de": "bis = bald", "de-CH-1996": "sch\u00f6n"}}, json.loads(done.out))
        done = run("outage")
        told = json.loads(done.out)
        self.assertEqual({"planned", "beginning"}, set(told))
        self.assertIs(told["planned"], False)
        self.assertLess(abs(time.time() - calendar.timegm(time.strptime(told["beginning"], "%Y-%m-%dT%H:%M:%SZ"))), 3600)
        self.assertEqual({}, json.loads(run("outage", "--over").out))

    def test_outages_that_make_no_sense(self):
        for args in (["--over", "--planned"], ["--over", "--message", "x"], ["--from", "tomorrow"], ["--until", "tomorrow"], ["--until", "2001-01-01T00:00:00Z"],
                     ["--from", "2026-01-01T00:00:00Z", "--until", "2026-01-01T00:00:00Z"], ["--message", ""], ["--message-in", "de=x"],
                     ["--message", "x", "--message-in", "x"], ["--message", "x", "--message-in", "default=y"], ["--message", "x", "--message-in", "=y"],
                     ["--message", "x", "--message-in", "d-=y"], ["--message", "x", "--message-in", "123=y"], ["--message", b"\xff"], ["x"]):
            with self.subTest(args=args):
                done = run("outage", *args)
                self.assertEqual((2, ""), (done.code, done.out), done)
                self.assertTrue(done.err.startswith("lethectl: ") and done.err.endswith("; see lethectl outage --help\n"), done)

    def test_the_version_is_a_result(self):
        done = run("--version")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertRegex(done.out, r"^lethectl \d+\.\d+\.\d+\n$")

    def test_wrong_usage_is_2_and_a_message_on_standard_error(self):
        for args in ([], ["account"], ["policy"], ["nonsense"], ["account", "nonsense"], ["status", "extra"], ["status", "--nonsense"],
                     ["ledger"], ["ledger", "verify"], ["ledger", "watch"], ["clock"], ["clock", "stop"],
                     ["account", "add"], ["account", "add", "a@b", "c@d"], ["policy", "check"], ["init"], ["--config"],
                     ["account", "suspend", "a@b", "--password-stdin"], ["account", "add", "a@b", "--password", "secret"]):
            with self.subTest(args=args):
                done = run(*args)
                self.assertEqual((done.code, done.out), (2, ""), done)
                self.assertNotEqual(done.err, "")

    def test_a_configuration_that_is_not_there_is_named(self):
        done = run("--config", self.config, "status")
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertTrue(done.err.startswith(f"{self.config}: "), done)
        self.assertTrue(done.err.endswith("lethectl: name the configuration with --config FILE, or make one with lethectl init\n"), done)

    def test_mistakes_in_the_configuration_are_2_with_line_and_column(self):
        config = self.write("lethe.toml", 'domain = "chat.example"\n[limits]\ndepht = 3\n')
        for command in (["status"], ["sweep"], ["catalogue"], ["ledger", "key"], ["clock", "accept"], ["account", "count"], ["account", "erase", "romeo@chat.example"]):
            with self.subTest(command=command):
                done = run("--config", config, *command)
                self.assertEqual((done.code, done.out), (2, ""), done)
                self.assertTrue(done.err.startswith(f"{config}:3:1: unknown key"), done)

    def test_the_configuration_may_be_named_after_the_command(self):
        done = run("account", "count", "--config", self.config)
        self.assertIn(self.config, done.err)

    def test_a_result_that_cannot_be_written_is_a_failure(self):
        policy = os.path.join(lethectl_case.SOURCE, "policy-examples", "default.toml")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([lethectl_case.LETHECTL, "policy", "check", policy], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, done.stderr), (3, b"lethectl: standard output cannot be written; the result is incomplete\n"))


class Account(LethectlCase):
    def setUp(self):
        super().setUp()
        self.init()

    def test_an_account_from_birth_to_erasure(self):
        self.assertEqual(self.count(), 0)
        done = self.ctl("account", "add", "Romeo@chat.example", "--password-stdin", stdin="pencil case\n")
        self.assertEqual((done.code, done.out, done.err), (0, "", "lethectl: romeo@chat.example was created\n"))
        self.assertEqual(self.count(), 1)
        self.assertEqual(json.loads(self.ctl("account", "count", "--json").out), {"accounts": 1})
        self.refused(1, "romeo@chat.example: the account exists already", "account", "add", "romeo@chat.example", "--password-stdin", stdin="other case")
        done = self.ctl("account", "suspend", "romeo@chat.example")
        self.assertEqual((done.code, done.out, done.err), (0, "", "lethectl: romeo@chat.example cannot log in until it is unsuspended\n"))
        self.refused(1, "romeo@chat.example: the account is suspended already", "account", "suspend", "romeo@chat.example")
        done = self.ctl("account", "unsuspend", "romeo@chat.example")
        self.assertEqual((done.code, done.out, done.err), (0, "", "lethectl: romeo@chat.example can log in again\n"))
        self.refused(1, "romeo@chat.example: the account is not suspended", "account", "unsuspend", "romeo@chat.example")
        done = self.ctl("account", "reset", "romeo@chat.example", "--password-stdin", stdin="other case")
        self.assertEqual((done.code, done.out), (0, ""), done)
        self.assertIn("can never be read again", done.err)
        done = self.ctl("account", "erase", "romeo@chat.example")
        self.assertEqual((done.code, done.out), (0, ""), done)
        self.assertIn("romeo@chat.example was erased", done.err)
        self.assertEqual(self.count(), 0)

    def test_what_is_asked_of_an_account_that_does_not_exist_is_1(self):
        for action in ("suspend", "unsuspend", "erase"):
            self.refused(1, "romeo@chat.example: there is no such account", "account", action, "romeo@chat.example")
        self.refused(1, "romeo@chat.example: there is no such account", "account", "reset", "romeo@chat.example", "--password-stdin", stdin="correct horse")

    def test_addresses_are_checked_before_a_password_is_asked_for(self):
        example = "; write it like user@chat.example"
        for action in ("add", "reset", "suspend", "unsuspend", "erase"):
            self.refused(2, '"romeo@other.example" is not an account of this server, whose accounts are at chat.example' + example, "account", action, "romeo@other.example")
            self.refused(2, '"romeo@chat.example/phone" is not the address of an account' + example, "account", action, "romeo@chat.example/phone")
            self.refused(2, '"chat.example" is not the address of an account, which has a name before the @' + example, "account", action, "chat.example")

    def test_passwords_that_cannot_be_are_2(self):
        add = ("account", "add", "romeo@chat.example", "--password-stdin")
        prohibited = "the password holds a character that SASLprep (RFC 4013) prohibits; choose another one"
        self.refused(2, "the password is empty; choose one", *add, stdin="")
        self.refused(2, "the password is empty; choose one", *add, stdin="\n")
        for short in ("x", "seven77", "\u00e4" * 7):
            self.refused(2, "the password has fewer than 8 characters; choose a longer one", *add, stdin=short)
        self.refused(2, prohibited, *add, stdin="a\x07")
        self.refused(2, prohibited, *add, stdin=b"a\xff\n")
        self.refused(2, "the password is longer than 1023 bytes; choose a shorter one", *add, stdin="x" * 1024)
        self.refused(2, "standard input holds more than one line; --password-stdin takes the password and nothing else", *add, stdin="a\nb")
        self.refused(2, "there is no terminal to ask for the password on; use --password-stdin", *add[:-1])
        self.assertEqual(self.count(), 0)

    def test_the_policy_may_bound_the_number_of_accounts(self):
        policy = self.path("config/policy.toml")
        text = self.read(policy).decode().replace("# max_accounts = 500", "max_accounts = 1")
        self.assertIn("\nmax_accounts = 1", text)
        self.write("config/policy.toml", text)
        self.add()
        self.refused(1, "juliet@chat.example: the policy's max_accounts of 1 is reached; erase an account, or publish another policy", "account", "add",
                     "juliet@chat.example", "--password-stdin", stdin="correct horse")

    def test_a_policy_with_mistakes_hinders_a_creation_but_no_erasure(self):
        self.add()
        self.write("config/policy.toml", "[nonsense]\n")
        done = self.ctl("account", "add", "juliet@chat.example", "--password-stdin", stdin="correct horse")
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertIn(self.path("config/policy.toml") + ":1:2: ", done.err)
        self.assertEqual(self.ctl("account", "erase", "romeo@chat.example").code, 0)

    def test_no_password_and_no_address_reaches_the_disk(self):
        self.add("romeo-canary@chat.example", "password-canary")
        for folder, _, names in os.walk(self.dir):
            for name in names:
                content = self.read(os.path.join(folder, name))
                self.assertNotIn(b"canary", content, os.path.join(folder, name))

    def test_a_node_key_that_others_can_read_or_that_is_another_one_is_3(self):
        key = self.path("config/node.key")
        os.chmod(key, 0o644)
        done = self.ctl("account", "count")
        self.assertEqual((done.code, done.out), (3, ""), done)
        self.assertIn(key, done.err)
        self.assertIn("chmod 600", done.err)
        self.write("config/node.key", "")
        with open(key, "wb") as file:
            file.write(os.urandom(32))
        done = self.ctl("account", "count")
        self.assertEqual((done.code, done.out), (3, ""), done)
        self.assertIn(self.data, done.err)

    def test_a_data_directory_that_is_missing_is_3_and_named(self):
        os.rename(self.data, self.path("elsewhere"))
        done = self.ctl("status")
        self.assertEqual((done.code, done.out), (3, ""), done)
        self.assertIn(self.data, done.err)

    def test_root_works_as_the_owner_of_the_data(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: it gives files to another user")
        nobody = pwd.getpwnam("nobody")
        os.chmod(self.dir, 0o755)
        for folder, _, names in os.walk(self.dir):
            for path in [folder] + [os.path.join(folder, name) for name in names]:
                if path != self.dir:
                    os.chown(path, nobody.pw_uid, nobody.pw_gid)
        self.add()
        self.assertEqual(self.ctl("sweep").code, 0)
        key = self.ctl("ledger", "key")
        self.assertEqual((key.code, len(key.out)), (0, 65), key)
        for folder, folders, names in os.walk(self.dir):
            for name in folders + names:
                self.assertEqual(os.stat(os.path.join(folder, name)).st_uid, nobody.pw_uid, name)


class Terminal(LethectlCase):
    FIRST, SECOND = b"Password for romeo@chat.example (at least 8 characters): ", b"The same again: "

    def setUp(self):
        super().setUp()
        self.init()
        self.command = ["--config", self.config, "account", "add", "romeo@chat.example"]

    def test_a_password_is_asked_for_twice_and_not_shown(self):
        code, shown = on_terminal(self.command, [(self.FIRST, b"pencil case\n"), (self.SECOND, b"pencil case\n")])
        self.assertEqual((code, shown), (0, self.FIRST + b"\r\n" + self.SECOND + b"\r\nlethectl: romeo@chat.example was created\r\n"))
        self.assertEqual(self.count(), 1)

    def test_two_passwords_that_differ_are_2(self):
        code, shown = on_terminal(self.command, [(self.FIRST, b"pencil\n"), (self.SECOND, b"pencils\n")])
        self.assertEqual(code, 2)
        self.assertTrue(shown.endswith(b"lethectl: the two passwords differ; nothing was changed\r\n"), shown)
        self.assertNotIn(b"pencil", shown)
        self.assertEqual(self.count(), 0)

    def test_ctrl_c_and_end_of_file_leave_without_a_change(self):
        for key in (b"\x03", b"\x1c", b"\x04"):
            with self.subTest(key=key):
                code, shown = on_terminal(self.command, [(self.FIRST, key)])
                self.assertEqual((code, shown), (2, self.FIRST + b"\r\nlethectl: no password was given; nothing was changed\r\n"))

    def test_what_is_typed_can_be_corrected(self):
        code, shown = on_terminal(self.command, [(self.FIRST, b"nonsense\x15pen\xc3\xa4\x7fcil casex\x08\n"), (self.SECOND, b"\x7fpencil case\n")])
        self.assertEqual((code, shown), (0, self.FIRST + b"\r\n" + self.SECOND + b"\r\nlethectl: romeo@chat.example was created\r\n"))

    def test_a_password_beyond_all_measure_is_2(self):
        code, shown = on_terminal(self.command, [(self.FIRST, b"x" * 1024)])
        self.assertEqual((code, shown), (2, self.FIRST + b"\r\nlethectl: the password is longer than 1023 bytes; choose a shorter one\r\n"))

    def test_headings_are_bold_on_a_terminal_only_and_NO_COLOR_is_obeyed(self):
        command = ["--config", self.config, "catalogue"]
        self.assertIn(b"\x1b[1m", on_terminal(command, [])[1])
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            code, shown = on_terminal(command, [], env)
            self.assertEqual(code, 0)
            self.assertNotIn(b"\x1b", shown)
        self.assertNotIn("\x1b", run(*command, env={"TERM": "xterm"}).out)


class Looking(LethectlCase):
    def test_a_policy_that_holds_is_0(self):
        folder = os.path.join(lethectl_case.SOURCE, "policy-examples")
        names = sorted(os.listdir(folder))
        self.assertIn("default.toml", names)
        for name in names:
            path = os.path.join(folder, name)
            done = run("policy", "check", path)
            self.assertEqual((done.code, done.out, done.err), (0, f"{path}: a valid policy\n", ""), done)

    def test_each_mistake_of_a_policy_is_told_with_its_place(self):
        policy = self.write("policy.toml", '[archive]\nkeep = "7 apples"\n[nonsense]\n')
        done = run("policy", "check", policy)
        self.assertEqual((done.code, done.out), (1, ""), done)
        lines = done.err.splitlines()
        self.assertTrue(any(line.startswith(f"{policy}:2:8: ") for line in lines), done)
        self.assertTrue(any(line.startswith(f"{policy}:3:2: ") for line in lines), done)
        self.assertEqual(lines[-1], f"lethectl: {policy} is not a valid policy: {len(lines) - 1} mistakes")

    def test_a_policy_that_is_not_there_is_2(self):
        done = run("policy", "check", self.path("none.toml"))
        self.assertEqual((done.code, done.out, done.err),
                         (2, "", f"lethectl: {self.path('none.toml')} cannot be opened (No such file or directory); name a policy file\n"))

    def test_the_catalogue_is_the_same_in_words_and_as_json(self):
        self.init()
        done = self.ctl("catalogue", "--json")
        self.assertEqual((done.code, done.err), (0, ""), done)
        rows = json.loads(done.out)
        self.assertTrue(rows)
        text = self.ctl("catalogue").out
        blocks = [block.splitlines() for block in text.strip("\n").split("\n\n")]
        self.assertEqual(len(blocks), len(rows))
        for row, block in zip(rows, blocks):
            self.assertEqual(set(row), {"class", "where", "fields", "reader", "lifetime", "erased_by"})
            self.assertEqual(block, [row["class"], "  holds      " + row["fields"], "  where      " + row["where"], "  read by    " + row["reader"],
                                     "  kept       " + row["lifetime"], "  erased by  " + row["erased_by"]])

    def test_a_sweep_of_nothing_destroys_nothing(self):
        self.init()
        done = self.ctl("sweep")
        self.assertEqual((done.code, done.out, done.err), (0, "0\n", ""), done)
        self.assertEqual(json.loads(self.ctl("sweep", "--json").out), {"destroyed": 0})
        self.write("config/policy.toml", "[nonsense]\n")
        self.assertEqual(self.ctl("sweep").code, 2)

    def test_the_status_of_a_directory_at_rest(self):
        self.init()
        done = self.ctl("status", "--json")
        self.assertEqual((done.code, done.err), (0, ""), done)
        facts = {"running": False, "accounts": 0, "buckets_archive": 0, "buckets_letterbox": 0, "buckets_subscriptions": 0, "buckets_uploads": 0,
                 "next_deadline": "none", "overdue": 0, "quarantined": 0}
        self.assertEqual(json.loads(done.out), facts)
        lines = self.ctl("status").out.splitlines()
        self.assertEqual(lines[0].split(), ["running", "no"])
        self.assertEqual([" ".join(line.split()[:-1]) for line in lines], [name.replace("_", " ") for name in facts])


class Running(LethectlCase):
    """A server holds the directory: everything goes over its control socket."""

    def setUp(self):
        super().setUp()
        self.init()

    def test_requests_carry_what_was_typed_and_nothing_else(self):
        ok = {"ok": True}
        with PlayedServer(self.data, [ok] * 5 + [{"ok": True, "accounts": 7}, {"ok": True, "destroyed": 3}]) as server:
            add = self.ctl("account", "add", "Romeo@chat.example", "--password-stdin", stdin='pencil"\\ä\n')
            self.assertEqual((add.code, add.out, add.err), (0, "", "lethectl: romeo@chat.example was created\n"))
            self.assertEqual(self.ctl("account", "reset", "romeo@chat.example", "--password-stdin", stdin="correct horse").code, 0)
            for action in ("suspend", "unsuspend", "erase"):
                self.assertEqual(self.ctl("account", action, "romeo@chat.example").code, 0)
            self.assertEqual(self.count(), 7)
            self.assertEqual(self.ctl("sweep").out, "3\n")
        account = {"account": "romeo@chat.example"}
        self.assertEqual(server.requests, [{"command": "account add", **account, "password": 'pencil"\\ä'},
                                           {"command": "account reset", **account, "password": "correct horse"},
                                           {"command": "account suspend", **account}, {"command": "account unsuspend", **account},
                                           {"command": "account erase", **account}, {"command": "account count"}, {"command": "sweep"}])

    def test_the_server_s_refusals_keep_their_sentence_and_exit_code(self):
        replies = [{"ok": False, "error": f"sentence {status}", "status": status} for status in (1, 2, 3)]
        with PlayedServer(self.data, replies):
            for status in (1, 2, 3):
                self.refused(status, f"sentence {status}", "account", "erase", "romeo@chat.example")

    def test_a_status_with_an_alarm_is_1(self):
        quiet, loud = ({"ok": True, "sessions": 2, "alarms": n} for n in (0, 1))
        with PlayedServer(self.data, [quiet, loud]):
            done = self.ctl("status", "--json")
            self.assertEqual((done.code, json.loads(done.out)), (0, {"running": True, "sessions": 2, "alarms": 0}))
            done = self.ctl("status")
            self.assertEqual((done.code, [line.split() for line in done.out.splitlines()]), (1, [["running", "yes"], ["sessions", "2"], ["alarms", "1"]]))

    def test_answers_that_are_none_are_3(self):
        with PlayedServer(self.data, [b"", b"nonsense\n", b"{}\n", b'{"ok":true}', b"x" * 100000]) as server:
            for _ in server.replies:
                self.refused(3, f"the server gave no answer at {server.path}; look at its log before you try again", "account", "count")

    def test_a_holder_that_does_not_listen_is_3(self):
        with PlayedServer(self.data, []) as server:
            server.listener.close()
            self.refused(3, f"the process that holds {self.data} does not answer at {server.path} (Connection refused); "
                            "if lethed is just starting, try again", "account", "count")


if __name__ == "__main__":
    lethectl_case.LETHECTL, lethectl_case.SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
