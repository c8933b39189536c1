#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The policy page as people see it: phone and desktop, light and dark, English and German, on paper."""
from browser import DESKTOP, PHONE, Browser
from lethe_test import main
from lethe_test.http import HttpCase

BOTH = {"service": {"languages": ["en", "de"]}, "archive": {"keep": "7d", "choices": ["7d", "1d", "0"]}, "change": {"notice": "14d"}}


class PolicyPage(HttpCase):
    policy = BOTH

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def open(self, path, **how):
        self.browser.look(**how)
        return self.browser.open("http://%s:%d%s" % (*self.plain, path))

    def test_it_is_accessible_in_every_shape(self):
        for language in ("en", "de"):
            for name, size in (("phone", PHONE), ("desktop", DESKTOP)):
                for dark in (False, True):
                    shape = f"policy-{language}-{name}-{'dark' if dark else 'light'}"
                    with self.subTest(shape):
                        page = self.open("/policy/" + language, size=size, dark=dark)
                        page.screenshot(shape)
                        self.assertEqual([], page.axe())
                        self.assertEqual([], page.complaints())
                        self.assertEqual(0, page.too_wide(), "the page must not be scrolled sideways")


if __name__ == "__main__":
    main()
