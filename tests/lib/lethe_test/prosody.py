# SPDX-License-Identifier: AGPL-3.0-or-later
"""Prosody from Debian as a second opinion: the test client must get on with a server nobody here wrote."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from .client import LIMIT, Account
from .server import free_port, loopback_address

CONFIGURATION = """
pidfile = "{dir}/pid"; data_path = "{dir}/data"; certificates = "{dir}"; run_as_root = true
daemonize = false; log = {{ error = "{dir}/log" }}; plugin_paths = {{}}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; "ping"; "mam"; "blocklist"; "smacks"; "offline"; "register"; "presence"; "message"; "iq"; "carbons"; "pep"; "websocket" }}
modules_disabled = {{ "s2s" }}
c2s_require_encryption = true; authentication = "internal_hashed"
interfaces = {{ "{host}" }}; c2s_ports = {{ {port} }}; c2s_direct_tls_ports = {{ {tls_port} }}
http_ports = {{}}; https_ports = {{ {web_port} }}; https_interfaces = {{ "{host}" }}; http_paths = {{ websocket = "/xmpp-websocket" }}
https_ssl = {{ certificate = "{dir}/cert.pem"; key = "{dir}/key.pem" }}
ssl = {{ certificate = "{dir}/cert.pem"; key = "{dir}/key.pem" }}
VirtualHost "{domain}"
"""


class Prosody:
    domain = "peer.example"

    def __init__(self, more=""):
        """`more` goes to the end of the configuration, with {dir}, {host} and {domain} filled in."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lethe-prosody-"))
        host = loopback_address()
        self.address, self.address_tls, self.https = [(host, free_port(host)) for _ in range(3)]
        (self.directory / "data").mkdir()
        (self.directory / "prosody.cfg.lua").write_text((CONFIGURATION + more).format(
            dir=self.directory, host=host, port=self.address[1], tls_port=self.address_tls[1], web_port=self.https[1], domain=self.domain))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={self.domain}", "-keyout", self.directory / "key.pem", "-out", self.directory / "cert.pem"],
                       check=True, capture_output=True)
        self.environment = dict(os.environ, PROSODY_CONFIG=str(self.directory / "prosody.cfg.lua"))

    @staticmethod
    def installed():
        return shutil.which("prosody") is not None

    def add_account(self, local, password="pencil"):
        subprocess.run(["prosodyctl", "--root", "--config", self.environment["PROSODY_CONFIG"], "register", local, self.domain, password],
                       check=True, capture_output=True)
        return Account(f"{local}@{self.domain}", password)

    def start(self):
        self.process = subprocess.Popen(["prosody", "--root", "-F", "--config", self.environment["PROSODY_CONFIG"]],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + LIMIT
        while True:
            try:
                for address in (self.address, self.address_tls, self.https):
                    socket.create_connection(address).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > limit:
                    raise AssertionError("Prosody does not start: " + (self.directory / "log").read_text()) from None
                time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
