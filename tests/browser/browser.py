# SPDX-License-Identifier: AGPL-3.0-or-later
"""Debian's Chromium without a window, driven by Selenium: sizes, colour schemes, print, pictures of pages, and axe-core's judgement.

Screenshots are kept as $LETHE_BUILD/browser/NAME.png.
"""
import base64
import shutil
import tempfile

from selenium import webdriver
from selenium.common.exceptions import SessionNotCreatedException, WebDriverException
from selenium.webdriver.chrome.service import Service

from lethe_test.client import LIMIT
from lethe_test.server import BUILD
from lethe_test.waiting import until

import packages

PHONE = (390, 844)
DESKTOP = (1280, 900)

SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-default-browser-check", "--mute-audio"]
AXE = """const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(
  r => {
    // What lies on a drawing has no background that axe-core could know.
    const drawn = node => document.querySelector(node.target[0])?.closest('svg');
    const undecided = r.incomplete.filter(rule => rule.id == 'color-contrast').map(rule => ({...rule, nodes: rule.nodes.filter(n => !drawn(n))}));
    done({found: [...r.violations, ...undecided], passes: r.passes.length});
  }, e => done({error: String(e)}));"""


class Browser:
    """One browser with a profile of its own; quit() ends it. `hosts`: names that lead to an address, {"chat.example": "127.0.0.1"}; any other
    name leads nowhere, so a page that asks a third party for something fails to get it. Self-signed certificates are accepted."""

    def __init__(self, hosts=None):
        self.profile = tempfile.mkdtemp(prefix="lethe-browser-")
        rules = [f"MAP {name} {address}" for name, address in (hosts or {}).items()] + ["MAP * ~NOTFOUND", "EXCLUDE 127.*", "EXCLUDE localhost"]
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for switch in [*SWITCHES, f"--user-data-dir={self.profile}", f"--host-resolver-rules={', '.join(rules)}"]:
            options.add_argument(switch)
        options.set_capability("acceptInsecureCerts", True)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = self._started(options)
        self.driver.set_page_load_timeout(2 * LIMIT)
        self.driver.set_script_timeout(2 * LIMIT)
        self.look()

    @staticmethod
    def _started(options):
        for last in (False, False, True):  # the driver gives a browser one minute to start, which a loaded machine may need
            try:
                return webdriver.Chrome(service=Service(executable_path="/usr/bin/chromedriver"), options=options)
            except (SessionNotCreatedException, WebDriverException):
                if last:
                    raise
        raise AssertionError("unreachable")

    def quit(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def look(self, size=DESKTOP, dark=False, language="en", print_media=False):
        """How pages are shown from now on; `language` is what is asked for from the next request on."""
        phone = size[0] < 600
        self._devtools("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=phone)
        self._devtools("Emulation.setEmulatedMedia", media="print" if print_media else "screen",
                       features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self._devtools("Network.setUserAgentOverride", userAgent=self.driver.execute_script("return navigator.userAgent"), acceptLanguage=language)

    def _devtools(self, method, **parameters):
        return self.driver.execute_cdp_cmd(method, parameters)

    def open(self, url):
        self.complaints()  # those of the page before are not this one's
        self.driver.get(url)
        return self

    def script(self, text, *arguments):
        """What `text`, the body of a function, returns. A page's own Content-Security-Policy does not hold here."""
        return self.driver.execute_script(text, *arguments)

    def complaints(self):
        """What the console says since the last call: errors, refused content, broken addresses."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def one(self, selector):
        """Waits for the first element that fits."""
        return until(lambda: next(iter(self.driver.find_elements("css selector", selector)), None), f"'{selector}' to be on the page")

    def too_wide(self):
        """How many pixels of the page lie beyond its right edge."""
        return self.script("const page = document.scrollingElement; return page.scrollWidth - page.clientWidth")

    def screenshot(self, name, whole=True):
        """The whole page (up to 12000 pixels of it), or what is in sight."""
        path = BUILD / "browser" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        how = {"captureBeyondViewport": whole}
        if whole:
            area = self._devtools("Page.getLayoutMetrics")["cssContentSize"]
            how["clip"] = {"x": 0, "y": 0, "width": area["width"], "height": min(area["height"], 12000), "scale": 1}
        path.write_bytes(base64.b64decode(self._devtools("Page.captureScreenshot", format="png", **how)["data"]))
        return path

    def paper(self, name):
        """The page as a PDF, kept as $LETHE_BUILD/browser/NAME.pdf."""
        data = base64.b64decode(self._devtools("Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.69)["data"])
        (BUILD / "browser" / f"{name}.pdf").write_bytes(data)
        return data

    def axe(self):
        """What axe-core finds wrong, a sentence each: by all its rules; contrasts that it cannot decide count, unless the text stands in a drawing."""
        self.driver.execute_script((packages.node_modules() / "axe-core" / "axe.min.js").read_text())
        result = self.driver.execute_async_script(AXE)
        assert "error" not in result, result["error"]
        assert result["passes"] > 5, f"axe-core looked at next to nothing: {result}"
        return [f"{rule['id']} ({rule['help']}): {node['target']} {node['html'][:200]}" for rule in result["found"] for node in rule["nodes"]]
