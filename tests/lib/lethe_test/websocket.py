# SPDX-License-Identifier: AGPL-3.0-or-later
"""The test client over a WebSocket (RFC 6455, RFC 7395): the same dialogues, and frames that no careful client would send.

A dialogue's text is cut into its elements, each is given the namespaces that a stream header would have declared, and each is one message. What
is not well-formed is a message as it is, half an element is half a message, and the space that keeps a stream alive is a ping. `send_text` and
`send_frame` send what they are given.
"""
import base64
import hashlib
import os
import re
import socket
import ssl
import struct
import xml.etree.ElementTree as ET
from xml.parsers import expat

from .client import LIMIT, Client
from .xmlstream import CLIENT, STREAMS, Stanza, StreamParser

PATH = "/xmpp-websocket"
FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "xmpp"}


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


def frame(opcode, payload=b"", *, fin=True, rsv=0, mask=b"\x01\x80\xfe\x37", length=None, extended=None):
    """One frame; `length`: claimed instead of the true one, `extended`: in so many bytes instead of as few as possible, `mask` None: not masked."""
    size = len(payload) if length is None else length
    if extended is None:
        extended = 0 if size < 126 else 2 if size < 65536 else 8
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | {0: size, 2: 126, 8: 127}[extended]])
    head += {0: b"", 2: struct.pack(">H", size & 0xffff), 8: struct.pack(">Q", size)}[extended]
    if mask is None:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


class WebSocketClient(Client):
    """`tls` False: to the listener for a proxy."""

    def __init__(self, server, account=None, *, tls=True, **how):
        super().__init__(server, account, **how)
        self.tls = tls
        self.frames = b""           # received, incomplete
        self.pongs = []
        self.close_code = None

    def connect(self):
        self.sock = socket.create_connection(self.server.https if self.tls else self.server.plain, timeout=LIMIT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            self.wrap_tls(alpn=["http/1.1"])
        key = base64.b64encode(os.urandom(16)).decode()
        fields = "".join(f"{n}: {v}\r\n" for n, v in {**HANDSHAKE, "Sec-WebSocket-Key": key}.items())
        self.sock.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {self.domain}\r\n{fields}\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(1)
            if not byte:
                raise AssertionError(f"no WebSocket, but {head!r}")
            head += byte
        lines = head.decode().split("\r\n")
        answer = {name: value.strip() for name, _, value in (line.lower().partition(":") for line in lines[1:])}
        if (lines[0], answer.get("sec-websocket-accept"), answer.get("sec-websocket-protocol")) != ("HTTP/1.1 101 Switching Protocols", accept_of(key).lower(), "xmpp"):
            raise AssertionError(f"no WebSocket, but {head!r}")
        return self

    def secure(self):
        self.connect()
        return self.open_stream()

    def header(self, to=None, ns=CLIENT, version="1.0", extra=""):
        return f"<open xmlns='{FRAMING}' to='{to or self.domain}' version='{version}'{extra}/>"

    def fresh_parser(self):
        self.stream_header = None

    # Out -----------------------------------------------------------------------------------------------------------

    def send_raw(self, data):
        if self.bytewise:
            for byte in data:
                self.sock.sendall(bytes([byte]))
        else:
            self.sock.sendall(data)
        return self

    def send_tolerant_raw(self, data):
        try:
            self.send_raw(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def send_frame(self, opcode, payload=b"", **how):
        payload = payload.encode() if isinstance(payload, str) else payload
        self.transcript.append(f"{self.name} sends    frame {opcode} {how} {payload[:2000].decode('utf-8', 'backslashreplace')}")
        return self.send_raw(frame(opcode, payload, **how))

    def send_text(self, text):
        return self.send_frame(TEXT, text)

    def send_bytes(self, data):
        text = data if isinstance(data, str) else data.decode()
        if not text.strip():
            self.send_frame(PING)
            return
        try:
            whole = messages(text)
        except expat.ExpatError:
            whole = [data]
        for message in whole:
            self.send_frame(TEXT, message)
        if not whole:
            self.send_frame(TEXT, with_namespace(text.encode()), fin=False)

    # In ------------------------------------------------------------------------------------------------------------

    def _wait_for_frame(self):
        """(opcode, payload) of the first complete frame in the buffer, or None."""
        data = self.frames
        if len(data) < 2:
            return None
        assert data[0] & 0x70 == 0 and data[0] & 0x80 and not data[1] & 0x80, f"a server's frame is whole and not masked: {data[:16]!r}"
        size, start = data[1] & 0x7f, 2
        if size > 125:
            start = 4 if size == 126 else 10
            if len(data) < start:
                return None
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            return None
        self.frames = data[start + size:]
        return data[0] & 15, data[start:start + size]

    def feed(self, data):
        self.frames += data
        while (got := self._wait_for_frame()) is not None:
            opcode, payload = got
            assert self.close_code is None, "nothing follows a Close"
            if opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.ended = True
            elif opcode == PONG:
                self.pongs.append(payload)
            else:
                assert opcode == TEXT, f"frame {opcode}"
                self._message(payload)
        return []

    parser = property(lambda self: self, lambda self, _: None)

    def _message(self, payload):
        element = ET.fromstring(payload)  # stands for itself: its namespaces are in it
        if element.tag == f"{{{FRAMING}}}open":
            self._event("open", dict(element.attrib, tag=element.tag))
        elif element.tag == f"{{{FRAMING}}}close":
            self.transcript.append(f"{self.name} receives <close/>")
            self._event("close", None)
        else:
            self._event("stanza", Stanza(element, payload))


def messages(text):
    """The elements of a piece of a stream, each as a message."""
    if text.startswith("<open "):
        return [text.encode()]
    parser = StreamParser()
    parser.feed(f"<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}'>".encode())
    out = []
    for kind, stanza in parser.feed(text.encode()):
        out.append(with_namespace(stanza.raw) if kind == "stanza" else f"<close xmlns='{FRAMING}'/>".encode())
    return out


def with_namespace(raw):
    if re.search(rb"\sxmlns=", raw[:raw.index(b">")]):
        return raw
    return re.sub(rb"^<([^\s/>]+)", rb"<\1 xmlns='jabber:client'", raw, count=1)
