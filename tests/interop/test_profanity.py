# SPDX-License-Identifier: AGPL-3.0-or-later
"""Somebody at Profanity, driven through a terminal, and somebody at slixmpp."""
import asyncio
import unittest

from person import Person
from server import WithServer
from terminal import Profanity


class AtTheTerminal(WithServer, unittest.IsolatedAsyncioTestCase):
    async def test_a_day_at_the_terminal(self):
        mine, hers = self.server.account("tina"), self.server.account("sally")
        loop = asyncio.get_running_loop()

        async def at(function, *arguments):  # the terminal is waited for in a thread, so that Sally stays responsive
            return await loop.run_in_executor(None, function, *arguments)

        profanity = Profanity(self.server, *mine)
        await at(profanity.__enter__)
        try:
            async with Person(self.server, *hers) as sally:
                await at(profanity.type, f"/roster add {hers[0]} Sally")
                await at(profanity.window, "/roster", "(Sally) - none")
                await at(profanity.type, f"/sub request {hers[0]}")
                await sally.until(lambda: sally.requests, "the request")
                sally.send_presence_subscription(pto=mine[0], ptype="subscribed")
                sally.send_presence_subscription(pto=mine[0], ptype="subscribe")
                await at(profanity.see, "Received authorization request")
                await at(profanity.type, f"/sub allow {hers[0]}")
                await sally.until(lambda: any(p["from"].bare == mine[0] and p["type"] == "available" for p in sally.presences),
                                  "Tina's presence")
                await at(profanity.window, "/roster", "(Sally) - both")

                await at(profanity.type, "/msg Sally Hallo, Grüße vom Terminal")
                await sally.hear("Hallo, Grüße vom Terminal")
                sally.say(mine[0], "und zurück, über die Schulter 🦔")
                await at(profanity.see, "und zurück, über die Schulter")

            await at(profanity.see_line, "Sally", "[offline]")
            await at(profanity.type, "bis später, Sally")
            async with Person(self.server, *hers) as sally:
                await sally.hear("bis später, Sally")
                self.assertTrue(sally.messages[-1]["delay"]["stamp"])
        finally:
            await at(profanity.__exit__)

        async with Person(self.server, *hers) as sally:
            sally.say(mine[0], "you were out")
            await sally.settle()
        again = Profanity(self.server, *mine)
        await at(again.__enter__)
        try:
            await at(again.window, "/roster", "(Sally) - both")
            await at(again.type, "/msg Sally")
            await at(again.see, "you were out")
        finally:
            await at(again.__exit__)


if __name__ == "__main__":
    unittest.main(verbosity=2)
