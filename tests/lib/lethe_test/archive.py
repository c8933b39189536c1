# SPDX-License-Identifier: AGPL-3.0-or-later
"""Asking an archive (XEP-0313 with XEP-0059) and reading a page of it."""
import dataclasses
import itertools

from .xmlstream import CLIENT, DELAY, FORWARD, MAM, RSM, Stanza

_numbers = itertools.count(1)


@dataclasses.dataclass
class Entry:
    id: str
    stamp: str
    message: Stanza


@dataclasses.dataclass
class Page:
    entries: list
    complete: bool
    first: str | None
    last: str | None
    count: int | None
    has_set: bool

    @property
    def ids(self):
        return [e.id for e in self.entries]

    @property
    def bodies(self):
        return [e.message.text_of("body") for e in self.entries]

    @property
    def message_ids(self):
        return [e.message.get("id") for e in self.entries]


def form(fields):
    inner = "".join(f"<field var='{var}'>" + "".join(f"<value>{v}</value>" for v in (value if isinstance(value, list) else [value])) + "</field>"
                    for var, value in fields.items())
    return f"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>{MAM}</value></field>{inner}</x>"


def rsm(**fields):
    """rsm(max=3, after='id'), rsm(before='')."""
    return f"<set xmlns='{RSM}'>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</set>"


def query_iq(fields=None, set_="", query_id="q", to=None):
    inner = (form(fields) if fields is not None else "") + set_
    address = f" to='{to}'" if to else ""
    return f"<iq type='set' id='mam-{next(_numbers)}'{address}><query xmlns='{MAM}' queryid='{query_id}'>{inner}</query></iq>"


def page(client, fields=None, set_="", to=None):
    """One page; everything else that arrives stays in the client's inbox. Checks what holds for every page."""
    query_id = f"query-{next(_numbers)}"
    answer = client.asks_ok(query_iq(fields, set_, query_id, to))
    entries, rest = [], []
    while client.inbox:
        stanza = client.inbox.popleft()
        result = stanza.child("result", MAM) if stanza.name == "message" else None
        if result is None or result.get("queryid") != query_id:
            rest.append(stanza)
            continue
        assert stanza.get("to") in (client.full, None), stanza
        assert stanza.get("from") in (client.jid, None), stanza
        forwarded = result.find(f"{{{FORWARD}}}forwarded")
        entries.append(Entry(result.get("id"), forwarded.find(f"{{{DELAY}}}delay").get("stamp"),
                             Stanza(forwarded.find(f"{{{CLIENT}}}message"))))
    client.inbox.extend(rest)
    fin = answer.child("fin", MAM)
    set_element = fin.find(f"{{{RSM}}}set")
    first, last, count = (set_element.findtext(f"{{{RSM}}}{n}") if set_element is not None else None for n in ("first", "last", "count"))
    got = Page(entries, fin.get("complete") in ("true", "1"), first, last, None if count is None else int(count),
               set_element is not None)
    if entries:
        assert (first, last) == (entries[0].id, entries[-1].id), f"<first/> and <last/> must name the page's ends: {answer}"
    assert len(set(got.ids)) == len(entries), f"twofold ids: {got.ids}"
    assert got.entries == sorted(entries, key=lambda e: e.stamp), "a page is in order of time"
    return got


def everything(client, fields=None, size=50):
    """All entries, page by page, forwards."""
    out = []
    after = {}
    while True:
        got = page(client, fields, rsm(max=size, **after))
        out += got.entries
        if got.complete:
            return out
        assert got.entries, "an incomplete page without entries leads nowhere"
        after = {"after": got.last}
