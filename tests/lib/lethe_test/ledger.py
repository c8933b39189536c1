# SPDX-License-Identifier: AGPL-3.0-or-later
"""A second verifier of the ledger, written from retention/LEDGER.md alone: no code in common with the server, not even a library.

`verify(data, key)` returns what is wrong, as a list of (line, sentence); `lines(data)` what the lines say.
"""
import datetime
import hashlib
import re

# Ed25519 as RFC 8032 section 5.1 gives it: slow and short, and for public values only.
P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _x_of(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if (x & 1) != sign else x


def _point(data):
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def _add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return (f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P


def _times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (_x_of(BASE_Y, 0), BASE_Y, 1, _x_of(BASE_Y, 0) * BASE_Y % P)


def signed_by(key, message, signature):
    a, r = _point(key), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = _times(s, BASE), _add(r, _times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# The lines.
HASH, SIGNATURE, NUMBER = "([0-9a-f]{64})", "([0-9a-f]{128})", "(0|[1-9][0-9]*)"
TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
MINUTE = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:00Z)"
NAME = "([A-Za-z0-9._:-]{1,64})"
EVENTS = {
    "begin": (("key", HASH),),
    "server_start": (),
    "policy_announced": (("policy", HASH), ("effective", TIME)),
    "policy_in_force": (("policy", HASH),),
    "swept": (("class", NAME), ("swept_to", TIME), ("policy", HASH)),
    "alarm": (("word", NAME),),
    "clock_accepted": (("before", TIME),),
    "repaired": (("torn", None),),
}
HEAD = re.compile(f'\\{{"v":1,"n":{NUMBER},"prev":"{HASH}","time":"{MINUTE}","event":"([a-z_]+)"')
TAIL = re.compile(f',"sig":"{SIGNATURE}"\\}}')


def seconds(text):
    """Of a time of the ledger; ValueError for a day or hour that does not exist."""
    return int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp())


def parse(line):
    """What one line (bytes, without its end) says, or None."""
    if len(line) >= 1024:
        return None
    try:
        text = line.decode("ascii")
    except UnicodeDecodeError:
        return None
    head = HEAD.match(text)
    if not head or head[4] not in EVENTS:
        return None
    said = {"n": int(head[1]), "prev": head[2], "time": head[3], "event": head[4]}
    at = head.end()
    for name, pattern in EVENTS[head[4]]:
        member = re.compile(f',"{name}":' + (NUMBER if pattern is None else f'"{pattern}"')).match(text, at)
        if not member:
            return None
        said[name] = int(member[1]) if pattern is None else member[1]
        at = member.end()
    tail = TAIL.match(text, at)
    if not tail or tail.end() != len(text):
        return None
    said["sig"], said["signed"] = bytes.fromhex(tail[1]), line[:at]
    try:
        for name in ("time", "effective", "swept_to", "before"):
            if name in said:
                seconds(said[name])
    except ValueError:
        return None
    return said


def lines(data):
    """All good lines of a ledger, as dictionaries."""
    return [said for said in map(parse, data.split(b"\n")[:-1]) if said]


def verify(data, key):
    """[(line, what is wrong)]; empty if the ledger holds. `key`: the published key, in hexadecimal digits."""
    found, before, latest = [], "0" * 64, 0
    rows = data.split(b"\n")
    if rows.pop():
        found.append((len(rows) + 1, "no end"))
    if not rows:
        found.append((1, "empty"))
    for number, row in enumerate(rows, 1):
        said = parse(row)
        if not said:
            found.append((number, "form"))
        elif not signed_by(bytes.fromhex(key), said["signed"], said["sig"]):
            found.append((number, "signature"))
        else:
            if said["n"] != number - 1:
                found.append((number, "number"))
            if said["prev"] != before:
                found.append((number, "chain"))
            if (said["event"] == "begin") != (number == 1) or said.get("key", key) != key:
                found.append((number, "begin"))
            time = seconds(said["time"])
            if time < latest and said["event"] != "clock_accepted":
                found.append((number, "time"))
            else:
                latest = time
            if said["event"] == "swept" and seconds(said["swept_to"]) >= time + 60:
                found.append((number, "swept_to"))
        before = hashlib.blake2b(row, digest_size=32).hexdigest()
    return found
