# SPDX-License-Identifier: AGPL-3.0-or-later
"""What service discovery says of the policy (XEP-0504, XEP-0157, and the figures of each class), and how the capabilities follow it."""
import base64
import hashlib

from lethe_test import archive, main
from lethe_test.policy import BASE, CONTACTS, DATA_POLICY, FIGURES, INFO, PolicyCase, XML_LANG


class Published(PolicyCase):
    policy = {**BASE, "service": {"languages": ["en", "de"], "terms_url": "https://chat.example/terms"},
              "archive": {"keep": "90min", "choices": ["1h", "0"]}, "log": {"keep": "24h"}}

    def test_the_data_policy_form_has_every_field_and_its_type(self):
        client = self.session(self.account())
        fields = self.forms(client)[DATA_POLICY]
        expected = {"auth_data": ("list-single", ["hidden"]), "data_transmission": ("list-single", ["encrypted"]),
                    "data_retention": ("text-single", ["2160"]), "data_deletion": ("boolean", ["false"]),
                    "encryption_at_rest": ("boolean", ["true"]), "tos": ("text-single", ["https://chat.example/terms"]),
                    "data_export": ("boolean", ["false"]), "access_policy": ("list-multi", ["admins"]), "full_erasure": ("boolean", ["true"]),
                    "backup_frequency": ("text-single", ["0"]), "backup_retention": ("text-single", ["0"])}
        for var, told in expected.items():
            self.assertEqual(told, fields[var], var)
        self.assertEqual(set(expected) | {"encryption_algorithm", "extra_info"}, set(fields))
        self.assertIn("TLS", fields["encryption_algorithm"][1][0])
        self.assertEqual("text-multi", fields["extra_info"][0])
        self.change({"archive": {"keep": "unlimited"}})

    def test_the_figures_of_each_class_and_the_contact(self):
        forms = self.forms(self.session(self.account()))
        figures = {var: values for var, (_, values) in forms[FIGURES].items()}
        self.assertEqual((["90min"], ["1h", "0"], ["7d"], ["1000"], ["90d"], ["1d"], ["none"], ["1h"]),
                         tuple(figures[v] for v in ("archive", "archive-choices", "letterbox", "letterbox-max-messages", "subscriptions", "log", "log-address", "notice")))
        self.assertEqual([self.show()["in_force"]["hash"]], figures["policy"])
        self.assertEqual(["mailto:admin@localhost.example"], forms[CONTACTS]["admin-addresses"][1])

    def test_the_capabilities_hash_follows_the_policy(self):
        client = self.session(self.account())
        seen = set()
        for keep in (None, "1h", "30min"):
            if keep:
                self.change({"archive": {"keep": keep, "choices": []}})
            fresh = self.client(self.account())
            fresh.secure()
            fresh.authenticate()
            told = fresh.features.child("c", "http://jabber.org/protocol/caps").get("ver")
            answer = client.asks_ok(f"<iq type='get' to='{self.server.domain}'><query xmlns='{INFO}'/></iq>").child("query", INFO)
            self.assertEqual(told, capabilities(answer))
            seen.add(told)
        self.assertEqual(3, len(seen))


def capabilities(answer):
    """XEP-0115 5.1, by hand."""
    text = "".join(sorted("/".join((i.get("category"), i.get("type"), i.get(XML_LANG, ""), i.get("name", ""))) + "<" for i in answer.findall(f"{{{INFO}}}identity")))
    text += "".join(sorted(f.get("var") + "<" for f in answer.findall(f"{{{INFO}}}feature")))
    forms = []
    for form in answer.findall("{jabber:x:data}x"):
        fields = {f.get("var"): sorted(v.text or "" for v in f.findall("{jabber:x:data}value")) for f in form}
        forms.append("".join(fields.pop("FORM_TYPE")) + "<" + "".join(var + "<" + "".join(v + "<" for v in fields[var]) for var in sorted(fields)))
    return base64.b64encode(hashlib.sha1((text + "".join(sorted(forms))).encode()).digest()).decode()


if __name__ == "__main__":
    main()
