# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waiting for what has to happen. The assertion is that it does, never when."""
import time

from .client import LIMIT


def until(condition, what):
    """Polls until `condition()` is true, and returns its value."""
    limit = time.monotonic() + LIMIT
    while not (got := condition()):
        if time.monotonic() > limit:
            raise AssertionError(f"{what} did not happen within {LIMIT:.0f} s")
        time.sleep(0.05)
    return got
