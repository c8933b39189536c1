#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Uploads on the disk: neither name nor token nor content nor type nor sender is found there, an interrupted one leaves no row, and after its time
the bytes are gone."""
import base64
import ctypes
import ctypes.util
import hashlib
import pathlib
import struct
import sys

import canary
import lmdb

from lethe_test import main
from lethe_test.waiting import until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "wire"))
from test_upload import CHUNK, UploadCase as _UploadCase  # noqa: E402


sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
assert sodium.sodium_init() >= 0


def H(size, key, message):
    return hashlib.blake2b(message, digest_size=size, key=key).digest()


def kdf(master, context):
    return hashlib.blake2b(b"", digest_size=32, key=master, salt=struct.pack("<Q", 1) + bytes(8), person=context.encode() + bytes(8)).digest()


def unseal(key, nonce, ad, sealed):
    out = ctypes.create_string_buffer(len(sealed) - 16)
    failed = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(out, None, None, sealed, ctypes.c_ulonglong(len(sealed)), ad, ctypes.c_ulonglong(len(ad)), nonce, key)
    return None if failed else out.raw


def seized(data, node):
    """[(bucket key, {row: header}, {row: its chunks in order})] of the buckets of files that the keyring still opens."""
    out = []
    blocks = (data / "keyring").read_bytes()
    for index in range(1, len(blocks) // 4096):
        slot = blocks[index * 4096:][:128]
        if slot[0] != 2 or slot[8] != 4:
            continue
        plain = unseal(kdf(node, "nKeyring"), slot[24:48], slot[:1] + struct.pack(">I", index) + slot[4:24], slot[48:128])
        path = data / "buckets" / "uploads" / f"{struct.unpack('>I', slot[9:13])[0]}.mdb"
        with lmdb.open(str(path), subdir=False, readonly=True, max_dbs=8) as environment, environment.begin() as transaction:
            tables = [list(transaction.cursor(environment.open_db(name, transaction, create=False))) for name in (b"heads", b"entries")]
        chunks = {}
        for key, value in tables[1]:
            chunks.setdefault(key[:16], []).append(value)
        out.append((plain[:32], {key[:16]: value for key, value in tables[0]}, chunks))
    return out


def opened(key, row, header):
    """(size, first part of the chunks' nonces), or None."""
    plain = unseal(key, header[1:25], row, header[25:])
    return plain and (struct.unpack(">Q", plain[4:12])[0], plain[20:39])


def chunk(key, nonce, chunks, index):
    return unseal(key, nonce + struct.pack(">IB", index, index + 1 == len(chunks)), b"", chunks[index][1:])


def rows(server):
    """(headers, chunks) of all upload buckets."""
    counts = [0, 0]
    for path in (server.data / "buckets" / "uploads").glob("*.mdb"):
        with lmdb.open(str(path), subdir=False, readonly=True, max_dbs=8) as environment, environment.begin() as transaction:
            for at, name in enumerate((b"heads", b"entries")):
                counts[at] += transaction.stat(environment.open_db(name, transaction, create=False))["entries"]
    return tuple(counts)


class Uploads(_UploadCase):
    def test_nothing_of_a_file_is_readable_and_no_row_of_an_interrupted_one_stays(self):
        name, content, kind = (canary.make(what) for what in ("filename", "content", "type"))
        body = (content * 60000).encode()  # more than what is written at once
        before = rows(self.server)
        put, get = self.slot(len(body), name=name, content_type=f"text/{kind}")
        self.assertEqual(201, self.put(put, body).status)
        self.assertEqual(body, self.get(get).body)
        whole = rows(self.server)
        self.assertEqual(before[0] + 1, whole[0])

        half = [self.slot(len(body), name=name)[0] for _ in range(3)]
        for path in half:
            web = self.web().send(f"PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
            until(lambda p=path: self.put(p, b"").status == 403, "the upload to begin")  # an empty one takes no slot
            until(lambda: rows(self.server)[1] > whole[1], "some of it on the disk")
            web.close()
            until(lambda: rows(self.server) == whole, "what was written of interrupted files to be taken back")

        tokens = [path.split("/")[2] for path in (put, get, *half)]
        self.server.stop()
        self.assertEqual([], canary.search([name, content, kind, *tokens], self.server.data, self.server.stderr_file))
        self.server.start()
        self.assertEqual(body, self.get(get).body)
        audit = self.server.ctl("audit", self.server.data, "--policy", self.server.config_dir / "policy.toml", expect=None)
        self.assertEqual(0, audit.returncode, audit.stdout + audit.stderr)

    def test_a_crash_in_the_middle_of_an_upload_leaves_no_row(self):
        size, before = 40 * CHUNK, rows(self.server)
        path = self.slot(size)[0]
        self.web().send(f"PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode() + bytes(size - 1))
        until(lambda: rows(self.server)[1] > before[1], "some of it on the disk")
        self.server.kill()
        self.server.start()
        self.assertEqual(before, rows(self.server))

    def test_node_key_and_disk_do_not_open_a_file_and_with_its_token_they_do(self):
        """By what crypto/README.md and store/FORMAT.md say, and nothing of the server's: whoever has every byte of it, and guesses keys from all they have."""
        body = canary.make("content").encode() * 3000
        get = self.send(body, content_type="text/plain")
        self.server.stop()
        try:
            node = (self.server.config_dir / "node.key").read_bytes()
            token = base64.urlsafe_b64decode(get.split("/")[2] + "=")
            slots = kdf(node, "nUpldSlt")
            row = H(16, slots, token)
            found = [(key, headers[row], chunks[row]) for key, headers, chunks in seized(self.server.data, node) if row in headers]
            self.assertEqual(1, len(found), "the file's rows are named as crypto/README.md says")
            bucket, header, chunks = found[0]
            key = H(32, token, b"lethe upload v1" + bucket)
            size, nonce = opened(key, row, header)
            self.assertEqual(body, b"".join(chunk(key, nonce, chunks, i) for i in range(len(chunks)))[:size])
            # Without the token: what the node key makes, what lies in the keyring, what names the row.
            for guess in (node, slots, bucket, bytes(32), row * 2, H(32, row, b"lethe upload v1" + bucket), H(32, slots, b"lethe upload v1" + bucket),
                          H(32, bytes(32), b"lethe upload v1" + bucket), H(32, node, b"lethe upload v1" + bucket), H(32, token, b"lethe upload v1" + bytes(32))):
                self.assertEqual((None, None), (opened(guess, row, header), chunk(guess, nonce, chunks, 0)))
        finally:
            self.server.start()
        other = ("B" if get.split("/")[2][0] == "A" else "A") + get.split("/")[2][1:]
        self.assertEqual([200, 404], [self.get(f"/f/{t}/a").status for t in (get.split("/")[2], other)])


class Gone(_UploadCase):
    policy = {"uploads": {"keep": "6s"}}

    def test_after_its_time_the_bytes_are_gone(self):
        put, get = self.slot(5 * CHUNK)
        self.put(put, bytes(5 * CHUNK))
        until(lambda: self.get(get).status == 404, "the end of the file")
        until(lambda: not list((self.server.data / "buckets" / "uploads").iterdir()), "the end of its bytes")


if __name__ == "__main__":
    main()
