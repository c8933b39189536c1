# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two accounts at slixmpp clients, a library nobody here wrote, do what people do."""
import datetime
import unittest

from person import Person
from server import WithServer


class TwoPeople(WithServer, unittest.IsolatedAsyncioTestCase):
    def person(self, account, **how):
        return Person(self.server, *account, **how)

    def accounts(self):
        return self.server.account("alice"), self.server.account("bob")

    async def test_a_wrong_password_is_refused_and_the_right_one_then_accepted(self):
        jid, password = self.server.account("alice")
        intruder = self.person((jid, password + "x"))
        self.assertEqual(await intruder.log_in(), "refused")
        await intruder.log_out()
        async with self.person((jid, password)) as alice:
            self.assertEqual(alice.boundjid.bare, jid)

    async def test_who_lost_the_connection_goes_on_where_he_was(self):
        one, two = self.accounts()
        async with self.person(one) as alice, self.person(two) as bob:
            await alice.befriend(bob)
            seen = len(alice.presences)
            for tunnel in range(3):
                await bob.settle()
                await bob.lose_connection()
                for number in range(5):
                    alice.say(two[0], f"message {tunnel}.{number}")
                await alice.settle()
                self.assertEqual(await bob.log_in(), "resumed")
                await bob.hear(f"message {tunnel}.4")
                bob.say(one[0], f"out of tunnel {tunnel}")
                await alice.hear(f"out of tunnel {tunnel}")
            self.assertEqual(bob.bodies(alice), [f"message {tunnel}.{number}" for tunnel in range(3) for number in range(5)])
            self.assertEqual(len(alice.presences), seen)

    async def test_direct_tls_serves_as_well_as_starttls(self):
        one, two = self.accounts()
        async with self.person(one, direct_tls=True) as alice, self.person(two) as bob:
            alice.say(two[0], "encrypted from the first byte")
            await bob.hear("encrypted from the first byte")

    async def test_a_contact_is_added_renamed_and_removed_and_every_session_is_told(self):
        account, (bob, _) = self.accounts()
        async with self.person(account, resource="desk") as desk, self.person(account, resource="phone") as phone:
            for name, groups in (("Bobby", ["Friends", "Büro"]), ("Robert", ["Friends"])):
                await desk.update_roster(bob, name=name, groups=groups)
                self.assertEqual(await desk.fetch_roster(), {bob: ("none", "", name, sorted(groups))})
                await phone.until(lambda: phone.client_roster[bob]["name"] == name, f"the push of {name}")
            await desk.del_roster_item(bob)
            self.assertEqual(await desk.fetch_roster(), {})
            await phone.until(lambda: bob not in phone.client_roster.keys() or
                              phone.client_roster[bob]["subscription"] in ("remove", "none"), "the removal")
        async with self.person(account) as again:
            self.assertEqual(await again.fetch_roster(), {})

    async def test_a_subscription_goes_from_asked_to_both_and_outlives_the_sessions(self):
        one, two = self.accounts()
        async with self.person(one) as alice, self.person(two) as bob:
            alice.send_presence_subscription(pto=two[0], ptype="subscribe")
            await bob.until(lambda: bob.requests, "the request")
            self.assertEqual((await alice.fetch_roster())[two[0]][:2], ("none", "subscribe"))
            bob.send_presence_subscription(pto=one[0], ptype="subscribed")
            await alice.until(lambda: alice.sees(bob, "available"), "Bob's presence")
            self.assertEqual((await alice.fetch_roster())[two[0]][:2], ("to", ""))
            bob.send_presence_subscription(pto=one[0], ptype="subscribe")
            await alice.until(lambda: alice.requests, "the request back")
            alice.send_presence_subscription(pto=two[0], ptype="subscribed")
            await bob.until(lambda: bob.sees(alice, "available"), "Alice's presence")
        async with self.person(one) as alice, self.person(two) as bob:
            self.assertEqual((await alice.fetch_roster())[two[0]][0], "both")
            self.assertEqual((await bob.fetch_roster())[one[0]][0], "both")

    async def test_a_request_to_somebody_absent_is_shown_when_he_comes(self):
        one, two = self.accounts()
        async with self.person(one) as alice:
            alice.send_presence_subscription(pto=two[0], ptype="subscribe")
            await alice.settle()
        async with self.person(two) as bob:
            await bob.until(lambda: [r["from"].bare for r in bob.requests] == [one[0]], "the request")
            bob.send_presence_subscription(pto=one[0], ptype="subscribed")
            await bob.settle()
        async with self.person(one) as alice:
            self.assertEqual((await alice.fetch_roster())[two[0]][:2], ("to", ""))

    async def test_presence_reaches_the_friend_and_so_does_going_away(self):
        one, two = self.accounts()
        async with self.person(one) as alice:
            async with self.person(two) as bob:
                await alice.befriend(bob)
                bob.send_presence(pshow="dnd", pstatus="schreibe Tests 📝")
                await alice.until(lambda: any(p["type"] == "dnd" and p["status"] == "schreibe Tests 📝" for p in alice.presences),
                                  "Bob's status")
            await alice.until(lambda: alice.sees(bob, "unavailable"), "Bob's leaving")
            async with self.person(two) as bob:
                await bob.until(lambda: bob.sees(alice, "available"), "Alice's presence at once")
                await alice.until(lambda: alice.sees(bob, "available"), "Bob's return")

    async def test_a_conversation_arrives_whole_and_in_order(self):
        one, two = self.accounts()
        async with self.person(one) as alice, self.person(two) as bob:
            said = [f"{n}: <&> \"'\" Grüße, 你好, 🦔" for n in range(20)]
            for text in said:
                alice.say(two[0], text)
            await bob.hear(said[-1])
            self.assertEqual(bob.bodies(alice), said)
            bob.say(alice.boundjid.full, "read")
            await alice.hear("read")

    async def test_a_blocked_person_is_not_heard_until_unblocked(self):
        one, two = self.accounts()
        async with self.person(one) as alice, self.person(two) as bob:
            await alice.befriend(bob)
            await alice["xep_0191"].block(two[0])
            listed = await alice["xep_0191"].get_blocked()
            self.assertEqual({str(jid) for jid in listed["blocklist"]["items"]}, {two[0]})
            await bob.until(lambda: bob.sees(alice, "unavailable"), "Alice's going, as it looks to Bob")
            bob.say(one[0], "behind the wall")
            await bob.settle()
            await alice["xep_0191"].unblock(two[0])
            await bob.until(lambda: bob.sees(alice, "available"), "Alice's return")
            bob.say(one[0], "wall gone")
            await alice.hear("wall gone")
            self.assertEqual(alice.bodies(bob), ["wall gone"])
            listed = await alice["xep_0191"].get_blocked()
            self.assertEqual(set(listed["blocklist"]["items"]), set())

    async def test_the_blocklist_outlives_the_session(self):
        one, two = self.accounts()
        async with self.person(one) as alice:
            await alice["xep_0191"].block(two[0])
        async with self.person(two) as bob:
            bob.say(one[0], "while you were away")
            await bob.settle()
        async with self.person(one) as alice:
            listed = await alice["xep_0191"].get_blocked()
            self.assertEqual({str(jid) for jid in listed["blocklist"]["items"]}, {two[0]})
            await alice.settle()
            self.assertEqual(alice.bodies(), [])

    async def test_what_was_said_to_somebody_absent_arrives_once_with_its_time(self):
        one, two = self.accounts()
        said = [f"for later {n}" for n in range(5)]
        async with self.person(one) as alice:
            for text in said:
                alice.say(two[0], text)
            await alice.settle()
        async with self.person(two) as bob:
            await bob.hear(said[-1])
            self.assertEqual(bob.bodies(), said)
            for message in bob.messages:
                self.assertLess(abs((message["delay"]["stamp"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()), 600)
            await bob.settle()
        async with self.person(two) as bob:
            await bob.settle()
            self.assertEqual(bob.bodies(), [])

    async def test_the_archive_is_read_page_by_page(self):
        one, two = self.accounts()
        said = [f"archived {n}" for n in range(25)]
        async with self.person(one) as alice, self.person(two) as bob:
            for n, text in enumerate(said):
                speaker, listener = (alice, bob) if n % 2 == 0 else (bob, alice)
                speaker.say(listener.boundjid.bare, text)
                await listener.hear(text)  # so that the order is the same for both
            await alice.settle()
        async with self.person(one) as alice:
            pages = []
            async for page in alice["xep_0313"].retrieve(with_jid=two[0], iterator=True, rsm={"max": 10}):
                pages.append([self.archived(result) for result in page["mam"]["results"]])
            self.assertEqual([len(page) for page in pages], [10, 10, 5])
            read = sum(pages, [])
            self.assertEqual([body for _, body in read], said)
            self.assertEqual(len({archive_id for archive_id, _ in read}), 25)

            backwards = []
            async for page in alice["xep_0313"].retrieve(iterator=True, reverse=True, rsm={"max": 7}):
                backwards.append([self.archived(result) for result in page["mam"]["results"]])
            self.assertEqual(backwards, [read[18:], read[11:18], read[4:11], read[:4]])
            after = await alice["xep_0313"].retrieve(rsm={"max": 50, "after": read[11][0]})
            self.assertEqual([self.archived(result) for result in after["mam"]["results"]], read[12:])

    async def test_the_archive_is_asked_for_one_person_and_for_a_time(self):
        one, two = self.accounts()
        three = self.server.account("carol")
        async with self.person(one) as alice, self.person(two) as bob, self.person(three) as carol:
            for n in range(3):
                bob.say(one[0], f"Bob {n}")
                await alice.hear(f"Bob {n}")
                carol.say(one[0], f"Carol {n}")
                await alice.hear(f"Carol {n}")
                if n == 1:  # time itself is asked about: a second that no message fell into
                    middle = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
                    while datetime.datetime.now(datetime.timezone.utc) < middle + datetime.timedelta(seconds=1):
                        await alice.settle()
            hers = await self.bodies_in_archive(alice, with_jid=three[0])
            self.assertEqual(hers, ["Carol 0", "Carol 1", "Carol 2"])
            everything = ["Bob 0", "Carol 0", "Bob 1", "Carol 1", "Bob 2", "Carol 2"]
            self.assertEqual(await self.bodies_in_archive(alice), everything)
            self.assertEqual(await self.bodies_in_archive(alice, start=middle), everything[4:])
            self.assertEqual(await self.bodies_in_archive(alice, end=middle), everything[:4])
            self.assertEqual(await self.bodies_in_archive(alice, end=middle, with_jid=two[0]), ["Bob 0", "Bob 1"])
            day = datetime.timedelta(days=1)
            self.assertEqual(await self.bodies_in_archive(alice, start=middle - day, end=middle + day), everything)
            self.assertEqual(await self.bodies_in_archive(alice, end=middle - day), [])

    async def bodies_in_archive(self, person, **filters):
        return [self.archived(result)[1] async for result in person["xep_0313"].iterate(**filters)]

    def archived(self, result):
        """(archive id, body) of one result."""
        return result["mam_result"]["id"], result["mam_result"]["forwarded"]["stanza"]["body"]

    async def test_the_server_says_what_it_can(self):
        async with self.person(self.server.account("alice")) as alice:
            info = await alice["xep_0030"].get_info(jid=alice.boundjid.domain)
            features = set(info["disco_info"]["features"])
            self.assertLessEqual({"urn:xmpp:blocking", "urn:xmpp:ping", "jabber:iq:version"}, features)
            own = await alice["xep_0030"].get_info(jid=alice.boundjid.bare)
            self.assertIn("urn:xmpp:mam:2", set(own["disco_info"]["features"]))
            self.assertTrue((await alice["xep_0092"].get_version(alice.boundjid.domain))["software_version"]["name"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
