#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`lethectl invite` on a directory at rest, through a running server, and on a terminal, where its QR code is read by another program.

Usage: test_lethectl_invite.py LETHECTL SOURCE_ROOT
"""
import json
import os
import re
import subprocess
import sys
import unittest

import lethectl_case
from lethectl_case import LethectlCase, PlayedServer, on_terminal

LINK = r"xmpp:chat\.example\?register;preauth=[0-9a-f]{32}"


def modules_of(shown):
    """Lines of half blocks, black on white by colours, as rows of booleans (dark)."""
    rows = []
    for line in shown.splitlines():
        if not line.startswith("\x1b[30;107m"):
            continue
        cells = line[len("\x1b[30;107m"):line.index("\x1b[0m")]
        rows.append([c in "\u2588\u2580" for c in cells])
        rows.append([c in "\u2588\u2584" for c in cells])
    return rows


class Invite(LethectlCase):
    def setUp(self):
        super().setUp()
        self.init()
        self.policy = os.path.join(self.config_dir, "policy.toml")
        self.set_policy('registration = "invite"')

    def set_policy(self, registration, more=""):
        text = self.read(self.policy).decode()
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write(re.sub(r"registration = \S+", registration, text) + more)

    def read_code(self, rows):
        """What zbar reads in a picture of it, four pixels for a module."""
        pixels = b"".join(b"".join(b"\0" * 4 if dark else b"\xff" * 4 for dark in row) * 4 for row in rows)
        path = self.path("code.pgm")
        with open(path, "wb") as file:
            file.write(b"P5 %d %d 255\n" % (4 * len(rows[0]), 4 * len(rows)) + pixels)
        return subprocess.run(["zbarimg", "--quiet", "--raw", path], capture_output=True, text=True, check=True, timeout=300).stdout.strip()

    def test_a_link_on_standard_output_and_what_it_is_good_for_beside_it(self):
        done = self.ctl("invite")
        self.assertEqual(0, done.code, done)
        self.assertRegex(done.out, f"^{LINK}\n$")
        self.assertRegex(done.err, r"^lethectl: good for one account until [0-9T:-]+Z; it is stored nowhere [^\n]*\n$")
        self.assertNotEqual(done.out, self.ctl("invite").out)

    def test_days_uses_and_json(self):
        done = self.ctl("invite", "--days", "3", "--uses", "20", "--json")
        told = json.loads(done.out)
        self.assertEqual(["link", "uri", "until", "uses"], list(told))
        self.assertEqual((20, told["link"]), (told["uses"], told["uri"]))
        self.assertRegex(told["link"], f"^{LINK}$")
        self.assertEqual("", done.err)

    def test_with_a_web_server_the_link_is_its_page(self):
        text = self.read(self.config).decode()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("#https = []", 'https = ["127.0.0.1:0"]').replace('#url = ""', 'url = "https://chat.example:5443"'))
        told = json.loads(self.ctl("invite", "--json").out)
        token = told["uri"].rpartition("=")[2]
        self.assertEqual(f"https://chat.example:5443/i/{token}", told["link"])

    def test_what_the_policy_does_not_allow_is_refused_in_a_sentence(self):
        self.refused(2, "the policy in force keeps invitations for 14d; choose 1 to 14 days", "invite", "--days", "15")
        self.set_policy('registration = "closed"')
        self.refused(1, 'the policy in force knows no invitations (registration = "closed"); publish one with registration = "invite" or "open"', "invite")

    def test_nonsense_is_wrong_usage(self):
        for args in (["--days", "0"], ["--days", "x"], ["--days", "-1"], ["--uses", "0"], ["--uses", "1001"], ["--days"], ["--for", "a"], ["x"]):
            with self.subTest(args=args):
                done = self.ctl("invite", *args)
                self.assertEqual((2, ""), (done.code, done.out), done)

    def test_a_running_server_is_asked(self):
        with PlayedServer(self.data, [{"ok": True, "link": "https://x/i/t", "uri": "u", "until": "soon", "uses": 5}, {"ok": True}]) as server:
            done = self.ctl("invite", "--days", "2", "--uses", "5")
            self.assertEqual((0, "https://x/i/t\n"), (done.code, done.out), done)
            self.assertIn("good for 5 accounts until soon", done.err)
            done = self.ctl("invite")
            self.assertEqual((3, ""), (done.code, done.out), done)
        self.assertEqual([{"command": "invite", "days": "2", "uses": "5"}, {"command": "invite"}], server.requests)

    def test_the_code_on_a_terminal_is_the_link(self):
        code, shown = on_terminal(["--config", self.config, "invite"], [])
        self.assertEqual(0, code, shown)
        text = shown.decode().replace("\r\n", "\n")
        link = re.search(LINK, text).group()
        self.assertEqual(link, self.read_code(modules_of(text)))

    def test_without_colours_it_is_drawn_for_a_dark_terminal(self):
        code, shown = on_terminal(["--config", self.config, "invite"], [], {"NO_COLOR": "1"})
        self.assertEqual(0, code, shown)
        text = shown.decode().replace("\r\n", "\n")
        self.assertNotIn("\x1b", text)
        lines = [line for line in text.splitlines() if line.startswith("\u2588")]
        rows = []
        for line in lines:
            rows.append([c not in "\u2588\u2580" for c in line])
            rows.append([c not in "\u2588\u2584" for c in line])
        self.assertEqual(re.search(LINK, text).group(), self.read_code(rows[:len(rows[0])]))


if __name__ == "__main__":
    lethectl_case.LETHECTL, lethectl_case.SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
