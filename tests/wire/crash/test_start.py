# SPDX-License-Identifier: AGPL-3.0-or-later
"""A server that is told to stop, or to read its files again, as soon as anybody can connect (strace stretches the moment)."""
import os
import shutil
import signal
import unittest

from lethe_test import main
from lethe_test.template import ready_server
from lethe_test.waiting import until


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Start(unittest.TestCase):
    def test_signals_are_obeyed_from_the_first_connection_on(self):
        server, _ = ready_server()
        self.addCleanup(server.remove)
        # Each listen() returns late: the last one, of lethectl's socket, is where start() sees that the server takes connections.
        slowly = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=listen", "-e", "inject=listen:delay_exit=1000000"]
        server.start(wrapper=slowly)
        server.stop()  # requires status 0
        server.start(wrapper=slowly)
        os.kill(server.pid, signal.SIGHUP)
        until(lambda: "certificate_reloaded" in server.stderr() or not server.alive(), "the files to be read again")
        server.stop()


if __name__ == "__main__":
    main()
