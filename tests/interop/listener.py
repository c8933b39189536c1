# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every client of the tests has, whichever library it is written with: it remembers what arrives, and waits for it, never for a while."""
import asyncio

from waiting import PATIENCE


class Listener:
    """Needs `news` (an asyncio.Condition), `host` (the server), log_in(), log_out(), who() and all_seen(). Online inside `async with`."""

    def remember(self, where, what):
        where.append(what)
        self.tell()

    def tell(self):
        async def notify():
            async with self.news:
                self.news.notify_all()
        self.telling = asyncio.ensure_future(notify())

    async def until(self, condition, what):
        """Waits until `condition()` is true of what has arrived, and returns its value."""
        async def wait():
            async with self.news:
                await self.news.wait_for(condition)
        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            seen = "\n".join(map(str, self.all_seen()))
            raise AssertionError(f"{self.who()} waited in vain for {what}; had seen:\n{seen}") from None
        return condition()

    async def __aenter__(self):
        how = await self.log_in()
        if how != "online":
            raise AssertionError(f"{self.who()} could not log in: {how}; the server said:\n{self.host.output()}")
        return self

    async def __aexit__(self, *_):
        await self.log_out()
