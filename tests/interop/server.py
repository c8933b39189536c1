# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starts the server that the clients talk to: lethed, or for comparison Prosody (INTEROP_SERVER=prosody).

A check of Lethe that Prosody passes too is a check of the protocol and not of our own habits. Both listen on the loopback
interface, in a fresh directory that is gone afterwards.
"""
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile

from waiting import PATIENCE, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import lethe_test  # noqa: E402  (the path first)
from lethe_test.server import free_port  # noqa: E402


class Lethe:
    """One running server. `account()` makes an account that no other test uses. `web`: listens for HTTP too, at the address that it gives out."""

    def __init__(self, web=False, **how):
        self.server = lethe_test.Server(**how)
        if web:
            self.server.web = self.server.links_by_address = True
            self.server.configure()
        self.server.start()
        self.ADDRESS, self.port = self.server.address
        self.port_tls = self.server.address_tls[1]
        self.certificate = str(self.server.config_dir / "tls" / "cert.pem")
        self.output = self.server.stderr
        self.number = 0

    def account(self, name):
        self.number += 1
        account = self.server.add_account(f"{name}{self.number}", secrets.token_urlsafe(12))
        return account.jid, account.password

    def stop(self):
        try:
            self.server.stop()
        finally:
            self.server.remove()


class Prosody:
    """The same, by Prosody from Debian. For use by hand: tools/check does not need it."""

    ADDRESS = "127.0.0.1"

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="interop-")
        self.port, self.port_tls = free_port(self.ADDRESS), free_port(self.ADDRESS)
        self.certificate = os.path.join(self.directory, "certificate.pem")
        self.log = open(os.path.join(self.directory, "server.log"), "wb")
        self.number = 0
        self.start()
        wait_until(self.answers, lambda: f"the server to listen; its output:\n{self.output()}")

    def start(self):
        key = os.path.join(self.directory, "key.pem")
        self.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                  "-subj", f"/CN={lethe_test.DOMAIN}", "-addext", f"subjectAltName=DNS:{lethe_test.DOMAIN}", "-keyout", key,
                  "-out", self.certificate])
        self.config = os.path.join(self.directory, "prosody.cfg.lua")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'''run_as_root = true
pidfile = "{self.directory}/pid"
data_path = "{self.directory}"
interfaces = {{ "{self.ADDRESS}" }}
c2s_ports = {{ {self.port} }}
c2s_direct_tls_ports = {{ {self.port_tls} }}
c2s_require_encryption = true
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "version", "time", "blocklist", "mam", "smacks", "offline", "carbons",
    "pep", "csi_simple" }}
modules_disabled = {{ "s2s" }}
log = {{ info = "*console" }}
ssl = {{ certificate = "{self.certificate}", key = "{key}" }}
VirtualHost "{lethe_test.DOMAIN}"
''')
        self.process = subprocess.Popen(["prosody", "--config", self.config, "-F"], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)

    def answers(self):
        try:
            socket.create_connection((self.ADDRESS, self.port), timeout=PATIENCE).close()
            return True
        except OSError:
            return False

    def account(self, name):
        self.number += 1
        name, password = f"{name}{self.number}", secrets.token_urlsafe(12)
        self.run(["prosodyctl", "--config", self.config, "register", name, lethe_test.DOMAIN, password])
        return f"{name}@{lethe_test.DOMAIN}", password

    def output(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()
        shutil.rmtree(self.directory)

    def run(self, command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")


def start_server():
    return {"lethe": Lethe, "prosody": Prosody}[os.environ.get("INTEROP_SERVER", "lethe")]()


class WithServer:
    """For a TestCase: a server of its own for all its tests."""

    @classmethod
    def setUpClass(cls):
        cls.server = start_server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
