#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Finding the WebSocket by the domain (XEP-0156)."""
import json
import xml.etree.ElementTree as ET

from lethe_test import main
from lethe_test.http import HttpCase
from lethe_test.websocket import PATH

RELATION = "urn:xmpp:alt-connections:websocket"


class HostMeta(HttpCase):
    def links(self):
        """The addresses, the same in both forms."""
        xml, js = self.get("/.well-known/host-meta"), self.get("/.well-known/host-meta.json")
        for answer, kind in ((xml, "application/xrd+xml; charset=utf-8"), (js, "application/json")):
            self.assertEqual((200, kind, "*"), (answer.status, answer["content-type"], answer["access-control-allow-origin"]))
            self.assertIn("default-src 'none'", answer["content-security-policy"])
            self.assertIsNone(answer["access-control-allow-credentials"])
        root = ET.fromstring(xml.body)
        space = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"
        self.assertEqual(space + "XRD", root.tag)
        found = [(link.get("rel"), link.get("href")) for link in root.findall(space + "Link")]
        self.assertEqual(found, [(link["rel"], link["href"]) for link in json.loads(js.body)["links"]])
        self.assertEqual([RELATION], [rel for rel, _ in found])
        return [href for _, href in found]

    def test_it_follows_the_address_under_which_others_come(self):
        self.assertEqual([f"wss://{self.server.domain}:{self.https[1]}{PATH}"], self.links())
        self.assertEqual(404, self.get("/.well-known/").status)
        self.assertEqual(405, self.get("/.well-known/host-meta", method="PUT").status)
        for form in ("host-meta", "host-meta.json"):
            asked = self.get(f"/.well-known/{form}", method="OPTIONS", Origin="https://elsewhere.example", Access_Control_Request_Method="GET", Access_Control_Request_Headers="x-requested-with")
            self.assertEqual((204, "*", "*"), (asked.status, asked["access-control-allow-origin"], asked["access-control-allow-headers"]))
        self.assertIsNone(self.get("/policy")["access-control-allow-origin"])
        for url, wanted in (("https://chat.example", "wss://chat.example"), ("http://abcdefghij.onion", "ws://abcdefghij.onion")):
            self.server.stop()
            self.server.config["http"] = {"url": url}
            self.server.configure()
            self.server.start()
            type(self).https, type(self).plain = self.server.https, self.server.plain
            self.assertEqual([wanted + PATH], self.links())


if __name__ == "__main__":
    main()
