# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ad-hoc commands (XEP-0050), and the one that chooses how long the own archive is kept."""
COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"
RETENTION = "urn:x-lethe:commands:retention"


def command_iq(to, node, action=None, session=None, form="", lang=None):
    attributes = "".join(f" {name}='{value}'" for name, value in
                         (("action", action), ("sessionid", session), ("xml:lang", lang)) if value is not None)
    return f"<iq type='set' to='{to}'><command xmlns='{COMMANDS}' node='{node}'{attributes}>{form}</command></iq>"


def submitted(value, kind="submit"):
    return f"<x xmlns='{DATA}' type='{kind}'><field var='keep'><value>{value}</value></field></x>"


def choose_retention(client, value, to=None):
    """The note that the server ends with."""
    to = to or client.server.domain
    begun = client.asks_ok(command_iq(to, RETENTION, "execute")).child("command", COMMANDS)
    session = begun.get("sessionid")
    done = client.asks_ok(command_iq(to, RETENTION, "complete", session, submitted(value))).child("command", COMMANDS)
    assert (done.get("status"), done.get("sessionid")) == ("completed", session), done
    return done.findtext(f"{{{COMMANDS}}}note")
