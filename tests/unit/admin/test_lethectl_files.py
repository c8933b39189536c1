#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every file that can be named to lethectl, and in its place what is no file: nothing waits for it or reads it without end.

Usage: test_lethectl_files.py LETHECTL SOURCE_ROOT
"""
import os
import shutil
import socket
import sys
import unittest

import lethectl_case
from lethectl_case import LethectlCase, run


class NoFiles(LethectlCase):
    def setUp(self):
        super().setUp()
        self.init()
        self.policy = os.path.join(self.config_dir, "policy.toml")
        self.assertEqual(0, self.ctl("clock", "accept").code)
        self.ledger = self.path("ledger.jsonl")
        shutil.copy(os.path.join(self.data, "ledger.jsonl"), self.ledger)

    def put(self, path, kind):
        """Something else takes the place of `path`; returns what an error must call it."""
        if os.path.exists(path):
            os.unlink(path)
        if kind == "FIFO":
            os.mkfifo(path, 0o600)
        elif kind == "device":
            os.symlink("/dev/zero", path)
        elif kind == "directory":
            os.mkdir(path, 0o700)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
            os.chmod(path, 0o600)
        elif kind == "endless":
            with open(path, "wb") as file:
                file.truncate(1 << 40)
            os.chmod(path, 0o600)
            return "is larger than "
        return f"is a {kind}, not a regular file"

    def each(self, path, *commands, kinds=("FIFO", "device", "directory", "socket", "endless")):
        for kind in kinds:
            what = self.put(path, kind)
            for command in commands:
                with self.subTest(kind=kind, command=command):
                    done = run(*command)
                    self.assertIn(done.code, (2, 3), done)
                    self.assertEqual(done.out, "", done)
                    told = [line for line in done.err.splitlines() if path in line and what in line]
                    self.assertEqual(1, len(told), done)
                    self.assertIn(";", told[0], "the remedy")
                    self.assertLessEqual(len(done.err.splitlines()), 2, done)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)

    def test_policies(self):
        file = self.path("mine.toml")
        self.each(file, ("policy", "check", file), ("policy", "diff", file, self.policy), ("policy", "diff", self.policy, file),
                  ("policy", "render", file), ("audit", self.data, "--policy", file),
                  ("init", "--domain", "chat.example", "--config-dir", self.path("c"), "--data-dir", self.path("d"), "--policy", file))
        self.assertFalse(os.path.exists(self.path("c")))

    def test_the_policy_of_the_configuration(self):
        self.each(self.policy, ("--config", self.config, "catalogue"), ("--config", self.config, "sweep"),
                  ("--config", self.config, "clock", "accept"))

    def test_the_configuration(self):
        file = self.path("config/mine.toml")
        self.each(file, *(("--config", file, *command) for command in (("status",), ("account", "count"), ("catalogue",), ("ledger", "key"), ("policy", "show"))))

    def test_ledgers(self):
        file = self.path("mine.jsonl")
        self.each(file, ("ledger", "verify", file), ("ledger", "watch", file, "--state", self.path("seen")))

    def test_where_a_look_is_kept(self):
        """Neither read nor replaced, and a result that goes elsewhere does not go there."""
        file = self.path("seen")
        for kind in ("FIFO", "device", "directory", "socket", "endless"):
            with self.subTest(kind=kind):
                self.put(file, kind)
                done = run("ledger", "watch", self.ledger, "--state", file)
                self.assertEqual((2, ""), (done.code, done.out), done)
                self.assertIn(f"lethectl: {file} is not what an earlier look left; name another file with --state", done.err)
                os.rmdir(file) if kind == "directory" else os.unlink(file)

    def test_a_page_does_not_take_the_place_of_what_is_no_file(self):
        """Least of all that of /dev/stdout or /dev/null."""
        file = self.path("page.html")
        good = ("audit", self.data, "--policy", self.policy, "--html", file)
        for kind in ("FIFO", "device", "directory", "socket"):
            with self.subTest(kind=kind):
                what = self.put(file, kind)
                before = os.lstat(file)
                done = run(*good)
                self.assertEqual((3, ""), (done.code, done.out), done)
                self.assertEqual(f"lethectl: {file} {what}; name another file with --html\n", done.err)
                self.assertEqual(before.st_ino, os.lstat(file).st_ino)
                os.rmdir(file) if kind == "directory" else os.unlink(file)
        self.write("kept.html", "old")
        os.symlink(self.path("kept.html"), file)
        self.assertEqual(0, run(*good).code)
        self.assertTrue(os.path.islink(file))
        self.assertIn(b"<html", self.read(self.path("kept.html")))

    def test_node_keys(self):
        key = os.path.join(self.config_dir, "node.key")
        kept = self.read(key)
        self.each(key, ("--config", self.config, "account", "count"), ("--config", self.config, "ledger", "key"),
                  kinds=("FIFO", "device", "directory", "socket"))
        with open(key, "wb") as file:
            file.truncate(1 << 40)
        os.chmod(key, 0o600)
        done = self.ctl("account", "count")
        self.assertEqual((3, ""), (done.code, done.out), done)
        self.assertIn("a node key has exactly 32 bytes", done.err)
        with open(key, "wb") as file:
            file.write(kept)
        self.assertEqual(0, self.count())

    def test_files_of_the_data_directory(self):
        for name in ("lock", "keyring", "state.mdb", "ledger.jsonl", "clock"):
            path = os.path.join(self.data, name)
            os.rename(path, self.path("aside"))
            for kind in ("FIFO", "device", "socket"):
                with self.subTest(name=name, kind=kind):
                    self.put(path, kind)
                    done = self.ctl("clock", "accept")
                    self.assertEqual((3, ""), (done.code, done.out), done)
                    self.assertTrue(done.err.startswith("lethectl: "), done)
                    if name != "clock":  # which is written in the end, and only the disk is named then
                        self.assertIn(path, done.err)
                    os.unlink(path)
            os.rename(self.path("aside"), path)
        self.assertEqual(0, self.ctl("clock", "accept").code)


if __name__ == "__main__":
    lethectl_case.LETHECTL, lethectl_case.SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
