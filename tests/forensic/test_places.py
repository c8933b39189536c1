# SPDX-License-Identifier: AGPL-3.0-or-later
"""What lethectl catalogue says is true of the disk: each thing that people keep lies in the table that its row names, and there is no file and
no table without a row."""
import base64
import json
import re
import unittest

import lmdb

from lethe_test import DOMAIN, Client, Server, archive, pubsub
from lethe_test.commands import choose_retention
from lethe_test.xmlstream import MAM

OWNER, NODE_KEY, DISK = "only the owner's login", "anyone with the disk and the node key", "anyone with the disk"
NEW, OLD, AVATAR = "urn:xmpp:bookmarks:1", "storage:bookmarks", "urn:xmpp:avatar"
PHOTO = base64.b64encode(b"\x89PNG").decode()


def node(name, access=None, item_id="i", payload="<x xmlns='urn:x'/>"):
    return pubsub.publish(name, pubsub.item(item_id, payload), **({"access_model": access} if access else {}))


def private(payload):
    return f"<iq type='set'><query xmlns='jabber:iq:private'>{payload}</query></iq>"


# (what it is, how a client keeps it, the class in the catalogue, who can read it)
KEPT = [
    ("a contact", "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='a@b.example'/></query></iq>", "contact list", OWNER),
    ("a blocked address", "<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='a@b.example'/></block></iq>", "blocklist", OWNER),
    ("archive preferences (XEP-0441)", f"<iq type='set'><prefs xmlns='{MAM}' default='roster'><always/><never><jid>a@b.example</jid></never></prefs></iq>",
     "settings", OWNER),
    ("private storage (XEP-0049)", private("<x xmlns='urn:x'/>"), "private nodes", OWNER),
    ("bookmarks in private storage (XEP-0048)", private(f"<storage xmlns='{OLD}'><conference jid='a@b.example'/></storage>"), "private nodes", OWNER),
    ("bookmarks in one item (XEP-0048)", node(OLD, None, "current", f"<storage xmlns='{OLD}'><conference jid='c@b.example'/></storage>"),
     "private nodes", OWNER),
    ("bookmarks in items (XEP-0402)", node(NEW, None, "d@b.example", f"<conference xmlns='{NEW}'/>"), "private nodes", OWNER),
    ("what was displayed (XEP-0490)", node("urn:xmpp:mds:displayed:0", None, "a@b.example"), "private nodes", OWNER),
    ("a node for oneself", node("own", "whitelist"), "private nodes", OWNER),
    ("a node for contacts", node("friends", "presence"), "private nodes", OWNER),
    ("a nickname (XEP-0172)", node("http://jabber.org/protocol/nick"), "private nodes", OWNER),
    ("a node for everybody", node("all", "open"), "public profile", NODE_KEY),
    ("an OMEMO device list", node("urn:xmpp:omemo:2:devices"), "public profile", NODE_KEY),
    ("an older OMEMO device list", node("eu.siacs.conversations.axolotl.devicelist"), "public profile", NODE_KEY),
    ("an OMEMO bundle", node("urn:xmpp:omemo:2:bundles"), "public profile", NODE_KEY),
    ("an avatar (XEP-0084)", node(AVATAR + ":data", None, "0", f"<data xmlns='{AVATAR}:data'>{PHOTO}</data>"), "public profile", NODE_KEY),
    ("a vCard (XEP-0054)", "<iq type='set'><vCard xmlns='vcard-temp'><FN>x</FN></vCard></iq>", "public profile", NODE_KEY),
    ("where to push (XEP-0357)", f"<iq type='set'><enable xmlns='urn:xmpp:push:0' jid='bob@{DOMAIN}/r' node='n'/></iq>", "push registrations", NODE_KEY),
    ("an invitation (XEP-0401)", f"<iq type='set' to='{DOMAIN}'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite'/></iq>",
     "invitations", DISK),
]


class Places(unittest.TestCase):
    def setUp(self):
        self.server = Server(policy={"archive": {"keep": "7d", "choices": ["7d", "1d"]}, "accounts": {"registration": "invite"}})
        self.addCleanup(self.server.remove)
        self.catalogue = {row["class"]: row for row in json.loads(self.server.ctl("catalogue", "--json").stdout)}
        self.account, self.friend = self.server.add_account("alice"), self.server.add_account("bob")

    def session(self, account):
        client = Client(self.server, account)
        client.login("r")
        client.enable_sm()
        self.addCleanup(client.drop)
        return client

    def keys(self):
        """{(table, key)} of the account store, read while no server runs."""
        env = lmdb.open(str(self.server.data / "state.mdb"), subdir=False, readonly=True, lock=False, max_dbs=64)
        with env.begin() as transaction:
            names = [name for name, _ in transaction.cursor()]
            found = {(name.decode(), key) for name in names for key, _ in transaction.cursor(env.open_db(name, transaction, create=False))}
        env.close()
        self.tables = {name.decode() for name in names}
        return found

    def named_tables(self):
        """{table: [classes]} of the rows about the account store."""
        out = {}
        for row in self.catalogue.values():
            place = re.fullmatch(r"DATA/state\.mdb, tables? ([a-z, ]+)", row["where"])
            for table in place[1].split(", ") if place else ():
                out.setdefault(table, []).append(row["class"])
        return out

    def test_each_thing_that_is_kept_lies_in_the_table_of_its_row(self):
        self.server.start()
        client = self.session(self.account)
        client.asks_ok(KEPT[0][1].replace("a@", "first@"))  # with the first contact the list gets a version, one of the settings
        client.leaves()
        self.server.stop()
        before = self.keys()
        for what, request, row, reader in KEPT:
            with self.subTest(what):
                self.server.start()
                client = self.session(self.account)
                client.asks_ok(request)
                client.leaves()
                self.server.stop()
                now = self.keys()
                new, before = now - before, now
                (place,) = [table for table, classes in self.named_tables().items() if row in classes]
                self.assertEqual({place}, {table for table, _ in new}, f"which tables {what} went to")
                self.assertEqual(reader, self.catalogue[row]["reader"])

    def test_no_file_and_no_table_is_without_a_row(self):
        self.server.start()
        alice, bob = self.session(self.account), self.session(self.friend)
        choose_retention(bob, "1d")
        alice.goes_online()
        for to in (self.friend.jid, f"nobody@{self.server.domain}"):
            alice.sends(f"<message to='{to}' type='chat'><body>x</body></message>")
        bob.leaves()
        alice.sends(f"<presence type='subscribe' to='{self.friend.jid}'/>")
        alice.sends(f"<message to='{self.friend.jid}' type='chat'><body>x</body></message>")
        for _, request, _, _ in KEPT:
            alice.asks_ok(request)
        alice.all_acked()
        self.assertEqual(2, len(archive.everything(self.session(self.friend))))
        while_running = self.files()
        self.server.stop()
        self.keys()
        self.assertEqual(self.tables, set(self.named_tables()))
        words = {"NUMBER": r"\d+", "CLASS": r"(archive(-\w+)?|letterbox|subscriptions)", "CHOICE": r"\w+", "START": r"\d+", "END": r"\d+", "DEADLINE": r"\d+"}
        places = []
        for row in self.catalogue.values():
            for place in re.findall(r"DATA/([^ ,]+)", row["where"]):
                places.append(re.compile("".join(words.get(part, re.escape(part)) for part in re.split("([A-Z]+)", place))))
        for file in while_running | self.files():
            self.assertTrue(any(place.fullmatch(file) for place in places), f"{file} is in no row of the catalogue")
        for kind in ("archive", "archive-1d", "letterbox", "subscriptions"):
            self.assertTrue(any(file.startswith(f"buckets/{kind}/") for file in while_running), f"nothing was written to {kind}")

    def files(self):
        return {str(path.relative_to(self.server.data)) for path in self.server.data.rglob("*") if not path.is_dir()}


if __name__ == "__main__":
    unittest.main(verbosity=2)
