# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the tests of lethectl share: running it, a fresh server directory, a terminal, a process that plays the running server."""
import contextlib
import fcntl
import json
import os
import pty
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

LETHECTL = None  # set by test_lethectl.py
SOURCE = None


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out!r}\nstderr: {self.err!r}"


PATIENCE = 300  # seconds; nothing takes so long but what would never end


def run(*args, stdin="", env=None, pass_fds=()):
    """Without a terminal: in a session of its own."""
    done = subprocess.run([LETHECTL, *args], input=stdin.encode() if isinstance(stdin, str) else stdin, capture_output=True,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **keep("ASAN_OPTIONS", "UBSAN_OPTIONS"), **(env or {})},
                          start_new_session=True, check=False, pass_fds=pass_fds, timeout=PATIENCE)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def keep(*names):
    return {name: os.environ[name] for name in names if name in os.environ}


def on_terminal(args, answers, env=None):
    """(exit code, all that the terminal showed). Each answer is typed when its question stands there."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(LETHECTL, [LETHECTL, *args], {"TERM": "xterm", **keep("ASAN_OPTIONS", "UBSAN_OPTIONS"), **(env or {})})
    shown, status = b"", None
    answers = list(answers)
    with os.fdopen(fd, "r+b", buffering=0) as terminal:
        while True:
            try:
                piece = terminal.read(4096)
            except OSError:  # nobody has the other side open: for good only once the process has ended
                piece = b""
            shown += piece
            if piece and answers and shown.endswith(answers[0][0]):
                terminal.write(answers.pop(0)[1])
            if piece:
                continue
            if status is not None:
                return os.waitstatus_to_exitcode(status), shown
            ended, value = os.waitpid(pid, os.WNOHANG)
            status = value if ended else None
            time.sleep(0.01)


def mode(path):
    return os.stat(path).st_mode & 0o7777


class LethectlCase(unittest.TestCase):
    """A temporary directory, and in it, on demand, what `lethectl init` makes for chat.example."""

    template = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="lethectl-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.config_dir = self.path("config")
        self.config = self.path("config/lethe.toml")
        self.data = self.path("data")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), 0o600)
        return self.path(name)

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def init(self, *more):
        done = run("init", "--domain", "chat.example", "--config-dir", self.config_dir, "--data-dir", self.data, *more)
        self.assertEqual(done.code, 0, done)
        return done

    def ctl(self, *args, stdin=""):
        return run("--config", self.config, *args, stdin=stdin)

    def add(self, jid="romeo@chat.example", password="pencil case"):
        done = self.ctl("account", "add", jid, "--password-stdin", stdin=password)
        self.assertEqual(done.code, 0, done)

    def count(self):
        done = self.ctl("account", "count")
        self.assertEqual(done.code, 0, done)
        return int(done.out)

    def refused(self, code, error, *args, stdin=""):
        """The exit code, nothing on standard output, and the message alone on standard error."""
        done = self.ctl(*args, stdin=stdin)
        self.assertEqual((done.code, done.out, done.err), (code, "", f"lethectl: {error}\n"), done)


class PlayedServer:
    """Holds the data directory as a server does and answers requests on its control socket with what the test says."""

    def __init__(self, data, replies):
        self.requests = []
        self.replies = list(replies)
        self.lock = os.open(os.path.join(data, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.fcntl(self.lock, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        os.makedirs(os.path.join(data, "run"), 0o700, exist_ok=True)
        self.path = os.path.join(data, "run", "control")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        for reply in self.replies:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as lines:
                self.requests.append(json.loads(lines.readline()))
                with contextlib.suppress(BrokenPipeError):
                    connection.sendall(reply if isinstance(reply, bytes) else json.dumps(reply).encode() + b"\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)
        os.close(self.lock)
