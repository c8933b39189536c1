# SPDX-License-Identifier: AGPL-3.0-or-later
"""An XMPP client on a raw socket, made for tests: it can be slow, rude and wrong, and shows every byte.

Dialogues read like a play: `alice.sends(...)`, `bob.receives(...)`, `carol.receives_nothing()`. Nothing is judged by the clock: "nothing
arrives" means that a ping's answer is the next thing to arrive. The time limit only turns a hang into a failure.
"""
import collections
import itertools
import os
import socket
import ssl
import time

from . import pattern, xmlstream
from .negotiation import Negotiation
from .xmlstream import CLIENT, SM, STREAM_ERRORS, STREAMS

LIMIT = float(os.environ.get("LETHE_TEST_LIMIT", "60"))
_numbers = itertools.count(1)


class Closed(AssertionError):
    """The server ended the stream although the test still expected something."""


def _forget_tls_errors():
    """OpenSSL notes for the thread what failed, and Python 3.13 with OpenSSL 3.5 may take it for a failure of the next socket that is read. A
    handshake that begins clears it."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x").do_handshake()
    except OSError:
        pass


class Account:
    def __init__(self, jid, password):
        self.jid = jid
        self.local, self.domain = jid.split("@")
        self.password = password

    def __str__(self):
        return self.jid


class Client(Negotiation):
    def __init__(self, server, account=None, *, direct_tls=False, source=None, name=None):
        self.server = server
        self.account = account
        self.domain = account.domain if account else server.domain
        self.name = name or (account.local if account else "stranger")
        self.direct_tls = direct_tls
        self.source = source
        self.sock = None
        self.full = None
        self.bytewise = False
        self.transcript = []
        self.inbox = collections.deque()
        self.bytes_received = 0     # of XML
        self.stream_error = None
        self.ended = False          # </stream:stream> or end of file was seen
        self.eof = False
        self.sm_enabled = False
        self.auto_ack = True
        self.received_count = 0     # stanzas received since <enabled/>
        self.acked = 0              # the server's last h
        self.sent_count = 0

    @property
    def jid(self):
        return self.account.jid

    # Bytes ---------------------------------------------------------------------------------------------------------

    def connect(self):
        host, port = self.server.address_tls if self.direct_tls else self.server.address
        self.sock = socket.create_connection((host, port), timeout=LIMIT, source_address=(self.source, 0) if self.source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.direct_tls:
            self.wrap_tls(alpn=["xmpp-client"])
        return self

    def wrap_tls(self, alpn=None, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(alpn)
        if version:
            context.minimum_version = context.maximum_version = version
        self.sock = context.wrap_socket(self.sock, server_hostname=self.domain)

    def send_bytes(self, data):
        """Raw bytes; one write per byte when `bytewise` is set."""
        data = data.encode() if isinstance(data, str) else data
        self.transcript.append(f"{self.name} sends    {data[:2000].decode('utf-8', 'backslashreplace')}")
        try:
            for piece in (data[at:at + 1] for at in range(len(data))) if self.bytewise else (data,):
                self.sock.sendall(piece)
        except OSError:
            _forget_tls_errors()
            raise

    def send_tolerant(self, data):
        """Like send_bytes, for tests in which the server may hang up while we are still sending."""
        try:
            self.send_bytes(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass

    def _read_more(self, limit):
        self.sock.settimeout(max(0.01, limit - time.monotonic()))
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            _forget_tls_errors()
            data = b""
        if not data:
            self.eof = self.ended = True
            return
        self.bytes_received += len(data)
        for kind, value in self.parser.feed(data):
            self._event(kind, value)

    def _event(self, kind, value):
        if kind == "open":
            self.stream_header = value
        elif kind == "close":
            self.ended = True
        else:
            self.transcript.append(f"{self.name} receives {value}")
            self._stanza(value)

    def _stanza(self, stanza):
        if stanza.ns == STREAMS and stanza.name == "error":
            self.stream_error = stanza
        elif stanza.ns == SM and stanza.name == "r":
            if self.auto_ack:
                self.ack()
        elif stanza.ns == SM and stanza.name == "a":
            self.acked = int(stanza.get("h"))
            self._ack_seen = True
        else:
            if self.sm_enabled and stanza.ns == CLIENT:
                self.received_count += 1
            self.inbox.append(stanza)

    # Dialogue ------------------------------------------------------------------------------------------------------

    def sends(self, xml):
        """A stanza, as text. Counted for XEP-0198 when that is enabled."""
        if self.sm_enabled:
            self.sent_count += 1
        self.send_bytes(xml)
        return self

    def next(self):
        """The next stanza, whatever it is."""
        limit = time.monotonic() + LIMIT
        while not self.inbox:
            if self.ended:
                raise Closed(self._story(f"{self.name}: the stream has ended" + (f" with {self.stream_error}" if self.stream_error else "")))
            self._wait(limit, "a stanza")
        return self.inbox.popleft()

    def receives(self, expected):
        """The next stanza must match the pattern (lethe_test.pattern). Returns it."""
        got = self.next()
        problem = pattern.mismatch(expected, got)
        if problem:
            raise AssertionError(self._story(f"{self.name} should receive\n    {expected}\n  but received\n    {got}\n  {problem}"))
        return got

    def receives_all(self, *patterns):
        """The next stanzas must match these patterns, one each, in any order. Returned in the order of the patterns."""
        open_patterns = list(enumerate(patterns))
        found = [None] * len(patterns)
        while open_patterns:
            got = self.next()
            for index, expected in open_patterns:
                if pattern.mismatch(expected, got) is None:
                    found[index] = got
                    open_patterns.remove((index, expected))
                    break
            else:
                wanted = "".join(f"\n    {p}\n      ({pattern.mismatch(p, got)})" for _, p in open_patterns)
                raise AssertionError(self._story(f"{self.name} should receive one of{wanted}\n  but received\n    {got}"))
        return found

    def collect(self):
        """Everything that arrived before the answer to a ping sent now."""
        ping_id = f"ping-{next(_numbers)}"
        self.sends(f"<iq type='get' id='{ping_id}' to='{self.domain}'><ping xmlns='urn:xmpp:ping'/></iq>")
        got = []
        while True:
            stanza = self.next()
            if stanza.name == "iq" and stanza.get("id") == ping_id:
                if stanza.type not in ("result", "error"):
                    raise AssertionError(self._story(f"{self.name}: odd answer to a ping: {stanza}"))
                return got
            got.append(stanza)

    ping = collect

    def receives_nothing(self):
        got = self.collect()
        if got:
            raise AssertionError(self._story(f"{self.name} should receive nothing, but received {got}"))

    nothing_until_ping = receives_nothing

    def asks(self, iq):
        """Sends an iq (its id is added when missing) and returns the answer; other stanzas stay in the inbox, in order."""
        root = pattern.parse(iq)
        iq_id = root.get("id")
        if iq_id is None:
            iq_id = f"q-{next(_numbers)}"
            iq = iq.replace("<iq ", f"<iq id='{iq_id}' ", 1)
        self.sends(iq)
        held = []
        while True:
            stanza = self.next()
            if stanza.name == "iq" and stanza.get("id") == iq_id and stanza.type in ("result", "error"):
                self.inbox.extendleft(reversed(held))
                return stanza
            held.append(stanza)

    def asks_ok(self, iq):
        answer = self.asks(iq)
        if answer.type != "result":
            raise AssertionError(self._story(f"{self.name}: {iq} should succeed, got {answer}"))
        return answer

    def receives_end(self, *conditions, error_optional=False):
        """The server ends the stream with one of these stream errors (any order of error and end tag is fine), then the connection."""
        limit = time.monotonic() + LIMIT
        while not self.eof:
            self._wait(limit, "the end of the stream")
        got = self.stream_error.condition if self.stream_error else None
        if conditions and not (got is None and error_optional) and got not in conditions:
            raise AssertionError(self._story(f"{self.name}: the stream should end with {' or '.join(conditions)}, ended with {got}"))
        return got

    # Acknowledgements (XEP-0198) -------------------------------------------------------------------------------------

    def enable_sm(self, resume=False, max_seconds=None):
        wish = (" resume='true'" if resume else "") + (f" max='{max_seconds}'" if max_seconds is not None else "")
        self.send_bytes(f"<enable xmlns='{SM}'{wish}/>")
        enabled = self.receives(f"<enabled xmlns='{SM}' id='*' resume='true' max='*'>...</enabled>" if resume else f"<enabled xmlns='{SM}'>...</enabled>")
        self.sm_id = enabled.get("id")
        self.sm_max = enabled.get("max") and int(enabled.get("max"))
        self.sm_enabled = True
        self.sent_count = self.received_count = 0
        return self

    def resumes(self, lost, h=None):
        """From nothing to the session that another client had; the counts go on. Returns the answer: <resumed/> or <failed/>."""
        self.secure()
        self.authenticate()
        return self.asks_to_resume(lost, h)

    def asks_to_resume(self, lost, h=None):
        self.sm_enabled, self.received_count = True, lost.received_count  # stanzas may follow the answer at once
        self.send_bytes(f"<resume xmlns='{SM}' previd='{lost.sm_id}' h='{lost.received_count if h is None else h}'/>")
        answer = self.next()
        if (answer.ns, answer.name) == (SM, "resumed"):
            self.full, self.sm_id, self.sent_count = lost.full, lost.sm_id, lost.sent_count
        else:
            self.sm_enabled, self.received_count = False, 0
        return answer

    def ack(self, h=None):
        self.send_bytes(f"<a xmlns='{SM}' h='{self.received_count if h is None else h}'/>")

    def request_ack(self):
        """Sends <r/> and waits for an <a/>; returns its h."""
        self._ack_seen = False
        self.send_bytes(f"<r xmlns='{SM}'/>")
        limit = time.monotonic() + LIMIT
        while not self._ack_seen:
            if self.ended:
                raise Closed(self._story(f"{self.name}: the stream ended before an <a/>"))
            self._wait(limit, "an <a/>")
        return self.acked

    def all_acked(self):
        """Waits until the server has acknowledged, and therefore stored, all that was sent."""
        limit = time.monotonic() + LIMIT
        while self.request_ack() < self.sent_count:
            if time.monotonic() > limit:
                raise AssertionError(self._story(f"{self.name}: only {self.acked} of {self.sent_count} stanzas acknowledged"))

    # Ends ------------------------------------------------------------------------------------------------------------

    def leaves(self):
        """Closes the stream properly and waits until the server has closed it too, so that the session is gone. Idempotent."""
        if self.sock.fileno() < 0:
            return
        self.send_tolerant("</stream:stream>")
        limit = time.monotonic() + LIMIT
        while not self.eof:
            self._wait(limit, "the server's </stream:stream>")
            if self.ended:
                break
        self.drop()

    def drop(self):
        """Closes the socket without a word. Idempotent."""
        if self.sock:
            self.sock.close()

    def _wait(self, limit, what):
        try:
            self._read_more(limit)
        except (TimeoutError, socket.timeout):
            raise AssertionError(self._story(f"{self.name}: {what} did not arrive within {LIMIT:.0f} s")) from None

    def _story(self, sentence):
        return sentence + "\n  so far:\n    " + "\n    ".join(line[:1500] for line in self.transcript[-25:])
