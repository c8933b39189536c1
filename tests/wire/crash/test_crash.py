# SPDX-License-Identifier: AGPL-3.0-or-later
"""The server is killed, or its disk fails, at every write, sync, rename, truncation and unlink of a run (strace fault injection).

    test_crash.py                           a sample of the fault points
    test_crash.py --full                    all of them
    test_crash.py --full --fault KILL       all of one kind: KILL, ENOSPC, EIO (once each) or FULL (no space from there on)
    test_crash.py --only pwrite64:17:KILL   one of them, to look at it

The run begins with a bucket that is due, so that faults strike the first sweep too.
"""
import collections
import os
import re
import shutil
import sys
import time
import unittest

from lethe_test import Client
from lethe_test.template import clone, ready_server
from scenario import POLICY, Run

SYNCS = ("fdatasync", "fsync", "msync", "sync_file_range")
WRITES = ("pwrite64", "pwritev", "pwritev2", "write", "writev")
NAMES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate", "truncate", "fallocate")
KILLED = SYNCS + WRITES + NAMES
# A failing write() would also hit pipes and event descriptors, which is not what a failing disk does.
FAILING = tuple(c for c in KILLED if c != "write")
GROWING = tuple(c for c in WRITES + ("fallocate", "ftruncate") if c != "write")
SAMPLE = {"KILL": 16, "ENOSPC": 6, "EIO": 6, "FULL": 4}


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


full, only, one_fault = "--full" in sys.argv, option("--only"), option("--fault")


def strace(log, *expressions, paths=()):
    return ["strace", "-f", "-qq", "-o", str(log), *(part for e in expressions for part in ("-e", e)), *(part for p in paths for part in ("-P", str(p)))]


def growing(data):
    """The files that need space. Not the keyring: its slots are overwritten in place, which a full disk does not refuse."""
    yield data / "state.mdb"
    for name in ("archive", "letterbox", "subscriptions"):
        for number in range(1, 12):
            yield data / "buckets" / name / f"{number}.mdb"


def count_calls(log):
    """{call: the largest number of times one thread made it}; strace's `when=` counts by thread."""
    counts = collections.Counter()
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        if match:
            counts[match.groups()] += 1
    largest = collections.Counter()
    for (_, call), count in counts.items():
        largest[call] = max(largest[call], count)
    return largest


def fault_points(counts, counts_growing):
    """[(call, number, fault)], all or an even sample of them."""
    points = []
    for fault, calls in (("KILL", KILLED), ("ENOSPC", FAILING), ("EIO", FAILING), ("FULL", GROWING)):
        if one_fault not in (None, fault):
            continue
        there = counts_growing if fault == "FULL" else counts
        every = [(call, number, fault) for call in calls for number in range(1, there[call] + 1)]
        if not full and len(every) > SAMPLE[fault]:
            step = len(every) / SAMPLE[fault]
            every = [every[int(step * (n + 0.5))] for n in range(SAMPLE[fault])]
        points += every
    return points


def injection(call, number, fault):
    if fault == "KILL":
        return f"inject={call}:signal=KILL:when={number}"
    if fault == "FULL":
        return f"inject={','.join(GROWING)}:error=ENOSPC:when={number}+"
    return f"inject={call}:error={fault}:when={number}"


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class FaultWalk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A stopped server with a bucket that is due."""
        cls.prepared, pool = ready_server(POLICY)
        cls.addClassCleanup(cls.prepared.remove)
        cls.accounts = [pool.pop() for _ in range(3)]
        other, somebody = pool.pop(), pool.pop()
        cls.prepared.start()
        client = Client(cls.prepared, other).login("r").enable_sm()
        client.sends(f"<presence type='subscribe' to='{somebody.jid}'/>")
        client.all_acked()
        client.leaves()
        cls.prepared.stop()
        time.sleep(1.1)  # what POLICY keeps it for

    def one_run(self, *expressions, full_disk=False):
        server = clone(self.prepared, POLICY)
        self.addCleanup(server.remove)
        log = server.directory / "strace"
        run = Run(server, self.accounts)
        try:
            server.start(wrapper=strace(log, *expressions, paths=growing(server.data) if full_disk else ()))
        except AssertionError as problem:
            run.record.reached.append(f"not started: {str(problem).splitlines()[0]}")
        else:
            run.play()
        try:
            server.stop()
        except AssertionError as problem:
            run.record.reached.append(f"ended: {str(problem).splitlines()[0]}")
        return run, log

    def undisturbed(self, calls, **how):
        run, log = self.one_run(f"trace={calls}", **how)
        self.assertTrue(run.record.finished, f"the undisturbed run must finish: {run.record.reached}")
        self.assertEqual([], sorted(run.record.refused))
        run.verify(self)
        return count_calls(log)

    def test_walk(self):
        calls = ",".join(KILLED)
        counts, counts_growing = self.undisturbed(calls), self.undisturbed(",".join(GROWING), full_disk=True)
        self.assertTrue(any(counts[c] for c in SYNCS), counts)
        self.assertTrue(counts_growing["pwrite64"], counts_growing)
        points = fault_points(counts, counts_growing)
        if only:
            call, number, fault = only.split(":")
            points = [(call, int(number), fault)]
        sys.stderr.write(f"{len(points)} fault points of {dict(counts)}\n")
        broken_off = 0
        for at, (call, number, fault) in enumerate(points, 1):
            with self.subTest(f"{call}:{number}:{fault}"):
                run, _ = self.one_run(f"trace={calls}", injection(call, number, fault), full_disk=fault == "FULL")
                if sys.stderr.isatty() or full or only:
                    sys.stderr.write(f"{at}/{len(points)} {call}:{number}:{fault} {run.record.reached[-2:]}\n")
                broken_off += not run.record.finished
                run.verify(self, disk_failed=fault != "KILL")
                run.server.remove()
        if not only and one_fault in (None, "KILL"):
            self.assertGreater(broken_off, 0, "no fault ever struck: the walk tests nothing")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    unittest.main(argv=[sys.argv[0]], verbosity=2)
