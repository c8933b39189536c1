#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows moved or swapped in sealed form look right from outside. Their owner's next read skips them and raises an alarm; all others come."""
import struct
import unittest

from base import audit, told
from edits import Environment
from lethe_test import WireCase, archive

COUNT = 10
SWAPPED, MOVED = (2, 5), 7


def rearrange(file):
    """In every segment of a log: two rows swap their values, a third goes to a place where there was none."""
    with Environment(file) as env:
        segments = {}
        for key, value in env.rows(b"entries"):
            segments.setdefault(key[:20], []).append((key, value))
        table = env.table(b"entries")
        for rows in segments.values():
            if len(rows) < COUNT:
                continue
            (one, first), (other, second) = (rows[at] for at in SWAPPED)
            env.put(b"entries", one, second)
            env.put(b"entries", other, first)
            key, value = rows[MOVED]
            env.txn.delete(key, db=table)
            env.put(b"entries", key[:20] + struct.pack(">H", 1000), value)
        return sum(len(rows) >= COUNT for rows in segments.values())


class MovedRows(WireCase):
    policy = {"log": {"keep": "24h"}}

    def rest(self):
        return [f"m{n}" for n in range(COUNT) if n not in (*SWAPPED, MOVED)]

    def alarms(self):
        return [line for file in (self.server.data / "log").iterdir() for line in file.read_text().splitlines() if " sealed_row_unreadable " in line]

    def setUp(self):
        super().setUp()
        if not self.server.alive():
            self.server.start()
        self.alice, self.bob = self.accounts(2)
        writer = self.session(self.alice, "w").enable_sm()
        for number in range(COUNT):
            writer.sends(f"<message to='{self.bob.jid}' type='chat' id='m{number}'><body>{number}</body></message>")
        writer.all_acked()
        self.server.stop()
        self.before = len(self.alarms())

    def rearranged(self, cls):
        changed = sum(rearrange(file) for file in (self.server.data / "buckets" / cls).glob("*.mdb"))
        self.assertTrue(changed)
        report = audit(self.server.data, self.server.config_dir / "policy.toml")
        self.assertEqual("", told(report), "from outside nothing shows")
        self.server.start()

    def test_in_the_archive(self):
        self.rearranged("archive")
        client = self.session(self.bob, "r")
        self.assertEqual(self.rest(), [entry.message.get("id") for entry in archive.everything(client)])
        self.assertGreater(len(self.alarms()), self.before)

    def test_among_what_waits_for_an_absent_account(self):
        self.rearranged("letterbox")
        client = self.session(self.bob, "r")
        self.assertEqual(self.rest(), [s.get("id") for s in client.goes_online() if s.name == "message"])
        self.assertGreater(len(self.alarms()), self.before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
