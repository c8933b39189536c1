# SPDX-License-Identifier: AGPL-3.0-or-later
"""Raw HTTP: bytes out, answers in. What a careful client would never send is the point, so nothing here corrects anything."""
import socket
import ssl

from .case import WireCase
from .client import LIMIT


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __getitem__(self, name):
        return self.fields.get(name.lower())

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:200]!r}"


class Connection:
    """One connection; answers are read one after the other."""

    def __init__(self, address, tls=False):
        self.socket = socket.create_connection(address, timeout=LIMIT)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def get(self, path, method="GET", body=b"", **fields):
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost.example"] + [f"{n.replace('_', '-')}: {v}" for n, v in fields.items()]
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body).answer(head=method == "HEAD")

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLEOFError):
            data = b""
        self.buffer += data
        return bool(data)

    def answer(self, head=False):
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                raise AssertionError(f"the connection ended without an answer: {self.buffer!r}")
        text, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = text.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        fields = {}
        for line in lines:
            name, value = line.split(": ", 1)
            assert name.lower() not in fields, line
            fields[name.lower()] = value
        size = 0 if head or int(status) in (100, 204, 304) else int(fields["content-length"])
        while len(self.buffer) < size and self._more():
            pass
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        assert len(body) == size, f"{len(body)} of {size} bytes"
        return Answer(int(status), fields, body)

    def ended(self):
        """The server has closed, and said nothing more."""
        while self._more():
            pass
        return self.buffer == b""

    def close(self):
        self.socket.close()


class HttpCase(WireCase):
    """A server that listens for HTTP too, on TLS (https) and in plain (loopback)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.stop()
        cls.listen()

    @classmethod
    def listen(cls):
        cls.server.web = True
        cls.server.configure()
        cls.server.start()
        cls.https, cls.plain = cls.server.https, cls.server.plain

    def web(self, tls=False):
        connection = Connection(self.https if tls else self.plain, tls)
        self.addCleanup(connection.close)
        return connection

    def get(self, path, tls=False, **how):
        return self.web(tls).get(path, **how)
