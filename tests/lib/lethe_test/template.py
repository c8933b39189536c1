# SPDX-License-Identifier: AGPL-3.0-or-later
"""Directories with ready accounts, made once per build and policy and copied for each server.

Hashing a password is slow on purpose; hundreds of tests need fresh accounts. The copies share their node key, which no test minds.
"""
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import tempfile

from .client import Account
from .server import BUILD, DOMAIN, LETHECTL, LETHED, PASSWORD, POLICY, Server
from .toml import dumps, merged


def ready_server(policy=None, config=None):
    """A server, not yet started, and the list of its unused accounts."""
    source = _template(policy)
    made_at = json.loads((source / "made-at").read_text())
    server = _copy(source, made_at, policy, config)
    return server, [Account(jid, PASSWORD) for jid in made_at["accounts"]]


def clone(stopped, policy=None):
    """A second server with the same files as one that does not run."""
    return _copy(stopped.directory, {"config": str(stopped.config_dir), "data": str(stopped.data)}, policy)


def _copy(source, made_at, policy, config=None):
    server = Server(policy=policy, config=config, init=False)
    for part in ("config", "data"):
        shutil.copytree(source / part, server.directory / part, symlinks=True, ignore=shutil.ignore_patterns("control"))
    text = server.config_file.read_text().replace(made_at["config"], str(server.config_dir)).replace(made_at["data"], str(server.data))
    server.config_file.write_text(text)
    server.configure()
    return server


def _template(policy):
    key = hashlib.sha256()
    for part in (LETHED.read_bytes(), LETHECTL.read_bytes(), dumps(merged(POLICY, policy or {})).encode(), DOMAIN.encode()):
        key.update(hashlib.sha256(part).digest())
    root = pathlib.Path(os.environ.get("LETHE_TEST_TEMPLATES", BUILD / "test-templates"))
    root.mkdir(parents=True, exist_ok=True)
    place = root / key.hexdigest()[:16]
    with open(root / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _make(place, policy, 8 if policy else 48)
    return place


def _make(place, policy, count):
    server = Server(policy=policy)
    accounts = [server.add_account(f"user{number:02}").jid for number in range(count)]
    unfinished = pathlib.Path(tempfile.mkdtemp(dir=place.parent))
    for part, directory in (("config", server.config_dir), ("data", server.data)):
        shutil.copytree(directory, unfinished / part, symlinks=True)
    (unfinished / "made-at").write_text(json.dumps(
        {"config": str(server.config_dir), "data": str(server.data), "accounts": accounts[::-1]}))
    unfinished.rename(place)
    server.remove()
