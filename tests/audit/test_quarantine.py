#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A bucket whose pages are damaged does not keep the server from starting: it is left out with an alarm, everything else is served, and it is
destroyed at its deadline like any other."""
import json
import os
import unittest

from base import audit, until
from lethe_test import WireCase, archive
from lmdb_pages import PAGE, tree_pages


class Quarantine(WireCase):
    policy = {"archive": {"keep": "24s"}, "log": {"keep": "24h"}}

    def buckets(self):
        return sorted((self.server.data / "buckets" / "archive").glob("*.mdb"))

    def say(self, sender, to, text):
        writer = self.session(sender, "w").enable_sm()
        writer.sends(f"<message to='{to.jid}' type='chat' id='{text}'><body>{text}</body></message>")
        writer.all_acked()
        writer.leaves()

    def test_a_damaged_bucket(self):
        alice, bob = self.accounts(2)
        self.say(alice, bob, "first")
        self.server.stop()
        damaged, = self.buckets()
        self.server.start()
        self.say(alice, bob, "second")
        self.server.stop()
        content = bytearray(damaged.read_bytes())
        for page in tree_pages(bytes(content)):
            content[page * PAGE:(page + 1) * PAGE] = os.urandom(PAGE)
        damaged.write_bytes(content)
        report = audit(self.server.data, self.server.config_dir / "policy.toml")
        self.assertEqual({f"buckets/archive/{damaged.name}"}, {f["place"] for f in report["findings"] if f["check"] == "whole"})

        self.server.start()
        self.assertEqual(["second"], [e.message.get("id") for e in archive.everything(self.session(bob, "r"))])
        status = self.server.ctl("status", "--json", expect=1)
        self.assertEqual((1, 1), (json.loads(status.stdout)["quarantined"], json.loads(status.stdout)["alarms"]))
        log = "".join(file.read_text() for file in (self.server.data / "log").iterdir())
        self.assertIn("bucket_unreadable", log)
        until(lambda: not damaged.exists(), "the end of the damaged bucket")


if __name__ == "__main__":
    unittest.main(verbosity=2)
