#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The looking of tools/quickstart: at the disk, at ports, at the settings to enter in a client.

Usage: disk.py search DIRECTORY DOMAIN | expire DIRECTORY | settings DIRECTORY DOMAIN LETHECTL NEW | ports ADDRESS | listening DIRECTORY
"""
import base64
import hashlib
import os
import pathlib
import socket
import ssl
import sys
import time

import story

PAGE = 4096
LONGEST_WAIT = 180  # seconds; the demonstration's longest deadline is a third of it


def forms(text):
    """The ways in which a program might have written a text."""
    raw = text.encode()
    yield from (raw, raw.lower(), raw.hex().encode(), text.encode("utf-16-le"), text.encode("utf-16-be"))
    for shift in range(3):  # base64 looks different at each of three offsets; the edges depend on the neighbours
        yield base64.b64encode(b"\0" * shift + raw)[4 if shift else 0:len(raw) * 4 // 3 - 4]


def regular_files(folder):
    return sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.is_symlink())


def found_in(contents, texts):
    return [text for text in texts if any(form in content for form in forms(text) for content in contents)]


def read_existing(paths):
    """Contents of files, of which any may expire while they are read."""
    contents = {}
    for path in paths:
        try:
            contents[path] = path.read_bytes()
        except FileNotFoundError:
            pass
    return contents


def search(directory, domain):
    data = pathlib.Path(directory) / "data"
    contents = read_existing(regular_files(data))
    texts = story.names_and_words(domain)
    found = found_in(contents.values(), texts)
    size = sum(map(len, contents.values()))
    print(f"  Searched all {len(contents)} files of the data directory, {size // 1024:,} KiB, for the {len(texts)} names and sentences of the "
          "story, plain, in base64, hex and UTF-16.")
    as_others_do = [f"{domain} roster: {text}\n".encode() for text in texts]
    control = len(found_in(as_others_do, texts))
    print(f"  Found: {len(found)}. (The same search in a file that holds them in the clear finds {control}.)")
    for text in found:
        print(f"    readable: {text}")
    buckets = {path: content for path, content in contents.items() if path.suffix == ".mdb" and "archive" in path.parts}
    if buckets:
        path, content = max(buckets.items(), key=lambda item: len(item[1].rstrip(b"\0")))
        print(f"  From {path.relative_to(data)}, which holds messages:")
        hexdump(content)
    return 1 if found or control != len(texts) or not buckets else 0


def hexdump(content):
    """A few lines from the page with the most different bytes: where something is."""
    pages = range(0, len(content), PAGE)
    start = max(pages, key=lambda at: len(set(content[at:at + PAGE])), default=0) + PAGE // 2
    for at in range(start, start + 96, 16):
        row = content[at:at + 16]
        print(f"    {at:08x}  {row.hex(' ', 1)}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}")


def expire(directory):
    data = pathlib.Path(directory) / "data"
    doomed = [path for folder in ("buckets", "log") for path in regular_files(data / folder) if not path.name.endswith("-lock")]
    print(f"  {len(doomed)} files hold messages, waiting ones, and log lines. Each has its deadline; nobody needs to do anything.")
    terminal, start, told = sys.stdout.isatty(), time.monotonic(), -1
    while left := [path for path in doomed if path.exists()]:
        passed = time.monotonic() - start
        if passed > LONGEST_WAIT:
            print(f"\n  Still there after {LONGEST_WAIT} s: {', '.join(str(path.relative_to(data)) for path in left)}")
            return 1
        if terminal:
            print(f"\r  {len(left):3d} of them left after {passed:3.0f} s ", end="", flush=True)
        elif len(left) != told:
            print(f"  {len(left):3d} of them left after {passed:3.0f} s", flush=True)
        told = len(left)
        time.sleep(0.2)
    print(f"{chr(13) if terminal else ''}    0 of them left after {time.monotonic() - start:3.0f} s. Their keys were overwritten first.")
    return 0


def settings(directory, domain, lethectl, new):
    (host, port), (_, port_tls) = story.places(directory)
    web = story.config(directory)["http"]["url"]
    listen = story.config(directory)["listen"]["c2s"][0].rsplit(":", 1)[0].strip("[]")
    certificate = pathlib.Path(directory) / "config" / "tls" / "cert.pem"
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    passwords = os.environ["QUICKSTART_PASSWORDS"].split() if new == "1" else []
    rows = [(f"account {number}", f"{name}@{domain}   password: " + (passwords[number - 1] if passwords else "as shown by the first run"))
            for number, name in ((1, "alice"), (2, "bob"))]
    rows += [("server", f"{host if listen in ('0.0.0.0', '::') else listen}, port {port} (STARTTLS) or {port_tls} (direct TLS)"),
             ("certificate", "signed by itself, so your client will ask; its SHA-256 fingerprint is"),
             ("", ":".join(f"{b:02X}" for b in hashlib.sha256(der).digest())),
             ("", str(certificate)),
             ("policy page", web + "/policy, in a browser, which will ask about the certificate, too"),
             ("Profanity", f"/connect alice@{domain} server {host} port {port} tls trust"),
             ("more accounts", f"{lethectl} --config {directory}/config/lethe.toml account add NAME@{domain}")]
    print("Enter this in your client (README.md says where, for Conversations, Gajim, Dino and Profanity):")
    for label, value in rows:
        print(f"  {label:14}{value}")
    if passwords:
        print("The passwords are shown this once and kept nowhere.")
    return 0


def ports(address):
    host = address.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    chosen = []
    for wanted in (5222, 5223, 5443):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, wanted))
            except OSError:
                with socket.socket(family) as other:
                    other.bind((host, 0))
                    wanted = other.getsockname()[1]
            chosen.append(f"[{host}]:{wanted}" if ":" in host else f"{host}:{wanted}")
    print(*chosen)
    return 0


def listening(directory):
    try:
        for place in story.places(directory):
            socket.create_connection(place, timeout=5).close()
        return 0
    except OSError:
        return 1


if __name__ == "__main__":
    try:
        sys.exit({"search": search, "expire": expire, "settings": settings, "ports": ports, "listening": listening}[sys.argv[1]](*sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
