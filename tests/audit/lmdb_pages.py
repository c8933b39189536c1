# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which pages of an LMDB file hold its trees: enough of the page format to know where damage must show."""
import struct

PAGE = 4096
BRANCH, LEAF = 1, 2
BIG, SUBTREE = 1, 2


def _root_of(record):
    return struct.unpack_from("<Q", record, 40)[0]


def tree_pages(data):
    """Page numbers of all branch and leaf pages of the newest state, those of named tables too."""
    metas = []
    for number in (0, 1):
        at = number * PAGE + 16
        transaction = struct.unpack_from("<Q", data, at + 24 + 96 + 8)[0]
        metas.append((transaction, data[at + 24:at + 24 + 96]))
    tables = max(metas)[1]
    found = []
    waiting = [_root_of(tables[48:])]
    while waiting:
        number = waiting.pop()
        if number == 2 ** 64 - 1 or number in found:
            continue
        found.append(number)
        page = data[number * PAGE:(number + 1) * PAGE]
        flags, lower = struct.unpack_from("<HH", page, 10)
        for slot in range((lower - 16) // 2):
            at = struct.unpack_from("<H", page, 16 + 2 * slot)[0]
            low, high, node_flags, key_size = struct.unpack_from("<HHHH", page, at)
            if flags & BRANCH:
                waiting.append(low | high << 16 | node_flags << 32)
            elif flags & LEAF and node_flags & SUBTREE:
                waiting.append(_root_of(page[at + 8 + key_size:]))
    return found


def free_space(data):
    """(begin, end) of what no row needs: the middle of pages in use, and what of a file's pages no tree has (free ones, and those of long
    values and of LMDB's own list of free pages)."""
    used = set(tree_pages(data))
    gaps = []
    for number in range(2, len(data) // PAGE):
        at = number * PAGE
        lower, upper = struct.unpack_from("<HH", data, at + 12) if number in used else (16, PAGE)
        gaps.append((at + lower, at + upper))
    return gaps
