# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ad-hoc commands (XEP-0050): beginning one, filling in its form."""
COMMANDS = "http://jabber.org/protocol/commands"
DATA = "jabber:x:data"
RETENTION = "urn:x-lethe:commands:retention"
SESSIONS = "urn:x-lethe:commands:sessions"
ERASURE = "urn:x-lethe:commands:erase"


def command_iq(to, node, action=None, session=None, form="", lang=None):
    attributes = "".join(f" {name}='{value}'" for name, value in
                         (("action", action), ("sessionid", session), ("xml:lang", lang)) if value is not None)
    return f"<iq type='set' to='{to}'><command xmlns='{COMMANDS}' node='{node}'{attributes}>{form}</command></iq>"


def submitted(value, kind="submit", var="keep"):
    return f"<x xmlns='{DATA}' type='{kind}'><field var='{var}'><value>{value}</value></field></x>"


def begin(client, node, to=None, lang=None):
    """(session id, title and instructions, the form's fields: {var: (type, value, {value: label})})"""
    command = client.asks_ok(command_iq(to or client.server.domain, node, "execute", lang=lang)).child("command", COMMANDS)
    assert command.get("status") == "executing", command
    form = command.find(f"{{{DATA}}}x")
    fields = {f.get("var"): (f.get("type"), f.findtext(f"{{{DATA}}}value"), {o.findtext(f"{{{DATA}}}value"): o.get("label") for o in f.findall(f"{{{DATA}}}option")})
              for f in form.findall(f"{{{DATA}}}field")}
    return command.get("sessionid"), form.findtext(f"{{{DATA}}}title") + "\n" + form.findtext(f"{{{DATA}}}instructions"), fields


def note_of(answer):
    command = answer.child("command", COMMANDS)
    assert command.get("status") == "completed", command
    return command.findtext(f"{{{COMMANDS}}}note")


def choose_retention(client, value, to=None):
    """The note that the server ends with."""
    to = to or client.server.domain
    begun = client.asks_ok(command_iq(to, RETENTION, "execute")).child("command", COMMANDS)
    session = begun.get("sessionid")
    done = client.asks_ok(command_iq(to, RETENTION, "complete", session, submitted(value))).child("command", COMMANDS)
    assert (done.get("status"), done.get("sessionid")) == ("completed", session), done
    return done.findtext(f"{{{COMMANDS}}}note")
