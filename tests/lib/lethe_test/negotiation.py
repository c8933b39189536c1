# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stream negotiation of the test client: stream headers, STARTTLS, SASL, bind (RFC 6120 sections 4 to 7)."""
import base64

from . import pattern
from .scram import Scram, b64, tls_server_end_point
from .xmlstream import BIND, CLIENT, SASL, STREAMS, TLS, StreamParser


class SaslFailure(AssertionError):
    def __init__(self, stanza):
        super().__init__(str(stanza))
        self.stanza = stanza
        self.condition = next((c.tag.rpartition("}")[2] for c in stanza.element if not c.tag.endswith("}text")), None)


class Negotiation:
    """Mixed into Client. Each step is a method, so that a test can stop or misbehave at any of them."""

    def header(self, to=None, ns=CLIENT, version="1.0", extra=""):
        return (f"<?xml version='1.0'?><stream:stream xmlns='{ns}' xmlns:stream='{STREAMS}' "
                f"to='{to or self.domain}' version='{version}'{extra}>")

    def fresh_parser(self):
        self.parser = StreamParser()
        self.stream_header = None

    def open_stream(self, header=None):
        """Sends a stream header, returns the features element."""
        self.fresh_parser()
        self.send_bytes(header or self.header())
        self.features = self.next()
        problem = pattern.mismatch("<stream:features>...</stream:features>", self.features)
        if problem:
            raise AssertionError(self._story(f"{self.name}: {problem}"))
        return self.features

    def starttls(self):
        self.send_bytes(f"<starttls xmlns='{TLS}'/>")
        self.receives(f"<proceed xmlns='{TLS}'/>")
        self.wrap_tls()
        return self.open_stream()

    def secure(self):
        """Connects and negotiates TLS; ends with the features that offer mechanisms."""
        self.connect()
        self.open_stream()
        return self.features if self.direct_tls else self.starttls()

    @property
    def mechanisms(self):
        offered = self.features.child("mechanisms", SASL)
        return [] if offered is None else [m.text for m in offered]

    def binding(self):
        return "tls-server-end-point", tls_server_end_point(self.sock.getpeercert(binary_form=True))

    def auth_begins(self, mechanism, initial):
        """<auth/> with the initial response (text, or None for no response at all); returns the server's next element."""
        payload = "" if initial is None else b64(initial.encode()) or "="
        self.send_bytes(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{payload}</auth>")
        return self.next()

    def auth_answers(self, text):
        self.send_bytes(f"<response xmlns='{SASL}'>{b64(text.encode())}</response>")
        return self.next()

    @staticmethod
    def sasl_text(stanza, name):
        if stanza.name == "failure" and stanza.ns == SASL:
            raise SaslFailure(stanza)
        if stanza.name != name or stanza.ns != SASL:
            raise AssertionError(f"expected SASL <{name}/>, got {stanza}")
        return base64.b64decode(stanza.element.text or "", validate=True).decode()

    def authenticate(self, mechanism="SCRAM-SHA-256", password=None, username=None, **how):
        """The whole exchange, then the new stream. Raises SaslFailure. Keywords go to Scram."""
        if mechanism.endswith("-PLUS"):
            how.setdefault("binding", self.binding())
        scram = Scram(mechanism, username or self.account.local, password or self.account.password, **how)
        challenge = self.sasl_text(self.auth_begins(mechanism, scram.client_first()), "challenge")
        scram.verify(self.sasl_text(self.auth_answers(scram.client_final(challenge)), "success"))
        return self.open_stream()

    def bind(self, resource=None):
        wish = f"<resource>{resource}</resource>" if resource else ""
        answer = self.asks_ok(f"<iq type='set'><bind xmlns='{BIND}'>{wish}</bind></iq>")
        self.full = answer.child("bind", BIND).findtext(f"{{{BIND}}}jid")
        return self.full

    def login(self, resource=None, mechanism="SCRAM-SHA-256", password=None):
        """From nothing to a bound session without presence."""
        self.secure()
        self.authenticate(mechanism, password)
        self.bind(resource)
        return self

    def goes_online(self, priority=None, payload=""):
        """Initial presence; waits for its reflection to oneself. Returns what else arrived until a ping was answered."""
        inner = payload + (f"<priority>{priority}</priority>" if priority is not None else "")
        self.sends(f"<presence>{inner}</presence>")
        got = self.collect()
        own = [s for s in got if s.name == "presence" and s.get("from") == self.full and s.type is None]
        if len(own) != 1:
            raise AssertionError(self._story(f"{self.name} should see its own initial presence once, got {got}"))
        got.remove(own[0])
        return got
