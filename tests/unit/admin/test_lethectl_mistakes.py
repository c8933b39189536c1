#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What lethectl says to mistakes on its command line and in what it is pointed at: one sentence that names the place and the remedy.

Usage: test_lethectl_mistakes.py LETHECTL SOURCE_ROOT
"""
import os
import sys
import unittest

import lethectl_case
from lethectl_case import LethectlCase, run


class CommandLine(LethectlCase):
    def says(self, err, *args, code=2, **how):
        done = run(*args, **how)
        self.assertEqual((done.code, done.out, done.err), (code, "", f"lethectl: {err}\n"), done)

    def test_a_command_that_does_not_exist_is_named(self):
        self.says("lethectl has no command frob; see lethectl --help", "frob")
        self.says("lethectl has no command frob; see lethectl --help", "frob", "--json", "x")
        self.says('lethectl has no command statsu; did you mean "status"?; see lethectl --help', "statsu")
        self.says("lethectl account has no command frobnicate; see lethectl account --help", "account", "frobnicate")
        self.says('lethectl account has no command ad; did you mean "add"?; see lethectl account --help', "account", "ad", "romeo@chat.example")
        self.says("lethectl has no command fr?ob?[2J; see lethectl --help", "fr\nob\x1b[2J")

    def test_a_command_that_is_missing(self):
        self.says("lethectl account needs a command: add, reset, suspend, unsuspend, erase or count; see lethectl account --help", "account")
        self.says("lethectl clock needs a command: accept; see lethectl clock --help", "clock")
        done = run()
        self.assertEqual((2, ""), (done.code, done.out), done)
        self.assertTrue(done.err.startswith("lethectl: lethectl needs a command: init, account, "), done)

    def test_options_and_arguments(self):
        self.says("lethectl has no option --frob; see lethectl --help", "--frob")
        self.says("the following argument was not expected: --frob; see lethectl status --help", "status", "--frob")
        self.says("--domain is required; see lethectl init --help", "init")
        self.says("--domain needs a value; see lethectl init --help", "init", "--domain")
        self.says("FILE is required; see lethectl policy check --help", "policy", "check")

    def test_descriptors_for_a_passphrase(self):
        remedy = "; give one that is open for reading, as 3 is with 3< FILE; see lethectl status --help"
        for text in ("-1", "x", "3x", "0x3", "", "99999999999999999999"):
            self.says(f"--passphrase-fd {text}: this is not the number of a descriptor{remedy}", "--passphrase-fd", text, "status")
        self.says(f"--passphrase-fd 99: descriptor 99 is not open{remedy}", "--passphrase-fd", "99", "status")
        self.says(f"--passphrase-fd 1: descriptor 1 is not open for reading{remedy}", "--passphrase-fd", "1", "status")
        folder = os.open(self.dir, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        self.says(f"--passphrase-fd {folder}: descriptor {folder} is a directory{remedy}", "--passphrase-fd", str(folder), "status", pass_fds=[folder])
        self.says("--passphrase-fd needs a value; see lethectl status --help", "status", "--passphrase-fd")

    def test_a_passphrase_without_end(self):
        zeros = os.open("/dev/zero", os.O_RDONLY)
        self.addCleanup(os.close, zeros)
        self.says("the passphrase is longer than 1023 bytes; choose a shorter one", "init", "--domain", "chat.example", "--config-dir", self.config_dir,
                  "--data-dir", self.data, "--node-key", "passphrase", "--passphrase-fd", str(zeros), pass_fds=[zeros])
        self.assertFalse(os.path.exists(self.config_dir))

    def test_password_and_passphrase_from_one_place(self):
        self.init()
        self.says("--password-stdin and --passphrase-fd 0 would both read standard input; give the passphrase on another descriptor",
                  "--config", self.config, "account", "add", "romeo@chat.example", "--password-stdin", "--passphrase-fd", "0", stdin="x")


class Places(LethectlCase):
    def test_a_directory_that_holds_no_data(self):
        policy = os.path.join(lethectl_case.SOURCE, "policy-examples", "default.toml")
        for folder in (self.dir, os.path.join(lethectl_case.SOURCE, "policy-examples")):
            for more in ((), ("--policy", policy)):
                done = run("audit", folder, *more)
                self.assertEqual((2, "", f"lethectl: {folder} is not a data directory of Lethe: it has no state.mdb, no keyring and no buckets; name one\n"),
                                 (done.code, done.out, done.err))
        self.init()
        os.unlink(os.path.join(self.data, "state.mdb"))
        done = run("audit", self.data, "--policy", policy)
        self.assertEqual(1, done.code, "what is missing of a data directory is a finding")
        self.assertIn("state.mdb", done.out)

    def test_a_keyring_that_is_missing_or_not_whole(self):
        self.init()
        self.add()
        keyring = os.path.join(self.data, "keyring")
        kept = self.read(keyring)
        lost = ": without it nothing in this data directory can be read; put the file back, or make a new data directory with lethectl init"
        def says(err):
            done = self.ctl("account", "count")
            self.assertEqual((3, "", f"lethectl: {err}\n"), (done.code, done.out, done.err))
        os.unlink(keyring)
        says(f"{keyring} is missing{lost}")
        for size in (0, 1, 4095):
            self.write("data/keyring", "")
            with open(keyring, "wb") as file:
                file.write(kept[:size])
            says(f"{keyring} is cut short ({size} bytes, and its head alone has 4096){lost}")
        with open(keyring, "wb") as file:
            file.write(b"x" * len(kept))
        says(f"{keyring} is not a keyring{lost}")
        with open(keyring, "wb") as file:
            file.write(kept)
        self.assertEqual(1, self.count())

    def test_names_that_hold_more_than_a_line(self):
        good = self.read(os.path.join(lethectl_case.SOURCE, "policy-examples", "default.toml")).decode()
        self.assertIn("\nname = ", good)
        line = good[:good.index("\nname = ")].count("\n") + 2
        for inner in (r"a\nb", r"a\u0007b", r"a\u001b[2Jb", r"a\u007fb", r"a\u0085b", r"a\u2028b", r"a\u202eb", r"a\u2066b", r"a\ufffeb"):
            with self.subTest(inner=inner):
                changed = "\n".join(f'name = "{inner}"' if text.startswith("name = ") else text for text in good.split("\n"))
                policy = self.write("policy.toml", changed)
                done = run("policy", "check", policy)
                self.assertEqual((1, ""), (done.code, done.out), done)
                self.assertEqual(f"{policy}:{line}:8: service.name holds a line break or another control character, which has no place in a page or a form; remove it",
                                 done.err.splitlines()[0])
        for inner in ("Grüße", "ひらがな", "Ελληνικά", "🙂", r"a\u00a0b"):
            changed = "\n".join(f'name = "{inner}"' if text.startswith("name = ") else text for text in good.split("\n"))
            self.assertEqual(0, run("policy", "check", self.write("policy.toml", changed)).code, inner)

    def test_a_name_of_a_file_cannot_look_like_another_line(self):
        name = self.path("a\nlethectl: all is well\x1b[2J")
        done = run("policy", "check", name)
        self.assertEqual((2, 1), (done.code, done.err.count("\n")), done)
        self.assertNotIn("\x1b", done.err)


if __name__ == "__main__":
    lethectl_case.LETHECTL, lethectl_case.SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
