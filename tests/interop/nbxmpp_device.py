# SPDX-License-Identifier: AGPL-3.0-or-later
"""A device with nbxmpp, in a process of its own: nbxmpp_program.py."""
import asyncio
import json
import pathlib
import sys

from device import Device, Seen
from waiting import PATIENCE

PROGRAM = pathlib.Path(__file__).with_name("nbxmpp_program.py")


class NbxmppDevice(Device):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.process = self.reader = self.state = None
        self.answers, self.requests = {}, []

    async def start(self, certificate):
        settings = {"jid": self.jid, "password": self.password, "resource": self.resource, "certificate": certificate,
                    "address": f"{self.host.ADDRESS}:{self.host.port}"}
        self.process = await asyncio.create_subprocess_exec(sys.executable, PROGRAM, json.dumps(settings), stdin=asyncio.subprocess.PIPE,
                                                            stdout=asyncio.subprocess.PIPE)
        self.reader = asyncio.get_running_loop().create_task(self.read())

    async def read(self):
        while line := await self.process.stdout.readline():
            what = json.loads(line)
            if "answer" in what:
                self.answers[what.pop("answer")] = what
            else:
                getattr(self, "on_" + what.pop("event"))(**what)
            self.tell()
        self.state = "the program has ended"
        self.tell()

    async def do(self, what, **arguments):
        """The answer to a command, a dictionary."""
        number = next(self.numbers)
        self.process.stdin.write(json.dumps({"number": number, "do": what, **arguments}).encode() + b"\n")
        await self.until(lambda: number in self.answers or self.process.returncode is not None, f"the answer to {what}")
        answer = self.answers.pop(number)
        if "broken" in answer:
            raise AssertionError(f"{self.full}: {what} {arguments}: {answer['broken']}")
        return answer

    # What arrives.

    def on_online(self):
        self.state = "online"

    def on_resumed(self):
        self.state = "resumed"

    def on_ended(self, why):
        self.state = f"ended: {why}"

    def on_message(self, **message):
        self.seen.append(Seen(**message))

    def on_displayed(self, displayed):
        self.displayed.append(tuple(displayed))

    def on_presence(self, sender, show):
        self.presences.append((sender, show))

    # What it does.

    async def log_in(self, certificate=True):
        """Returns "online" or "resumed", or in a word why not. `certificate`: whether the user has accepted the server's."""
        if self.process is None:
            await self.start(self.host.certificate if certificate else None)
        self.state = None
        await self.do("log_in")
        return await self.until(lambda: self.state, "the session")

    async def log_out(self):
        if self.process is None:
            return
        if self.state in ("online", "resumed"):
            await self.do("log_out")
            await self.until(lambda: self.state.startswith("ended"), "the end of the stream")
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), PATIENCE)
        await self.reader
        self.process = None

    async def lose_connection(self):
        await self.do("lose_connection")
        await self.until(lambda: self.state.startswith("ended"), "the end of the connection")

    async def settle(self):
        """Everything this device sent before is dealt with, and everything the server sent before has arrived."""
        await self.do("settle")

    async def say(self, to, text, hint=None, message_id=None):
        await self.do("say", to=to, text=text, hint=hint, id=message_id or f"{self.resource}-{next(self.numbers)}")

    async def compose(self, to):
        await self.do("compose", to=to)

    async def mark_displayed(self, to, message_id):
        await self.do("mark_displayed", to=to, id=message_id)

    async def tell_own_devices(self, chat, stanza_id):
        answer = await self.do("tell_own_devices", chat=chat, stanza_id=stanza_id)
        if "error" in answer:
            raise AssertionError(f"{self.full} could not publish: {answer['error']}")

    async def read_displayed(self, of):
        answer = await self.do("read_displayed", of=of)
        return answer.get("error") or answer["displayed"]

    async def archive_page(self, after, size):
        answer = await self.do("archive_page", after=after, size=size)
        return [Seen(**result) for result in answer["results"]], answer["complete"]

    async def befriend(self, other):
        """Subscriptions both ways, each side asked and answered."""
        for one, two in ((self, other), (other, self)):
            await one.do("subscription", to=two.jid, type="subscribe")
            await two.until(lambda: (one.jid, "subscribe") in two.presences, "the request")
            await two.do("subscription", to=one.jid, type="subscribed")
            await one.until(lambda: (two.full, "available") in one.presences, f"the presence of {two.full}")

    async def show(self, show):
        await self.do("show", show=show)

    async def go_inactive(self):
        await self.do("client_state", state="inactive")

    async def go_active(self):
        await self.do("client_state", state="active")
