#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A second implementation of crypto/README.md, and the known answers made with it.

    vectors.py > vectors.h          writes the values that the C++ tests hold the library against
    vectors.py --check vectors.h README.md
                                    fails if vectors.h is not what this script writes, or if the README's worked
                                    example shows a value that this script does not come to

Hashes come from Python's own hashlib; XChaCha20-Poly1305, X25519, XSalsa20-Poly1305 and Argon2id come from libsodium.
Nothing here is shared with the library under test.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import re
import struct
import sys

sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
assert sodium.sodium_init() >= 0


# --- primitives -----------------------------------------------------------------------------------------------

def H(size, key, message):
    return hashlib.blake2b(message, digest_size=size, key=key).digest()


def kdf(master, context):
    return hashlib.blake2b(b"", digest_size=32, key=master, salt=struct.pack("<Q", 1) + bytes(8),
                           person=context.encode() + bytes(8)).digest()


def aead(key, nonce, ad, plain):
    out = ctypes.create_string_buffer(len(plain) + 16)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plain, ctypes.c_ulonglong(len(plain)), ad, ctypes.c_ulonglong(len(ad)), None, nonce, key)
    return out.raw


def x25519_public(secret):
    out = ctypes.create_string_buffer(32)
    sodium.crypto_scalarmult_base(out, secret)
    return out.raw


def sealed_box(ephemeral_secret, recipient, plain):
    """crypto_box_seal with the ephemeral key given."""
    ephemeral = x25519_public(ephemeral_secret)
    nonce = hashlib.blake2b(ephemeral + recipient, digest_size=24).digest()
    out = ctypes.create_string_buffer(len(plain) + 16)
    sodium.crypto_box_easy(out, plain, ctypes.c_ulonglong(len(plain)), nonce, recipient, ephemeral_secret)
    return ephemeral + out.raw


def argon2id(passphrase, salt, operations, memory_kib):
    out = ctypes.create_string_buffer(32)
    failed = sodium.crypto_pwhash(out, ctypes.c_ulonglong(32), passphrase, ctypes.c_ulonglong(len(passphrase)), salt,
                                  ctypes.c_ulonglong(operations), ctypes.c_size_t(memory_kib << 10), 2)
    assert failed == 0
    return out.raw


# --- padding, sealing, layouts --------------------------------------------------------------------------------

def padme(n):
    e = n.bit_length() - 1
    s = e.bit_length()
    last = e - s
    return (n + (1 << last) - 1) >> last << last


def pad(plain, minimum):
    n = 4 + len(plain)
    size = minimum if n <= minimum else padme(n)
    return struct.pack(">I", len(plain)) + plain + bytes(size - n)


def seal(form, key, nonce, ad, plain, minimum):
    return bytes([form]) + nonce + aead(key, nonce, ad, pad(plain, minimum))


def blob(b):
    return struct.pack(">I", len(b)) + b


def place(cls, bucket, segment, index):
    return struct.pack(">BIIH", cls, bucket, segment, index)


def log_entry(kind, received, outgoing, closed, peer, archived, stanza):
    there = b"\x01" + archived if archived else b"\x00"
    return struct.pack(">BqBB", kind, received, outgoing, closed) + blob(peer.encode()) + there + blob(stanza.encode())


def credential(mechanism, iterations, salt, stored, server, wrap):
    return struct.pack(">BI", mechanism, iterations) + blob(salt) + blob(stored) + blob(server) + blob(wrap)


def login_token(text, mechanism, binding, agent, expiry, account, vault, nonce):
    v, answer = (hmac.digest(text.encode(), role + binding, "sha256") for role in (b"Initiator", b"Responder"))
    m = bytes([mechanism]) + account
    wrap = nonce + aead(H(32, v, b"lethe login token wrap v1" + m), nonce, b"", answer + vault)
    client = H(16, account, b"lethe login token client v1" + agent)
    return v, answer, bytes([mechanism]) + client + struct.pack(">q", expiry) + H(32, v, b"lethe login token check v1" + m) + wrap


def archive_id(vault, where, received):
    plain = where + struct.pack(">q", received)
    iv = H(17, kdf(vault, "vArcIdMc"), plain)
    pad_bytes = H(19, kdf(vault, "vArcIdPd"), iv)
    return base64.urlsafe_b64encode(iv + bytes(a ^ b for a, b in zip(plain, pad_bytes))).decode()


# --- the vectors ----------------------------------------------------------------------------------------------

def run(first, size):
    return bytes((first + i) & 0xFF for i in range(size))


def vectors():
    v = {}
    jid, contact, blocked = "romeo@montague.example", "juliet@capulet.example", "capulet.example"
    node, account_key, vault, bucket = run(0x00, 32), run(0x20, 32), run(0x40, 32), run(0x60, 32)
    nonce = run(0xC0, 24)
    v |= {"node_key": node, "account_key": account_key, "vault_secret": vault, "bucket_key": bucket}
    v |= {"jid": jid, "contact": contact, "blocked": blocked, "settings_name": "roster version"}

    front = b"lethe node key 1" + struct.pack(">II", 1, 8) + run(0x90, 16)
    v["passphrase"] = "wherefore"
    v["node_key_sealed"] = front + nonce + aead(argon2id(b"wherefore", run(0x90, 16), 1, 8), nonce, front, node)

    v["keyring_key"] = kdf(node, "nKeyring")
    v["domain_mark"] = H(16, kdf(node, "nAccntId"), jid.partition("@")[2].encode())
    account = v["account_id"] = H(16, kdf(node, "nAccntId"), jid.encode())
    for name, m in (("sha_1", 1), ("sha_256", 2)):
        v["fake_salt_" + name] = H(16, kdf(node, "nFakeSlt"), bytes([m]) + jid.encode())

    client = {1: run(0x80, 20), 2: run(0x80, 32)}
    v |= {"client_key_sha_1": client[1], "client_key_sha_256": client[2]}
    wrap = {}
    for m in (1, 2):
        key = H(32, client[m], b"lethe vault wrap v1" + bytes([m]) + account)
        wrap[m] = b"\xA5" + nonce + aead(key, nonce, b"", vault)
    v |= {"wrap_sha_1": wrap[1], "wrap_sha_256": wrap[2]}

    public = v["vault_public"] = x25519_public(kdf(vault, "vX25519K"))
    record = bytes([1]) + public + struct.pack(">BqqI", 1, 86_400_000_000, 1_700_000_000_000_000, 7) + bytes([2])
    record += credential(1, 250000, run(0x10, 16), run(0x30, 20), run(0x50, 20), wrap[1])
    record += credential(2, 100000, run(0x11, 16), run(0x31, 32), run(0x51, 32), wrap[2])
    v["token_agent"], tokens = "d4565fa7-4d72-4749-b3d3-740edbf87770", b""
    for name, m, binding in (("none", 1, b""), ("end_point", 2, run(0x70, 32))):
        v["token_" + name] = "secret-token:" + base64.urlsafe_b64encode(run(0xB0 + m, 32)).decode().rstrip("=")
        v[f"token_{name}_v"], v[f"token_{name}_answer"], one = login_token(v["token_" + name], m, binding, v["token_agent"].encode(),
                                                                           1_703_116_800_000_000, account, vault, nonce)
        tokens += one
    record += bytes([2]) + tokens
    v["account_record"] = record
    key = H(32, kdf(node, "nCredent"), b"lethe account record v1" + account_key)
    v["account_record_sealed"] = seal(0xA8, key, nonce, account, record, 1792)

    roster = v["roster_key"] = H(16, kdf(vault, "vRosterI"), contact.encode())
    v["blocklist_key"] = H(16, kdf(vault, "vBlcklsI"), blocked.encode())
    v["settings_key"] = H(16, kdf(vault, "vSettngI"), b"roster version")
    for name, text in (("short", b"O Romeo, Romeo!"), ("long", b"Wherefore art thou? " * 40)):
        v["record_" + name] = text
        v["record_" + name + "_sealed"] = seal(0xA2, kdf(vault, "vRecordK"), nonce, account + b"\x01" + roster,
                                               text, 256)

    v["personal_key"] = H(16, kdf(vault, "vPersonI"), b"nurn:xmpp:bookmarks:1")
    profile, name = kdf(node, "nProfile"), "nurn:xmpp:avatar:metadata"
    v["profile_name"] = name
    index = v["profile_row_key"] = H(16, H(32, profile, b"lethe profile lookup v1" + account_key), name.encode())
    v["profile_record_sealed"] = seal(0xA7, H(32, profile, b"lethe profile record v1" + account_key), nonce, account + index,
                                      struct.pack(">I", len(name)) + name.encode() + v["record_short"], 256)

    invitation, token, deadline = kdf(node, "nInvitat"), run(0xD0, 16), 1_700_003_600_000_000
    v["invitation_token"] = token.hex()
    v["invitation_id"] = H(16, invitation, b"lethe invitation lookup v1" + token)
    plain = struct.pack(">qI", 1_700_000_000_000_000, 3) + b"\x01" + blob(b"romeo") + public
    v["invitation_sealed"] = seal(0xAB, H(32, invitation, b"lethe invitation record v1" + token), nonce,
                                  v["invitation_id"] + struct.pack(">q", deadline), plain, 1088)

    v["log_prefix"] = H(16, bucket, account)
    k = run(0xA0, 32)
    v["segment_header"] = b"\xA3" + sealed_box(run(0xE0, 32), public, k + account + place(1, 7, 5, 0)[:9])
    stanza = "<message xmlns='jabber:client' type='chat'><body>Art thou not Romeo?</body></message>"
    payload = {
        0: log_entry(1, 1_700_000_000_123_456, 1, 0, contact, None, stanza),
        1: log_entry(2, -1, 0, 1, contact, None, "<presence type='subscribe'/>"),
        1023: log_entry(1, 1_700_000_001_000_000, 0, 1, contact + "/balcony", place(1, 0x01020304, 0x05060708, 0x03FF),
                        stanza * 20),
    }
    for i in range(1024):
        if i in payload:
            v[f"entry_{i}"] = payload[i]
            v[f"entry_{i}_sealed"] = seal(0xA4, H(32, k, b"entry" + bucket), nonce, account + place(1, 7, 5, i),
                                          payload[i], 1024)
        k = H(32, k, b"next")

    v["archive_id_first"] = archive_id(vault, place(1, 7, 5, 0), 1_700_000_000_123_456)
    v["archive_id_last"] = archive_id(vault, place(2, 0xFFFFFFFF, 0xFFFFFFFF, 1023), -1)
    return v


def steps(v):
    """Values on the way that the README shows."""
    node, vault, bucket, k0 = v["node_key"], v["vault_secret"], v["bucket_key"], run(0xA0, 32)
    iv = H(17, kdf(vault, "vArcIdMc"), place(1, 7, 5, 0) + struct.pack(">q", 1_700_000_000_123_456))
    return [kdf(node, "nAccntId"), kdf(node, "nCredent"), kdf(vault, "vRosterI"), kdf(vault, "vRecordK"),
            kdf(vault, "vX25519K"), H(32, kdf(node, "nCredent"), b"lethe account record v1" + v["account_key"]),
            H(32, v["client_key_sha_256"], b"lethe vault wrap v1" + b"\x02" + v["account_id"]),
            pad(v["record_short"], 256), H(32, k0, b"entry" + bucket), H(32, k0, b"next"), place(1, 7, 5, 0),
            iv, H(19, kdf(vault, "vArcIdPd"), iv)]


def unknown_in(readme):
    """Hex of eight digits or more in the worked example that is part of no computed value."""
    v = vectors()
    values = [x if isinstance(x, str) else x.hex() for x in list(v.values()) + steps(v)]
    example = readme[readme.index("## Worked example"):]
    shown = re.findall(r"\b[0-9a-f]{8,}", example) + re.findall(r"id += (\S+)", example)
    assert len(shown) > 30
    return [x for x in shown if not any(x in value for value in values)]


def header():
    lines = ["// SPDX-License-Identifier: AGPL-3.0-or-later",
             "// Written by vectors.py, which is a second implementation of crypto/README.md. Do not edit.",
             "// Bytes are in hex; names, contacts and archive ids are text.",
             "#pragma once", "#include <string_view>", "", "namespace lethe::vectors {", ""]
    for name, value in vectors().items():
        text = value if isinstance(value, str) else value.hex()
        pieces = [text[i:i + 96] for i in range(0, len(text), 96)]
        if len(pieces) == 1:
            lines.append(f'inline constexpr std::string_view {name} = "{text}";')
        else:
            lines.append(f"inline constexpr std::string_view {name} =")
            lines += [f'    "{p}"' for p in pieces]
            lines[-1] += ";"
    return "\n".join(lines + ["", "}  // namespace lethe::vectors", ""])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="utf-8") as f:
            if f.read() != header():
                sys.exit(f"{sys.argv[2]} is not what vectors.py writes: run vectors.py > {sys.argv[2]}")
        with open(sys.argv[3], encoding="utf-8") as f:
            if unknown := unknown_in(f.read()):
                sys.exit(f"{sys.argv[3]} shows values that do not follow: {unknown}")
    else:
        sys.stdout.write(header())
