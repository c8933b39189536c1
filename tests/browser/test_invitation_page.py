#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A newcomer follows the link of an invitation: phone and desktop, light and dark, English and German."""
import json

from browser import DESKTOP, PHONE, Browser
from lethe_test import main
from lethe_test.http import HttpCase


class InvitationPage(HttpCase):
    policy = {"service": {"languages": ["en", "de"]}, "accounts": {"registration": "invite"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def open(self, path, **how):
        self.browser.look(**how)
        return self.browser.open("http://%s:%d%s" % (*self.plain, path))

    def looks_right(self, path, name):
        for language in ("en", "de"):
            for width, size in (("phone", PHONE), ("desktop", DESKTOP)):
                for dark in (False, True):
                    shape = f"{name}-{language}-{width}-{'dark' if dark else 'light'}"
                    with self.subTest(shape):
                        page = self.open(path, size=size, dark=dark, language=language)
                        page.screenshot(shape)
                        self.assertEqual([], page.axe())
                        self.assertEqual([], [c for c in page.complaints() if "404" not in str(c)])
                        self.assertEqual(0, page.too_wide(), "the page must not be scrolled sideways")

    def test_it_is_accessible_in_every_shape_and_leads_into_a_client(self):
        uri = json.loads(self.server.ctl("invite", "--uses", "2", "--json").stdout)["uri"]
        path = "/i/" + uri.rpartition("=")[2]
        self.looks_right(path, "invitation")
        page = self.open(path, language="en")
        self.assertEqual("You are invited to localhost.example", page.script("return document.title"))
        self.assertEqual(uri, page.script("return document.querySelector('a.join').getAttribute('href')"))
        self.assertGreater(page.script("return document.querySelector('svg path').getBBox().width"), 20)
        self.assertEqual("rgb(11, 79, 138)", page.script("return getComputedStyle(document.querySelector('a.join')).backgroundColor"))

    def test_a_link_that_is_used_up_leads_to_a_page_that_says_so(self):
        self.looks_right("/i/" + "0" * 32, "no-invitation")


if __name__ == "__main__":
    main()
