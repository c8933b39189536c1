# SPDX-License-Identifier: AGPL-3.0-or-later
"""The server is killed, or its disk fails, at every write, sync, rename, truncation and unlink of a run (strace fault injection).

    test_crash.py            a sample of the fault points
    test_crash.py --full     all of them
    test_crash.py --only pwrite64:17:KILL   one of them, to look at it
"""
import collections
import os
import re
import shutil
import sys
import unittest

from lethe_test.template import ready_server
from scenario import POLICY, Run

SYNCS = ("fdatasync", "fsync", "msync", "sync_file_range")
WRITES = ("pwrite64", "pwritev", "pwritev2", "write", "writev")
NAMES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate", "truncate", "fallocate")
KILLED = SYNCS + WRITES + NAMES
# A failing write() would also hit pipes and event descriptors, which is not what a full disk does.
FAILING = tuple(c for c in KILLED if c not in ("write", "writev"))
SAMPLE = {"KILL": 16, "ENOSPC": 6, "EIO": 6}

full = "--full" in sys.argv
only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None


def strace(log, *expressions):
    return ["strace", "-f", "-qq", "-o", str(log), *(part for e in expressions for part in ("-e", e))]


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


def fault_points(counts):
    """[(call, number, fault)], all or an even sample of them."""
    points = []
    for fault, calls in (("KILL", KILLED), ("ENOSPC", FAILING), ("EIO", FAILING)):
        every = [(call, number, fault) for call in calls for number in range(1, counts[call] + 1)]
        if not full and len(every) > SAMPLE[fault]:
            step = len(every) / SAMPLE[fault]
            every = [every[int(step * (n + 0.5))] for n in range(SAMPLE[fault])]
        points += every
    return points


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class FaultWalk(unittest.TestCase):
    def one_run(self, *expressions):
        server, pool = ready_server(POLICY)
        self.addCleanup(server.remove)
        log = server.directory / "strace"
        run = Run(server, [pool.pop() for _ in range(3)])
        try:
            server.start(wrapper=strace(log, *expressions))
        except AssertionError as problem:
            run.record.reached.append(f"not started: {str(problem).splitlines()[0]}")
        else:
            run.play()
        try:
            server.stop()
        except (AssertionError, ProcessLookupError) as problem:
            run.record.reached.append(f"ended: {str(problem).splitlines()[0]}")
        return run, log

    def test_walk(self):
        calls = ",".join(KILLED)
        run, log = self.one_run(f"trace={calls}")
        self.assertTrue(run.record.finished, f"the undisturbed run must finish: {run.record.reached}")
        self.assertEqual([], sorted(run.record.refused))
        run.verify(self)
        counts = count_calls(log)
        self.assertTrue(any(counts[c] for c in SYNCS), counts)
        points = fault_points(counts)
        if only:
            call, number, fault = only.split(":")
            points = [(call, int(number), fault)]
        sys.stderr.write(f"{len(points)} fault points of {dict(counts)}\n")
        broken_off = 0
        for at, (call, number, fault) in enumerate(points, 1):
            with self.subTest(f"{call}:{number}:{fault}"):
                what = "signal=KILL" if fault == "KILL" else f"error={fault}"
                run, _ = self.one_run(f"trace={calls}", f"inject={call}:{what}:when={number}")
                if sys.stderr.isatty() or full:
                    sys.stderr.write(f"{at}/{len(points)} {call}:{number}:{fault} {run.record.reached[-1:]}\n")
                broken_off += not run.record.finished
                run.verify(self, disk_failed=fault != "KILL")
                run.server.remove()
        if not only:
            self.assertGreater(broken_off, 0, "no fault ever struck: the walk tests nothing")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    unittest.main(argv=[sys.argv[0]], verbosity=2)
