# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two devices of one account and a contact, with slixmpp."""
import unittest

from many_devices import ManyDevices
from slixmpp_device import SlixmppDevice


class WithSlixmpp(ManyDevices, unittest.IsolatedAsyncioTestCase):
    kind = SlixmppDevice


if __name__ == "__main__":
    unittest.main(verbosity=2)
