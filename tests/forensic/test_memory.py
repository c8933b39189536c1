# SPDX-License-Identifier: AGPL-3.0-or-later
"""A new password passes through the server's memory and does not stay there."""
import json
import os
import pathlib
import re
import socket
import time
import unittest

from lethe_test import Account, WireCase, main
from lethe_test.client import LIMIT
from lethe_test.http import HttpCase


def places_of(needle, pid):
    """[(mapping, address)] of these bytes in a process's memory."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            begin, end, rights, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()
            if "r" not in rights or name in ("[vvar]", "[vsyscall]") or name.endswith(".mdb"):  # a map of what is on disk
                continue
            if int(end, 16) - int(begin, 16) > 1 << 30:  # a sanitizer's own
                continue
            try:
                memory.seek(int(begin, 16))
                bytes_there = memory.read(int(end, 16) - int(begin, 16))
            except OSError:
                continue  # locked memory has guard pages
            found += [(name, hex(int(begin, 16) + m.start())) for m in re.finditer(re.escape(needle), bytes_there)]
    return found


class MemoryCase(WireCase):
    def forgets(self, secret):
        limit = time.monotonic() + LIMIT
        while (found := places_of(secret.encode(), self.server.pid)) and time.monotonic() < limit:
            time.sleep(1)
        self.assertEqual([], found)


@unittest.skipUnless(os.geteuid() == 0, "only root may look into the memory of a process that protects it")
class Memory(MemoryCase):
    def test_a_new_password_is_gone_when_the_change_is_done(self):
        account = self.account()
        client, other = self.online(account, "r"), self.online(self.account(), "r")
        password = "new-" + os.urandom(30).hex()
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{account.local}</username>"
                       f"<password>{password}</password></query></iq>")
        for one in (client, other):  # what mbedTLS decrypted last and Expat read last
            one.sends(f"<message to='{other.full}' type='headline'><body>{'overwritten ' * 100}</body></message>")
            one.collect()
        marker = "still-here-" + os.urandom(8).hex()
        other.sends(f"<presence><status>{marker}</status></presence>")
        other.collect()
        self.assertTrue(places_of(marker.encode(), self.server.pid), "the search finds nothing at all")
        self.forgets(password)  # the parser's buffers go when the session has been silent for a while
        self.client(Account(account.jid, password)).login("later")


@unittest.skipUnless(os.geteuid() == 0, "only root may look into the memory of a process that protects it")
class Form(MemoryCase, HttpCase):
    policy = {"accounts": {"registration": "invite"}}

    def posts(self, tls, password, left_out=0):
        """Head and body in one piece, as browsers send them."""
        token = json.loads(self.server.ctl("invite", "--json").stdout)["uri"].rpartition("=")[2]
        body = f"username=guest{int(tls)}&password={password}&again={password}"
        return self.web(tls).send(f"POST /i/{token} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                                  f"Content-Length: {len(body) + left_out}\r\n\r\n{body}")

    def test_a_password_of_a_form_is_gone_when_the_account_is_made(self):
        for tls in (False, True):
            password = "form-" + os.urandom(30).hex()
            web = self.posts(tls, password)
            self.assertEqual(201, web.answer().status)
            if tls:  # what mbedTLS decrypted last
                web.close()
            self.forgets(password)

    def test_what_came_of_a_form_that_was_never_sent_to_its_end_is_gone_too(self):
        password = "part-" + os.urandom(30).hex()
        web = self.posts(False, password, left_out=10)
        web.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(400, web.answer().status, "all of it was read")
        self.forgets(password)


if __name__ == "__main__":
    main()
