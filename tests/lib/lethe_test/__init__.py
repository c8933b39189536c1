# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the black-box tests are written with: a real server (Server), a raw-socket client (Client), dialogues (WireCase)."""
from . import archive, pattern
from .case import WireCase, main
from .client import Account, Client, Closed
from .negotiation import SaslFailure
from .server import DOMAIN, PASSWORD, Server

__all__ = ["Account", "Client", "Closed", "DOMAIN", "PASSWORD", "SaslFailure", "Server", "WireCase", "archive", "main", "pattern"]
