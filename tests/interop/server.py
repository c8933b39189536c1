# SPDX-License-Identifier: AGPL-3.0-or-later
"""Starts the server that the clients talk to: lethed, or for comparison Prosody (INTEROP_SERVER=prosody).

A check of Lethe that Prosody passes too is a check of the protocol and not of our own habits. Both servers listen on a free port
of the loopback interface, in a fresh directory that is gone afterwards.
"""
import os
import secrets
import shutil
import socket
import subprocess
import tempfile

from waiting import PATIENCE, wait_until

DOMAIN = "interop.example"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One running server. `account()` makes an account that no other test uses."""

    ADDRESS = "127.0.0.1"

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="interop-")
        self.port, self.port_tls = free_port(), free_port()
        self.certificate = os.path.join(self.directory, "certificate.pem")
        self.log = open(os.path.join(self.directory, "server.log"), "wb")
        self.number = 0
        self.process = None
        try:
            self.process = self.start()
            wait_until(self.answers, lambda: f"the server to listen; its output:\n{self.output()}")
        except BaseException:
            self.stop()
            raise

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}; its output:\n{self.output()}")
        try:
            socket.create_connection((self.ADDRESS, self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def account(self, name):
        self.number += 1
        jid, password = f"{name}{self.number}@{DOMAIN}", secrets.token_urlsafe(12)
        self.add_account(jid, password)
        return jid, password

    def output(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def stop(self):
        """Ends the server; a status other than 0 is a failure of the test."""
        status = 0
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                status = self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                status = self.process.wait()
        elif self.process is not None:
            status = self.process.returncode
        output = self.output()
        self.log.close()
        shutil.rmtree(self.directory)
        if status != 0:
            raise AssertionError(f"the server ended with {status}; its output:\n{output}")

    def run(self, command, text=""):
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout


class Lethe(Server):
    def start(self):
        config, data = os.path.join(self.directory, "config"), os.path.join(self.directory, "data")
        self.config = os.path.join(config, "lethe.toml")
        self.ctl = [os.environ["LETHECTL"], "--config", self.config]
        self.run([os.environ["LETHECTL"], "init", "--domain", DOMAIN, "--config-dir", config, "--data-dir", data])
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'domain = "{DOMAIN}"\ndata = "{data}"\n[listen]\nc2s = ["127.0.0.1:{self.port}"]\nc2s_tls = []\n'
                       "[clock]\nwait_for_sync = false\n")
        shutil.copy(os.path.join(config, "tls", "cert.pem"), self.certificate)
        return subprocess.Popen([os.environ["LETHED"], "--config", self.config], stdin=subprocess.DEVNULL, stdout=self.log,
                                stderr=subprocess.STDOUT)

    def add_account(self, jid, password):
        self.run(self.ctl + ["account", "add", jid, "--password-stdin"], password + "\n")


class Prosody(Server):
    def start(self):
        os.chmod(self.directory, 0o755)
        key = os.path.join(self.directory, "key.pem")
        self.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                  "-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}", "-keyout", key, "-out", self.certificate])
        self.config = os.path.join(self.directory, "prosody.cfg.lua")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'''run_as_root = true
pidfile = "{self.directory}/pid"
data_path = "{self.directory}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.port} }}
c2s_direct_tls_ports = {{ {self.port_tls} }}
c2s_require_encryption = true
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "version", "time", "blocklist", "mam", "smacks", "offline" }}
modules_disabled = {{ "s2s" }}
log = {{ info = "*console" }}
ssl = {{ certificate = "{self.certificate}", key = "{key}" }}
VirtualHost "{DOMAIN}"
''')
        return subprocess.Popen(["prosody", "--config", self.config, "-F"], stdin=subprocess.DEVNULL, stdout=self.log,
                                stderr=subprocess.STDOUT)

    def add_account(self, jid, password):
        name, host = jid.split("@")
        self.run(["prosodyctl", "--config", self.config, "register", name, host, password])


def start_server():
    return {"lethe": Lethe, "prosody": Prosody}[os.environ.get("INTEROP_SERVER", "lethe")]()
