# SPDX-License-Identifier: AGPL-3.0-or-later
"""ejabberd from Debian with its usual storage (Mnesia), for figures beside ours. It runs without Erlang's distribution, so no port mapper is started."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from .client import LIMIT, Account, Client
from .server import free_port, loopback_address

LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
CONFIGURATION = """
hosts: ["{domain}"]
loglevel: error
certfiles: ["{dir}/both.pem"]
auth_method: internal
auth_password_format: scram
default_db: mnesia
registration_timeout: infinity
listen:
  - {{port: {port}, ip: "{host}", module: ejabberd_c2s, starttls: true, starttls_required: true, max_stanza_size: 262144, access: c2s}}
  - {{port: {tls_port}, ip: "{host}", module: ejabberd_c2s, tls: true, max_stanza_size: 262144, access: c2s}}
  - {{port: {web_port}, ip: "{host}", module: ejabberd_http, tls: true, request_handlers: {{"/xmpp-websocket": ejabberd_http_ws}}}}
access_rules:
  c2s: {{allow: all}}
modules:
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_mam: {{default: always, assume_mam_usage: false}}
  mod_offline: {{access_max_user_messages: 100000}}
  mod_ping: {{}}
  mod_pubsub: {{plugins: [flat, pep]}}
  mod_register: {{ip_access: all, access: all, password_strength: 0}}
  mod_roster: {{versioning: true}}
  mod_stream_mgmt: {{resend_on_timeout: true}}
"""


class Ejabberd:
    domain = "peer.example"

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lethe-ejabberd-"))
        host = loopback_address()
        self.address, self.address_tls, self.https = [(host, free_port(host)) for _ in range(3)]
        self.accounts = []
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={self.domain}", "-keyout", self.directory / "key.pem", "-out", self.directory / "cert.pem"],
                       check=True, capture_output=True)
        (self.directory / "both.pem").write_text((self.directory / "key.pem").read_text() + (self.directory / "cert.pem").read_text())
        (self.directory / "ejabberd.yml").write_text(CONFIGURATION.format(
            dir=self.directory, host=host, port=self.address[1], tls_port=self.address_tls[1], web_port=self.https[1], domain=self.domain))

    @staticmethod
    def installed():
        return shutil.which("erl") is not None and any(LIBRARIES.glob("ejabberd-*"))

    def add_account(self, local, password="pencil"):
        """Registered when the server has started."""
        self.accounts.append(Account(f"{local}@{self.domain}", password))
        return self.accounts[-1]

    def start(self):
        environment = dict(os.environ, ERL_LIBS=str(LIBRARIES), EJABBERD_CONFIG_PATH=str(self.directory / "ejabberd.yml"),
                           EJABBERD_LOG_PATH=str(self.directory / "log"), HOME=str(self.directory))
        (self.directory / "spool").mkdir()
        self.process = subprocess.Popen(["erl", "-noinput", "-mnesia", "dir", f'"{self.directory}/spool"', "-s", "ejabberd"], env=environment,
                                        cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + LIMIT
        while True:
            try:
                for address in (self.address, self.address_tls, self.https):
                    socket.create_connection(address).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > limit:
                    raise AssertionError(f"ejabberd does not start; see {self.directory}") from None
                time.sleep(0.1)
        for account in self.accounts:
            self._register(account)
        return self

    def _register(self, account):
        client = Client(self, account)
        client.secure()
        client.asks_ok(f"<iq type='set' to='{self.domain}'><query xmlns='jabber:iq:register'><username>{account.local}</username>"
                       f"<password>{account.password}</password></query></iq>")
        client.drop()

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
