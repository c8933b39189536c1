# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading an XML stream: bytes in, whole stanzas out, each with the very bytes it came in."""
import xml.etree.ElementTree as ET
from xml.parsers import expat

CLIENT = "jabber:client"
STREAMS = "http://etherx.jabber.org/streams"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SM = "urn:xmpp:sm:3"
ROSTER = "jabber:iq:roster"
MAM = "urn:xmpp:mam:2"
RSM = "http://jabber.org/protocol/rsm"
SID = "urn:xmpp:sid:0"
DELAY = "urn:xmpp:delay"
FORWARD = "urn:xmpp:forward:0"
BLOCKING = "urn:xmpp:blocking"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

for _prefix, _ns in (("stream", STREAMS), ("", CLIENT)):
    if _prefix:
        ET.register_namespace(_prefix, _ns)


def split_tag(tag):
    """'{ns}name' as (ns, name)."""
    ns, _, name = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    return ns, name


class Stanza:
    """One top-level element of a stream. `raw` is what was on the wire, for byte-by-byte comparisons."""

    def __init__(self, element, raw=b""):
        self.element = element
        self.raw = raw
        self.ns, self.name = split_tag(element.tag)

    def get(self, attribute):
        return self.element.get(attribute)

    @property
    def type(self):
        return self.element.get("type")

    def child(self, name, ns=None):
        """The first child element of that name (in the stanza's own namespace unless told), or None."""
        return self.element.find(f"{{{self.ns if ns is None else ns}}}{name}")

    def text_of(self, name, ns=None):
        found = self.child(name, ns)
        return None if found is None else (found.text or "")

    @property
    def condition(self):
        """The defined condition of a stanza error or stream error, or None."""
        holder = self.element if self.name == "error" else self.child("error")
        if holder is None:
            return None
        for child in holder:
            ns, name = split_tag(child.tag)
            if ns in (STANZA_ERRORS, STREAM_ERRORS) and name != "text":
                return name
        return None

    @property
    def stanza_id(self):
        """The id this server gave the message (XEP-0359), or None."""
        found = self.element.find(f"{{{SID}}}stanza-id")
        return None if found is None else found.get("id")

    def __str__(self):
        return self.raw.decode("utf-8", "backslashreplace") or ET.tostring(self.element, "unicode")

    def __repr__(self):
        text = str(self)
        return text if len(text) < 600 else text[:600] + "\u2026"


class StreamParser:
    """Events of one XML stream. A restarted stream needs a new parser."""

    def __init__(self):
        self._expat = expat.ParserCreate(namespace_separator="}")
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._pending = b""  # not yet given to Expat
        self._kept = b""     # given to Expat, from self._base on
        self._base = 0
        self._stack = []
        self._events = []
        self._open_tag_end = None
        self._stanza_start = 0
        self._text_target = None

    def feed(self, data):
        """Returns the events that these bytes complete: ('open', attributes), ('stanza', Stanza), ('close', None)."""
        # Debian's Expat puts off parsing while a token is incomplete, so it only ever sees input up to the last '>'.
        self._pending += data
        cut = self._pending.rfind(b">") + 1
        if cut:
            ready, self._pending = self._pending[:cut], self._pending[cut:]
            self._kept += ready
            self._expat.Parse(ready, False)
        events, self._events = self._events, []
        return events

    def _start(self, tag, attributes):
        clark = "{" + tag if "}" in tag else tag
        named = {("{" + k if "}" in k else k): v for k, v in attributes.items()}
        if not self._stack:
            self._stack.append(None)
            self._events.append(("open", dict(named, tag=clark)))
            return
        element = ET.Element(clark, named)
        if len(self._stack) == 1:
            self._stanza_start = self._expat.CurrentByteIndex
            self._open_tag_end = self._tag_end(self._stanza_start - self._base)
        else:
            self._stack[-1].append(element)
        self._stack.append(element)
        self._text_target = (element, "text")

    def _end(self, _tag):
        element = self._stack.pop()
        if not self._stack:
            self._events.append(("close", None))
            return
        self._text_target = (element, "tail")
        if len(self._stack) > 1:
            return
        self._text_target = None
        start = self._stanza_start - self._base
        end = self._open_tag_end
        if self._kept[end - 2:end] != b"/>":
            end = self._kept.index(b">", self._expat.CurrentByteIndex - self._base) + 1
        self._events.append(("stanza", Stanza(element, self._kept[start:end])))
        self._kept = self._kept[end:]
        self._base += end

    def _text(self, text):
        if self._text_target:
            element, where = self._text_target
            setattr(element, where, (getattr(element, where) or "") + text)

    def _tag_end(self, position):
        quote = None
        while True:
            c = self._kept[position:position + 1]
            position += 1
            if quote:
                quote = None if c == quote else quote
            elif c in (b"'", b'"'):
                quote = c
            elif c == b">":
                return position
