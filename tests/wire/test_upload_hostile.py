#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0363 under those who mean harm: smuggled requests, paths with two meanings, requests that are nearly right, slow bodies and slow readers."""
import pathlib
import random
import re
import socket

from lethe_test import main
from lethe_test.waiting import until
from test_upload import CHUNK, UploadCase as _UploadCase


class Tricks(_UploadCase):
    """What shall make a server and a proxy, or a path and a file, mean two things."""

    def test_a_body_ends_where_its_length_says(self):
        hidden = b"GET /policy.toml HTTP/1.1\r\nHost: a\r\n\r\n"
        put, get = self.slot(len(hidden))
        head = f"PUT {put} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(hidden)}\r\n\r\n".encode()
        web = self.web().send(head + hidden + f"GET {get} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.assertEqual([(201, b""), (200, hidden)], [(a.status, a.body) for a in (web.answer(), web.answer())])
        refused = self.web().send(head + hidden)
        answer = refused.answer()
        self.assertEqual((403, "close"), (answer.status, answer["connection"]))
        self.assertTrue(refused.ended())

    def test_smuggling_is_refused_and_leaves_the_slot_as_it_was(self):
        put, get = self.slot(5)
        for fields, status in (("Content-Length: 5\r\nTransfer-Encoding: chunked", 400), ("Transfer-Encoding: chunked", 411), ("Transfer-Encoding: identity\r\nContent-Length: 5", 400),
                               ("Content-Length: 5\r\nContent-Length: 6", 400), ("Content-Length: 5, 5", 400), ("Content-Length: +5", 400), ("Content-Length: 0x5", 400),
                               ("Content-Length: -5", 400), ("Content-Length: 18446744073709551621", 400), ("Content-Length : 5", 400), ("X: y", 411), ("Content-Length: 0", 400)):
            web = self.web().send(f"PUT {put} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")
            self.assertEqual(status, web.answer().status, fields)
        self.assertEqual(404, self.get(get).status)
        self.assertEqual(201, self.put(put, b"abcde").status)

    def test_paths_have_one_meaning(self):
        put, get = self.slot(1)
        token, key = get.split("/")[2], put.split("/")[2]
        for path in (f"/f/{token}/..", f"/f/{token}/%2e%2e", f"/f//{token}/a", f"/f/{token}//a", f"/f/{token}%2fa", f"/f/{token}/a%00", f"/f/../u/{key}/a", f"/f\\{token}/a", f"/f/./{token}/a"):
            self.assertEqual(400, self.get(path).status, path)
            self.assertEqual(400, self.put(path.replace(token, key).replace("/f", "/u"), b"x").status, path)
        for path in (f"/F/{token}/a", f"/u/{token}/a/b", f"/u/{key}", f"/u/{key}/", "/u/", f"/u/{key.lower()}/a", f"/u/%20{key}/a"):
            self.assertIn(self.put(path, b"x").status, (403, 404), path)
        self.assertEqual(201, self.put(put, b"x").status)
        self.assertEqual(b"x", self.get(f"/%66/{token}/a?b=/../c").body)


class Mutated(_UploadCase):
    """Requests that were nearly right, the same ones in each run: what is stored was sent, what is there stays, and the server lives."""
    WORDS = [b"\r\n", b"\n", b"\r", b" ", b"\0", b"/", b"/..", b"%2f", b"%00", b"?", b"#", b"\r\nContent-Length: 7", b"\r\nContent-Length: 20", b"\r\nTransfer-Encoding: chunked",
             b"\r\nExpect: 100-continue", b"\r\nRange: bytes=3-", b"\r\nRange: bytes=-1,0-", b"\r\nIf-Range: \"a\"", b"\r\nContent-Type: a/b", b"\r\nConnection: close", b"\r\n\r\n",
             b"PUT ", b"GET ", b" HTTP/1.0", b"HTTP/9.9", b"\x80\xff", b"A" * 43, b"A" * 5000, b":", b"\r\nHost: b"]

    def mutate(self, rng, head):
        for _ in range(rng.randint(1, 3)):
            at, end = rng.randrange(len(head) + 1), rng.randrange(len(head) + 1)
            kind = rng.randrange(5)
            if kind == 0:
                head = head[:at] + head[at + 1:]
            elif kind == 1:
                head = head[:at] + bytes([rng.randrange(256)]) + head[at + 1:]
            elif kind == 2:
                head = head[:at] + head[min(at, end):end] + head[at:]
            else:
                head = head[:at] + rng.choice(self.WORDS) + head[at:]
        return head

    def statuses(self, data):
        """Of everything that is answered until the end."""
        web = self.web()
        try:
            web.send(data)
            web.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all of it was sent
        while web._more():
            pass
        web.close()
        self.assertRegex(web.buffer, rb"^(HTTP/1\.1 |$)")
        return {int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", web.buffer)}

    def test_what_is_stored_was_sent_and_what_is_there_stays(self):
        rng, body = random.Random(363), bytes(range(97, 117))
        known, seen, slot = self.send(body), set(), None
        for _ in range(400):
            slot = slot or self.slot(len(body), content_type="text/plain")
            heads = [f"PUT {slot[0]} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}", f"GET {known} HTTP/1.1\r\nHost: a\r\nRange: bytes=2-5"]
            data = self.mutate(rng, rng.choice(heads).encode()) + b"\r\n\r\n" + body
            seen |= self.statuses(data)
            answer = self.get(slot[1])
            if answer.status == 404:
                continue
            self.assertEqual((200, len(body)), (answer.status, len(answer.body)), data)
            self.assertIn(answer.body, data)
            slot = None
        self.assertLessEqual(seen, {100, 200, 201, 206, 303, 304, 400, 403, 404, 405, 408, 411, 412, 413, 414, 415, 416, 417, 431, 501, 505})
        self.assertGreaterEqual(seen, {200, 201, 206, 400, 403, 404, 411})
        self.assertEqual(body, self.get(known).body)


class Slow(_UploadCase):
    """Only what ends by a deadline: nothing here has to be quick."""
    policy = {"uploads": {"keep": "7d", "max_size": 4 << 20, "quota_per_day": 4 << 30}}
    config = {"limits": {"stall_seconds": 2}}

    def test_a_body_that_dribbles_is_cut_off(self):
        put, get = self.slot(2 * CHUNK)
        web = self.web()
        web.socket.settimeout(0.05)
        web.send(f"PUT {put} HTTP/1.1\r\nHost: a\r\nContent-Length: {2 * CHUNK}\r\n\r\n")

        def over():
            try:
                web.send("a")
                return web.socket.recv(65536) == b""
            except socket.timeout:
                return False
            except OSError:
                return True
        until(over, "the server to lose its patience")
        self.assertEqual([404, 403], [self.get(get).status, self.put(put, bytes(2 * CHUNK)).status])

    def test_a_body_that_stops_in_the_middle_is_not_waited_for(self):
        put, get = self.slot(4 * CHUNK)
        web = self.web().send(f"PUT {put} HTTP/1.1\r\nHost: a\r\nContent-Length: {4 * CHUNK}\r\n\r\n".encode() + bytes(2 * CHUNK + 10))
        self.assertTrue(web.ended())
        self.assertEqual([404, 403], [self.get(get).status, self.put(put, bytes(4 * CHUNK)).status])

    def test_who_reads_nothing_is_left(self):
        def sent():
            put, get = self.slot(4 << 20)
            try:
                return get if self.put(put, bytes(4 << 20)).status == 201 else None
            except (OSError, AssertionError):  # the machine was so slow that it did not come in time
                return None
        get = until(sent, "a file to be there")
        web = self.web()
        web.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        web.send(f"GET {get} HTTP/1.1\r\nHost: a\r\n\r\n" * 8)
        until(lambda: not self.connected(web), "the server to lose its patience")

    def connected(self, web):
        """As the kernel says of the server's end, without reading here."""
        port = web.socket.getsockname()[1]
        lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
        return any(line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)


if __name__ == "__main__":
    main()
