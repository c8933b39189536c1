# SPDX-License-Identifier: AGPL-3.0-or-later
"""A data directory that a real server has used, to be copied and edited; and the audit of one."""
import json
import pathlib
import shutil
import subprocess

from lethe_test import Client, Server
from lethe_test.client import LIMIT
from lethe_test.server import LETHECTL
from lethe_test.waiting import until

POLICY = {
    "archive": {"keep": "24h"}, "letterbox": {"keep": "4s"}, "subscriptions": {"keep": "48h"},
    "log": {"keep": "24h", "address": "none", "account": "pseudonym", "peer": "none", "client": "none"},
}


def audit(data, policy=None, key=None, at=None, expect=(0, 1)):
    """The report as `lethectl audit --json` prints it. Its exit status has to agree with it. `policy`: none for the one in the directory."""
    command = [str(LETHECTL), "audit", str(data), "--json"]
    if policy:
        command += ["--policy", str(policy)]
    if key:
        command += ["--key", key]
    if at:
        command += ["--at", at]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT * 4, stdin=subprocess.DEVNULL)
    if done.returncode not in expect:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
    report = json.loads(done.stdout)
    assert report["holds"] == (done.returncode == 0), "the exit status says what the report says"
    return report


def told(report):
    return "\n".join(f"{f['place']}, {f['detail']}: {f['what']} [{f['check']}]" for f in report["findings"])


class Base:
    """Made once by a real run: accounts, contacts, two archive and two subscriptions buckets, a letterbox bucket that was destroyed and
    of which a copy was put aside, a log, a ledger."""

    def __init__(self):
        self.server = Server(policy=POLICY)
        self.data = self.server.data
        self.policy = self.server.config_dir / "policy.toml"
        self.aside = self.server.directory / "aside"
        self.aside.mkdir()
        accounts = [self.server.add_account(name) for name in ("alice", "bob", "carol")]
        for run in range(2):
            self.server.start()
            self._talk(*accounts, run)
            if run == 0:
                until(lambda: list((self.data / "buckets" / "letterbox").glob("*.mdb")), "a letterbox bucket")
                for file in (self.data / "buckets" / "letterbox").glob("*.mdb"):
                    shutil.copy2(file, self.aside / file.name)
            until(lambda: not list((self.data / "buckets" / "letterbox").iterdir()), "the end of the letterbox buckets")
            self.server.stop()
        shutil.rmtree(self.data / "run", ignore_errors=True)
        self.key = self._ledger_key(self.data)
        self.other = Server(policy=POLICY)
        self.other.start()
        self.other.stop()

    @staticmethod
    def _ledger_key(data):
        return json.loads((data / "ledger.jsonl").read_text().splitlines()[0])["key"]

    def _talk(self, alice, bob, carol, run):
        clients = [Client(self.server, account).login(f"r{run}") for account in (alice, bob)]
        for client in clients:
            client.goes_online()
        writer = clients[0].enable_sm()
        for number in range(30):
            to = (bob, carol)[number % 2]
            writer.sends(f"<message to='{to.jid}' type='chat' id='m{run}-{number}'><body>{'x' * 40 * number}</body></message>")
        writer.sends(f"<presence type='subscribe' to='{carol.jid}'/>")
        for number in range(8):
            writer.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:roster'><item jid='friend{run}{number}@b.example'/></query></iq>")
        writer.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='foe{run}@b.example'/></block></iq>")
        writer.all_acked()
        for client in clients:
            client.leaves()

    def copy(self, to):
        shutil.copytree(self.data, to, symlinks=True)
        return pathlib.Path(to)

    def remove(self):
        self.server.remove()
        self.other.remove()
