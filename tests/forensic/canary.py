# SPDX-License-Identifier: AGPL-3.0-or-later
"""Canaries: unique marker strings sent through a server, and a search for them in every byte it keeps.

A canary is looked for raw and in the encodings in which a careless program would leave it: base64 (both alphabets, all three alignments),
hexadecimal (both cases), percent-encoding (every byte, both cases), UTF-16 and UTF-32 (both byte orders), JSON and C escapes.
"""
import base64
import dataclasses
import os
import pathlib
import secrets

LETTERS = "abcdefghijkmnpqrstuvwxyz"


def make(kind):
    """A marker that no other test and no random data contains: `kind` makes findings readable, 20 letters make it unique."""
    return f"{kind}{''.join(secrets.choice(LETTERS) for _ in range(20))}"


def forms(text):
    """[(name of the form, its bytes)]"""
    raw = text.encode()
    out = [("raw", raw), ("raw, upper case", text.upper().encode()), ("hex", raw.hex().encode()), ("HEX", raw.hex().upper().encode()),
           ("percent", "".join(f"%{b:02x}" for b in raw).encode()), ("PERCENT", "".join(f"%{b:02X}" for b in raw).encode()),
           ("json", "".join(f"\\u{ord(c):04x}" for c in text).encode()), ("c", "".join(f"\\x{b:02x}" for b in raw).encode())]
    out += [(codec, text.encode(codec)) for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")]
    for shift in range(3):
        padded = base64.b64encode(b"\0" * shift + raw)
        # Characters that also depend on neighbouring bytes are cut off at both ends.
        inner = padded[(0, 2, 3)[shift]:(len(raw) + shift) * 4 // 3 if (len(raw) + shift) % 3 else None].rstrip(b"=")
        out.append((f"base64 at {shift}", inner))
        out.append((f"base64url at {shift}", inner.replace(b"+", b"-").replace(b"/", b"_")))
    seen = {}
    for name, data in out:
        seen.setdefault(data, name)
    return [(name, data) for data, name in seen.items()]


def address_forms(ipv4):
    """An IPv4 address as text in every form, as in a v4-mapped address, and as four bytes before zeros."""
    packed = bytes(int(p) for p in ipv4.split("."))
    return forms(ipv4) + [("mapped", b"\xff\xff" + packed), ("padded", packed + bytes(8)), ("bytes in hex", packed.hex().encode())]


@dataclasses.dataclass(frozen=True)
class Finding:
    canary: str
    form: str
    path: str
    offset: int

    def __str__(self):
        return f"{self.canary} ({self.form}) in {self.path} at {self.offset}"


def _files(root):
    root = pathlib.Path(root)
    if root.is_file():
        yield root
    for directory, _, names in os.walk(root):
        for name in names:
            path = pathlib.Path(directory) / name
            if path.is_file():
                yield path


def search(canaries, *roots, extra=()):
    """Findings of the canaries (texts) and of `extra` ([(name, [(form, bytes)])]) in all files below the roots and in their names."""
    wanted = [(text, forms(text)) for text in canaries] + list(extra)
    found = []
    read = 0
    for root in roots:
        for path in _files(root):
            data = path.read_bytes()
            read += len(data)
            name = str(path.relative_to(root) if path != pathlib.Path(root) else path.name).encode()
            for text, patterns in wanted:
                for form, pattern in patterns:
                    at = data.find(pattern)
                    if at >= 0:
                        found.append(Finding(text, form, str(path), at))
                    if pattern in name:
                        found.append(Finding(text, form + " in a file name", str(path), 0))
    if not read:
        raise AssertionError(f"nothing to search in {roots}")
    return found
