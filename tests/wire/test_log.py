# SPDX-License-Identifier: AGPL-3.0-or-later
"""What goes to standard error: whoever collects it, a journal for example, knows nothing of the policy's deadlines."""
import contextlib
import os
import pty
import signal
import unittest

from lethe_test import Client, Server, main
from lethe_test.server import LETHED
from lethe_test.waiting import until

TALKATIVE = {"log": {"keep": "24h", "address": "full", "account": "full"}}


class StandardError(unittest.TestCase):
    def server(self, config):
        server = Server(policy=TALKATIVE, config=config)
        self.addCleanup(server.remove)
        return server, server.add_account("romeo")

    def log(self, server):
        return "".join(file.read_text() for file in (server.data / "log").iterdir())

    def use(self, server, account):
        """A login, and a mistake in the policy; returns once both are in the log."""
        Client(server, account).login("r").leaves()
        policy = server.config_dir / "policy.toml"
        good = policy.read_text()
        policy.write_text(good + "[nonsense]\n")
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: " policy_problem" in self.log(server) and " session_closed" in self.log(server), "the lines in the log")
        policy.write_text(good)

    def test_it_gets_alarms_alone(self):
        server, account = self.server({"log": {"stderr": False}})
        server.start()
        self.use(server, account)
        server.stop()
        self.assertIn(f"account={account.jid}", self.log(server))
        self.assertIn(" server_stopped", self.log(server))
        self.assertEqual(["policy_problem"], [line.split(" ", 1)[1] for line in server.stderr().splitlines()])

    def test_it_gets_every_line_if_the_operator_says_so(self):
        server, account = self.server({"log": {"stderr": True}})
        server.start()
        self.use(server, account)
        server.stop()
        self.assertEqual(self.log(server), server.stderr())

    def test_a_terminal_shows_every_line(self):
        server, _ = self.server({"log": {"stderr": False}})
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(LETHED, [str(LETHED), "--config", str(server.config_file)])
        shown, asked = b"", False
        with os.fdopen(terminal, "rb", buffering=0) as screen, contextlib.suppress(OSError):  # which is the other side's end
            while data := screen.read(1000):
                shown += data
                if not asked and b" server_started" in shown:
                    os.kill(pid, signal.SIGTERM)
                    asked = True
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        for line in (b" listening", b" server_stopped"):
            self.assertIn(line, shown)


if __name__ == "__main__":
    main()
