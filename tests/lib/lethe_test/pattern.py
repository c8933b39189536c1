# SPDX-License-Identifier: AGPL-3.0-or-later
"""Expected stanzas, written as XML.

A received stanza matches a pattern when names, namespaces, attributes, text and children agree. What is listed must be there,
what is not listed must not be, with these exceptions, which keep dialogues readable:

* `id`, `to` and `xml:lang` of the stanza itself, and `<stanza-id/>` inside it, may be left out of the pattern;
* the attribute value or text `*` stands for anything that is present;
* the text `...` inside an element allows further children and any text there.
"""
import xml.etree.ElementTree as ET

from .xmlstream import CLIENT, SID, STREAMS, XML_LANG, split_tag

_OPTIONAL = ("id", "to", XML_LANG)


def parse(text):
    """The pattern as an element; names without a prefix are in jabber:client."""
    root = ET.fromstring(f"<x xmlns='{CLIENT}' xmlns:stream='{STREAMS}'>{text}</x>")
    if len(root) != 1:
        raise ValueError(f"a pattern is exactly one element: {text}")
    return root[0]


def mismatch(pattern, stanza):
    """None when the stanza matches, else one sentence that says where it does not."""
    expected = parse(pattern) if isinstance(pattern, str) else pattern
    return _compare(expected, stanza.element, top=True)


def _compare(expected, got, top=False):
    if expected.tag != got.tag:
        return f"expected <{expected.tag}/>, got <{got.tag}/>"
    where = f"in <{split_tag(got.tag)[1]}/>"
    for name, value in expected.attrib.items():
        if name not in got.attrib:
            return f"{where}: attribute {name} is missing"
        if value != "*" and got.attrib[name] != value:
            return f"{where}: {name}='{got.attrib[name]}', expected '{value}'"
    for name in got.attrib:
        if name not in expected.attrib and not (top and name in _OPTIONAL):
            return f"{where}: unexpected attribute {name}='{got.attrib[name]}'"
    return _compare_content(expected, got, where, top)


def _compare_content(expected, got, where, top):
    text = (expected.text or "").strip()
    loose = text == "..."
    if not loose:
        actual = (got.text or "").strip()
        if text == "*":
            if not actual:
                return f"{where}: text is missing"
        elif actual != text:
            return f"{where}: text is '{actual}', expected '{text}'"
    remaining = list(got)
    for child in expected:
        problems = []
        for candidate in remaining:
            problem = _compare(child, candidate)
            if problem is None:
                remaining.remove(candidate)
                break
            problems.append(problem)
        else:
            near = [p for p in problems if not p.startswith("expected <")]
            return f"{where}: no child <{split_tag(child.tag)[1]}/> as expected" + (f" ({near[0]})" if near else "")
    for extra in remaining:
        if not loose and not (top and extra.tag == f"{{{SID}}}stanza-id"):
            return f"{where}: unexpected child <{extra.tag}/>"
    return None
