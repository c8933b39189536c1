# SPDX-License-Identifier: AGPL-3.0-or-later
"""One nbxmpp client (the library of Gajim) in a process of its own, because it lives in GLib's main loop: nbxmpp_device.py drives it.

A line of JSON on standard input is a command, {"number": 1, "do": "say", ...}; a line on standard output is what happened, {"event":
"message", ...}, or the answer to a command, {"answer": 1, ...}. It ends when its input does. Works with nbxmpp 4 (Debian 12) and 6 (Debian 13).
"""
import json
import os
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import Gio, GLib  # noqa: E402  (the version first)
from nbxmpp.client import Client  # noqa: E402
from nbxmpp.const import ConnectionProtocol, ConnectionType  # noqa: E402
from nbxmpp.errors import StanzaError  # noqa: E402
from nbxmpp.namespaces import Namespace  # noqa: E402
from nbxmpp.protocol import Iq, JID, Message  # noqa: E402
from nbxmpp.simplexml import Node  # noqa: E402
from nbxmpp.structs import DiscoIdentity, StanzaHandler  # noqa: E402

from device import MDS, MDS_OPTIONS, SID  # noqa: E402

CSI = "urn:xmpp:csi:0"


def tell(**what):
    print(json.dumps(what), flush=True)


class Program:
    def __init__(self, settings):
        self.loop = GLib.MainLoop()
        self.jid = settings["jid"]
        self.queries, self.results, self.callbacks = 0, {}, []
        self.client = client = Client(log_context=settings["resource"])
        username, domain = self.jid.split("@")
        client.set_username(username)
        client.set_domain(domain)
        client.set_resource(settings["resource"])
        client.set_password(settings["password"])
        client.set_custom_host(settings["address"], ConnectionProtocol.TCP, ConnectionType.START_TLS)
        if settings["certificate"]:
            client.set_accepted_certificates([Gio.TlsCertificate.new_from_file(settings["certificate"])])
        client.subscribe("connected", self.connected)
        client.subscribe("resume-successful", lambda *_: tell(event="resumed"))
        client.subscribe("disconnected", lambda *_: tell(event="ended", why=self.why()))
        client.subscribe("connection-failed", lambda *_: tell(event="ended", why=self.why()))
        client.register_handler(StanzaHandler(name="message", callback=self.message, priority=60))
        client.register_handler(StanzaHandler(name="presence", callback=self.presence, priority=60))
        self.caps = client.get_module("EntityCaps")
        self.caps.set_caps([DiscoIdentity(category="client", type="pc", name="test")], [Namespace.DISCO_INFO, MDS + "+notify"], "urn:test:nbxmpp")
        channel = GLib.IOChannel.unix_new(sys.stdin.fileno())
        channel.set_flags(GLib.IOFlags.NONBLOCK)
        self.pending = b""
        GLib.io_add_watch(channel, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, self.readable)

    def why(self):
        domain, error, text = self.client.get_error()
        return " ".join(str(part) for part in (domain, error, text) if part)

    # Commands.

    def readable(self, *_):
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            self.loop.quit()
            return False
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            getattr(self, "do_" + command.pop("do"))(command.pop("number"), **command)
        return True

    def answers(self, number, make=lambda result: {}):
        """A callback for nbxmpp's tasks: answers the command with what `make` gives for the result, or with the error's condition."""
        def done(task):
            try:
                result = task.finish()
            except StanzaError as error:
                tell(answer=number, error=error.condition)
            except Exception as error:  # a connection that ended meanwhile, a result that nbxmpp cannot read
                tell(answer=number, broken=repr(error))
            else:
                tell(answer=number, **make(result))
        self.callbacks.append(done)  # nbxmpp holds them weakly
        return done

    def connected(self, *_):
        enable = Iq("set")
        enable.addChild("enable", namespace=Namespace.CARBONS)
        self.client.send_stanza(enable, callback=self.carbons_enabled)

    def carbons_enabled(self, _client, answer):
        if answer.isError():
            tell(event="ended", why="the server has no carbons")
            return
        self.client.get_module("Roster").request_roster(callback=self.roster_known)

    def roster_known(self, task):
        task.finish()
        self.send_presence()
        tell(event="online")

    def send_presence(self, show=None):
        self.client.get_module("BasePresence").send(show=show, caps=self.caps.caps._asdict())

    def do_log_in(self, number):
        self.client.connect()
        tell(answer=number)

    def do_log_out(self, number):
        self.client.disconnect()
        tell(answer=number)

    def do_lose_connection(self, number):
        self.client.disconnect(immediate=True)
        tell(answer=number)

    def do_settle(self, number):
        self.client.get_module("Ping").ping(JID.from_string(self.client.domain), callback=self.answers(number))

    def do_say(self, number, to, text, id, hint=None):
        message = Message(to=to, body=text, typ="chat")
        message.setID(id)
        message.setOriginID(id)
        message.setMarkable()
        if hint:
            message.setHint(hint)
        self.client.send_stanza(message)
        tell(answer=number)

    def do_compose(self, number, to):
        message = Message(to=to, typ="chat")
        message.setTag("composing", namespace=Namespace.CHATSTATES)
        self.client.send_stanza(message)
        tell(answer=number)

    def do_mark_displayed(self, number, to, id):
        message = Message(to=to, typ="chat")
        message.setMarker("displayed", id)
        self.client.send_stanza(message)
        tell(answer=number)

    def do_tell_own_devices(self, number, chat, stanza_id):
        payload = Node("displayed", {"xmlns": MDS})
        payload.addChild("stanza-id", namespace=SID, attrs={"id": stanza_id, "by": self.jid})
        self.client.get_module("PubSub").publish(MDS, payload, id_=chat, options=MDS_OPTIONS, force_node_options=True,
                                                 callback=self.answers(number))

    def do_read_displayed(self, number, of):
        self.client.get_module("PubSub").request_items(
            MDS, jid=JID.from_string(of),
            callback=self.answers(number, lambda items: {"displayed": dict(map(self.displayed_in, items))}))

    def do_archive_page(self, number, after, size):
        self.queries += 1
        query = f"query-{self.queries}"
        self.results[query] = []

        def page(result):
            return {"results": self.results.pop(query), "complete": result.complete}
        self.client.get_module("MAM").make_query(JID.from_string(self.jid), queryid=query, after=after, max_=size,
                                                 callback=self.answers(number, page))

    def do_subscription(self, number, to, type):
        self.client.get_module("BasePresence").send(jid=JID.from_string(to), typ=type)
        tell(answer=number)

    def do_show(self, number, show):
        self.send_presence(show)
        tell(answer=number)

    def do_client_state(self, number, state):
        self.client.send_nonza(Node(f"{CSI} {state}"))
        tell(answer=number)

    # What arrives.

    def message(self, _client, stanza, properties):
        if properties.is_pubsub_event:
            self.event(properties)
            return
        ids = {str(given.by): given.id for given in properties.stanza_ids}
        way = properties.carbon.type if properties.is_carbon_message else "direct"
        seen = {"way": way, "sender": str(properties.from_), "to": str(stanza.getTo()), "body": properties.body, "id": properties.id,
                "stanza_id": ids.get(self.jid), "marker": properties.marker.id if properties.marker else None}
        if properties.is_mam_message:
            self.results[properties.mam.query_id].append({**seen, "way": "archived", "stanza_id": properties.mam.id})
        else:
            tell(event="message", **seen)

    def event(self, properties):
        event = properties.pubsub_event
        if event.node == MDS and event.item is not None:
            tell(event="displayed", displayed=self.displayed_in(event.item))

    def displayed_in(self, item):
        return item.getAttr("id"), item.getTag("displayed", namespace=MDS).getTag("stanza-id", namespace=SID).getAttr("id")

    def presence(self, _client, stanza, _properties):
        tell(event="presence", sender=str(stanza.getFrom()), show=stanza.getShow() or stanza.getType() or "available")


if __name__ == "__main__":
    Program(json.loads(sys.argv[1])).loop.run()
