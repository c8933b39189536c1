# SPDX-License-Identifier: AGPL-3.0-or-later
"""SCRAM as a client sees it (RFC 5802, RFC 7677), written from the RFCs and independent of the server's code."""
import base64
import functools
import hashlib
import hmac
import secrets

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}


def b64(data):
    return base64.b64encode(data).decode()


@functools.lru_cache(maxsize=4096)
def salted_password(hash_name, password, salt, iterations):
    return hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)


class Scram:
    """One exchange. `binding` is None or (type, data) for a -PLUS mechanism; `flag` overrides the GS2 flag ('n' or 'y')."""

    def __init__(self, mechanism, username, password, binding=None, flag=None, authzid=""):
        self.mechanism = mechanism
        self.hash = HASHES[mechanism.removesuffix("-PLUS")]
        self.password = password
        self.nonce = secrets.token_hex(12)
        flag = flag or (f"p={binding[0]}" if binding else "n")
        self.header = f"{flag},{'a=' + authzid if authzid else ''},"
        self.binding_data = binding[1] if binding else b""
        escaped = username.replace("=", "=3D").replace(",", "=2C")
        self.first_bare = f"n={escaped},r={self.nonce}"

    def client_first(self):
        return self.header + self.first_bare

    @staticmethod
    def attributes(message):
        return dict(part.split("=", 1) for part in message.split(",") if "=" in part)

    def client_final(self, server_first, *, spoil_proof=False, nonce=None, binding=None):
        """The answer to the challenge. Keyword arguments make it wrong in one respect."""
        fields = self.attributes(server_first)
        if not fields["r"].startswith(self.nonce) or len(fields["r"]) < len(self.nonce) + 16:
            raise AssertionError(f"the server's nonce does not extend ours: {server_first}")
        salted = salted_password(self.hash, self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = self._hmac(salted, b"Client Key")
        stored_key = hashlib.new(self.hash, client_key).digest()
        cbind = self.header.encode() + (self.binding_data if binding is None else binding)
        without_proof = f"c={b64(cbind)},r={nonce or fields['r']}"
        auth_message = f"{self.first_bare},{server_first},{without_proof}".encode()
        signature = self._hmac(stored_key, auth_message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        if spoil_proof:
            proof = bytes([proof[0] ^ 1]) + proof[1:]
        self.server_signature = self._hmac(self._hmac(salted, b"Server Key"), auth_message)
        return f"{without_proof},p={b64(proof)}"

    def verify(self, server_final):
        """The server, too, must have known the password's verifier."""
        if self.attributes(server_final).get("v") != b64(self.server_signature):
            raise AssertionError(f"wrong server signature: {server_final}")

    def _hmac(self, key, data):
        return hmac.new(key, data, self.hash).digest()


def tls_server_end_point(certificate_der):
    """RFC 5929: the certificate hashed with its own signature's hash, SHA-256 where that would be weaker."""
    def body(der, at):
        length = der[at + 1]
        if length < 0x80:
            return at + 2, at + 2 + length
        size = length & 0x7F
        start = at + 2 + size
        return start, start + int.from_bytes(der[at + 2:start], "big")

    inside, _ = body(certificate_der, 0)
    _, after_tbs = body(certificate_der, inside)
    start, end = body(certificate_der, after_tbs)
    algorithm = certificate_der[start:end]
    sha384 = (bytes.fromhex("2a864886f70d01010c"), bytes.fromhex("2a8648ce3d040303"))
    sha512 = (bytes.fromhex("2a864886f70d01010d"), bytes.fromhex("2a8648ce3d040304"))
    name = "sha384" if any(o in algorithm for o in sha384) else "sha512" if any(o in algorithm for o in sha512) else "sha256"
    return hashlib.new(name, certificate_der).digest()
