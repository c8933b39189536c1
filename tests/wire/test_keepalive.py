# SPDX-License-Identifier: AGPL-3.0-or-later
"""XMPP ping (XEP-0199) by the server, and connections that died without a word. (Pings by clients: test_services.py.)"""
import json

from lethe_test import WireCase, main
from lethe_test.waiting import until


def pinged(client):
    return client.receives(f"<iq type='get' from='{client.domain}' to='{client.full}' id='*'><ping xmlns='urn:xmpp:ping'/></iq>")


class Patient(WireCase):
    config = {"limits": {"ping_seconds": 1, "answer_seconds": 60}}

    def test_who_is_silent_is_asked_and_stays_when_it_answers_anything(self):
        client = self.online(self.account(), "r")
        for answer in ("<iq type='result' id='{0}' to='{1}'/>",
                       "<iq type='error' id='{0}' to='{1}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
                       " ", "<presence type='unavailable'/>"):
            ping = pinged(client)
            client.send_bytes(answer.format(ping.get("id"), ping.get("from")))

    def test_it_counts_as_a_stanza(self):
        client = self.session(self.account(), "r").enable_sm(resume=True)
        ids = set()
        for _ in range(3):
            ids.add(pinged(client).get("id"))
            client.send_bytes(" ")
        self.assertEqual(3, len(ids))
        self.assertEqual(3, client.received_count)
        client.ack()


class Impatient(WireCase):
    config = {"limits": {"ping_seconds": 1, "answer_seconds": 1}}

    def connected(self):
        status = json.loads(self.server.ctl("status", "--json").stdout)
        return status["sessions"] - status["sessions_hibernating"]

    def test_who_does_not_answer_is_gone(self):
        silent = self.session(self.account(), "r")
        pinged(silent)
        silent.receives_end("connection-timeout")
        until(lambda: self.connected() == 0, "the end of the session")

    def test_a_session_that_may_be_resumed_waits(self):
        silent = self.session(self.account(), "r").enable_sm(resume=True)
        silent.auto_ack = False
        pinged(silent)
        silent.receives_end("connection-timeout")
        again = self.client(silent.account)
        self.assertEqual("resumed", again.resumes(silent).name)


class Acknowledgements(WireCase):
    """Nobody is pinged; a message asks for its acknowledgement."""
    config = {"limits": {"ping_seconds": 0, "answer_seconds": 3}}

    def test_who_does_not_acknowledge_and_says_nothing_is_gone_and_the_message_is_not(self):
        alice, bob = self.accounts(2)
        writer, silent = self.session(alice, "w"), self.session(bob, "r")
        silent.auto_ack = False
        silent.enable_sm()
        silent.goes_online()
        silent.ack()
        writer.sends(f"<message to='{bob.jid}' type='chat' id='m'><body>x</body></message>")
        silent.receives_end("connection-timeout")
        self.assertEqual(["m"], [s.get("id") for s in self.logs_in_for(bob, "other") if s.name == "message"])

    def test_who_is_owed_nothing_is_left_in_peace(self):
        silent = self.session(self.account(), "r")
        other = self.session(self.account(), "o")
        for _ in range(2):  # longer than any answer may take
            gone = self.session(self.account(), "g")
            gone.auto_ack = False
            gone.enable_sm()
            gone.sends("<presence/>")
            gone.receives_end("connection-timeout")
        silent.receives_nothing()
        other.receives_nothing()


if __name__ == "__main__":
    main()
