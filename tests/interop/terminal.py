# SPDX-License-Identifier: AGPL-3.0-or-later
"""A terminal program in a tmux of its own: keys go in, the screen comes out."""
import os
import re
import shutil
import subprocess
import tempfile
import time

from server import lethe_test
from waiting import PATIENCE, wait_until

OMEMO = "eu.siacs.conversations.axolotl"


class Profanity:
    """Profanity logged in as one account. Use as a context manager. Its home is fresh and gone afterwards, unless the caller names one: there it
    finds what it left (keys, for example). `columns`: so wide is the terminal; a longer line is cut in pieces on the screen."""

    def __init__(self, server, jid, password, home=None, columns=150):
        self.server, self.jid, self.password, self.columns = server, jid, password, columns
        self.home = home or tempfile.mkdtemp(prefix="profanity-")
        self.own_home = home is None
        self.socket = os.path.join(self.home, "tmux")
        self.write(".config/profanity/profrc", "[ui]\nsplash=false\nenc.warn=false\nautoping=0\n[connection]\nautoping=0\n"
                   "[chatstates]\nenabled=false\n[logging]\nchlog=false\n[notifications]\nmessage=false\n")
        self.write(".local/share/profanity/accounts",
                   f"[me]\nenabled=true\njid={jid}\nserver={server.ADDRESS}\nport={server.port}\nresource=terminal\n"
                   f"password={password}\ntls.policy=trust\nmuc.nick=me\n")

    def write(self, path, text):
        path = os.path.join(self.home, path)
        if os.path.exists(path):
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def tmux(self, *command, check=True):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8", "TERM": "screen-256color",
                       "TMUX_TMPDIR": self.home}
        done = subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *command], env=environment, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"tmux {' '.join(command)}: {done.stdout}\nthe server said:\n{self.server.output()}")
        return done.stdout

    def __enter__(self):
        try:
            self.tmux("new-session", "-d", "-x", str(self.columns), "-y", "45", "profanity")
            self.see("Profanity")
            self.type("/connect me")
            self.see("logged in successfully")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if os.path.exists(self.socket):
            self.tmux("send-keys", "C-u", check=False)
            self.tmux("send-keys", "-l", "/quit", check=False)
            self.tmux("send-keys", "Enter", check=False)
            try:
                wait_until(lambda: "no server" in self.tmux("has-session", check=False) or "error connecting" in
                           self.tmux("has-session", check=False), "Profanity to quit")
            finally:
                self.tmux("kill-server", check=False)
        if self.own_home:
            shutil.rmtree(self.home)

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def see(self, text):
        wait_until(lambda: text in self.screen(), lambda: f"'{text}' on the screen:\n{self.screen()}\n"
                                                         f"the server said:\n{self.server.output()}")

    def see_line(self, *texts):
        """One line with all the texts in this order: what stands between them changes with Profanity's version."""
        pattern = ".*".join(map(re.escape, texts))
        wait_until(lambda: re.search(pattern, self.screen()), lambda: f"{texts} in one line of the screen:\n{self.screen()}\n"
                                                                     f"the server said:\n{self.server.output()}")

    def window(self, command, *texts):
        """Types a command until its output shows all the texts: an answer may change with what is still on its way."""
        def shown():
            self.type("/clear")
            self.type(command)
            return all(text in self.screen() for text in texts)
        wait_until(shown, lambda: f"{texts} after {command}:\n{self.screen()}")


class Terminals:
    """For a TestCase with `self.server`: people at Profanity who come, go and talk with OMEMO."""

    columns = 150

    def terminal(self, account, home):
        terminal = Profanity(self.server, *account, home=home, columns=self.columns)
        terminal.__enter__()
        self.addCleanup(lambda: terminal.home and terminal.__exit__())
        return terminal

    def leave(self, terminal):
        terminal.__exit__()
        terminal.home = None

    def home(self):
        home = tempfile.mkdtemp(prefix="profanity-")
        self.addCleanup(shutil.rmtree, home)
        return home

    def begin(self, terminal):
        """New keys, published (Profanity names the device before); contacts' devices are trusted without looking: this is about the server."""
        terminal.type("/omemo trustmode blind")
        terminal.type("/omemo gen")
        terminal.see("Your Device ID is")
        client = lethe_test.Client(self.server.server, lethe_test.Account(terminal.jid, terminal.password))
        client.login("looks")

        def published(node):
            return client.asks(f"<iq type='get'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{OMEMO}.{node}'/></pubsub></iq>")

        (device,) = wait_until(lambda: published("devicelist").element.findall(f".//{{{OMEMO}}}device"), "the list of devices")
        wait_until(lambda: published("bundles:" + device.get("id")).type == "result", "the keys of the device")
        client.leaves()

    def start(self, terminal, other):
        """A session with each of the other's devices. Profanity 0.15 (Debian 13) starts none for a list of devices that it had to ask for first, so that it
        is told to start once more when it has the list."""
        terminal.type(f"/omemo start {other}")

        def fetched():
            terminal.type("/clear")
            terminal.type(f"/omemo fingerprint {other}")
            end = time.monotonic() + PATIENCE / 20
            while time.monotonic() < end and "(trusted)" not in terminal.screen():
                time.sleep(0.1)
            if "(trusted)" in terminal.screen():
                return True
            terminal.type("/omemo end")
            terminal.type(f"/omemo start {other}")
            return False
        wait_until(fetched, lambda: f"the keys of {other}:\n{terminal.screen()}\nthe server said:\n{self.server.output()}")

    def say(self, speaker, listener, text):
        """Profanity trusts a key as soon as a message came with it, and refuses to send, with a line that soon scrolls away, while it still waits for
        the list of the other's devices: so what was not heard after a while is said again."""
        def heard():
            speaker.type(text)
            end = time.monotonic() + PATIENCE / 4
            while time.monotonic() < end and text not in listener.screen():
                time.sleep(0.1)
            return text in listener.screen()
        wait_until(heard, lambda: f"'{text}' to arrive; the speaker sees:\n{speaker.screen()}\nthe listener:\n{listener.screen()}", 2 * PATIENCE)
