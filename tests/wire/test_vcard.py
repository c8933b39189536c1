# SPDX-License-Identifier: AGPL-3.0-or-later
"""XEP-0054 and XEP-0084 are one avatar (XEP-0398): published over PEP it is in the vCard, set in the vCard it is over PEP, and presence carries
its hash (XEP-0153)."""
import base64
import hashlib

from lethe_test import WireCase, main
from lethe_test.pubsub import as_owner, configure, events_in, item, items, items_of, publish, wants

VCARD = "vcard-temp"
UPDATE = "vcard-temp:x:update"
DATA = "urn:xmpp:avatar:data"
METADATA = "urn:xmpp:avatar:metadata"
IMAGES = [b"\x89PNG first", b"\xff\xd8\xff second"]
IDS = [hashlib.sha1(image).hexdigest() for image in IMAGES]


def get(to=None):
    return f"<iq type='get'{f' to={chr(39)}{to}{chr(39)}' if to else ''}><vCard xmlns='{VCARD}'/></iq>"


def set_card(inner):
    return f"<iq type='set'><vCard xmlns='{VCARD}'>{inner}</vCard></iq>"


def photo(image, kind="image/png"):
    return f"<PHOTO><TYPE>{kind}</TYPE><BINVAL>{base64.encodebytes(image).decode()}</BINVAL></PHOTO>"


def publish_avatar(client, image, data_id=None, **options):
    image_id = hashlib.sha1(image).hexdigest()
    client.asks_ok(publish(DATA, item(data_id or image_id, f"<data xmlns='{DATA}'>{base64.b64encode(image).decode()}</data>"), **options))
    client.asks_ok(publish(METADATA, item(image_id, f"<metadata xmlns='{METADATA}'><info id='{image_id}' bytes='{len(image)}' type='image/png' "
                                                    "url='https://example.org/large'/>"
                                                    f"<info id='{image_id}' bytes='{len(image)}' type='image/png'/></metadata>"), **options))


class VCards(WireCase):
    def card(self, client, to=None):
        """(name, image) of a vCard, or the condition of the error."""
        answer = client.asks(get(to))
        if answer.type == "error":
            return answer.condition
        card = answer.child("vCard", VCARD)
        image = card.findtext(f"{{{VCARD}}}PHOTO/{{{VCARD}}}BINVAL")
        return card.findtext(f"{{{VCARD}}}FN"), image and base64.b64decode(image)

    def photo_in(self, presence):
        """The hash, '' for an empty <photo/>, None for none."""
        update = presence.child("x", UPDATE)
        found = update.find(f"{{{UPDATE}}}photo") if update is not None else None
        return None if found is None else found.text or ""

    def test_a_vcard_is_read_by_everybody_while_its_owner_is_there_and_away(self):
        owner, other = (self.online(a, "r") for a in self.accounts(2))
        self.assertEqual(("item-not-found", "service-unavailable"), (self.card(owner), self.card(other, owner.jid)))
        owner.asks_ok(set_card("<FN>Alice</FN>"))
        self.assertEqual([("Alice", None)] * 2, [self.card(owner), self.card(other, owner.jid)])
        owner.leaves()
        self.assertEqual(("Alice", None), self.card(other, owner.jid))
        self.assertEqual("service-unavailable", self.card(other, f"nobody@{self.server.domain}"))
        self.assert_error(other.asks(set_card("<FN>Mallory</FN>").replace("<iq ", f"<iq to='{owner.jid}' ", 1)), "forbidden")
        self.assertEqual(("Alice", None), self.card(other, owner.jid))

    def test_an_avatar_over_pep_is_in_the_vcard(self):
        owner, other = (self.online(a, "r") for a in self.accounts(2))
        owner.asks_ok(set_card("<FN>Alice</FN>"))
        publish_avatar(owner, IMAGES[0])
        self.assertEqual([("Alice", IMAGES[0])] * 2, [self.card(owner), self.card(other, owner.jid)])
        owner.leaves()
        self.assertEqual(("Alice", IMAGES[0]), self.card(other, owner.jid))
        owner = self.online(owner.account, "r")
        owner.asks_ok(publish(METADATA, item("x", f"<metadata xmlns='{METADATA}'/>")))
        self.assertEqual([("Alice", None)] * 2, [self.card(owner), self.card(other, owner.jid)])

    def test_an_avatar_that_is_not_for_everybody_is_not_in_everybodys_vcard(self):
        owner, other = (self.online(a, "r") for a in self.accounts(2))
        owner.asks_ok(set_card("<FN>Alice</FN>"))
        publish_avatar(owner, IMAGES[0], access_model="whitelist")
        self.assertEqual((("Alice", IMAGES[0]), ("Alice", None)), (self.card(owner), self.card(other, owner.jid)))
        for node in (DATA, METADATA):
            owner.asks_ok(configure(node, access_model="open"))
        self.assertEqual(("Alice", IMAGES[0]), self.card(other, owner.jid))

    def test_a_photo_in_the_vcard_is_over_pep(self):
        owner, other = (self.session(a, "r") for a in self.accounts(2))
        wants(owner, METADATA)
        owner.asks_ok(set_card("<FN>Alice</FN>" + photo(IMAGES[0], "image/gif")))
        (_, node, what), = events_in(owner.collect())
        self.assertEqual((METADATA, IDS[0]), (node, what[0][1]))
        for client in (owner, other):
            (data_id, data), = items_of(client.asks_ok(items(DATA, to=owner.jid)))
            (meta_id, metadata), = items_of(client.asks_ok(items(METADATA, to=owner.jid)))
            self.assertEqual((IDS[0], IDS[0], IMAGES[0]), (data_id, meta_id, base64.b64decode(data.text)))
            self.assertEqual({"id": IDS[0], "bytes": str(len(IMAGES[0])), "type": "image/gif"}, metadata[0].attrib)
            self.assertEqual(("Alice", IMAGES[0]), self.card(client, owner.jid))
        owner.asks_ok(set_card("<FN>Alice B.</FN>" + photo(IMAGES[0])))  # unchanged: nobody needs to hear of it
        owner.collect()
        self.assertEqual(1, len(items_of(owner.asks_ok(items(METADATA)))))
        owner.asks_ok(set_card("<FN>Alice B.</FN>"))
        self.assertEqual(("Alice B.", None), self.card(other, owner.jid))
        self.assertEqual(0, len(items_of(owner.asks_ok(items(METADATA)))[0][1]))

    def test_a_photo_that_is_none_is_refused_and_changes_nothing(self):
        owner = self.session(self.account(), "r")
        owner.asks_ok(set_card("<FN>Alice</FN>" + photo(IMAGES[0])))
        for inner in ("<PHOTO><BINVAL>***</BINVAL></PHOTO>", "<PHOTO><BINVAL/></PHOTO>"):
            self.assert_error(owner.asks(set_card("<FN>Bob</FN>" + inner)), "bad-request")
        self.assertEqual(("Alice", IMAGES[0]), self.card(owner))

    def test_presence_carries_the_hash_and_goes_out_again_when_it_changes(self):
        owner, friend = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(owner, friend)
        for number in range(2):
            publish_avatar(owner, IMAGES[number])
            self.assertEqual([IDS[number]], [self.photo_in(p) for p in friend.collect() if p.name == "presence"])
            owner.collect()
        owner.asks_ok(set_card("<FN>no photo</FN>"))
        self.assertEqual([""], [self.photo_in(p) for p in friend.collect() if p.name == "presence"])
        owner.asks_ok(set_card(photo(IMAGES[0])))
        self.assertEqual([IDS[0]], [self.photo_in(p) for p in friend.collect() if p.name == "presence"])
        owner.leaves()
        friend.collect()
        owner = self.session(owner.account, "r")
        for sent, expected in (("", IDS[0]), (f"<x xmlns='{UPDATE}'/>", IDS[0]), (f"<x xmlns='{UPDATE}'><photo/></x>", ""),
                               (f"<x xmlns='{UPDATE}'><photo>0123</photo></x>", IDS[0])):
            owner.sends(f"<presence>{sent}</presence>"), owner.collect()
            self.assertEqual([expected], [self.photo_in(p) for p in friend.collect() if p.name == "presence"], sent)

    def test_the_hash_of_an_avatar_that_contacts_cannot_fetch_is_not_told(self):
        owner, friend = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(owner, friend)
        for data, metadata in (("whitelist", "whitelist"), ("open", "whitelist"), ("whitelist", "open")):
            publish_avatar(owner, IMAGES[0], access_model="open")
            friend.collect()
            for node, access in ((DATA, data), (METADATA, metadata)):
                owner.asks_ok(configure(node, access_model=access))
            self.assertEqual([""], [self.photo_in(p) for p in friend.collect() if p.name == "presence"], (data, metadata))
            for node in (DATA, METADATA):
                owner.asks_ok(configure(node, access_model="open"))
            self.assertEqual([IDS[0]], [self.photo_in(p) for p in friend.collect() if p.name == "presence"], (data, metadata))
            owner.collect()

    def test_who_shows_no_photo_is_left_alone(self):
        owner, friend = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(owner, friend)
        owner.sends(f"<presence><x xmlns='{UPDATE}'><photo/></x></presence>"), owner.collect()
        friend.collect()
        publish_avatar(owner, IMAGES[0])
        friend.receives_nothing()

    def test_without_an_avatar_presence_stays_as_it_is(self):
        owner, friend = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(owner, friend)
        owner.sends("<presence><status>x</status></presence>"), owner.collect()
        friend.receives(f"<presence from='{owner.full}'><status>x</status></presence>")

    def test_the_hash_of_an_avatar_whose_image_is_missing_or_another_is_not_told(self):
        for wrong in ("missing", "another"):
            owner = self.session(self.account(), "r")
            publish_avatar(owner, IMAGES[0], data_id="another id" if wrong == "missing" else None)
            if wrong == "another":
                owner.asks_ok(publish(DATA, item(IDS[0], f"<data xmlns='{DATA}'>{base64.b64encode(IMAGES[1]).decode()}</data>")))
            owner.sends("<presence/>")
            self.assertEqual([None], [self.photo_in(p) for p in owner.collect() if p.name == "presence"], wrong)
            self.assertEqual("item-not-found", self.card(owner), wrong)
            owner.asks_ok(set_card(photo(IMAGES[0])))
            self.assertEqual((None, IMAGES[0]), self.card(owner), wrong)

    def test_an_image_that_no_metadata_names_changes_nothing_that_contacts_hear(self):
        owner, friend = (self.online(a, "r") for a in self.accounts(2))
        self.befriend(owner, friend)
        publish_avatar(owner, IMAGES[0])
        owner.collect(), friend.collect()
        owner.asks_ok(publish(DATA, item(IDS[1], f"<data xmlns='{DATA}'>{base64.b64encode(IMAGES[1]).decode()}</data>")))
        owner.sends("<presence><status>x</status></presence>"), owner.collect()
        self.assertEqual([IDS[0]], [self.photo_in(p) for p in friend.collect() if p.name == "presence"])
        self.assertIn(self.card(friend, owner.jid), ((None, IMAGES[0]), "service-unavailable"))
        owner.asks_ok(as_owner("purge", DATA))
        self.assertEqual([""], [self.photo_in(p) for p in friend.collect() if p.name == "presence"])

    def test_directed_presence_carries_it_too(self):
        owner, other = (self.online(a, "r") for a in self.accounts(2))
        publish_avatar(owner, IMAGES[0])
        owner.collect()
        for sent, expected in (("", IDS[0]), (f"<x xmlns='{UPDATE}'/>", IDS[0]), (f"<x xmlns='{UPDATE}'><photo/></x>", "")):
            owner.sends(f"<presence to='{other.full}'>{sent}</presence>"), owner.collect()
            self.assertEqual([expected], [self.photo_in(p) for p in other.collect() if p.name == "presence"], sent)
        owner.sends(f"<presence to='{other.full}' type='unavailable'/>"), owner.collect()
        self.assertEqual([None], [self.photo_in(p) for p in other.collect() if p.name == "presence"])


if __name__ == "__main__":
    main()
