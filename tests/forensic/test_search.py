# SPDX-License-Identifier: AGPL-3.0-or-later
"""The canary search finds what is planted, in every form and place, and nothing else."""
import base64
import os
import pathlib
import tempfile
import unittest
import urllib.parse

import canary


class Search(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = pathlib.Path(holder.name)
        (self.root / "deep" / "er").mkdir(parents=True)

    def planted(self, data, name="deep/er/file"):
        (self.root / name).write_bytes(os.urandom(5000) + data + os.urandom(5000))
        return canary.search([self.text], self.root)

    def test_every_way_to_write_a_canary_is_found(self):
        self.text = canary.make("body")
        raw = self.text.encode()
        ways = {"raw": raw, "in a sentence": b"<body>" + raw + b"</body>", "upper": raw.upper(), "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(),
                "utf-16-le": self.text.encode("utf-16-le"), "utf-16-be": self.text.encode("utf-16-be"),
                "percent": "".join(f"%{b:02X}" for b in raw).encode(), "quoted": urllib.parse.quote(self.text).encode(),
                "json": "".join(f"\\u{ord(c):04x}" for c in self.text).encode()}
        for before in range(7):
            for after in range(7):
                for encode in (base64.b64encode, base64.urlsafe_b64encode):
                    ways[f"{encode.__name__} {before} {after}"] = encode(os.urandom(before) + raw + os.urandom(after))
                ways[f"base64 {before} {after} of UTF-8 text"] = base64.b64encode(b"{'" * before + raw + b"'}" * after)
        for way, data in ways.items():
            with self.subTest(way):
                self.assertTrue(self.planted(data))

    def test_every_length_of_canary_is_found_in_base64(self):
        for length in range(12, 40):
            self.text = canary.make("x" * length)
            for before in range(3):
                for after in range(3):
                    self.assertTrue(self.planted(base64.b64encode(b"\xff" * before + self.text.encode() + b"\xff" * after)), (length, before, after))

    def test_a_file_name_is_searched_too(self):
        self.text = canary.make("name")
        self.assertTrue(self.planted(b"", name=f"deep/{self.text}.mdb"))
        self.assertFalse(canary.search([canary.make("name")], self.root))

    def test_addresses(self):
        self.text = ""
        for data in (b"127.77.66.55", bytes([127, 77, 66, 55]) + bytes(12), b"\xff\xff" + bytes([127, 77, 66, 55])):
            (self.root / "file").write_bytes(os.urandom(100) + data)
            self.assertTrue(canary.search([], self.root, extra=[("address", canary.address_forms("127.77.66.55"))]), data)

    def test_random_data_holds_no_canary(self):
        (self.root / "file").write_bytes(os.urandom(1 << 22))
        self.assertEqual([], canary.search([canary.make("x") for _ in range(20)], self.root))

    def test_nearly_is_not_found(self):
        self.text = canary.make("body")
        self.assertEqual([], self.planted(self.text[:-1].encode() + b"!"))

    def test_an_empty_place_is_an_error_and_not_a_clean_one(self):
        with self.assertRaises(AssertionError):
            canary.search(["x"], self.root)


if __name__ == "__main__":
    unittest.main(verbosity=2)
