# SPDX-License-Identifier: AGPL-3.0-or-later
"""A server that must not start says why in one sentence that names the file and the remedy, and harms nothing."""
import os
import resource
import shutil
import socket
import subprocess
import unittest

from lethe_test import Client, Server, main
from lethe_test.server import LETHECTL, LETHED, LIMIT


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.remove)
        cls.account = cls.server.add_account("owner")
        cls.key = cls.server.config_dir / "node.key"
        cls.saved = cls.server.directory / "saved"
        shutil.copytree(cls.server.config_dir, cls.saved / "config")
        shutil.copytree(cls.server.data, cls.saved / "data")

    def setUp(self):
        for part, place in (("config", self.server.config_dir), ("data", self.server.data)):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self.saved / part, place)

    def assert_refused(self, *names, **how):
        status, text = self.server.start_refused(**how)
        lines = [line for line in text.splitlines() if line.strip()]
        for name in names:
            self.assertIn(str(name), text)
        self.assertLessEqual(len(lines), 3, f"one sentence, not a story: {text}")
        self.assertIn(status, (1, 2, 3))
        return text

    def assert_starts_and_knows_the_account(self):
        self.server.start()
        client = Client(self.server, self.account).login("r")
        client.leaves()
        self.server.stop()

    def test_the_node_key_is_missing(self):
        self.key.unlink()
        self.assert_refused(self.key)
        self.assertFalse(self.key.exists(), "a new key would make everything unreadable")

    def test_the_node_key_is_another_one(self):
        good = self.key.read_bytes()
        self.key.write_bytes(os.urandom(len(good)))
        before = {p: p.read_bytes() for p in self.server.data.rglob("*") if p.is_file() and p.name in ("state.mdb", "keyring")}
        self.assert_refused(self.server.data / "keyring", "node key")
        self.assertEqual(before, {p: p.read_bytes() for p in before})
        self.key.write_bytes(good)
        self.assert_starts_and_knows_the_account()

    def test_the_node_key_is_cut_or_too_long_or_empty(self):
        good = self.key.read_bytes()
        for data in (good[:-1], good + b"\0", b""):
            with self.subTest(len(data)):
                self.key.write_bytes(data)
                self.assert_refused(self.key)

    def test_permissions_that_let_others_read(self):
        for path, mode in ((self.key, 0o644), (self.key, 0o640), (self.server.config_dir, 0o755), (self.server.data, 0o755),
                           (self.server.data / "state.mdb", 0o644), (self.server.data / "keyring", 0o644),
                           (self.server.config_dir / "tls" / "key.pem", 0o644), (self.server.config_file, 0o644)):
            with self.subTest(str(path.relative_to(self.server.directory)), mode=oct(mode)):
                good = path.stat().st_mode
                path.chmod(mode)
                self.assert_refused(path)
                path.chmod(good)
        self.assert_starts_and_knows_the_account()

    def test_the_data_directory_is_missing_or_lacks_a_part(self):
        for part in ("", "state.mdb", "keyring"):
            with self.subTest(part or "everything"):
                self.setUp()
                path = self.server.data / part if part else self.server.data
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                self.assert_refused(self.server.data)

    def test_a_damaged_state(self):
        path = self.server.data / "state.mdb"
        good = path.read_bytes()
        for what, data in (("empty", b""), ("zeros", bytes(len(good))), ("random", os.urandom(len(good))), ("text", b"this is no database\n" * 500),
                           ("cut", good[:4096 + 100])):
            with self.subTest(what):
                path.write_bytes(data)
                self.assert_refused("state.mdb")

    def test_a_damaged_keyring(self):
        path = self.server.data / "keyring"
        good = path.read_bytes()
        for what, data in (("cut", good[:100]), ("zeros", bytes(len(good))), ("random", os.urandom(len(good)))):
            with self.subTest(what):
                path.write_bytes(data)
                self.assert_refused("keyring")

    def test_an_address_that_cannot_be_listened_on(self):
        file = self.server.config_file
        good = file.read_text()
        for key, address in (("c2s", "192.0.2.1:5222"), ("c2s_tls", "%s:%d" % self.server.address_tls)):
            with self.subTest(key), socket.create_server(self.server.address_tls):
                lines = good.splitlines()
                number = next(i for i, line in enumerate(lines) if line.startswith(f"{key} = "))
                lines[number] = f'{key} = ["{address}"]'
                file.write_text("\n".join(lines) + "\n")
                self.assert_refused(f"lethed: {file}:{number + 1}: {key} in [listen]: Cannot listen on {address}: ")

    def test_what_is_no_file_in_the_place_of_one(self):
        """The server neither waits for a FIFO nor reads a device for ever: start_refused() has a limit of time."""
        for path in (self.server.config_file, self.server.config_dir / "policy.toml", self.key, self.server.config_dir / "tls" / "cert.pem",
                     self.server.config_dir / "tls" / "key.pem", *(self.server.data / name for name in ("lock", "keyring", "state.mdb", "ledger.jsonl"))):
            good = path.read_bytes() if path.exists() else None
            path.unlink(missing_ok=True)
            with self.subTest(path.name):
                os.mkfifo(path, 0o600)
                self.assertIn("not a regular file", self.assert_refused(path))
                path.unlink()
                path.symlink_to("/dev/zero")
                self.assert_refused(path)
            path.unlink()
            if good is not None:
                path.write_bytes(good)
                path.chmod(0o600)
        self.assert_starts_and_knows_the_account()

    def test_a_descriptor_for_the_passphrase_that_is_none(self):
        for text, why in (("-1", "not the number of a descriptor"), ("x", "not the number of a descriptor"), ("99", "descriptor 99 is not open"),
                          ("1", "not open for reading")):
            with self.subTest(text), open("/dev/null", "wb") as write_only:
                status = subprocess.run([LETHED, "--config", self.server.config_file, "--passphrase-fd", text], stdout=write_only,
                                        stderr=subprocess.PIPE, text=True, timeout=LIMIT)
                self.assertEqual(2, status.returncode)
                self.assertIn(f"lethed: --passphrase-fd {text}: ", status.stderr)
                self.assertIn(why, status.stderr)

    def test_the_directory_is_in_use(self):
        self.server.start()
        try:
            status, text = self.server.start_refused()
            self.assertIn(str(self.server.data), text)
        finally:
            self.server.stop()

    def test_policy_errors_have_line_and_column(self):
        policy = self.server.config_dir / "policy.toml"
        good = policy.read_text()
        for what, text in (("an unknown key", good.replace("[archive]\n", "[archive]\nkep = \"1d\"\n")),
                           ("a wrong unit", good.replace('keep = "7d"', 'keep = "7 lunar months"')),
                           ("no TOML", good + "\nthis is no toml\n"), ("an unknown section", good + "\n[archives]\nkeep = \"1d\"\n")):
            with self.subTest(what):
                self.assertNotEqual(good, text)
                policy.write_text(text)
                self.assertRegex(self.assert_refused("policy.toml"), r"policy\.toml:\d+:\d+: ")

    def test_configuration_errors_have_line_and_column(self):
        good = self.server.config_file.read_text()
        for what, text in (("an unknown key", "colour = \"blue\"\n" + good), ("a wrong type", good.replace("domain = ", "domain = 5 #")),
                           ("no TOML", "= =\n" + good), ("a bad domain", good.replace(f'"{self.server.domain}"', '"a@b"', 1))):
            with self.subTest(what):
                self.assertNotEqual(good, text)
                self.server.config_file.write_text(text)
                self.assertRegex(self.assert_refused("lethe.toml"), r"lethe\.toml:\d+:\d+: ")

    def test_a_configuration_that_is_not_there(self):
        self.server.config_file.unlink()
        self.assert_refused("lethe.toml", "--config", "lethectl init")

    def test_files_that_are_missing(self):
        for name in ("policy.toml", "tls/cert.pem", "tls/key.pem"):
            with self.subTest(name):
                self.setUp()
                (self.server.config_dir / name).unlink()
                self.assert_refused(name)

    def certificate(self, *options):
        tls = self.server.config_dir / "tls"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost.example",
                        "-keyout", tls / "key.pem", "-out", tls / "cert.pem", *options], check=True, capture_output=True)
        (tls / "key.pem").chmod(0o600)

    def test_a_key_of_another_certificate(self):
        cert = (self.server.config_dir / "tls" / "cert.pem").read_bytes()
        self.certificate("-days", "2")
        self.assert_starts_and_knows_the_account()
        (self.server.config_dir / "tls" / "cert.pem").write_bytes(cert)
        self.assert_refused("key.pem")

    def test_a_certificate_that_is_no_certificate(self):
        for data in (b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            (self.server.config_dir / "tls" / "cert.pem").write_bytes(data)
            self.assert_refused("cert.pem")

    def test_an_expired_certificate(self):
        database = self.server.directory / "ca"
        database.mkdir()
        (database / "index.txt").touch()
        (database / "serial").write_text("01")
        (database / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}/index.txt\nserial={database}/serial\nnew_certs_dir={database}\n"
                                         "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        tls = self.server.config_dir / "tls"
        run = {"check": True, "capture_output": True}
        subprocess.run(["openssl", "req", "-new", "-key", tls / "key.pem", "-subj", "/CN=localhost.example", "-out", database / "csr.pem"], **run)
        subprocess.run(["openssl", "ca", "-batch", "-config", database / "ca.cnf", "-selfsign", "-keyfile", tls / "key.pem", "-in", database / "csr.pem",
                        "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-out", tls / "cert.pem", "-notext"], **run)
        self.assertIn("expired", self.assert_refused("cert.pem"))

    def test_more_connections_than_the_system_lets_it_have(self):
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))  # noqa: E731
        self.assert_refused("limits.connections = 10000", "LimitNOFILE=10512", "lethe.toml", preexec_fn=few)

    def test_the_programs_say_what_they_are_and_how_to_use_them(self):
        for program in (LETHED, LETHECTL):
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
            self.assertEqual((0, ""), (version.returncode, version.stderr))
            self.assertRegex(version.stdout, rf"^{program.name} \d+\.\d+")
            usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
            self.assertEqual(0, usage.returncode)
            self.assertIn("Example", usage.stdout)
            self.assertEqual(2, subprocess.run([program, "--no-such-option"], capture_output=True, check=False).returncode)

    def test_a_port_that_is_taken(self):
        with socket.create_server(self.server.address):
            self.assert_refused("%s:%d" % self.server.address)


if __name__ == "__main__":
    main()
