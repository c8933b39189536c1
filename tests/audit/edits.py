# SPDX-License-Identifier: AGPL-3.0-or-later
"""Edits of a data directory that can be seen without a key. Each is a function of the directory, a seeded random source and the base it was
copied from; it returns the places that the audit must name, and no other. Its name is the name of the case."""
import os
import shutil
import struct

import lmdb
from lmdb_pages import PAGE, free_space, tree_pages

SLOT = 4096
NEVER = 2 ** 63 - 1
HOUR = 3600 * 1000000
EDITS = {}


def edit(function):
    EDITS[function.__name__] = function
    return function


def some_bucket(data, random, cls=None):
    return random.choice(sorted((data / "buckets" / (cls or random.choice(["archive", "subscriptions"]))).glob("*.mdb")))


def some_log(data, random):
    return random.choice([file for file in sorted((data / "log").iterdir()) if file.stat().st_size])


def place(data, path):
    return str(path.relative_to(data))


class Environment:
    """One write transaction on an LMDB file."""

    def __init__(self, path):
        self.env = lmdb.open(str(path), subdir=False, lock=False, max_dbs=64, map_size=1 << 30)

    def __enter__(self):
        self.txn = self.env.begin(write=True)
        return self

    def __exit__(self, failed, *_):
        self.txn.abort() if failed else self.txn.commit()
        self.env.close()

    def table(self, name, create=False):
        return self.env.open_db(name, self.txn, create=create)

    def rows(self, name):
        return list(self.txn.cursor(self.table(name)))

    def put(self, name, key, value):
        self.txn.put(key, value, db=self.table(name))


def change_info(path, change):
    """Rewrites START, END and DEADLINE of a bucket's public row."""
    with Environment(path) as env:
        (key, value), = env.rows(b"info")
        env.put(b"info", key, value[:9] + struct.pack(">qqq", *change(*struct.unpack(">qqq", value[9:]))))


# Buckets -------------------------------------------------------------------------------------------------------------

@edit
def a_bucket_copied_back_after_its_destruction(data, random, base):
    file = random.choice(sorted(base.aside.iterdir()))
    shutil.copy2(file, data / "buckets" / "letterbox" / file.name)
    return {f"buckets/letterbox/{file.name}"}


@edit
def a_bucket_that_is_missing(data, random, base):
    file = some_bucket(data, random)
    file.unlink()
    return {place(data, file)}


@edit
def a_bucket_that_was_renamed(data, random, base):
    file = some_bucket(data, random)
    other = file.with_name(f"{random.randrange(100, 1000)}.mdb")
    file.rename(other)
    return {place(data, file), place(data, other)}


@edit
def a_bucket_number_used_again(data, random, base):
    one, other = random.sample(sorted((data / "buckets" / "archive").glob("*.mdb")), 2)
    shutil.copy2(one, other)
    return {place(data, other)}


@edit
def a_bucket_beside_the_numbers(data, random, base):
    file = some_bucket(data, random)
    other = file.with_name(f"{random.choice(['0', '00'])}{file.name}")
    shutil.copy2(file, other)
    return {place(data, other)}


@edit
def a_deadline_prolonged(data, random, base):
    file = some_bucket(data, random)
    by = random.randrange(3 * HOUR, 10000 * HOUR)
    change_info(file, lambda start, end, deadline: (start, end, deadline + by))
    return {place(data, file)}


@edit
def a_deadline_taken_away(data, random, base):
    file = some_bucket(data, random)
    change_info(file, lambda start, end, deadline: (start, end, NEVER))
    return {place(data, file)}


@edit
def a_span_moved_into_the_future(data, random, base):
    file = some_bucket(data, random)
    by = random.randrange(200, 10000) * HOUR
    change_info(file, lambda *span: tuple(moment + by for moment in span))
    return {place(data, file)}


@edit
def a_span_moved_into_the_past(data, random, base):
    file = some_bucket(data, random)
    by = random.randrange(200, 10000) * HOUR
    change_info(file, lambda *span: tuple(moment - by for moment in span))
    return {place(data, file)}


@edit
def a_bucket_that_says_it_is_another(data, random, base):
    file = some_bucket(data, random)
    with Environment(file) as env:
        (key, value), = env.rows(b"info")
        env.put(b"info", key, value[:5] + struct.pack(">I", random.randrange(1000, 2 ** 32)) + value[9:])
    return {place(data, file)}


@edit
def a_bucket_cut_short(data, random, base):
    file = some_bucket(data, random)
    pages = file.stat().st_size // PAGE
    os.truncate(file, random.randrange(0, pages // 2) * PAGE + random.choice([0, 1, 100]))
    return {place(data, file)}


@edit
def random_bytes_in_a_page(data, random, base):
    file = random.choice([some_bucket(data, random), data / "state.mdb"])
    page = random.choice(tree_pages(file.read_bytes()))
    with open(file, "r+b") as out:
        out.seek(page * PAGE)
        out.write(random.randbytes(PAGE))
    return {place(data, file)}


@edit
def a_page_of_zeros(data, random, base):
    file = random.choice([some_bucket(data, random), data / "state.mdb"])
    page = random.choice(tree_pages(file.read_bytes()))
    with open(file, "r+b") as out:
        out.seek(page * PAGE)
        out.write(bytes(PAGE))
    return {place(data, file)}


@edit
def random_bytes_from_the_first_page_on(data, random, base):
    file = random.choice([some_bucket(data, random), data / "state.mdb"])
    file.write_bytes(random.randbytes(file.stat().st_size))
    return {place(data, file)}


# Rows and tables ------------------------------------------------------------------------------------------------------

def plant(path, table, key, value):
    with Environment(path) as env:
        env.put(table, key, value)


@edit
def a_message_in_the_clear(data, random, base):
    file = some_bucket(data, random, "archive")
    with Environment(file) as env:
        key, value = random.choice(env.rows(b"entries"))
        text = b"<message to='bob@chat.example'><body>meet me at the usual place at noon</body></message>"
        at = random.randrange(41, len(value) - len(text))
        env.put(b"entries", key, value[:at] + text + value[at + len(text):])
    return {place(data, file)}


@edit
def a_contact_in_the_clear(data, random, base):
    with Environment(data / "state.mdb") as env:
        table = random.choice([b"roster", b"settings", b"blocklist", b"personal", b"profile"])
        account = random.choice([key for key, _ in env.rows(b"accounts")])
        env.put(table, account + random.randbytes(16), (b"\xa7" if table == b"profile" else b"\xa2") + b"contact=friend@chat.example name=Friend group=Friends".ljust(40 + 256, b"."))
    return {"state.mdb"}


@edit
def text_where_no_row_stands(data, random, base):
    file = random.choice([some_bucket(data, random), data / "state.mdb"])
    text = random.choice([b"<message to='bob@chat.example'><body>meet me at noon</body></message>", b"alice@chat.example talks to bob@chat.example"])
    # What stands right behind a page's head may be the rest of an older policy whose beginning it grew over.
    gaps = [(max(begin, begin // PAGE * PAGE + 512), end) for begin, end in free_space(file.read_bytes())]
    begin, end = random.choice([gap for gap in gaps if gap[1] - gap[0] > 200])
    with open(file, "r+b") as out:
        out.seek(random.randrange(begin, end - len(text) - 1))
        out.write(b"\0" + text)
    return {place(data, file)}


@edit
def rows_that_are_encoded_and_not_sealed(data, random, base):
    """Nothing printable in them, the right form and size, and yet no ciphertext."""
    file = some_bucket(data, random, "archive")
    with Environment(file) as env:
        for key, value in env.rows(b"entries"):
            env.put(b"entries", key, value[:1] + bytes(byte & 0x1f for byte in value[1:]))
    return {place(data, file)}


@edit
def a_value_of_another_size(data, random, base):
    file = some_bucket(data, random)
    with Environment(file) as env:
        table = random.choice([b"entries", b"heads"])
        key, value = random.choice(env.rows(table))
        env.put(table, key, value + random.randbytes(1))
    return {place(data, file)}


@edit
def a_value_of_another_form(data, random, base):
    file = random.choice([some_bucket(data, random), data / "state.mdb"])
    with Environment(file) as env:
        table = b"roster" if file.name == "state.mdb" else b"entries"
        key, value = random.choice(env.rows(table))
        env.put(table, key, bytes([random.randrange(0, 0xa0)]) + value[1:])
    return {place(data, file)}


@edit
def a_key_of_another_size(data, random, base):
    file = some_bucket(data, random)
    with Environment(file) as env:
        _, value = random.choice(env.rows(b"entries"))
        env.put(b"entries", random.randbytes(random.choice([1, 16, 21, 23, 100])), value)
    return {place(data, file)}


@edit
def a_row_of_no_account(data, random, base):
    with Environment(data / "state.mdb") as env:
        _, value = random.choice(env.rows(b"roster"))
        env.put(b"roster", random.randbytes(32), value)
    return {"state.mdb"}


@edit
def a_foreign_table(data, random, base):
    file = random.choice([some_bucket(data, random), data / "state.mdb"])
    with Environment(file) as env:
        name = random.choice([b"search_index", b"x", b"Accounts", b"log\n\x1b[2J", b"<b>table</b>"])
        env.txn.put(b"alice@chat.example", b"bob@chat.example", db=env.table(name, create=True))
    return {place(data, file)}


@edit
def a_row_among_the_tables(data, random, base):
    file = random.choice([some_bucket(data, random), data / "state.mdb"])
    with Environment(file) as env:
        env.txn.put(b"note", b"alice talks to bob")
    return {place(data, file)}


@edit
def a_foreign_row_in_a_public_table(data, random, base):
    if random.random() < 0.5:
        plant(data / "state.mdb", b"meta", *random.choice([(b"last_login", b"\0\0\0\1"), (b"domain", b"chat.example")]))
        return {"state.mdb"}
    file = some_bucket(data, random)
    plant(file, b"info", b"bucket2", random.randbytes(33))
    return {place(data, file)}


@edit
def the_policy_that_stands_removed(data, random, base):
    with Environment(data / "state.mdb") as env:
        env.txn.delete(b"standing", db=env.table(b"policy"))
    return {"state.mdb"}


@edit
def the_policy_that_stands_replaced(data, random, base):
    with Environment(data / "state.mdb") as env:
        (key, value), = env.rows(b"policy")
        env.put(b"policy", key, value.replace(b'"24h"', random.choice([b'"25h"', b'"96h"', b'"12h"'])))
    return {"state.mdb", "ledger.jsonl"}


@edit
def the_policy_that_stands_damaged(data, random, base):
    with Environment(data / "state.mdb") as env:
        (key, value), = env.rows(b"policy")
        env.put(b"policy", key, random.choice([value[:-1], b"", b"\xff" + value[1:], value.replace(b"keep", b"kept"), random.randbytes(len(value))]))
    return {"state.mdb"}


@edit
def a_table_that_is_missing(data, random, base):
    file = some_bucket(data, random)
    with Environment(file) as env:
        env.txn.drop(env.table(random.choice([b"heads", b"entries"])))
    return {place(data, file)}


@edit
def the_highest_number_put_back(data, random, base):
    with Environment(data / "state.mdb") as env:
        env.put(b"meta", b"bucket_high_water\x01", struct.pack(">I", 1))
    return {place(data, file) for file in (data / "buckets" / "archive").glob("*.mdb") if int(file.stem) > 1}


@edit
def an_account_taken_from_the_table(data, random, base):
    with Environment(data / "state.mdb") as env:
        rows = env.rows(b"accounts")
        key, _ = random.choice(rows)
        env.txn.delete(key, db=env.table(b"accounts"))
        owned = [1 for table in (b"roster", b"settings", b"blocklist", b"personal", b"profile") for row, _ in env.rows(table) if row.startswith(key)]
    return {"keyring"} | ({"state.mdb"} if owned else set())


# Keyring --------------------------------------------------------------------------------------------------------------

def slots(data):
    ring = (data / "keyring").read_bytes()
    return [ring[at:at + SLOT] for at in range(0, len(ring), SLOT)]


def owner_place(slot):
    classes = {1: "archive", 2: "letterbox", 3: "subscriptions"}
    if slot[0] == 1:
        return "state.mdb"
    return f"buckets/{classes[slot[8]]}/{struct.unpack('>I', slot[9:13])[0]}.mdb"


@edit
def a_keyring_cut_short(data, random, base):
    ring = slots(data)
    left = random.randrange(1, len(ring))
    os.truncate(data / "keyring", left * SLOT)
    return {owner_place(slot) for slot in ring[left:] if slot[0]} or {"keyring"} if any(slot[0] for slot in ring[left:]) else a_keyring_of_odd_size(
        data, random, base)


@edit
def a_keyring_of_odd_size(data, random, base):
    with open(data / "keyring", "ab") as out:
        out.write(random.randbytes(random.randrange(1, SLOT)))
    return {"keyring"}


@edit
def a_key_overwritten(data, random, base):
    ring = slots(data)
    index = random.choice([n for n, slot in enumerate(ring) if n and slot[0]])
    with open(data / "keyring", "r+b") as out:
        out.seek(index * SLOT)
        out.write(bytes(SLOT) if random.random() < 0.5 else bytes(4) + ring[index][4:8] + random.randbytes(SLOT - 8))
    return {owner_place(ring[index])}


@edit
def a_key_copied(data, random, base):
    taken = [slot for slot in slots(data)[1:] if slot[0]]
    with open(data / "keyring", "ab") as out:
        out.write(random.choice(taken))
    return {"keyring"}


@edit
def text_in_the_keyring(data, random, base):
    index = random.randrange(1, len(slots(data)))
    with open(data / "keyring", "r+b") as out:
        out.seek(index * SLOT + random.randrange(200, 3000))
        out.write(b"alice@chat.example has the password correct horse battery staple")
    return {"keyring"} | ({owner_place(slots(data)[index])} if slots(data)[index][0] else set())


@edit
def a_keyring_with_another_head(data, random, base):
    with open(data / "keyring", "r+b") as out:
        out.seek(random.choice([0, 14, 16, 100]))
        out.write(random.randbytes(4))
    return {"keyring"}
