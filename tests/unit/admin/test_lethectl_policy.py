# SPDX-License-Identifier: AGPL-3.0-or-later
"""lethectl policy diff, show and render."""
import html.parser
import json
import os
import sys
import unittest

import lethectl_case
from lethectl_case import LethectlCase, PlayedServer, run

SERVICE = '[service]\nname = "A"\noperator = "B"\ncontact = ["mailto:a@b.example"]\n'


def policy(archive="7d", letterbox="14d", notice="14d", extra=""):
    return (SERVICE + f'{extra}[archive]\nkeep = "{archive}"\n[letterbox]\nkeep = "{letterbox}"\n[log]\nkeep = "0"\n'
            f'[change]\nnotice = "{notice}"\n')


class Diff(LethectlCase):
    def diff(self, before, after, *options):
        return run("policy", "diff", *options, self.write("old.toml", before), self.write("new.toml", after))

    def test_tighter_is_0_and_looser_is_1(self):
        for before, after, code, lines in (
                (policy("7d"), policy("1w"), 0, ["The two policies mean the same."]),
                (policy("7d"), policy("1d"), 0, ['tighter     archive.keep: "7d" -> "1d"', "Nothing is looser: the new policy acts at once."]),
                (policy("1d"), policy("7d"), 1, ['looser      archive.keep: "1d" -> "7d"',
                                                 "What is looser takes effect 14 days after it is announced; the rest acts at once."]),
                (policy("1d", notice="0"), policy("7d", notice="0"), 1,
                 ['looser      archive.keep: "1d" -> "7d"', "Something is looser, and the old policy promises no notice: all of it acts at once."]),
                (policy(), policy(extra='jurisdiction = "EU"\n'), 1,
                 ['looser      service.jurisdiction: (not set) -> "EU"', "What is looser takes effect 14 days after it is announced; the rest acts at once."])):
            done = self.diff(before, after)
            self.assertEqual((done.code, done.out.splitlines(), done.err), (code, lines, ""), done)

    def test_the_same_as_json(self):
        done = self.diff(policy("7d", "7d"), policy("1d", "14d"), "--json")
        self.assertEqual((done.code, done.err), (1, ""), done)
        self.assertEqual(json.loads(done.out), {"looser": True, "notice": "14d", "changes": [
            {"key": "archive.keep", "from": '"7d"', "to": '"1d"', "direction": "tighter"},
            {"key": "letterbox.keep", "from": '"7d"', "to": '"14d"', "direction": "looser"}]})

    def test_a_file_with_mistakes_is_2_and_explained(self):
        done = self.diff(policy(), policy("7 days"))
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertIn("new.toml:6:8: archive.keep", done.err)
        self.assertEqual(run("policy", "diff", "/nonexistent", self.path("old.toml")).code, 2)


class Page(html.parser.HTMLParser):
    """Every element is closed in its turn; tells which there were."""

    VOID = {"meta", "rect"}

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.wrong = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


class Render(LethectlCase):
    def test_three_forms_of_one_file(self):
        file = self.write("policy.toml", policy(extra='languages = ["en", "de"]\n'))
        for options, first in (((), "A: what is stored"), (("--text",), "A: what is stored"), (("--markdown",), "# A: what is stored"), (("--html",), "<!DOCTYPE html>")):
            done = run("policy", "render", *options, file)
            self.assertEqual((done.code, done.err), (0, ""), done)
            self.assertTrue(done.out.startswith(first), done.out[:100])
            for part in ("7 days", "7 Tage"):
                self.assertIn(part, done.out)
        self.assertEqual(run("policy", "render", "--html", "--text", file).code, 2)
        self.assertEqual(run("policy", "render", self.path("missing.toml")).code, 2)

    def test_every_example_makes_a_well_formed_page_that_a_screen_reader_can_read(self):
        folder = os.path.join(lethectl_case.SOURCE, "policy-examples")
        for name in sorted(os.listdir(folder)):
            page = Page(run("policy", "render", "--html", os.path.join(folder, name)).out)
            self.assertEqual(([], []), (page.open, page.wrong), name)
            tags = [tag for tag, _ in page.seen]
            self.assertLessEqual({"html", "title", "main", "h1", "h2", "table", "caption", "th", "svg", "desc"}, set(tags))
            self.assertNotIn("script", tags)
            ids = [attrs["id"] for _, attrs in page.seen if "id" in attrs]
            self.assertEqual(len(set(ids)), len(ids), name)
            for tag, attrs in page.seen:
                if tag == "th":
                    self.assertIn(attrs.get("scope"), ("row", "col"))
                if tag == "svg":
                    self.assertEqual("img", attrs["role"])
                    self.assertLessEqual(set(attrs["aria-labelledby"].split()), set(ids))
                if tag in ("section", "html"):
                    self.assertIn(attrs["lang"], ("en", "de"))


class Show(LethectlCase):
    def test_before_a_first_start_nothing_is_in_force(self):
        self.init()
        self.refused(1, "no server has run with this data directory yet, so no policy is in force; start it, or look at the file itself", "policy", "show")

    def test_what_the_server_says(self):
        self.init()
        reply = {"ok": True, "in_force": policy("7d"), "in_force_hash": "x", "announced": policy("30d"), "announced_hash": "y",
                 "announced_at": "2026-11-22T18:00:00.000000Z", "effective_at": "2026-12-06T18:00:00.000000Z", "serial": 3}
        plain = {"ok": True, "in_force": policy("7d"), "in_force_hash": "x", "serial": 0}
        with PlayedServer(self.data, [reply, reply, reply, plain]) as server:
            shown = json.loads(self.ctl("policy", "show", "--json").out)
            words = self.ctl("policy", "show")
            page = self.ctl("policy", "render")
            quiet = self.ctl("policy", "show").out
        self.assertEqual([{"command": "policy show"}] * 4, server.requests)
        self.assertEqual((policy("7d"), policy("30d"), 3), (shown["in_force"]["text"], shown["announced"]["text"], shown["serial"]))
        self.assertEqual("2026-12-06T18:00:00.000000Z", shown["announced"]["effective_at"])
        self.assertEqual(["archive.keep"], [c["key"] for c in shown["announced"]["changes"]])
        self.assertEqual(0, words.code)
        self.assertIn(policy("7d"), words.out)
        self.assertIn('looser      archive.keep: "7d" -> "30d"', words.out)
        self.assertIn("in force from 2026-12-06 at 18:00 UTC", page.out)
        self.assertIn("Announced  nothing", quiet)


if __name__ == "__main__":
    lethectl_case.LETHECTL, lethectl_case.SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
