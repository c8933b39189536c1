# SPDX-License-Identifier: AGPL-3.0-or-later
"""A data directory belongs to one domain."""
import unittest

from lethe_test import Client, Server, main


class Domain(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.remove)
        self.account = self.server.add_account("romeo")
        self.written = self.server.config_file.read_text()
        self.refusal = (f"{self.server.data / 'state.mdb'} was made for another domain than other.example, which {self.server.config_file} names: "
                        "put the old domain back there, or name another data directory")

    def name_another(self):
        text = self.written.replace(f'"{self.server.domain}"', '"other.example"')
        self.assertNotEqual(self.written, text)
        self.server.config_file.write_text(text)

    def test_a_directory_that_was_just_made_is_refused_under_another_domain(self):
        self.name_another()
        self.assertEqual((2, f"lethed: {self.refusal}\n"), self.server.start_refused())
        for command, stdin in ((["account", "add", "mercutio@other.example", "--password-stdin"], "a plague on both"), (["account", "count"], None),
                               (["account", "erase", "romeo@other.example"], None)):
            with self.subTest(command[1]):
                done = self.server.ctl(*command, stdin=stdin, expect=3)
                self.assertEqual(("", f"lethectl: {self.refusal}\n"), (done.stdout, done.stderr))

    def test_with_the_old_domain_everything_is_there_again(self):
        self.server.start().stop()
        self.name_another()
        self.server.start_refused()
        self.server.config_file.write_text(self.written)
        self.server.start()
        Client(self.server, self.account).login("r").leaves()
        self.server.stop()


if __name__ == "__main__":
    main()
