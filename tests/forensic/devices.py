# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a person with several devices leaves with a server: a second part of the long conversation of test_disk.py, a canary in each place."""
import base64

from lethe_test import Client, archive, pubsub
from lethe_test.commands import RETENTION, command_iq, submitted
from lethe_test.scram import Scram, b64
from lethe_test.xmlstream import MAM

SASL2, BIND2, CARBONS, CSI = "urn:xmpp:sasl:2", "urn:xmpp:bind:0", "urn:xmpp:carbons:2", "urn:xmpp:csi:0"
MDS, REPORTING, MARKERS, OLD, NEW = ("urn:xmpp:mds:displayed:0", "urn:xmpp:reporting:1", "urn:xmpp:chat-markers:0", "storage:bookmarks",
                                     "urn:xmpp:bookmarks:1")
AVATAR = "urn:xmpp:avatar"
KINDS = """agentid agentsoftware agentdevice bindtag refusedagent refusedtag copiedout copiedin copiedprivate markedid alwayslocal alwaysdomain
neverlocal neverresource readchat readid reportedlocal reportedtext reportedreason reportedid privateroom privateroomname privateroomnick
peproom peproompassword peppagename extension newroompassword avatarbytes avatarurl cardname nickname moodtext omemolabel omemokey oldomemokey
retracteditem retractedpayload refusednode unknownnode subscribednode commandvalue commandsession activepresence""".split()


def decoded(text):
    return base64.b64decode(text or "").decode()


class Devices:
    """Mixed into the conversation: uses its server, accounts and canaries (self.c)."""

    def logs_in_at_once(self, account, agent, tag, password=None):
        """SASL2 with Bind 2. (client, the last answer)"""
        c = self.c
        client = Client(self.server, account, source=self.address)
        client.secure()
        scram = Scram("SCRAM-SHA-256", account.local, password or account.password)
        client.send_bytes(f"<authenticate xmlns='{SASL2}' mechanism='SCRAM-SHA-256'><initial-response>{b64(scram.client_first().encode())}"
                          f"</initial-response><user-agent id='{agent}'><software>{c['agentsoftware']}</software><device>{c['agentdevice']}"
                          f"</device></user-agent><bind xmlns='{BIND2}'><tag>{tag}</tag><enable xmlns='{CARBONS}'/></bind></authenticate>")
        challenge = client.next()
        client.send_bytes(f"<response xmlns='{SASL2}'>{b64(scram.client_final(decoded(challenge.element.text)).encode())}</response>")
        answer = client.next()
        if answer.name == "success":
            client.full = answer.element.findtext(f"{{{SASL2}}}authorization-identifier")
            client.next()  # the features
            client.enable_sm()
        return client, answer

    def use_devices(self, owner, friend):
        """`owner` is at a desk; a phone of his comes and goes."""
        c = self.c
        phone, answer = self.logs_in_at_once(self.owner, c["agentid"], c["bindtag"])
        assert answer.name == "success", answer
        assert c["bindtag"] in phone.full, "the tag is a part of the resource"
        refused, answer = self.logs_in_at_once(self.owner, c["refusedagent"], c["refusedtag"], password="not the password")
        assert answer.name == "failure", answer
        refused.drop()
        phone.sends(f"<presence><status>{c['activepresence']}</status></presence>")
        owner.asks_ok(f"<iq type='set'><enable xmlns='{CARBONS}'/></iq>")
        for sender, to, body in ((owner, friend.jid, c["copiedout"]), (friend, owner.full, c["copiedin"])):
            sender.sends(f"<message to='{to}' type='chat' id='{c['markedid']}'><body>{body}</body><markable xmlns='{MARKERS}'/></message>")
            sender.all_acked()
        owner.sends(f"<message to='{friend.jid}' type='chat'><body>{c['copiedprivate']}</body><private xmlns='{CARBONS}'/>"
                    "<no-copy xmlns='urn:xmpp:hints'/></message>")
        owner.sends(f"<message to='{friend.jid}' type='chat'><displayed xmlns='{MARKERS}' id='{c['markedid']}'/></message>")
        owner.all_acked()
        copies = [s for s in phone.collect() if s.child("sent", CARBONS) is not None or s.child("received", CARBONS) is not None]
        assert len(copies) >= 2, copies
        phone.send_bytes(f"<inactive xmlns='{CSI}'/>")
        self.publish_more(owner)
        self.ask_in_vain(owner, friend)
        phone.send_bytes(f"<active xmlns='{CSI}'/>")
        phone.collect()
        phone.leaves()
        owner.collect()

    def publish_more(self, client):
        c = self.c
        client.asks_ok(f"<iq type='set'><prefs xmlns='{MAM}' default='always'><always><jid>{c['alwayslocal']}@{c['alwaysdomain']}.example</jid></always>"
                       f"<never><jid>{c['neverlocal']}@x.example/{c['neverresource']}</jid></never></prefs></iq>")
        client.asks_ok(pubsub.publish(MDS, pubsub.item(f"{c['readchat']}@x.example", f"<displayed xmlns='{MDS}'><stanza-id xmlns='urn:xmpp:sid:0' "
                                      f"by='{client.jid}' id='{c['readid']}'/></displayed>"), access_model="whitelist"))
        client.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{c['reportedlocal']}@x.example'><report xmlns='{REPORTING}' "
                       f"reason='urn:{c['reportedreason']}'><text>{c['reportedtext']}</text><stanza-id xmlns='urn:xmpp:sid:0' by='{client.jid}' "
                       f"id='{c['reportedid']}'/><report-origin/><third-party/></report></item></block></iq>")
        self.bookmark(client)
        image = base64.b64encode(c["avatarbytes"].encode()).decode()
        client.asks_ok(pubsub.publish(AVATAR + ":data", pubsub.item("0", f"<data xmlns='{AVATAR}:data'>{image}</data>")))
        client.asks_ok(pubsub.publish(AVATAR + ":metadata", pubsub.item("0", f"<metadata xmlns='{AVATAR}:metadata'><info id='0' bytes='21' "
                                      f"type='image/png' url='https://x.example/{c['avatarurl']}'/></metadata>")))
        for node, payload in (("urn:xmpp:vcard4", f"<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>{c['cardname']}</text></fn></vcard>"),
                              ("http://jabber.org/protocol/nick", f"<nick xmlns='http://jabber.org/protocol/nick'>{c['nickname']}</nick>"),
                              ("http://jabber.org/protocol/mood", f"<mood xmlns='http://jabber.org/protocol/mood'><text>{c['moodtext']}</text></mood>"),
                              ("urn:xmpp:omemo:2:devices", f"<devices xmlns='urn:xmpp:omemo:2'><device id='1' label='{c['omemolabel']}'/></devices>"),
                              ("urn:xmpp:omemo:2:bundles", f"<bundle xmlns='urn:xmpp:omemo:2'><ik>{c['omemokey']}</ik></bundle>"),
                              ("eu.siacs.conversations.axolotl.bundles:1",
                               f"<bundle xmlns='eu.siacs.conversations.axolotl'><identityKey>{c['oldomemokey']}</identityKey></bundle>")):
            client.asks_ok(pubsub.publish(node, pubsub.item("current", payload)))
        client.asks_ok(pubsub.publish("notes", pubsub.item(c["retracteditem"], f"<x xmlns='urn:x'>{c['retractedpayload']}</x>"), access_model="whitelist"))
        client.asks_ok(pubsub.retract("notes", c["retracteditem"]))

    def bookmark(self, client):
        """In the two older forms, and in the third what the older ones cannot say."""
        c = self.c
        rooms = (f"<conference jid='{c['privateroom']}@rooms.example' name='{c['privateroomname']}'><nick>{c['privateroomnick']}</nick></conference>",
                 f"<conference jid='{c['peproom']}@rooms.example'><password>{c['peproompassword']}</password></conference>"
                 f"<url url='https://x.example/' name='{c['peppagename']}'/>")
        old = self.storage_of(client)
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:private'><storage xmlns='{OLD}'>{old}{rooms[0]}</storage></query></iq>")
        client.asks_ok(pubsub.publish(OLD, pubsub.item("current", f"<storage xmlns='{OLD}'>{old}{''.join(rooms)}</storage>")))
        client.asks_ok(pubsub.publish(NEW, pubsub.item("third@rooms.example", f"<conference xmlns='{NEW}'><password>{c['newroompassword']}</password>"
                                      f"<extensions><x xmlns='urn:{c['extension']}'/></extensions></conference>")))

    def storage_of(self, client):
        """The rooms there are, as the older forms show them."""
        answer = client.asks_ok(f"<iq type='get'><query xmlns='jabber:iq:private'><storage xmlns='{OLD}'/></query></iq>")
        found = answer.child("query", "jabber:iq:private")[0]
        return "".join(f"<conference jid='{room.get('jid')}'/>" for room in found if room.tag.endswith("conference"))

    def ask_in_vain(self, owner, friend):
        c = self.c
        wrong = pubsub.publish(c["refusednode"], pubsub.item("x", "<x xmlns='u'/>"), access_model="authorize")
        for client, iq in ((owner, wrong), (friend, pubsub.items(c["unknownnode"], to=owner.jid)),
                           (friend, f"<iq type='set' to='{owner.jid}'><pubsub xmlns='{pubsub.PUBSUB}'><subscribe node='{c['subscribednode']}' "
                                    f"jid='{friend.jid}'/></pubsub></iq>"),
                           (owner, command_iq(self.server.domain, RETENTION, "complete", c["commandsession"], submitted("1h"))),
                           (owner, command_iq(self.server.domain, RETENTION, "execute", form=submitted(c["commandvalue"])))):
            client.asks(iq)  # refused, or begun and left alone

    def read_back(self, client):
        """What was left there is there: whoever looks for it in vain on disk does not look for nothing."""
        c = self.c
        kept = [client.asks_ok(pubsub.items(node)) for node in
                (MDS, OLD, NEW, AVATAR + ":data", "urn:xmpp:vcard4", "http://jabber.org/protocol/nick", "http://jabber.org/protocol/mood",
                 "urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles", "eu.siacs.conversations.axolotl.bundles:1",
                 c["opennode"], c["presencenode"], c["ownnode"])]
        kept += [client.asks_ok(f"<iq type='get'>{inner}</iq>") for inner in
                 (f"<prefs xmlns='{MAM}'/>", "<blocklist xmlns='urn:xmpp:blocking'/>", "<query xmlns='jabber:iq:roster'/>", "<vCard xmlns='vcard-temp'/>",
                  f"<query xmlns='jabber:iq:private'><x xmlns='urn:{c['privatename']}'/></query>")]
        text = "".join(map(str, kept + [e.message for e in archive.everything(client)]))
        for kind in ("alwayslocal alwaysdomain neverlocal neverresource readchat readid reportedlocal privateroom privateroomname privateroomnick peproom "
                     "peproompassword peppagename extension newroompassword cardname nickname moodtext omemolabel omemokey oldomemokey openpayload "
                     "presencepayload ownpayload privatepayload copiedout copiedin copiedprivate markedid blockedlocal contactname").split():
            assert c[kind] in text, f"{kind} was not kept"
        assert base64.b64encode(c["avatarbytes"].encode()).decode() in text, "the avatar was not kept"
