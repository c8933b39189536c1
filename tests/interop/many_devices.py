# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two devices of one account, and a contact: what people with a phone and a desk expect, told once for every library.

A test file mixes ManyDevices with unittest's IsolatedAsyncioTestCase and says what a device is. Prosody passes all but two: it keeps
what says no-store for who is absent, and gives an inactive device everything when it pings.
"""
from server import WithServer


class ManyDevices(WithServer):
    kind = None  # a Device (device.py)

    def scene(self):
        """A phone and a desk of one account, and a friend's device, none of them online."""
        mine, theirs = self.server.account("alice"), self.server.account("bob")
        return self.kind(self.server, mine, "phone"), self.kind(self.server, mine, "desk"), self.kind(self.server, theirs, "laptop")

    async def settle(self, *devices):
        for device in devices * 2:  # effects of effects
            await device.settle()

    # Copies ----------------------------------------------------------------------------------------------------------

    async def test_what_one_device_says_the_other_shows_with_its_place_in_the_archive(self):
        phone, desk, friend = self.scene()
        async with phone, desk, friend:
            await phone.say(friend.jid, "from the phone")
            copy = await desk.hear("from the phone", "sent")
            self.assertEqual((copy.sender, copy.to), (phone.full, friend.jid))
            heard = await friend.hear("from the phone")
            await self.settle(phone, desk, friend)
            self.assertEqual([phone.bodies(), desk.bodies(), friend.bodies()], [[], ["from the phone"], ["from the phone"]])
            self.assertEqual([copy.stanza_id], [m.stanza_id for m in await phone.catch_up()])
            self.assertEqual([heard.stanza_id], [m.stanza_id for m in await friend.catch_up()])
            self.assertNotEqual(copy.stanza_id, heard.stanza_id)

    async def test_what_one_device_hears_the_other_shows_once_under_the_same_id(self):
        phone, desk, friend = self.scene()
        async with phone, desk, friend:
            await friend.say(phone.full, "to the phone alone")
            direct, copy = await phone.hear("to the phone alone"), await desk.hear("to the phone alone", "received")
            await friend.say(phone.jid, "to whoever is there")
            for device in (phone, desk):
                await device.hear("to whoever is there")
            await self.settle(friend, phone, desk)
            self.assertEqual(direct.stanza_id, copy.stanza_id)
            for device in (phone, desk):
                self.assertEqual(["to the phone alone", "to whoever is there"], device.bodies())
                self.assertEqual([m.stanza_id for m in device.seen], [m.stanza_id for m in await device.catch_up()])

    async def test_hints_are_obeyed(self):
        phone, desk, friend = self.scene()
        async with phone, friend:
            async with desk:
                await phone.say(friend.jid, "not for my desk", "no-copy")
                await phone.say(friend.jid, "not for the archive", "no-store")
                await phone.say(friend.jid, "for all")
                await desk.hear("for all", "sent")
                await friend.hear("for all")
                self.assertEqual(["not for the archive", "for all"], desk.bodies())
                self.assertEqual(["not for my desk", "not for the archive", "for all"], friend.bodies())
                for device in (phone, friend):
                    self.assertEqual(["not for my desk", "for all"], [m.body for m in await device.catch_up()])
        async with friend:
            await friend.say(phone.jid, "nobody is there", "no-store")
            await friend.say(phone.jid, "somebody will come")
            await friend.settle()
        async with phone:
            await phone.hear("somebody will come")
            await phone.settle()
            self.assertEqual(["somebody will come"], [body for body in phone.bodies("direct") if body != "for all"])

    # What was displayed ------------------------------------------------------------------------------------------------

    async def test_what_one_device_has_displayed_the_other_learns_at_once_or_when_it_comes(self):
        phone, desk, friend = self.scene()
        async with phone, friend:
            await phone.befriend(friend)
            async with desk:
                ids = []
                for text in ("first", "second"):
                    await friend.say(phone.jid, text)
                    ids.append((await phone.hear(text)).stanza_id)
                    await phone.tell_own_devices(friend.jid, ids[-1])
                    await desk.until(lambda: desk.displayed[-1:] == [(friend.jid, ids[-1])], f"the news that '{text}' was displayed")
            await friend.say(phone.jid, "third")
            ids.append((await phone.hear("third")).stanza_id)
            await phone.tell_own_devices(friend.jid, ids[-1])
            await phone.tell_own_devices("carol@shakespeare.lit", "another chat")
            async with desk:
                now = {friend.jid: ids[-1], "carol@shakespeare.lit": "another chat"}
                self.assertEqual(now, await desk.read_displayed(desk.jid))
                self.assertEqual(ids, [m.stanza_id for m in await desk.catch_up()])
            await self.settle(phone, friend)
            self.assertEqual([], friend.displayed)
            self.assertEqual("not-allowed", await friend.read_displayed(phone.jid))

    async def test_markers_reach_every_device_of_both_sides(self):
        phone, desk, friend = self.scene()
        async with phone, desk, friend:
            await friend.say(phone.jid, "have you read this?", message_id="question")
            await phone.hear("have you read this?")
            await phone.mark_displayed(friend.full, "question")
            await friend.until(lambda: [(m.sender, m.marker) for m in friend.seen] == [(phone.full, "question")], "the marker")
            await desk.until(lambda: ("sent", "question") in [(m.way, m.marker) for m in desk.seen], "the copy of the own marker")
            await desk.say(friend.jid, "and you this?", message_id="answer")
            await friend.hear("and you this?")
            await friend.mark_displayed(desk.full, "answer")
            await desk.until(lambda: ("direct", "answer") in [(m.way, m.marker) for m in desk.seen], "the friend's marker")
            await phone.until(lambda: ("received", "answer") in [(m.way, m.marker) for m in phone.seen], "the copy of the friend's marker")

    # Absence -----------------------------------------------------------------------------------------------------------

    def merge(self, live, archived):
        """What a client shows that knows messages by their stanza-id: those of the archive in its order, then what it did not have."""
        known = {m.stanza_id for m in archived}
        return [m.body for m in archived] + [m.body for m in live if m.stanza_id not in known]

    async def test_who_was_away_has_every_message_once(self):
        phone, desk, friend = self.scene()
        said = [f"before {n}" for n in range(2)]
        async with friend:
            async with phone:
                async with desk:
                    for text in said:
                        await friend.say(phone.jid, text)
                        await phone.hear(text)
                        last = (await desk.hear(text)).stanza_id
                for n in range(4):  # the desk is away
                    said += [f"heard on the phone {n}", f"said on the phone {n}"]
                    await friend.say(phone.jid, said[-2])
                    await phone.hear(said[-2])
                    await phone.say(friend.jid, said[-1])
                    await friend.hear(said[-1])
            letterbox = [f"heard by nobody {n}" for n in range(5)]
            for text in letterbox:  # both are away
                await friend.say(phone.jid, text)
            await friend.settle()
            desk.forget()
            async with desk:
                await desk.hear(letterbox[-1])
                await friend.say(desk.jid, "welcome back")
                await desk.hear("welcome back")
                self.assertEqual(letterbox + ["welcome back"], desk.bodies("direct"))
                archived = await desk.catch_up(last)
                self.assertEqual(said[2:] + letterbox + ["welcome back"], [m.body for m in archived])
                self.assertEqual(len(archived), len({m.stanza_id for m in archived}))
                self.assertEqual(said[2:] + letterbox + ["welcome back"], self.merge(desk.seen, archived))
                async with phone:  # the letterbox has been emptied, the archive has not
                    phone.forget()
                    self.assertEqual(said + letterbox + ["welcome back"], self.merge(phone.seen, await phone.catch_up()))
                    self.assertEqual([], phone.bodies("direct"))

    async def test_who_lost_the_connection_goes_on_with_copies_and_messages_in_order(self):
        phone, desk, friend = self.scene()
        async with phone, desk, friend:
            said = []
            for tunnel in range(3):
                await desk.settle()
                await desk.lose_connection()
                for n in range(4):
                    said.append(f"tunnel {tunnel}, {n}")
                    await (phone.say(friend.jid, said[-1]) if n % 2 else friend.say(phone.jid, said[-1]))
                    await (friend if n % 2 else phone).hear(said[-1])
                self.assertEqual("resumed", await desk.log_in())
                await desk.hear(said[-1], "sent")
                self.assertEqual(said, desk.bodies())
            archived = await desk.catch_up()
            self.assertEqual(said, [m.body for m in archived])
            self.assertEqual([m.stanza_id for m in archived], [m.stanza_id for m in desk.seen if m.body])

    # Idle --------------------------------------------------------------------------------------------------------------

    async def test_an_inactive_device_hears_messages_at_once_and_the_rest_when_it_is_looked_at(self):
        phone, _, friend = self.scene()
        async with phone, friend:
            await phone.befriend(friend)
            await self.settle(phone, friend)
            phone.forget()
            await phone.go_inactive()
            await phone.settle()
            for show in ("away", "dnd", "xa"):
                await friend.show(show)
                await friend.compose(phone.jid)
            await self.settle(friend, phone)
            self.assertEqual([], phone.presences + phone.seen)
            await friend.say(phone.jid, "important")
            await phone.hear("important")
            for show in ("away", "dnd"):
                await friend.show(show)
            await self.settle(friend, phone)
            await phone.go_active()
            await phone.until(lambda: phone.presences[-1:] == [(friend.full, "dnd")], "the friend's newest presence")
            await self.settle(friend, phone)
            self.assertEqual(["important"], phone.bodies())
