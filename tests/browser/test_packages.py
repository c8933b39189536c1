#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the lock file of the browser's packages may say."""
import json
import unittest

import packages


class Lock(unittest.TestCase):
    def test_it_pins_the_bytes_of_each_package_and_names_no_registry(self):
        wanted = json.loads((packages.HERE / "package.json").read_text())["dependencies"]
        locked = {name: entry for name, entry in packages.lock_file()["packages"].items() if name}
        self.assertEqual({"node_modules/" + name: version for name, version in wanted.items()},
                         {name: entry["version"] for name, entry in locked.items()})
        for name, entry in locked.items():
            self.assertTrue(entry["integrity"].startswith("sha512-"), name)
            self.assertNotIn("resolved", entry, name)

    def test_they_are_installed(self):
        for file in ("axe-core/axe.min.js", "converse.js/dist/converse.min.js"):
            self.assertTrue((packages.node_modules() / file).is_file(), file)


if __name__ == "__main__":
    unittest.main(verbosity=2)
