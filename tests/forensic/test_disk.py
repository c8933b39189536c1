# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nothing of what people say, and to whom, can be read on disk: every field of a long conversation carries a canary, and no byte of the
data directory, the logs or the server's own output contains one, after a clean stop and after a kill."""
import base64
import json
import shutil
import unittest

import canary
import devices
from lethe_test import Account, Client, SaslFailure, Server, archive, main, pubsub
from lethe_test.commands import choose_retention
from lethe_test.waiting import until

ADDRESS = "127.77.66.55"
KINDS = """owner friend pest newcomer absent contactlocal contactdomain contactname group secondgroup blockedlocal blockeddomain blockedresource
resource friendresource status initialstatus body subject thread messageid originid element namespace attribute nodelive livebody liveid
waitingbody waitingid storedpayload requeststatus iqid iqpayload mamquery pushid capsnode capsver password friendpassword newpassword
wrongpassword wrongname streamto streamfrom badxml badattribute bodytonobody localofnobody directedstatus unavailablestatus saslname
discoid remotelocal remotedomain remotebody sleeper sleeperpassword sleeperresource sleeperstatus unackedbody unackedid sleepingbody sleepingid
sleepingiq sleepingpayload sleepingheadline sleepingstatus sleepingstate
opennode openitem openpayload presencenode presenceitem presencepayload ownnode ownitem ownpayload
nodetitle roomlocal roomname roomnick privatepayload privatename vcardname vcardphoto replacedpayload wantednode pushnode pushsecret pushfield""".split()


class Conversation(devices.Devices):
    """Everything a stage of the protocol can carry, with a canary in each place."""

    address = ADDRESS

    def __init__(self, server):
        self.server = server
        self.c = {kind: canary.make(kind) for kind in KINDS + devices.KINDS}
        self.owner = server.add_account(self.c["owner"], self.c["password"])
        self.friend = server.add_account(self.c["friend"], self.c["friendpassword"])
        self.pest = server.add_account(self.c["pest"], "pest's password")
        self.absent = server.add_account(self.c["absent"], "absent's password")
        self.sleeper = server.add_account(self.c["sleeper"], self.c["sleeperpassword"])

    def texts(self):
        return list(self.c.values())

    def findings(self, *roots):
        return canary.search(self.texts(), *roots, extra=[("address", canary.address_forms(ADDRESS))])

    def login(self, account, resource):
        client = Client(self.server, account, source=ADDRESS)
        client.login(resource)
        client.enable_sm()
        client.at_login = client.goes_online()
        return client

    def befriend(self, one, other):
        for asking, answering in ((one, other), (other, one)):
            asking.sends(f"<presence type='subscribe' to='{answering.jid}'><status>{self.c['requeststatus']}</status></presence>")
            asking.all_acked(), answering.collect()
            answering.sends(f"<presence type='subscribed' to='{asking.jid}'/>")
            answering.all_acked(), asking.collect()

    def play(self):
        c = self.c
        owner, friend = self.login(self.owner, c["resource"]), self.login(self.friend, c["friendresource"])
        self.befriend(owner, friend)
        owner.asks_ok(f"<iq type='set' id='{c['iqid']}'><query xmlns='jabber:iq:roster'><item jid='{c['contactlocal']}@{c['contactdomain']}.example' "
                      f"name='{c['contactname']}'><group>{c['group']}</group><group>{c['secondgroup']}</group></item></query></iq>")
        owner.asks_ok(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{c['blockedlocal']}@{c['blockeddomain']}.example/{c['blockedresource']}'/>"
                      f"<item jid='{self.pest.jid}'/></block></iq>")
        owner.sends(f"<presence><status>{c['status']}</status><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:{c['capsnode']}' "
                    f"ver='{c['capsver']}'/></presence>")
        rich = (f"<subject>{c['subject']}</subject><body>{c['body']}</body><thread>{c['thread']}</thread><origin-id xmlns='urn:xmpp:sid:0' id='{c['originid']}'/>"
                f"<{c['element']} xmlns='urn:{c['namespace']}' a='{c['attribute']}'/>")
        for to in (friend.jid, friend.full, self.absent.jid):
            owner.sends(f"<message to='{to}' type='chat' id='{c['messageid']}'>{rich}</message>")
        friend.sends(f"<message to='{owner.jid}' type='chat' id='{c['liveid']}'><body>{c['livebody']}</body></message>")
        friend.sends(f"<message to='{owner.jid}' type='headline'><body>{c['nodelive']}</body></message>")
        friend.sends(f"<presence to='{owner.full}'><status>{c['directedstatus']}</status></presence>")
        friend.all_acked()
        owner.asks(f"<iq type='get' id='{c['discoid']}' to='{self.server.domain}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        owner.asks(f"<iq type='set' id='{c['pushid']}'><x xmlns='urn:{c['iqpayload']}'/></iq>")
        owner.asks(archive.query_iq({"with": friend.jid}, query_id=c["mamquery"]))
        self.to_a_sleeper(owner)
        self.publish(owner)
        self.use_devices(owner, friend)
        self.ask_for_push(owner, friend.full)
        self.to_nobody(owner)
        self.as_a_pest()
        owner.sends(f"<presence type='unavailable'><status>{c['unavailablestatus']}</status></presence>")
        owner.all_acked()
        owner.leaves()
        # The owner is away now.
        for number in range(3):
            friend.sends(f"<message to='{owner.jid}' type='chat' id='{c['waitingid']}{number}'><body>{c['waitingbody']}</body></message>")
        friend.sends(f"<message to='{owner.jid}' type='chat'><x xmlns='urn:{c['storedpayload']}'/><store xmlns='urn:xmpp:hints'/></message>")
        friend.sends(f"<presence type='subscribe' to='{self.absent.jid}'><status>{c['requeststatus']}</status></presence>")
        friend.all_acked()
        self.refused()
        self.change_password()
        if not any(c["pushnode"].encode() in s.raw and c["pushsecret"].encode() in s.raw for s in friend.collect()):
            raise AssertionError("the app server was not notified")
        self.left_running = [friend]

    def to_a_sleeper(self, client):
        """A session that lost its connection (XEP-0198) holds one of everything."""
        c = self.c
        phone = Client(self.server, self.sleeper, source=ADDRESS)
        phone.login(c["sleeperresource"])
        phone.enable_sm(resume=True)
        phone.auto_ack = False
        phone.sends(f"<presence><status>{c['sleeperstatus']}</status></presence>")
        phone.sends(f"<presence to='{client.jid}'/>")
        phone.collect()
        client.sends(f"<message to='{self.sleeper.jid}' type='chat' id='{c['unackedid']}'><body>{c['unackedbody']}</body></message>")
        client.all_acked(), phone.collect()
        phone.drop()
        until(lambda: self.hibernating() == 1, "hibernation")
        client.sends(f"<message to='{self.sleeper.jid}' type='chat' id='{c['sleepingid']}'><body>{c['sleepingbody']}</body></message>")
        client.sends(f"<message to='{phone.full}' type='headline'><body>{c['sleepingheadline']}</body></message>")
        client.sends(f"<message to='{phone.full}' type='chat'><x{c['sleepingstate']} xmlns='http://jabber.org/protocol/chatstates'/></message>")
        client.sends(f"<presence to='{phone.full}'><status>{c['sleepingstatus']}</status></presence>")
        client.sends(f"<iq type='get' to='{phone.full}' id='{c['sleepingiq']}'><x xmlns='urn:{c['sleepingpayload']}'/></iq>")
        client.all_acked()

    def hibernating(self):
        return json.loads(self.server.ctl("status", "--json").stdout)["sessions_hibernating"]

    def publish(self, client):
        """Every access model, and what is made of other things (bookmarks, private storage, vCard)."""
        c = self.c
        for access in ("open", "presence", "own"):
            model = "whitelist" if access == "own" else access
            for text in (c["replacedpayload"], c[access + "payload"]):
                client.asks_ok(pubsub.publish(c[access + "node"], pubsub.item(c[access + "item"], f"<x xmlns='urn:x'>{text}</x>"), access_model=model,
                                              title=c["nodetitle"]))
            client.asks_ok(pubsub.configure(c[access + "node"], title=c["nodetitle"], access_model=model))
        client.asks_ok(pubsub.publish("urn:xmpp:bookmarks:1", pubsub.item(f"{c['roomlocal']}@rooms.example", f"<conference xmlns='urn:xmpp:bookmarks:1' "
                                      f"name='{c['roomname']}'><nick>{c['roomnick']}</nick></conference>")))
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:private'><x xmlns='urn:{c['privatename']}'>{c['privatepayload']}</x></query></iq>")
        photo = base64.b64encode(c["vcardphoto"].encode()).decode()
        client.asks_ok(f"<iq type='set'><vCard xmlns='vcard-temp'><FN>{c['vcardname']}</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>{photo}</BINVAL></PHOTO></vCard></iq>")
        client.collect()
        pubsub.wants(client, c["wantednode"])

    def ask_for_push(self, client, service):
        c = self.c
        client.asks_ok(f"<iq type='set'><enable xmlns='urn:xmpp:push:0' jid='{service}' node='{c['pushnode']}'><x xmlns='{pubsub.DATA}' type='submit'>"
                       f"<field var='FORM_TYPE'><value>{pubsub.PUBSUB}#publish-options</value></field><field var='secret'><value>{c['pushsecret']}</value></field>"
                       f"<field var='{c['pushfield']}'><value>1</value></field></x></enable></iq>")

    def to_nobody(self, client):
        c = self.c
        client.sends(f"<message to='{c['localofnobody']}@{self.server.domain}' type='chat'><body>{c['bodytonobody']}</body></message>")
        client.sends(f"<message to='{c['remotelocal']}@{c['remotedomain']}.example' type='chat'><body>{c['remotebody']}</body></message>")
        client.all_acked()

    def as_a_pest(self):
        pest = self.login(self.pest, "r")
        pest.sends(f"<message to='{self.owner.jid}' type='chat'><body>{self.c['body']}</body></message>")
        pest.sends(f"<presence to='{self.owner.jid}' type='subscribe'/>")
        pest.all_acked()
        pest.leaves()

    def refused(self):
        """What ends in errors must not end in logs."""
        c = self.c
        for name, password in ((c["owner"], c["wrongpassword"]), (c["wrongname"], c["wrongpassword"]), (c["saslname"] + " @", "x")):
            client = Client(self.server, Account(f"{self.owner.jid}", password), source=ADDRESS)
            client.secure()
            try:
                client.authenticate(username=name, password=password)
            except SaslFailure:
                pass
            client.drop()
        for data in (Client(self.server).header(to=f"{c['streamto']}.example", extra=f" from='{c['streamfrom']}@x.example'"),
                     Client(self.server).header() + f"<{c['badxml']} {c['badattribute']}"):
            client = Client(self.server, source=ADDRESS).connect()
            client.fresh_parser()
            client.send_tolerant(data + "<&")
            client.receives_end()

    def change_password(self):
        owner = self.login(self.owner, self.c["resource"])
        owner.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{self.owner.local}</username><password>{self.c['newpassword']}</password></query></iq>")
        owner.leaves()
        self.owner = Account(self.owner.jid, self.c["newpassword"])


class Disk(unittest.TestCase):
    policy = None

    def setUp(self):
        self.server = Server(policy=self.policy)
        self.addCleanup(self.server.remove)
        self.server.start()
        self.talk = Conversation(self.server)

    def everything(self):
        return self.server.data, self.server.stderr_file

    def assert_clean(self, when):
        findings = self.talk.findings(*self.everything())
        self.assertEqual([], [str(f) for f in findings], when)

    def test_no_canary_is_on_disk_at_any_time(self):
        self.talk.play()
        self.assertEqual(1, self.talk.hibernating())
        self.assert_clean("while running")
        self.server.kill()
        self.assert_clean("after a kill")
        self.server.start()
        self.assert_clean("after the next start")
        # The absent come back, read and answer.
        for account in (self.talk.owner, self.talk.absent):
            client = self.talk.login(account, self.talk.c["resource"])
            archive.everything(client)
            if account is self.talk.owner:
                self.talk.read_back(client)
            client.leaves()
        phone = self.talk.login(self.talk.sleeper, self.talk.c["sleeperresource"])
        self.assertEqual([self.talk.c["unackedbody"], self.talk.c["sleepingbody"]], [m.text_of("body") for m in phone.at_login if m.name == "message"])
        self.server.stop()
        self.assert_clean("after a clean stop")

    def test_erased_and_reset_accounts_leave_nothing_either(self):
        self.talk.play()
        self.server.ctl("account", "reset", self.talk.owner.jid, "--password-stdin", stdin=self.talk.c["newcomer"] + "\n")
        self.server.ctl("account", "erase", self.talk.friend.jid)
        self.server.stop()
        self.assert_clean("after reset and erase")

    def test_neither_old_password_nor_old_files_open_a_changed_account(self):
        self.talk.play()
        before = Account(self.talk.owner.jid, self.talk.c["password"])
        client = self.talk.login(self.talk.owner, "r")
        self.server.stop()
        saved = self.server.directory / "state-before.mdb"
        shutil.copyfile(self.server.data / "state.mdb", saved)
        self.server.start()
        client = self.talk.login(self.talk.owner, "r")
        client.asks_ok(f"<iq type='set'><query xmlns='jabber:iq:register'><username>{before.local}</username><password>another one</password></query></iq>")
        client.leaves()
        self.server.stop()
        shutil.copyfile(saved, self.server.data / "state.mdb")
        try:
            self.server.start()
        except AssertionError:
            return  # refusing such a directory is as good
        for password in (before.password, self.talk.owner.password, "another one"):
            client = Client(self.server, self.talk.owner)
            client.secure()
            with self.assertRaises(SaslFailure):
                client.authenticate(password=password)
            client.drop()
        self.server.stop()


class DiskWithPseudonyms(Disk):
    """Pseudonyms and networks in the log give no name and no address away."""
    policy = {"log": {"address": "network", "account": "pseudonym", "peer": "pseudonym", "client": "none"}}


class DiskWithChoices(Disk):
    """An archive of the owner's own choice is as blind as any other."""
    policy = {"archive": {"keep": "7d", "choices": ["7d", "1d", "0"]}}

    def setUp(self):
        super().setUp()
        for account, choice in ((self.talk.owner, "1d"), (self.talk.absent, "1d"), (self.talk.pest, "0")):
            client = self.talk.login(account, "choosing")
            choose_retention(client, choice)
            client.leaves()

    def assert_clean(self, when):
        self.assertTrue(list((self.server.data / "buckets" / "archive-1d").glob("*.mdb")), "nothing was archived by choice")
        super().assert_clean(when)


class Control(unittest.TestCase):
    def test_where_the_policy_lets_a_log_name_people_the_search_finds_them(self):
        server = Server(policy={"log": {"address": "full", "account": "full", "peer": "full"}})
        self.addCleanup(server.remove)
        server.start()
        talk = Conversation(server)
        talk.play()
        server.stop()
        found = {f.canary for f in talk.findings(server.data)}
        self.assertIn("address", found)
        self.assertIn(talk.c["owner"], found)
        self.assertNotIn(talk.c["body"], found)
        self.assertNotIn(talk.c["password"], found)


if __name__ == "__main__":
    main()
