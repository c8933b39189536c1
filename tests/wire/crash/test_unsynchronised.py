# SPDX-License-Identifier: AGPL-3.0-or-later
"""A server on a machine whose clock follows no other yet: it serves, destroys nothing, and says so, until the clock is synchronised or ten
minutes have passed since its start.

What the kernel says of its clock, and the time since the machine's start, come from a file (fake_clock.cpp).
"""
import json
import time
import unittest

from lethe_test import Client, archive, ledger
from lethe_test.server import BUILD
from lethe_test.template import ready_server
from lethe_test.waiting import until

CLASSES = ("archive", "letterbox", "subscriptions")
POLICY = {**{name: {"keep": "4s"} for name in CLASSES}, "log": {"keep": "24h"}}
TEN_MINUTES = 600


class Unsynchronised(unittest.TestCase):
    def setUp(self):
        self.server, pool = ready_server(POLICY, {"clock": {"wait_for_sync": True}})
        self.addCleanup(self.server.remove)
        self.alice, self.bob = pool.pop(), pool.pop()
        self.clock = self.server.directory / "clock"
        self.say(synchronised=False)
        self.server.environment = {"LD_PRELOAD": str(BUILD / "tests" / "wire" / "crash" / "libfake_clock.so"), "LETHE_TEST_CLOCK": str(self.clock)}

    def say(self, synchronised, ahead=0):
        new = self.clock.with_suffix(".new")
        new.write_text(f"{int(synchronised)} {ahead}\n")
        new.rename(self.clock)

    def session(self, account):
        client = Client(self.server, account)
        self.addCleanup(client.drop)
        return client.login("r")

    def files(self):
        return {str(p.relative_to(self.server.data)) for p in (self.server.data / "buckets").rglob("*.mdb")}

    def write(self):
        writer = self.session(self.alice).enable_sm()
        writer.sends(f"<message to='{self.bob.jid}' type='chat' id='m'><body>m</body></message>")
        writer.all_acked()
        writer.drop()
        files = self.files()
        self.assertTrue(files)
        return files

    def archived(self):
        return [e.message.get("id") for e in archive.everything(self.session(self.bob))]

    def status(self):
        return json.loads(self.server.ctl("status", "--json", expect=None).stdout)

    def swept(self):
        return [line for line in ledger.lines((self.server.data / "ledger.jsonl").read_bytes()) if line["event"] == "swept"]

    def overdue(self):
        """Something is due, and nothing happens to it."""
        files = self.write()
        until(lambda: self.status()["overdue"] > 0, "the deadline")
        self.assertEqual("not synchronised", self.status()["clock"])
        self.assertEqual([], self.archived(), "what is overdue is not served")
        self.assertIn("not synchronised", self.server.ctl("sweep", expect=1).stderr)
        self.assertLessEqual(files, self.files())
        self.assertEqual([], self.swept())
        log = "".join(file.read_text() for file in (self.server.data / "log").iterdir())
        self.assertIn("clock_alarm problem=clock_not_synchronised", log)
        return files

    def destroyed(self, files):
        until(lambda: not files & self.files(), "the end of what was overdue")
        self.assertEqual("good", self.status()["clock"])
        until(self.swept, "the ledger's line")

    def test_destruction_waits_for_a_synchronised_clock(self):
        self.server.start()
        files = self.overdue()
        self.say(synchronised=True)
        self.destroyed(files)

    def test_destruction_waits_for_ten_minutes_and_no_longer(self):
        self.server.start()
        files = self.overdue()
        self.say(synchronised=False, ahead=TEN_MINUTES - 60)
        time.sleep(3)  # the sweeper looks at the clock every second
        self.assertEqual("not synchronised", self.status()["clock"])
        self.assertLessEqual(files, self.files())
        self.say(synchronised=False, ahead=TEN_MINUTES)
        self.destroyed(files)

    def test_at_a_start_too(self):
        self.say(synchronised=True)
        self.server.start()
        files = self.write()
        self.server.kill()
        self.say(synchronised=False)
        self.server.start()
        until(lambda: self.status()["overdue"] > 0, "the deadline")
        self.assertLessEqual(files, self.files(), "the listeners are open, and nothing was destroyed before")
        self.assertEqual("not synchronised", self.status()["clock"])
        self.server.stop()
        self.say(synchronised=True)
        self.server.start()
        self.destroyed(files)

    def test_who_declares_the_clock_right_ends_the_wait(self):
        self.server.start()
        files = self.overdue()
        self.server.ctl("clock", "accept")
        self.destroyed(files)

    def test_wait_for_sync_can_be_switched_off(self):
        self.server.config = {**self.server.config, "clock": {"wait_for_sync": False}}
        self.server.configure()
        self.server.start()
        self.destroyed(self.write())


if __name__ == "__main__":
    unittest.main(verbosity=2)
