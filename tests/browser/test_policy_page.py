#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The policy page as people see it: phone and desktop, light and dark, English and German, on paper, and of policies that nobody expects."""
import pathlib
import re
import subprocess
import unittest

from browser import DESKTOP, PHONE, Browser
from lethe_test import main
from lethe_test.http import HttpCase
from lethe_test.server import LETHECTL, POLICY
from lethe_test.toml import dumps
from lethe_test.waiting import until

BOTH = {"service": {"languages": ["en", "de"]}, "archive": {"keep": "7d", "choices": ["7d", "1d", "0"]}, "change": {"notice": "14d"}}
LONG = "a-name-without-any-place-to-break-it-" * 6
EVENTS = ["server_started", "login", "login_failed", "session_closed", "account_created", "password_changed", "bucket_destroyed", "storage_alarm", "letterbox_full"]
EXTREME = {
    "long": {"service": {"name": "The café of everybody who ever lived beside the river, " * 4, "operator": LONG, "languages": ["de", "en"],
                         "contact": [f"xmpp:{LONG}@chat.example", f"mailto:{LONG}@chat.example", f"https://chat.example/{LONG}", "xmpp:admin@chat.example"],
                         "jurisdiction": "whatever " * 50, "terms_url": f"https://chat.example/{LONG}"},
             "archive": {"keep": "1825d", "choices": ["1825d", "99d", "10min"]}, "letterbox": {"keep": "10min"}, "subscriptions": {"keep": "unlimited"},
             "log": {"keep": "52w", **{event: {"keep": f"{i + 1}s" if i % 2 else f"{i + 1}h"} for i, event in enumerate(EVENTS)}}},
    "nothing": {"archive": {"keep": "0"}, "letterbox": {"keep": "0"}, "subscriptions": {"keep": "0"}, "log": {"keep": "0"}},
    "second": {"archive": {"keep": "1s"}, "letterbox": {"keep": "1s"}, "subscriptions": {"keep": "1s"}, "log": {"keep": "1s"}},
}

# The boxes of the picture's texts and bars, and what of them lies outside or on another text.
OVERLAPS = """const box = e => e.getBoundingClientRect(), found = [];
for (const svg of document.querySelectorAll('svg')) {
  const texts = [...svg.querySelectorAll('text')], outer = box(svg);
  for (const [i, one] of texts.entries()) {
    const a = box(one);
    if (a.left < outer.left - 1 || a.right > outer.right + 1 || a.bottom > outer.bottom + 1) found.push('outside: ' + one.textContent);
    for (const other of texts.slice(i + 1)) {
      const b = box(other);
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4) found.push(one.textContent + ' / ' + other.textContent);
    }
  }
}
return found"""


def setUpModule():
    Shown.browser = Browser()
    unittest.addModuleCleanup(Shown.browser.quit)


class Shown:
    """What every page is asked for."""

    browser = None

    def assert_fine(self, name):
        page = self.browser
        page.screenshot(name)
        self.assertEqual([], page.axe())
        self.assertEqual([], page.complaints())
        self.assertEqual(0, page.too_wide(), "the page must not be scrolled sideways")
        self.assertEqual([], page.script(OVERLAPS))


class PolicyPage(Shown, HttpCase):
    policy = BOTH

    def open(self, path, **how):
        self.browser.look(**how)
        return self.browser.open("http://%s:%d%s" % (*self.plain, path))

    def test_it_is_accessible_in_every_shape(self):
        for language in ("en", "de"):
            for name, size in (("phone", PHONE), ("desktop", DESKTOP)):
                for dark in (False, True):
                    shape = f"policy-{language}-{name}-{'dark' if dark else 'light'}"
                    with self.subTest(shape):
                        self.open("/policy/" + language, size=size, dark=dark)
                        self.assert_fine(shape)

    def test_it_is_readable_on_a_phone_and_its_colours_are_of_the_scheme(self):
        colours = set()
        for dark in (False, True):
            page = self.open("/policy", size=PHONE, dark=dark)
            colours.add(page.script("return getComputedStyle(document.body).backgroundColor"))
            sizes = page.script("""const scale = document.querySelector('svg').getBoundingClientRect().width / 360;
                return [...document.querySelectorAll('svg text')].map(e => parseFloat(getComputedStyle(e).fontSize) * scale)""")
            self.assertGreater(min(sizes), 11)
        self.assertEqual(2, len(colours), "dark is not light")

    def test_it_prints_whole_and_light(self):
        page = self.open("/policy/de", dark=True, print_media=True)
        page.screenshot("policy-de-print")
        self.assertEqual("none", page.script("return getComputedStyle(document.querySelector('nav')).display"))
        self.assertEqual("rgb(255, 255, 255)", page.script("return getComputedStyle(document.body).backgroundColor"))
        self.assertGreater(len(page.paper("policy-de")), 10000)

    def test_without_its_style_it_is_still_a_document(self):
        page = self.open("/policy/en", size=PHONE)
        page.script("document.querySelector('style').remove()")
        headings = page.script("return [...document.querySelectorAll('h1,h2,h3')].map(e => e.tagName)")
        self.assertEqual(["H1"] + ["H2"] * (len(headings) - 1), headings)
        self.assertEqual(1, page.script("return document.querySelectorAll('main').length"))
        described = page.script("return document.querySelector('svg desc').textContent")
        for part in ("7 days", "1 day", "14 days", "90 days", "anyone with the disk"):
            self.assertIn(part, described)

    def test_the_other_language_is_one_click_away(self):
        page = self.open("/policy/en", size=PHONE)
        page.one("nav a[hreflang=de]").click()
        until(lambda: page.driver.current_url.endswith("/policy/de"), "the German page")
        self.assertEqual("de", page.one("html").get_attribute("lang"))
        page = self.open("/policy", language="de-AT")
        self.assertEqual("de", page.one("html").get_attribute("lang"))

    def test_what_changed_is_there_with_its_date(self):
        self.server.set_policy({"archive": {"keep": "30d", "choices": ["30d", "1d", "0"]}})
        self.server.process.send_signal(1)
        self.addCleanup(self.server.process.send_signal, 1)
        self.addCleanup(self.server.set_policy, BOTH)
        until(lambda: b"30 days" in self.get("/policy/en").body and b"announced, to be in force from" in self.get("/policy/en").body, "the announcement")
        for size in (PHONE, DESKTOP):
            page = self.open("/policy/en", size=size)
            self.assert_fine(f"policy-en-announced-{size[0]}")
        text = page.one("main").text
        self.assertRegex(text, r"in force from \d{4}-\d\d-\d\d at \d\d:\d\d UTC")
        self.assertRegex(text, r"\d{4}-\d\d-\d\d at \d\d:\d\d UTC in force from then on")
        self.assertEqual(1, len(re.findall("in force from then on", text)), "one version of the file, however often the server started")


class Extreme(Shown, unittest.TestCase):
    maxDiff = None

    """Pages as `lethectl policy render --html` writes them, from files."""

    def test_unusual_policies_are_shown_as_well(self):
        for name, change in EXTREME.items():
            file, page = (pathlib.Path(self.browser.profile) / f"{name}.{ending}" for ending in ("toml", "html"))
            file.write_text(dumps({**POLICY, **change}))
            made = subprocess.run([LETHECTL, "policy", "render", "--html", file], capture_output=True)
            self.assertEqual("", made.stderr.decode())
            page.write_bytes(made.stdout)
            for size in (PHONE, DESKTOP):
                with self.subTest(name, size=size):
                    self.browser.look(size=size)
                    self.browser.open(page.as_uri())
                    self.assert_fine(f"policy-extreme-{name}-{size[0]}")


if __name__ == "__main__":
    main()
