# SPDX-License-Identifier: AGPL-3.0-or-later
"""Converse.js as its users have it: a page of somebody else's, from another origin than the server's, that knows nothing but the domain."""
import functools
import http.server
import pathlib
import sys
import threading
import types

from selenium.common.exceptions import WebDriverException

import packages
from browser import Browser
from lethe_test.waiting import until

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from person import Person  # noqa: E402

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Converse.js</title><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/converse.min.css"></head>
<body class="converse-fullscreen"><script type="module">
import "/converse.min.js";
converse.initialize({view_mode: "fullscreen", authentication: "login", assets_path: "/", i18n: "en", auto_away: 0, allow_registration: false, allow_url_history_change: false,
                     play_sounds: false, show_desktop_notifications: false, clear_cache_on_logout: true, theme: "classic", loglevel: "warn"});
</script></body></html>
"""


class Pages(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_):
        pass


class Site:
    """Where that page lies, until close()."""

    def __init__(self, host):
        files = packages.node_modules() / "converse.js" / "dist"
        self.server = http.server.ThreadingHTTPServer((host, 0), functools.partial(Pages, directory=files))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://%s:%d/" % self.server.server_address

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class WebClient:
    """A browser with that page; the domain leads to `address` (host, port). close() ends it."""

    def __init__(self, site, domain, address):
        self.site = site
        self.browser = Browser({domain: "%s:%d" % address})

    def close(self):
        self.browser.quit()

    def opens(self):
        self.browser.open(self.site.url)

    def logs_in(self, jid, password):
        for field, text in (("input[name=jid]", jid), ("input[name=password]", password)):
            self.type(field, text)
        self.click("converse-login-form button[type=submit]")
        self.browser.one("converse-roster")

    def type(self, selector, text):
        self.doing(selector, lambda element: element.send_keys(text))

    def gives(self, selector, path):
        """A file, to a field that need not be in sight."""
        self.type(selector, path)

    def click(self, selector):
        self.doing(selector, lambda element: element.click())

    def doing(self, selector, action):
        """A page made by scripts may replace an element between finding and using it."""
        def done():
            for element in self.browser.driver.find_elements("css selector", selector):
                try:
                    action(element)
                    return True
                except WebDriverException:
                    pass
            return False
        until(done, f"'{selector}' to be used")

    def texts(self, selector):
        return self.browser.script("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", selector)

    def reads(self, *texts):
        until(lambda: [t for t in self.texts(".chat-msg__text") if t in texts] == list(texts), f"{texts} to be on the page")


def person(server, account):
    """Somebody at slixmpp, for `async with`."""
    place = types.SimpleNamespace(ADDRESS=server.address[0], port=server.address[1], port_tls=server.address_tls[1], certificate=server.config_dir / "tls" / "cert.pem")
    return Person(place, account.jid, account.password)
