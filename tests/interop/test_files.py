# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files (XEP-0363) between two people at Profanity: one sends, the other saves; in plain, and inside OMEMO, where the server gets only ciphertext."""
import pathlib
import re
import unittest

from server import Lethe
from terminal import Terminals
from waiting import wait_until

CONTENT = bytes(range(256)) * 1024  # several chunks of an upload, and no text


class BetweenTwoTerminals(Terminals, unittest.TestCase):
    columns = 400  # an address with a key in one line

    @classmethod
    def setUpClass(cls):
        cls.server = Lethe(web=True, policy={"uploads": {"keep": "7d", "max_size": 1 << 20, "quota_per_day": 8 << 20}})

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        (self.hers, *_), (self.his, *_) = accounts = self.server.account("olga"), self.server.account("milo")
        self.her_home, self.his_home = self.home(), self.home()
        self.milo = self.terminal(accounts[1], self.his_home)
        self.olga = self.terminal(accounts[0], self.her_home)

    def sends(self, name, scheme):
        """From her to him. Returns the address that he sees."""
        file = pathlib.Path(self.her_home, name)
        file.write_bytes(CONTENT)
        self.olga.type(f"/sendfile {file}")
        found = wait_until(lambda: re.search(scheme + rf"://{self.server.ADDRESS}:\S+", self.milo.screen()),
                           lambda: f"an address; she sees:\n{self.olga.screen()}\nhe sees:\n{self.milo.screen()}\nthe server said:\n{self.server.output()}")
        return found.group()

    def saves(self, address):
        saved = pathlib.Path(self.his_home, "saved")
        saved.mkdir()
        self.milo.type(f"/url save {address} {saved}/")
        wait_until(lambda: CONTENT in [file.read_bytes() for file in saved.iterdir()], lambda: f"the file to be saved; he sees:\n{self.milo.screen()}")

    def test_in_plain(self):
        self.olga.type(f"/msg {self.his}")
        self.milo.type(f"/msg {self.hers}")
        self.saves(self.sends("photo.jpg", "https"))

    def test_inside_omemo(self):
        for person in (self.milo, self.olga):
            self.begin(person)
        self.start(self.olga, self.his)
        self.milo.type(f"/msg {self.hers}")
        self.say(self.olga, self.milo, "here it comes")
        self.saves(self.sends("photo.jpg", "aesgcm"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
