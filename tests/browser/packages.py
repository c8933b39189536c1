# SPDX-License-Identifier: AGPL-3.0-or-later
"""What runs inside the browser, installed once per build directory as package-lock.json says, byte for byte.

The lock holds the two packages alone: what they bring in dist/ is complete, and Debian 12's npm cannot install all that Converse.js was
made from. To move to another version: the version in both files, and in the lock the package's "integrity" (`npm view NAME dist.integrity`).
"""
import fcntl
import hashlib
import json
import pathlib
import shutil
import subprocess

from lethe_test.server import BUILD

HERE = pathlib.Path(__file__).resolve().parent
FILES = ("package.json", "package-lock.json", ".npmrc")


def node_modules():
    """The folder with the packages. Nothing is written into the source tree, and no package's own scripts run."""
    place = BUILD / "browser" / "npm"
    place.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()
    stamp = place / "installed"
    with open(place / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of a group may start together
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            _install(place)
            stamp.write_text(wanted)
    return place / "node_modules"


def _install(place):
    npm = shutil.which("npm")
    assert npm, "there is no npm here: tools/check installs what the tests need, or see tools/packages/browser"
    for name in FILES:
        shutil.copyfile(HERE / name, place / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    for last in (False, False, True):  # a registry may be out of reach for a moment
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return
        assert not last, f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


def lock_file():
    return json.loads((HERE / "package-lock.json").read_text())
