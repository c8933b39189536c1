# SPDX-License-Identifier: AGPL-3.0-or-later
"""Requests to an account's nodes (XEP-0060, XEP-0163), and a client whose capabilities ask for news of some of them."""
import base64
import hashlib

PUBSUB = "http://jabber.org/protocol/pubsub"
OWNER = PUBSUB + "#owner"
EVENT = PUBSUB + "#event"
ERRORS = PUBSUB + "#errors"
DATA = "jabber:x:data"
INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"
CAPS = "http://jabber.org/protocol/caps"


def to_attribute(to):
    return f" to='{to}'" if to else ""


def options(kind, fields):
    """A submitted form of this kind with fields like access_model='open'."""
    inner = "".join(f"<field var='pubsub#{name}'><value>{value}</value></field>" for name, value in fields.items())
    return f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#{kind}</value></field>{inner}</x>"


def item(item_id, payload):
    return f"<item id='{item_id}'>{payload}</item>" if item_id else f"<item>{payload}</item>"


def publish(node, *items, to=None, **preconditions):
    extra = f"<publish-options>{options('publish-options', preconditions)}</publish-options>" if preconditions else ""
    return f"<iq type='set'{to_attribute(to)}><pubsub xmlns='{PUBSUB}'><publish node='{node}'>{''.join(items)}</publish>{extra}</pubsub></iq>"


def retract(node, item_id, notify=None):
    wish = f" notify='{notify}'" if notify else ""
    return f"<iq type='set'><pubsub xmlns='{PUBSUB}'><retract node='{node}'{wish}><item id='{item_id}'/></retract></pubsub></iq>"


def items(node, to=None, ids=(), most=None, rsm=""):
    wish = f" max_items='{most}'" if most is not None else ""
    wanted = "".join(f"<item id='{i}'/>" for i in ids)
    return f"<iq type='get'{to_attribute(to)}><pubsub xmlns='{PUBSUB}'><items node='{node}'{wish}>{wanted}</items>{rsm}</pubsub></iq>"


def create(node, **config):
    extra = f"<configure>{options('node_config', config)}</configure>" if config else ""
    return f"<iq type='set'><pubsub xmlns='{PUBSUB}'><create node='{node}'/>{extra}</pubsub></iq>"


def configure(node, **config):
    return f"<iq type='set'><pubsub xmlns='{OWNER}'><configure node='{node}'>{options('node_config', config)}</configure></pubsub></iq>"


def as_owner(verb, node):
    kind = "get" if verb in ("configure", "default") else "set"
    name = f" node='{node}'" if node else ""
    return f"<iq type='{kind}'><pubsub xmlns='{OWNER}'><{verb}{name}/></pubsub></iq>"


def items_of(answer):
    """[(id, payload element)] of a result of items()."""
    listed = answer.child("pubsub", PUBSUB).find(f"{{{PUBSUB}}}items")
    return [(i.get("id"), i[0] if len(i) else None) for i in listed]


def texts_of(answer):
    """[(id, text of the payload)]"""
    return [(i, payload.text) for i, payload in items_of(answer)]


def config_of(answer, verb="configure"):
    """{name: value} of the form in a configuration."""
    form = answer.child("pubsub", OWNER).find(f"{{{OWNER}}}{verb}").find(f"{{{DATA}}}x")
    return {f.get("var").removeprefix("pubsub#"): f.findtext(f"{{{DATA}}}value") for f in form if f.get("var") != "FORM_TYPE"}


def pubsub_condition(answer):
    """The condition of pubsub#errors in an error."""
    return next((e.tag.removeprefix(f"{{{ERRORS}}}") for e in answer.child("error") if e.tag.startswith(f"{{{ERRORS}}}")), None)


def events_in(stanzas):
    """[(from, node, [what])] of the notifications among the stanzas: what is (verb, id, text of the payload)."""
    out = []
    for stanza in stanzas:
        event = stanza.child("event", EVENT) if stanza.name == "message" else None
        if event is None:
            continue
        about = event[0]
        verb = about.tag.rpartition("}")[2]
        if verb != "items":
            out.append((stanza.get("from"), about.get("node"), [(verb, None, None)]))
            continue
        out.append((stanza.get("from"), about.get("node"),
                    [(i.tag.rpartition("}")[2], i.get("id"), "".join(i[0].itertext()) if len(i) else None) for i in about]))
    return out


def ver_of(features):
    text = "client/pc//test<" + "".join(f + "<" for f in sorted(features))
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def caps(features, node="urn:test:client"):
    return f"<c xmlns='{CAPS}' hash='sha-1' node='{node}' ver='{ver_of(features)}'/>"


def answer_caps(client, query, features):
    """Answers the server's question for what the client can."""
    node = query.child("query", INFO).get("node")
    inner = "".join(f"<feature var='{f}'/>" for f in features)
    client.sends(f"<iq type='result' id='{query.get('id')}' to='{query.get('from')}'><query xmlns='{INFO}' node='{node}'>"
                 f"<identity category='client' type='pc' name='test'/>{inner}</query></iq>")


def wants(client, *nodes, priority=None):
    """Goes online with capabilities that ask for news of these nodes; returns what else arrived."""
    features = sorted({INFO, *(node + "+notify" for node in nodes)})
    client.sends(f"<presence>{caps(features)}</presence>")
    got = client.collect()
    asked = [s for s in got if s.name == "iq" and s.type == "get"]
    for query in asked:
        answer_caps(client, query, features)
    more = client.collect() if asked else []
    client.asked_for_caps = len(asked)
    return [s for s in got if s not in asked] + more
