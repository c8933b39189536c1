# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the node key comes from: under a passphrase, or from systemd."""
import os
import pty
import subprocess
import unittest

from lethe_test import Client, Server, main
from lethe_test.server import LETHECTL, LETHED
from lethe_test.toml import dumps


def pipe_with(text):
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    return reader


class NodeKey(unittest.TestCase):
    def server(self, kind):
        server = Server(init=False)
        self.addCleanup(server.remove)
        policy = server.directory / "policy.toml"
        policy.write_text(dumps(server.policy))
        reader = pipe_with("open sesame\n")
        subprocess.run([LETHECTL, "init", "--domain", server.domain, "--policy", policy, "--config-dir", server.config_dir, "--data-dir", server.data,
                        "--node-key", kind, *(["--passphrase-fd", str(reader)] if kind == "passphrase" else [])],
                       check=True, capture_output=True, pass_fds=[reader])
        os.close(reader)
        server.configure()
        return server

    def starts(self, server, **how):
        server.start(**how)
        account = server.add_account("romeo")  # asks the running server: no passphrase
        Client(server, account).login("r").leaves()
        server.stop()

    def test_a_passphrase_on_a_descriptor(self):
        server = self.server("passphrase")
        reader = pipe_with("open barley\n")
        _, text = server.start_refused(arguments=["--passphrase-fd", str(reader)], pass_fds=[reader])
        os.close(reader)
        self.assertIn(f"{server.config_dir / 'node.key'}: wrong passphrase", text)
        _, text = server.start_refused(start_new_session=True)
        self.assertIn("use --passphrase-fd N", text)
        reader = pipe_with("open sesame")
        self.addCleanup(os.close, reader)
        self.starts(server, arguments=["--passphrase-fd", str(reader)], pass_fds=[reader])

    def test_a_passphrase_on_the_terminal(self):
        server = self.server("passphrase")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(LETHED, [str(LETHED), "--config", str(server.config_file)])
        shown = b""
        while not shown.endswith(b"node.key: "):
            shown += os.read(terminal, 1000)
        os.write(terminal, b"open barley\n")
        with os.fdopen(terminal, "rb", buffering=0) as rest:
            try:
                while piece := rest.read(1000):
                    shown += piece
            except OSError:  # the other side is closed
                pass
        self.assertEqual(2, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        self.assertIn(b"wrong passphrase", shown)
        self.assertNotIn(b"barley", shown)

    def test_a_credential_of_systemd(self):
        server = self.server("file")
        credentials = server.directory / "credentials"
        credentials.mkdir(mode=0o700)
        text = server.config_file.read_text().replace("[node_key]", '[node_key]\nsource = "credential"') if "[node_key]" in server.config_file.read_text() \
            else server.config_file.read_text() + '\n[node_key]\nsource = "credential"\n'
        server.config_file.write_text(text)
        _, said = server.start_refused()
        self.assertIn("lethe-node-key", said)
        (server.config_dir / "node.key").rename(credentials / "lethe-node-key")
        (credentials / "lethe-node-key").chmod(0o440)
        server.environment["CREDENTIALS_DIRECTORY"] = str(credentials)
        self.starts(server)

    def test_a_passphrase_for_a_key_that_has_none_is_refused(self):
        server = self.server("file")
        reader = pipe_with("x\n")
        self.addCleanup(os.close, reader)
        status, text = server.start_refused(arguments=["--passphrase-fd", str(reader)], pass_fds=[reader])
        self.assertEqual(2, status)
        self.assertIn('source = "file" in [node_key]', text)


if __name__ == "__main__":
    main()
