# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real `lethed` in a directory of its own, on a loopback address of its own.

Binaries are taken from $LETHE_BUILD (default: build/ in the repository). LETHE_KEEP=1 keeps the directories.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import tomllib

from .client import LIMIT, Account
from .toml import dumps, merged

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("LETHE_BUILD", REPOSITORY / "build"))
LETHED = BUILD / "server" / "lethed"
LETHECTL = BUILD / "tools" / "lethectl"
DOMAIN = "localhost.example"
PASSWORD = "correct horse battery"

POLICY = {
    "service": {"name": "Lethe under test", "operator": "nobody", "contact": ["mailto:admin@localhost.example"],
                "jurisdiction": "none", "languages": ["en"]},
    "archive": {"keep": "7d"},
    "letterbox": {"keep": "14d", "max_messages": 1000, "max_bytes": 16 << 20},
    "subscriptions": {"keep": "90d"},
    "accounts": {"registration": "closed"},
    "log": {"keep": "24h", "address": "none", "account": "none", "peer": "none", "client": "none"},
}
# Tests send in bursts, from one sender, and with many wrong passwords.
CONFIG = {"limits": {"c2s_bytes_per_second": 0, "stored_per_minute": 0, "letterbox_percent_per_sender": 100,
                     "login_failures_per_network": 0, "login_failures_per_account": 0},
          "log": {"stderr": True},
          "clock": {"wait_for_sync": False}}  # machines that run tests often have no time service


def loopback_address():
    """One 127/8 address per test process, so that parallel tests cannot take each other's ports."""
    pid = os.getpid()
    return f"127.{64 + (pid >> 16) % 64}.{(pid >> 8) & 255}.{min(254, max(2, pid & 255))}"


_given = set()


def free_port(host):
    """One that this process did not get before: until its server listens there, it is free to be found again."""
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            place = probe.getsockname()
        if place not in _given:
            _given.add(place)
            return place[1]


class StartFailed(AssertionError):
    pass


class Server:
    """Lifetime: make, start, stop or kill as often as wanted, remove. `policy` and `config` are merged over the defaults."""

    def __init__(self, *, policy=None, config=None, domain=DOMAIN, init=True):
        self.domain = domain
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lethe-test-"))
        self.config_dir = self.directory / "config"
        self.data = self.directory / "data"
        self.config_file = self.config_dir / "lethe.toml"
        self.stderr_file = self.directory / "stderr"
        self.policy = merged(POLICY, policy or {})
        self.config = merged(CONFIG, config or {})
        self.environment = {}  # over the environment of lethed and lethectl
        self.process = None
        self.pid = None
        self.host = loopback_address()
        self.web = False       # listens for HTTP too: on TLS (https) and in plain (plain)
        self.links_by_address = False  # gives out the address and port of https, for clients that do not know where the domain is
        if init:
            self.init()

    # Directory -------------------------------------------------------------------------------------------------------

    def init(self):
        policy_file = self.directory / "policy.toml"
        policy_file.write_text(dumps(self.policy))
        self.ctl("init", "--domain", self.domain, "--policy", policy_file, "--config-dir", self.config_dir, "--data-dir", self.data)
        self.configure()

    def configure(self):
        """Writes lethe.toml: what `init` wrote, with our addresses and the test's settings over it."""
        self.address = (self.host, free_port(self.host))
        self.address_tls = (self.host, free_port(self.host))
        ours = {"listen": {"c2s": ["%s:%d" % self.address], "c2s_tls": ["%s:%d" % self.address_tls]}}
        if self.web:
            self.https, self.plain = [(self.host, free_port(self.host)) for _ in range(2)]
            ours["listen"].update(https=["%s:%d" % self.https], http_loopback="%s:%d" % self.plain)
            if self.links_by_address:
                ours["http"] = {"url": "https://%s:%d" % self.https}
        written = tomllib.loads(self.config_file.read_text())
        self.config_file.write_text(dumps(merged(merged(written, self.config), ours)))

    def set_policy(self, policy):
        self.policy = merged(self.policy, policy)
        (self.config_dir / "policy.toml").write_text(dumps(self.policy))

    def ctl(self, *arguments, stdin=None, expect=0):
        """Runs lethectl, returns the finished process. `expect` is the exit status it must have (None: any)."""
        command = [str(LETHECTL), "--config", str(self.config_file), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=LIMIT * 2, env={**os.environ, **self.environment})
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"{' '.join(command)}: status {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
        return done

    def add_account(self, local, password=PASSWORD):
        jid = f"{local}@{self.domain}"
        self.ctl("account", "add", jid, "--password-stdin", stdin=password + "\n")
        return Account(jid, password)

    # Process ---------------------------------------------------------------------------------------------------------

    def start(self, wrapper=(), wait=True, arguments=(), **how):
        """`wrapper`: a command that runs lethed as its child, such as strace with its options. `how`: for Popen."""
        for attempt in range(5):
            with open(self.stderr_file, "ab") as stderr:
                self.process = subprocess.Popen([*wrapper, str(LETHED), "--config", str(self.config_file), *arguments],
                                                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env={**os.environ, **self.environment}, **how)
            try:
                self.pid = self._lethed_pid() if wrapper else self.process.pid
                if wait:
                    self._wait_until_accepting()
                return self
            except StartFailed:
                if attempt == 4 or "another program does already" not in self.stderr() or wrapper:
                    raise
                self.configure()
        raise AssertionError("unreachable")

    def _lethed_pid(self):
        """The wrapper's child, once it has become lethed."""
        limit = time.monotonic() + LIMIT
        while self.process.poll() is None and time.monotonic() < limit:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for child in children:
                try:
                    if os.readlink(f"/proc/{child}/exe") == str(LETHED.resolve()):
                        return int(child)
                except OSError:
                    pass
            time.sleep(0.005)
        raise StartFailed(f"no lethed under {self.process.args[0]}:\n{self.stderr()}")

    def _wait_until_accepting(self):
        limit = time.monotonic() + LIMIT
        while True:
            if self.process.poll() is not None:
                raise StartFailed(f"lethed ended with {self.process.returncode} while starting:\n{self.stderr()}")
            try:
                for address in (self.address, self.address_tls):
                    socket.create_connection(address, timeout=LIMIT).close()
                with socket.socket(socket.AF_UNIX) as control:  # lethectl's, opened last
                    control.connect(str(self.data / "run" / "control"))
                return
            except OSError:
                if time.monotonic() > limit:
                    raise StartFailed(f"lethed does not accept connections:\n{self.stderr()}") from None
                time.sleep(0.01)

    def start_refused(self, arguments=(), **how):
        """lethed must refuse to start; returns (status, what it said)."""
        done = subprocess.run([str(LETHED), "--config", str(self.config_file), *arguments], capture_output=True, text=True, timeout=LIMIT,
                              env={**os.environ, **self.environment}, **how)
        if done.returncode == 0:
            raise AssertionError("lethed should have refused to start")
        return done.returncode, done.stderr + done.stdout

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, sig=signal.SIGTERM):
        """Ends by signal and requires that a polite end is status 0 (a sanitizer's finding is not)."""
        if self.process is None:
            return
        if self.alive():
            with contextlib.suppress(ProcessLookupError):  # under a wrapper that has not noticed yet
                os.kill(self.pid, sig)
        status = self.process.wait(timeout=LIMIT)
        self.process = None
        if sig == signal.SIGTERM and status != 0:
            raise AssertionError(f"lethed ended with status {status}:\n{self.stderr()}")

    def kill(self):
        self.stop(signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def most_memory(self):
        """KiB that lethed has held at a time; None with AddressSanitizer, which keeps what is freed."""
        process = pathlib.Path(f"/proc/{self.pid}")
        if "libasan" in (process / "maps").read_text():
            return None
        return next(int(line.split()[1]) for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM:"))

    def stderr(self):
        return self.stderr_file.read_text(errors="replace")[-20000:] if self.stderr_file.exists() else ""

    def remove(self):
        if self.alive():
            self.process.kill()
            self.process.wait()
        if not os.environ.get("LETHE_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
