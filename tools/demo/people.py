#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The people of tools/quickstart, at slixmpp clients.

Usage: people.py talk|read|forgotten|check DIRECTORY DOMAIN      (passwords of Alice and Bob in $QUICKSTART_PASSWORDS)
"""
import asyncio
import os
import pathlib
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "interop"))
import story  # noqa: E402  (the path first)
from person import Person  # noqa: E402


def person(directory, domain, name):
    directory = pathlib.Path(directory)
    address, port = story.places(directory)[0]
    host = types.SimpleNamespace(ADDRESS=address, port=port, certificate=str(directory / "config" / "tls" / "cert.pem"),
                                 output=lambda: (directory / "lethed.out").read_text(errors="replace"))
    password = os.environ["QUICKSTART_PASSWORDS"].split()[["alice", "bob"].index(name)]
    return Person(host, f"{name}@{domain}", password)


def show(who, what):
    print(f"  {who + ':':7}{what}", flush=True)


async def talk(directory, domain):
    async with person(directory, domain, "alice") as alice:
        async with person(directory, domain, "bob") as bob:
            await alice.befriend(bob)
            await alice.update_roster(bob.boundjid.bare, name=story.CONTACT_NAME, groups=[story.GROUP])
            await alice["xep_0191"].block(f"{story.BLOCKED}@{domain}")
            print("  Alice and Bob are in each other's contact lists;")
            print(f"  Alice calls him '{story.CONTACT_NAME}' and blocks {story.BLOCKED}@{domain}.")
            two = {"alice": (alice, bob), "bob": (bob, alice)}
            for who, text in story.SAID:
                speaker, listener = two[who]
                speaker.say(listener.boundjid.bare, text)
                await listener.hear(text)
                show(who.title(), text)
        print("  Bob goes.")
        alice.say(f"bob@{domain}", story.FOR_LATER)
        await alice.settle()
        show("Alice", story.FOR_LATER + "   (this waits for Bob)")
    print("  Alice goes. Nobody is online.")


async def read(directory, domain):
    whole = [text for _, text in story.SAID] + [story.FOR_LATER]
    async with person(directory, domain, "bob") as bob:
        await bob.settle()
        archive = await archived(bob)
        if archive != whole and set(archive) < set(whole):
            return 3  # its time is over already, or it was lost: the third time it was lost
        await bob.hear(story.FOR_LATER)
        print(f"  Bob logs in. What waited for him: \"{bob.bodies()[-1]}\"")
        if archive != whole:
            raise AssertionError(f"Bob's archive holds: {archive}")
        print(f"  His archive, for his other devices: all {len(archive)} messages.")


async def forgotten(directory, domain):
    for name in ("alice", "bob"):
        async with person(directory, domain, name) as someone:
            await someone.settle()
            if found := await archived(someone) + someone.bodies():
                raise AssertionError(f"{name} still finds: {found}")
            contacts = await someone.fetch_roster()
            print(f"  {name.title()} logs in: no message is left; the contact list still is ({len(contacts)} contact).")


async def check(directory, domain):
    for name in ("alice", "bob"):
        async with person(directory, domain, name) as someone:
            await someone.settle()


async def archived(someone):
    return [result["mam_result"]["forwarded"]["stanza"]["body"] async for result in someone["xep_0313"].iterate()]


if __name__ == "__main__":
    sys.exit(asyncio.run({"talk": talk, "read": read, "forgotten": forgotten, "check": check}[sys.argv[1]](*sys.argv[2:])))
