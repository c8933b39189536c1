#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`lethectl init`: what it makes, what it refuses, and that a failure leaves nothing behind.

Usage: test_lethectl_init.py LETHECTL SOURCE_ROOT
"""
import datetime
import hashlib
import os
import ssl
import sys
import unittest

import lethectl_case
from lethectl_case import LethectlCase, mode, run

FILES = ["lethe.toml", "policy.toml", "node.key", "tls/cert.pem", "tls/key.pem"]


def peer_certificate(cert, key, name):
    """What a client that trusts `cert` alone accepts from a server that uses it under `name`: a whole handshake in memory."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(cert, key)
    client_side = ssl.create_default_context(cafile=cert)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return client.getpeercert()


class Init(LethectlCase):
    def ask(self, *more, domain="chat.example"):
        return run("init", "--domain", domain, "--config-dir", self.config_dir, "--data-dir", self.data, *more)

    def refuse(self, code, text, *more, domain="chat.example"):
        done = self.ask(*more, domain=domain)
        self.assertEqual((done.code, done.out), (code, ""), done)
        self.assertIn(text, done.err)
        return done

    def test_everything_is_made_and_only_the_owner_can_read_it(self):
        done = self.init()
        for name in FILES:
            self.assertEqual(mode(os.path.join(self.config_dir, name)), 0o600, name)
            if name != "tls/key.pem":
                self.assertIn(os.path.join(self.config_dir, name), done.out)
        for path in (self.config_dir, os.path.join(self.config_dir, "tls"), self.data):
            self.assertEqual(mode(path), 0o700, path)
        self.assertEqual(os.path.getsize(os.path.join(self.config_dir, "node.key")), 32)
        self.assertIn("self-signed", done.err)
        self.assertIn(f"finish {os.path.join(self.config_dir, 'policy.toml')} before the server's first start", done.err)
        self.assertIn("account add NAME@chat.example", done.err)
        self.assertEqual(self.count(), 0)

    def test_the_built_in_policy_is_the_default_example(self):
        self.init()
        default = os.path.join(lethectl_case.SOURCE, "policy-examples", "default.toml")
        self.assertEqual(self.read(os.path.join(self.config_dir, "policy.toml")), self.read(default))

    def test_another_policy_is_taken_byte_for_byte(self):
        example = os.path.join(lethectl_case.SOURCE, "policy-examples", "nothing-stored.toml")
        self.init("--policy", example)
        self.assertEqual(self.read(os.path.join(self.config_dir, "policy.toml")), self.read(example))

    def test_two_servers_have_different_keys(self):
        self.init()
        first = [self.read(os.path.join(self.config_dir, name)) for name in ("node.key", "tls/key.pem", "tls/cert.pem")]
        self.config_dir, self.data = self.path("other"), self.path("other data")
        self.init()
        for name, before in zip(("node.key", "tls/key.pem", "tls/cert.pem"), first):
            self.assertNotEqual(self.read(os.path.join(self.config_dir, name)), before)

    def test_a_client_that_trusts_the_certificate_accepts_it_for_two_years(self):
        done = self.init()
        cert = os.path.join(self.config_dir, "tls/cert.pem")
        found = peer_certificate(cert, os.path.join(self.config_dir, "tls/key.pem"), "chat.example")
        self.assertEqual(found["subject"], ((("commonName", "chat.example"),),))
        self.assertEqual(found["issuer"], found["subject"])
        self.assertIn(("DNS", "chat.example"), found["subjectAltName"])
        begin, end = (ssl.cert_time_to_seconds(found[name]) for name in ("notBefore", "notAfter"))
        self.assertEqual(end - begin, 730 * 86400 + 3600)
        self.assertIn("valid until  " + datetime.datetime.fromtimestamp(end, datetime.timezone.utc).strftime("%Y-%m-%d"), done.out)
        der = ssl.PEM_cert_to_DER_cert(self.read(cert).decode())
        fingerprint = hashlib.sha256(der).hexdigest().upper()
        self.assertIn(":".join(fingerprint[i:i + 2] for i in range(0, 64, 2)), done.out)
        # id-on-xmppAddr with the domain as UTF-8 (RFC 6120 section 13.7.1.4)
        self.assertIn(b"\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x05\xa0\x0e\x0c\x0cchat.example", der)
        with self.assertRaises(ssl.SSLCertVerificationError):
            peer_certificate(cert, os.path.join(self.config_dir, "tls/key.pem"), "other.example")

    def test_domains_of_other_kinds_have_certificates_too(self):
        for number, (domain, name, alternative) in enumerate((
                ("bücher.example", "xn--bcher-kva.example", ("DNS", "xn--bcher-kva.example")), ("localhost", "localhost", ("DNS", "localhost")),
                ("192.0.2.7", "192.0.2.7", ("IP Address", "192.0.2.7")), ("[2001:db8::7]", "2001:db8::7", ("IP Address", "2001:DB8:0:0:0:0:0:7")),
                ("a" * 60 + ".example", "a" * 60 + ".example", ("DNS", "a" * 60 + ".example")))):
            with self.subTest(domain=domain):
                config, data = self.path(f"config{number}"), self.path(f"data{number}")
                done = run("init", "--domain", domain, "--config-dir", config, "--data-dir", data)
                self.assertEqual(done.code, 0, done)
                found = peer_certificate(config + "/tls/cert.pem", config + "/tls/key.pem", name)
                self.assertIn(alternative, found["subjectAltName"])

    def passphrase(self, *args, text="open sesame\n"):
        reader, writer = os.pipe()
        os.write(writer, text.encode())
        os.close(writer)
        self.addCleanup(os.close, reader)
        return run(*args, "--passphrase-fd", str(reader), pass_fds=[reader])

    def test_a_node_key_under_a_passphrase_opens_with_it_alone(self):
        where = ("--domain", "chat.example", "--config-dir", self.config_dir, "--data-dir", self.data)
        done = self.passphrase("init", "--node-key", "passphrase", *where)
        self.assertEqual(done.code, 0, done)
        self.assertIn("passphrase", done.err)
        self.assertIn('\nsource = "passphrase"', self.read(self.config).decode())
        self.assertEqual(os.path.getsize(os.path.join(self.config_dir, "node.key")), 112)
        counted = self.passphrase("--config", self.config, "account", "count")
        self.assertEqual((counted.code, counted.out), (0, "0\n"), counted)
        wrong = self.passphrase("--config", self.config, "account", "count", text="open barley")
        self.assertEqual((wrong.code, wrong.out), (3, ""), wrong)
        self.assertIn("node.key: wrong passphrase", wrong.err)
        two = self.passphrase("--config", self.config, "account", "count", text="open sesame\nand more\n")
        self.assertEqual(two.code, 2, two)
        self.assertIn("more than one line; --passphrase-fd takes the passphrase and nothing else", two.err)
        self.refused(2, "there is no terminal to ask for the passphrase on; use --passphrase-fd N", "account", "count")

    def test_a_passphrase_is_asked_for_on_the_terminal(self):
        code, shown = lethectl_case.on_terminal(
            ["init", "--domain", "chat.example", "--config-dir", self.config_dir, "--data-dir", self.data, "--node-key", "passphrase"],
            [(b"Passphrase for the new node key: ", b"sesame\n"), (b"The same again: ", b"sesame\n")])
        self.assertEqual(code, 0, shown)
        code, shown = lethectl_case.on_terminal(["--config", self.config, "account", "count"], [(b"node.key: ", b"sesame\n")])
        self.assertEqual(code, 0, shown)
        self.assertNotIn(b"sesame", shown)

    def test_a_passphrase_that_nothing_needs_and_one_that_protects_nothing_are_2(self):
        where = ("--domain", "chat.example", "--config-dir", self.config_dir, "--data-dir", self.data)
        empty = self.passphrase("init", "--node-key", "passphrase", *where, text="\n")
        self.assertEqual(empty.code, 2, empty)
        self.assertIn("an empty passphrase protects nothing", empty.err)
        needless = self.passphrase("init", *where)
        self.assertEqual(needless.code, 2, needless)
        self.assertIn("add --node-key passphrase", needless.err)
        self.assertFalse(os.path.exists(self.config_dir))
        self.init()
        needless = self.passphrase("--config", self.config, "account", "count")
        self.assertEqual(needless.code, 2, needless)
        self.assertIn('source = "file" in [node_key]', needless.err)

    def test_nothing_that_exists_is_overwritten(self):
        for name in FILES:
            with self.subTest(name=name):
                self.config_dir, self.data = self.path("c-" + name.replace("/", "-")), self.path("d-" + name.replace("/", "-"))
                path = os.path.join(self.config_dir, name)
                os.makedirs(os.path.dirname(path), 0o700)
                with open(path, "w", encoding="utf-8") as file:
                    file.write("mine")
                self.refuse(1, f"lethectl: {path} exists already, and nothing is overwritten; move it away, or choose another --config-dir")
                self.assertEqual(self.read(path), b"mine")
                self.assertEqual([os.path.join(folder, n) for folder, _, names in os.walk(self.config_dir) for n in names], [path])
                self.assertFalse(os.path.exists(self.data))
        os.mkdir(self.path("full"))
        self.config_dir, self.data = self.path("fresh"), self.path("full")
        self.write("full/file", "mine")
        self.refuse(1, f"lethectl: {self.data} is not empty, and nothing is overwritten; move it away, or choose another --data-dir")
        self.assertFalse(os.path.exists(self.config_dir))
        self.assertEqual(os.listdir(self.data), ["file"])

    def test_a_dangling_link_counts_as_existing(self):
        os.makedirs(self.config_dir, 0o700)
        os.symlink(self.path("nowhere"), os.path.join(self.config_dir, "node.key"))
        self.refuse(1, "node.key exists already")
        self.assertFalse(os.path.exists(self.path("nowhere")))

    def test_a_second_init_refuses(self):
        self.init()
        before = {name: self.read(os.path.join(self.config_dir, name)) for name in FILES}
        self.refuse(1, "exists already")
        self.assertEqual({name: self.read(os.path.join(self.config_dir, name)) for name in FILES}, before)

    def test_empty_directories_of_one_s_own_are_taken(self):
        os.mkdir(self.config_dir, 0o700)
        os.mkdir(self.data, 0o700)
        self.init()
        self.assertEqual(self.count(), 0)

    def test_a_directory_that_is_open_to_others_is_refused(self):
        os.mkdir(self.config_dir)
        os.chmod(self.config_dir, 0o755)
        self.refuse(3, f"lethectl: {self.config_dir} is open to other users; run: chmod 0700 {self.config_dir}")
        self.assertEqual(os.listdir(self.config_dir), [])

    def test_domains_that_are_none_are_2(self):
        for domain in ("", "user@chat.example", "chat.example/x", "a b"):
            with self.subTest(domain=domain):
                self.refuse(2, "--domain takes what follows the @ in your users' addresses; for example chat.example", domain=domain)
        self.refuse(2, "has no form that fits into a certificate", domain=".".join(["a" * 50] * 6))
        self.assertEqual(os.listdir(self.dir), [])

    def test_the_key_never_lies_in_the_data(self):
        for inner in (self.data, os.path.join(self.data, "config")):
            self.config_dir = inner
            self.refuse(2, "a copy of the data would hold the key to it; choose another --config-dir")
        os.mkdir(self.data)
        os.symlink(self.data, self.path("link"))
        self.config_dir = self.path("link/config")
        self.refuse(2, "a copy of the data would hold the key to it")
        self.assertEqual(os.listdir(self.data), [])

    def test_a_policy_with_mistakes_is_2_with_their_places(self):
        policy = self.write("mine.toml", "[nonsense]\n")
        done = self.refuse(2, f"lethectl: {policy} is not a valid policy; correct it first", "--policy", policy)
        self.assertIn(f"{policy}:1:2: ", done.err)
        self.assertEqual(os.listdir(self.dir), ["mine.toml"])

    def test_a_failure_in_the_middle_leaves_nothing_behind(self):
        self.write("file", "")
        # A directory that the store refuses.
        self.data = self.path("open")
        os.mkdir(self.data)
        os.chmod(self.data, 0o755)
        done = self.ask()
        self.assertEqual((done.code, done.out), (3, ""), done)
        self.assertIn(self.data, done.err)
        self.assertEqual(sorted(os.listdir(self.dir)), ["file", "open"])
        self.assertEqual(os.listdir(self.data), [])
        # Nor do the directories above, where they were made for this.
        self.config_dir = self.path("some/new/place")
        done = self.ask()
        self.assertEqual(done.code, 3, done)
        self.assertEqual(sorted(os.listdir(self.dir)), ["file", "open"])

    def test_a_file_where_a_directory_should_be_is_2_and_names_the_option(self):
        file = self.write("file", "mine")
        for name in ("file", "file/below/it"):
            config, data = self.config_dir, self.data
            self.data = self.path(name)
            self.refuse(2, f"lethectl: {file} is a file and not a directory; choose another --data-dir")
            self.config_dir, self.data = self.path(name), data
            self.refuse(2, f"lethectl: {file} is a file and not a directory; choose another --config-dir")
            self.config_dir = config
        self.assertEqual(os.listdir(self.dir), ["file"])
        self.assertEqual(self.read(file), b"mine")

    def test_the_place_of_config_is_the_default_place(self):
        done = run("--config", self.config, "init", "--domain", "chat.example", "--data-dir", self.data)
        self.assertEqual(done.code, 0, done)
        self.assertTrue(os.path.exists(self.config))
        self.assertEqual(self.count(), 0)


if __name__ == "__main__":
    lethectl_case.LETHECTL, lethectl_case.SOURCE = (os.path.abspath(path) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
