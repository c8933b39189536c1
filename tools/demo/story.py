# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is said and done in the quickstart's demonstration, and where its server can be reached."""
import pathlib
import tomllib

SAID = [("alice", "Shall we meet at the lighthouse?"), ("bob", "At seven. Bring the blue folder."),
        ("alice", "And burn the old one.")]
FOR_LATER = "Change of plan: come to the ferry instead."
CONTACT_NAME = "Bobby from the harbour"
GROUP = "Regatta committee"
BLOCKED = "nosy.neighbour"


def names_and_words(domain):
    """Everything of the story that a disk could give away."""
    return [text for _, text in SAID] + [FOR_LATER, CONTACT_NAME, GROUP] + [f"{who}@{domain}" for who in ("alice", "bob", BLOCKED)]


def config(directory):
    with open(pathlib.Path(directory) / "config" / "lethe.toml", "rb") as file:
        return tomllib.load(file)


def places(directory):
    """[(host, port) of STARTTLS, (host, port) of direct TLS], as a client on this machine reaches them."""
    listen = config(directory)["listen"]
    pairs = [listen[kind][0].rsplit(":", 1) for kind in ("c2s", "c2s_tls")]
    return [({"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host).strip("[]"), int(port)) for host, port in pairs]
