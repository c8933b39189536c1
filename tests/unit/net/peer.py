#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A TLS client made of OpenSSL, driven by test_net: peer.py PORT[/VERSION] SCENARIO [ARGUMENT].

VERSION is 1.2 (the default) or 1.3: the only one it offers where the scenario says nothing else. Prints its findings; the exit status
is 0 unless the client itself broke down."""
import socket
import ssl
import sys
import threading
import warnings


def context(low=None, high=None, ciphers=None, alpn=None):
    low, high = low or version, high or version
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = low, high
    if ciphers:
        made.set_ciphers(ciphers)
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def connect(**settings):
    return context(**settings).wrap_socket(socket.create_connection(("127.0.0.1", int(port))))


def refused(**settings):
    """The name of the alert that the server answered with."""
    try:
        with connect(**settings) as tls:
            return "accepted " + tls.version() + " " + tls.cipher()[0]
    except ssl.SSLError as error:
        return error.reason or str(error)
    except ConnectionError:
        return "connection lost"


def read_exactly(tls, size):
    got = bytearray()
    while len(got) < size:
        part = tls.recv(min(65536, size - len(got)))
        if not part:
            break
        got += part
    return bytes(got)


def echo(text="hello"):
    with connect() as tls:
        tls.sendall(text.encode())
        answer = read_exactly(tls, len(text))
        return f"{tls.version()} {tls.cipher()[0]} {answer.decode()}"


def suite(name):
    return refused(ciphers=name + ":@SECLEVEL=0")


def newest():
    with connect(low=ssl.TLSVersion.TLSv1_2, high=ssl.TLSVersion.TLSv1_3) as tls:
        tls.sendall(b"x")
        read_exactly(tls, 1)
        tickets = tls.session.has_ticket if tls.session else False
        return f"{tls.version()} tickets={tickets}"


def old(name):
    asked = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1}[name]
    return refused(low=asked, high=asked, ciphers="ALL:@SECLEVEL=0")


def alpn(names):
    with connect(alpn=names.split(",") if names else None) as tls:
        return "accepted " + str(tls.selected_alpn_protocol())


def unique():
    with connect() as tls:
        binding = tls.get_channel_binding("tls-unique").hex()
        read_exactly(tls, 1)  # until the server ends
        return f"{tls.version()} {binding}"


def resumption():
    """Two connections with the first one's session offered on the second."""
    made = context()
    with made.wrap_socket(socket.create_connection(("127.0.0.1", int(port)))) as tls:
        tls.sendall(b"x")
        read_exactly(tls, 1)
        session = tls.session
    with made.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), session=session) as tls:
        return f"ticket={session.has_ticket} reused={tls.session_reused}"


def duplex(size):
    """Sends and receives at once: the server sends as much as it gets."""
    size = int(size)
    block = bytes(range(256)) * (size // 256)
    with connect() as tls:
        sender = threading.Thread(target=tls.sendall, args=(block,))
        sender.start()
        got = read_exactly(tls, size)
        sender.join()
        return "equal" if got == block else f"different after {len(got)} bytes"


def bytewise(text="one byte at a time"):
    """Every byte of ciphertext is a TCP segment of its own."""
    raw = socket.create_connection(("127.0.0.1", int(port)))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context().wrap_bio(incoming, outgoing)

    def trickle():
        for byte in outgoing.read():
            raw.send(bytes([byte]))

    def pump(step):
        while True:
            try:
                result = step()
                trickle()
                return result
            except ssl.SSLWantReadError:
                trickle()
                part = raw.recv(65536)
                if not part:
                    raise ConnectionError("closed early")
                incoming.write(part)

    pump(tls.do_handshake)
    pump(lambda: tls.write(text.encode()))
    answer = b""
    while len(answer) < len(text):
        answer += pump(lambda: tls.read(1024))
    return answer.decode()


def coalesced():
    """Finished and the first records of data in one segment; then a record that is cut in the middle."""
    raw = socket.create_connection(("127.0.0.1", int(port)))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context().wrap_bio(incoming, outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        raw.sendall(outgoing.read())
    while True:
        incoming.write(raw.recv(65536))
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
    for part in (b"first ", b"second ", b"third"):
        tls.write(part)
    flight = outgoing.read()
    raw.sendall(flight[:-7])
    raw.sendall(flight[-7:])
    answer = b""
    while len(answer) < 18:
        incoming.write(raw.recv(65536))
        try:
            while True:
                answer += tls.read(1024)
        except ssl.SSLWantReadError:
            pass
    return answer.decode()


def closing():
    """What follows the server's last words: an orderly end or a cut."""
    with connect() as tls:
        tls.suppress_ragged_eofs = False
        try:
            tls.sendall(b"x" * (8 << 20))
            words = tls.recv(1024)
            end = tls.recv(1024)
            return words.decode() + (", then close_notify" if end == b"" else ", then more")
        except (ssl.SSLError, OSError) as error:
            return "cut: " + str(error)


def idle(count):
    """Opens sessions, moves a large record both ways on each, reports, and keeps them open until told to go."""
    made = context()
    held = []
    print("start", flush=True)
    sys.stdin.readline()
    for _ in range(int(count)):
        tls = made.wrap_socket(socket.create_connection(("127.0.0.1", int(port))))
        tls.sendall(b"m" * 16000)
        read_exactly(tls, 16000)
        held.append(tls)
    print("open", flush=True)
    sys.stdin.readline()
    return "bye"


def unread():
    """A client that takes nothing more after one byte, until told to go."""
    with connect() as tls:
        print(len(tls.recv(1)), flush=True)
        sys.stdin.readline()
    return "bye"


def hello():
    """A ClientHello in hexadecimal; connects to nothing."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context().wrap_bio(incoming, outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read().hex()


port, _, wanted = sys.argv[1].partition("/")
version = {"": ssl.TLSVersion.TLSv1_2, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[wanted]
try:
    print(globals()[sys.argv[2]](*sys.argv[3:]))
except BrokenPipeError:
    pass  # the test that held us has ended
