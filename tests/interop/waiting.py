# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waiting for conditions. How long until one is given up is no measurement, only an end to hanging."""
import os
import time

PATIENCE = float(os.environ.get("INTEROP_PATIENCE", "60"))


def wait_until(condition, what, patience=PATIENCE):
    """Asks again and again until `condition()` gives something true, and returns that."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what() if callable(what) else what}")
        time.sleep(0.05)
