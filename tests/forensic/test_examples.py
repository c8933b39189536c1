# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every file in policy-examples/ is valid, and is enforced by a server that runs it with its times scaled down.

The rule: of all spans in a file the shortest becomes 6 seconds, the next longer one 12, and so on; "0" and "unlimited" stay. So what
lasted longer than something else still does, and what was equal still is.
"""
import re
import time
import tomllib
import unittest

from lethe_test import SaslFailure, archive
from lethe_test.client import Client
from lethe_test.server import REPOSITORY, Server
from lethe_test.waiting import until

INFO = "http://jabber.org/protocol/disco#info"
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SPAN = re.compile(r"(\d+)(s|min|h|d|w)")
STEP = 6
EXAMPLES = sorted((REPOSITORY / "policy-examples").glob("*.toml"))


def spans(value):
    """The spans of a policy, in seconds."""
    if isinstance(value, dict):
        return {s for v in value.values() for s in spans(v)}
    if isinstance(value, list):
        return {s for v in value for s in spans(v)}
    match = SPAN.fullmatch(value) if isinstance(value, str) else None
    return {int(match[1]) * UNITS[match[2]]} if match else set()


def scaled(value, ranks):
    if isinstance(value, dict):
        return {k: scaled(v, ranks) for k, v in value.items()}
    if isinstance(value, list):
        return [scaled(v, ranks) for v in value]
    match = SPAN.fullmatch(value) if isinstance(value, str) else None
    return f"{ranks[int(match[1]) * UNITS[match[2]]]}s" if match else value


def field_kinds():
    """{event: {field: kind}}, as retention/LOG.md documents it."""
    out, event = {}, None
    for line in (REPOSITORY / "retention" / "LOG.md").read_text().splitlines():
        cells = [c.strip(" `") for c in line.strip("|").split("|")]
        if len(cells) != 5 or cells[0] == "event" or set(cells[0]) == {"-"}:
            continue
        event = cells[0] or event
        out.setdefault(event, {})
        if cells[2]:
            out[event][cells[2]] = cells[3]
    return out


class Example:
    """A server that runs one file, and what it does with what people send through it."""

    def __init__(self, case, path):
        self.case, self.policy = case, tomllib.loads(path.read_text())
        ranks = {span: STEP * (n + 1) for n, span in enumerate(sorted(spans(self.policy)))}
        self.policy = scaled(self.policy, ranks)
        self.server = Server(init=False)
        case.addCleanup(self.server.remove)
        self.server.policy = self.policy
        self.server.init()

    def keep(self, *path):
        value = self.policy
        for name in path:
            value = value.get(name, {})
        return value or None

    def stored(self, cls):
        return self.keep(cls, "keep") != "0"

    def files(self, cls):
        return set((self.server.data / "buckets" / cls).glob("*.mdb"))

    def log_files(self):
        return set((self.server.data / "log").glob("*.log"))

    def client(self, account):
        return Client(self.server, account).login("r")

    # The course of things ------------------------------------------------------------------------------------------

    def run(self):
        self.alice, self.bob = self.server.add_account("alice"), self.server.add_account("bob")
        self.server.start()
        try:
            self.use()
            self.check_log_lines()
            self.check_ends()
        finally:
            self.server.stop()

    def use(self):
        wrong = Client(self.server, self.alice)
        wrong.secure()
        try:
            wrong.authenticate(password="wrong")
        except SaslFailure:
            wrong.drop()
        alice = self.client(self.alice)
        alice.goes_online()
        self.sent = time.monotonic()
        alice.sends(f"<message to='{self.alice.jid}' type='chat' id='self'><body>to myself</body></message>")
        alice.sends(f"<message to='{self.bob.jid}' type='chat' id='away'><body>to the absent</body></message>")
        alice.sends(f"<presence to='{self.bob.jid}' type='subscribe'/>")
        alice.collect()
        self.check_offer(alice)
        found = {e.message.get("id") for e in archive.everything(alice)}
        if not self.stored("archive"):
            self.case.assertEqual(set(), found)
        elif time.monotonic() < self.sent + STEP - 2:  # a slow machine may have let the shortest span pass
            self.case.assertEqual({"self", "away"}, found)
        alice.leaves()
        self.used = {cls: self.files(cls) for cls in ("archive", "letterbox", "subscriptions")}
        self.logs = self.log_files()
        for cls, files in self.used.items():
            self.case.assertLessEqual(bool(files), self.stored(cls), f"{cls} is not declared as stored: {files}")
            if self.keep(cls, "keep") == "unlimited":
                self.case.assertTrue(files, f"{cls} is declared as stored")

    def check_offer(self, client):
        """What the file promises is what service discovery says, the choices among it."""
        answer = client.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
        forms = [{f.get("var"): [v.text for v in f.findall("{jabber:x:data}value")] for f in x} for x in answer.findall("{jabber:x:data}x")]
        figures = next(f for f in forms if f["FORM_TYPE"] == ["urn:x-lethe:policy:0"])
        for cls in ("archive", "letterbox", "log"):
            self.case.assertEqual([self.keep(cls, "keep")], figures[cls], cls)
        self.case.assertEqual(self.policy["archive"].get("choices", []), figures.get("archive-choices", []))

    def check_log_lines(self):
        kinds = field_kinds()
        lines = self.server.stderr().splitlines() + [line for f in self.log_files() for line in f.read_text().splitlines()]
        for line in lines:
            _, event, *fields = line.split(" ")
            rules = {**self.policy["log"], **(self.keep("log", event) or {})}
            self.case.assertNotEqual("0", rules["keep"], f"this event is not declared: {line}")
            for field in fields:
                name, _, value = field.partition("=")
                kind = kinds[event][name]
                if kind not in ("address", "account", "peer"):
                    continue
                form = {"none": "(?!)", "network": r".*/(24|48|40)", "pseudonym": "~[0-9a-f]{16}", "full": ".*"}[rules.get(kind, "none")]
                self.case.assertRegex(value, f"^{form}$", f"{name} is not declared so: {line}")
        text = "\n".join(lines)
        self.case.assertNotIn(self.alice.local, text)
        self.case.assertNotIn(self.bob.local, text)
        self.case.assertEqual(self.keep("log", "keep") != "0", bool(lines))

    def check_ends(self):
        for cls, files in self.used.items():
            if self.keep(cls, "keep") == "unlimited":
                continue
            until(lambda: not files & self.files(cls), f"the end of {cls}")
        until(lambda: not self.logs & self.log_files(), "the end of the log files")
        for cls, files in self.used.items():
            if self.keep(cls, "keep") == "unlimited":
                self.case.assertLessEqual(files, self.files(cls))
        bob = self.client(self.bob)
        got = [s.get("id") for s in bob.goes_online() if s.name == "message"]
        self.case.assertEqual(["away"] if self.keep("letterbox", "keep") == "unlimited" else [], got)
        alice = self.client(self.alice)
        left = {e.message.get("id") for e in archive.everything(alice)}
        self.case.assertEqual({"self", "away"} if self.keep("archive", "keep") == "unlimited" else set(), left)
        for client in (alice, bob):
            client.leaves()


class Examples(unittest.TestCase):
    def test_the_operators_are_all_there(self):
        names = {p.stem for p in EXAMPLES}
        self.assertLessEqual({"default", "demo", "nothing-stored", "small-strict", "large-public", "association", "transparent"}, names)

    def test_every_file_is_valid_and_makes_a_page(self):
        server = Server(init=False)
        self.addCleanup(server.remove)
        for path in EXAMPLES:
            with self.subTest(path.stem):
                server.ctl("policy", "check", path)
                self.assertIn("<!DOCTYPE html>", server.ctl("policy", "render", "--html", path).stdout)
                self.assertEqual(0, server.ctl("policy", "diff", path, path).returncode)


def add_tests():
    for path in EXAMPLES:
        setattr(Examples, f"test_{path.stem.replace('-', '_')}_is_enforced", lambda self, path=path: Example(self, path).run())


add_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
