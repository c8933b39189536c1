#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""`lethectl ledger watch URL`: what a real lethed serves, and what somebody serves who cuts, rewrites, replaces, or is not there."""
import http.server
import json
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import time

from lethe_test import main
from lethe_test.client import LIMIT
from lethe_test.http import HttpCase
from lethe_test.server import LETHECTL
from lethe_test.template import ready_server
from lethe_test.waiting import until


class Forger(http.server.BaseHTTPRequestHandler):
    """Serves `server.ledger` with ranges, or `server.status`; `server.asked` are the ranges that were asked for."""

    def do_GET(self):
        self.server.asked.append(self.headers["Range"])
        ledger, first, status = self.server.ledger, 0, 200
        if self.headers["Range"] and self.server.ranges:
            first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            status = 206 if first < len(ledger) else 416
        self.send_response(self.server.status or status)
        body = b"" if status == 416 else ledger[first:]
        self.send_header("Content-Length", str(len(body) + (1 << 20 if self.server.dribbles else 0)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{len(ledger) - 1}/{len(ledger)}")
        if self.server.status in (301, 302):
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)
        while self.server.dribbles:
            self.dribble()

    def dribble(self):
        """A byte now and then, as long as somebody listens."""
        try:
            self.wfile.write(b"x")
        except OSError:
            self.server.dribbles = False
        time.sleep(0.05)

    def log_message(self, *_):
        pass


class Watching(HttpCase):
    def setUp(self):
        super().setUp()
        self.room = pathlib.Path(tempfile.mkdtemp(prefix="lethe-follow-"))
        self.addCleanup(shutil.rmtree, self.room, ignore_errors=True)
        self.copy = self.room / "copy.jsonl"
        self.key = self.server.ctl("ledger", "key").stdout.strip()
        self.url = "http://%s:%d/policy/ledger" % self.plain

    def command(self, url, *arguments):
        return [str(LETHECTL), "ledger", "watch", url, "--copy", str(self.copy), *map(str, arguments)]

    def watch(self, *arguments, url=None, status=0):
        done = subprocess.run(self.command(url or self.url, *arguments), capture_output=True, text=True, cwd=self.room, timeout=2 * LIMIT)
        self.assertEqual(status, done.returncode, done)
        return done.stdout + done.stderr

    def forger(self, ledger):
        forger = http.server.ThreadingHTTPServer((self.server.host, 0), Forger)
        forger.daemon_threads = True
        forger.ledger, forger.asked, forger.status, forger.ranges, forger.dribbles = ledger, [], None, True, False
        thread = threading.Thread(target=forger.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(forger.server_close)
        self.addCleanup(forger.shutdown)
        self.forged = "http://%s:%d/policy/ledger" % forger.server_address
        return forger

    def served(self):
        return self.get("/policy/ledger").body


class Follow(Watching):
    def test_it_goes_on_where_it_was(self):
        first = self.watch("--key", self.key)
        self.assertIn("new since the last look, nothing cut, rewritten or back-dated", first)
        self.assertTrue(self.served().startswith(self.copy.read_bytes()))
        self.server.restart()
        said = json.loads(self.watch("--json"))
        self.assertEqual((True, [], True), (said["holds"], said["findings"], said["new_lines"] > 0))
        self.assertIn(b"server_start", self.copy.read_bytes().splitlines()[-1] + self.copy.read_bytes().splitlines()[-2])
        self.server.ctl("ledger", "verify", self.copy, "--key", self.key)

    def test_a_host_alone_will_do_and_only_the_end_is_fetched(self):
        forger = self.forger(self.served())
        self.watch("--key", self.key, url=self.forged.removesuffix("/policy/ledger"))
        lines = self.served().splitlines(keepends=True)
        self.watch(url=self.forged)
        self.assertEqual([None, f"bytes={sum(map(len, lines[:-1]))}-"], forger.asked)
        forger.ranges = False
        self.assertIn(" 0 new", self.watch(url=self.forged))

    def test_without_a_copy_it_is_named_after_the_host(self):
        subprocess.run([LETHECTL, "ledger", "watch", self.url, "--key", self.key], check=True, capture_output=True, cwd=self.room)
        self.assertEqual({f"{self.server.host}.ledger.jsonl", f"{self.server.host}.ledger.jsonl.watched"}, {p.name for p in self.room.iterdir()})

    def test_a_certificate_must_be_trusted_and_be_the_hosts(self):
        address = "https://%s:%d/policy/ledger" % self.https
        self.assertIn("--ca", self.watch("--key", self.key, url=address, status=3))
        named = f"https://{self.server.domain}:{self.https[1]}/policy/ledger"
        certificate = self.server.config_dir / "tls" / "cert.pem"
        self.assertIn("cannot be read", self.watch("--ca", certificate, url=address, status=3), "the certificate is of the domain, not of the address")
        self.assertIn("cannot be read", self.watch("--ca", self.room / "none.pem", url=address, status=3))
        self.assertIn("localhost.example", named)
        self.assertEqual([], list(self.room.iterdir()))


class Forged(Watching):
    def setUp(self):
        super().setUp()
        self.true = self.served()
        self.lines = self.true.splitlines(keepends=True)
        self.fake = self.forger(self.true)
        self.watch("--key", self.key, url=self.forged)
        self.kept = {p.name: p.read_bytes() for p in self.room.iterdir()}

    def finds(self, ledger, what):
        """Twice: what was seen before is kept, and what is there instead is kept beside it."""
        self.fake.ledger = ledger
        for ranges in (True, False):
            self.fake.ranges = ranges
            self.assertIn(what, self.watch(url=self.forged, status=1))
            evidence = self.room / "copy.jsonl.found"
            self.assertEqual(ledger, evidence.read_bytes())
            evidence.unlink()
            self.assertEqual(self.kept, {p.name: p.read_bytes() for p in self.room.iterdir()})

    def test_lines_are_cut_off(self):
        for count in range(1, len(self.lines)):
            self.finds(b"".join(self.lines[:count]), "was cut")

    def test_a_line_is_changed(self):
        last = self.lines[-1]
        cut = last.index(b'"sig":"') + 7
        self.finds(self.true[:-len(last)] + last[:cut] + (b"1" if last[cut:cut + 1] == b"0" else b"0") + last[cut + 1:], "is another than at the last look")

    def test_another_ledger_stands_there(self):
        other, _ = ready_server()
        self.addCleanup(other.remove)
        other.start()
        other.stop()
        text = (other.data / "ledger.jsonl").read_bytes()
        self.finds(text, "the ledger was")
        other.config_dir.joinpath("node.key").unlink()
        self.assertNotEqual(text, self.true)

    def test_nothing_is_there_any_more(self):
        self.finds(b"", "holds no line")

    def test_it_cannot_be_reached(self):
        for status in (404, 500, 301, 302):
            self.fake.status = status
            self.assertIn(f"answered with status {status} and no ledger", self.watch(url=self.forged, status=3))
        self.fake.status = None
        gone = f"http://{self.server.host}:1/policy/ledger"
        self.assertIn("cannot be read: ", self.watch(url=gone, status=3))
        self.assertEqual(self.kept, {p.name: p.read_bytes() for p in self.room.iterdir()})

    def test_it_dribbles(self):
        self.fake.dribbles = True
        self.assertIn("did not answer to the end in the time that --timeout gives it", self.watch("--timeout", "2s", url=self.forged, status=3))
        self.assertEqual(self.kept, {p.name: p.read_bytes() for p in self.room.iterdir()})

    def test_what_was_seen_is_gone(self):
        self.copy.unlink()
        self.assertIn("is gone, which held what was seen", self.watch(url=self.forged, status=2))

    def test_it_goes_on_until_there_is_a_finding(self):
        log = open(self.room / "said", "wb+")
        self.addCleanup(log.close)
        going = subprocess.Popen(self.command(self.forged, "--every", "1s"), stdout=log, stderr=log)
        self.addCleanup(going.wait)
        self.addCleanup(going.kill)

        def said(what, count=1):
            until(lambda: (self.room / "said").read_text().count(what) >= count, f"'{what}'")
        said(" 0 new since the last look", 2)
        self.fake.status = 503
        said("answered with status 503 and no ledger; see whether the address is right; it is tried again")
        self.fake.asked.clear()
        until(lambda: len(self.fake.asked) > 2, "more looks")
        looks = (self.room / "said").read_text().count(" 0 new")
        self.fake.status = None
        said(" 0 new", looks + 1)
        self.fake.ledger = self.lines[0]
        until(lambda: going.poll() is not None, "its end")
        self.assertEqual(1, going.returncode)
        text = (self.room / "said").read_text()
        self.assertIn("was cut", text)
        self.assertEqual(1, text.count("503"), "said once")


class Refused(Watching):
    def test_wrong_usage_is_a_sentence(self):
        for url, arguments, what in (
                ("http://chat.example/policy/ledger", (), "is not encrypted"),
                ("http://127.example/policy/ledger", (), "is not encrypted"),
                ("ftp://chat.example/policy/ledger", (), "is no web address"),
                ("https://", (), "is no web address"),
                ("https://me@chat.example/policy/ledger", (), "user name"),
                ("http://abcdef.onion/policy/ledger", (), "--proxy socks5h://127.0.0.1:9050"),
                ("https://chat.example", ("--proxy", "http://127.0.0.1:1"), "socks5h"),
                (self.url, ("--every", "soon"), "--every takes a time"),
                (self.url, ("--every", "0"), "--every takes a time"),
                (self.url, ("--timeout", "soon"), "--timeout takes a time of at most a day"),
                (self.url, ("--timeout", "unlimited"), "--timeout takes a time of at most a day"),
                (self.url, ("--timeout", "25h"), "--timeout takes a time of at most a day"),
                (self.url, ("--key", "12"), "64 hexadecimal digits")):
            with self.subTest(url, arguments=arguments):
                said = self.watch(*arguments, url=url, status=2)
                self.assertIn(what, said)
                self.assertEqual(1, said.count("\n"), said)
        for option in (("--ca", "x"), ("--timeout", "1h")):
            file = subprocess.run([LETHECTL, "ledger", "watch", "ledger.jsonl", *option], capture_output=True, text=True)
            self.assertEqual((2, "lethectl: --ca, --proxy, --copy and --timeout are for a web address; leave them out, or name one\n"), (file.returncode, file.stderr))
        verify = subprocess.run([LETHECTL, "ledger", "verify", self.url], capture_output=True, text=True)
        self.assertEqual(2, verify.returncode)
        self.assertIn("verify takes a file", verify.stderr)

    def test_an_onion_service_is_asked_for_through_the_proxy_by_its_name(self):
        import socket
        asked, name = [], b"a" * 56 + b".onion"
        with socket.create_server((self.server.host, 0)) as proxy:
            def answer():
                connection, _ = proxy.accept()
                with connection:
                    connection.recv(2 + 255)
                    connection.sendall(b"\x05\x00")
                    asked.append(connection.recv(1024))
                    connection.sendall(b"\x05\x04\x00\x01" + bytes(6))
            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            said = self.watch("--proxy", "socks5h://%s:%d" % proxy.getsockname()[:2], url=f"http://{name.decode()}/policy/ledger", status=3)
            thread.join()
        self.assertEqual(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + b"\x00\x50", asked[0])
        self.assertIn("cannot be read", said)


if __name__ == "__main__":
    main()
