# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two devices of one account and a contact, with nbxmpp."""
import unittest

from many_devices import ManyDevices
from nbxmpp_device import NbxmppDevice


class WithNbxmpp(ManyDevices, unittest.IsolatedAsyncioTestCase):
    kind = NbxmppDevice

    async def test_a_certificate_that_nobody_vouched_for_and_a_wrong_password_are_refused(self):
        jid, password = self.server.account("alice")
        for device, certificate, why in ((NbxmppDevice(self.server, (jid, password), "desk"), False, "bad certificate"),
                                         (NbxmppDevice(self.server, (jid, password + "x"), "desk"), True, "not-authorized")):
            how = await device.log_in(certificate)
            await device.log_out()
            self.assertTrue(how.startswith("ended") and why in how, how)


if __name__ == "__main__":
    unittest.main(verbosity=2)
