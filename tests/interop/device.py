# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a person's device shows, whichever library it is written with: slixmpp_device.py and nbxmpp_device.py fill it in."""
import asyncio
import dataclasses
import itertools

from listener import Listener

MDS = "urn:xmpp:mds:displayed:0"
SID = "urn:xmpp:sid:0"
MDS_OPTIONS = {"pubsub#persist_items": "true", "pubsub#max_items": "max", "pubsub#send_last_published_item": "never",
               "pubsub#access_model": "whitelist"}


@dataclasses.dataclass(frozen=True)
class Seen:
    """A message as the library gave it to us. `way`: direct, or the carbons sent and received (XEP-0280), or archived (XEP-0313)."""

    way: str
    sender: str
    to: str
    body: str | None = None
    id: str | None = None
    stanza_id: str | None = None  # XEP-0359, given by our own server; of an archived message its id in the archive
    marker: str | None = None     # XEP-0333: the id of what was displayed


class Device(Listener):
    """`async with device:` is online inside the block, with copies of the other devices' messages and news of what they displayed."""

    def __init__(self, server, account, resource):
        self.host, (self.jid, self.password), self.resource = server, account, resource
        self.seen, self.displayed, self.presences = [], [], []  # messages; (chat, stanza-id); (sender, show)
        self.news = asyncio.Condition()
        self.numbers = itertools.count(1)

    @property
    def full(self):
        return f"{self.jid}/{self.resource}"

    def who(self):
        return self.full

    def all_seen(self):
        return self.seen + self.displayed + self.presences

    async def hear(self, text, way="direct"):
        """The one message with this text that came this way."""
        def found():
            return [m for m in self.seen if (m.body, m.way) == (text, way)]
        return (await self.until(found, f"'{text}' ({way})"))[0]

    def bodies(self, *ways):
        return [m.body for m in self.seen if m.body is not None and (not ways or m.way in ways)]

    def forget(self):
        """From here on only what is new is remembered."""
        for what in (self.seen, self.displayed, self.presences):
            what.clear()

    async def catch_up(self, after=None, size=3):
        """What the archive has after this id, page by page as a client does who was away."""
        found = []
        while True:
            page, complete = await self.archive_page(after, size)
            found += page
            if complete:
                return found
            after = page[-1].stanza_id
