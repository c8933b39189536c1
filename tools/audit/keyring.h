// SPDX-License-Identifier: AGPL-3.0-or-later
// The keyring as anybody with the disk can read it: whose each slot is, not the keys.
#pragma once
#include <vector>

#include "store/format.h"
#include "tools/audit/tree.h"

namespace lethe::audit {

struct SlotSeen {
    store::format::SlotRef slot;
    store::format::Part part = store::format::Part::free;
    store::format::Owner owner{};
};
struct KeyringSeen {
    std::vector<SlotSeen> taken;  ///< accounts' and buckets', in order
    std::vector<std::uint32_t> generations;  ///< of every slot by index, free ones too; the head's is 0
    std::uint64_t slots = 0;      ///< all of them, free ones too
    bool read = false;            ///< its head is that of a keyring of this version
    /// Whether the file ever came to hold this use of the slot (store::Keyring::held).
    bool held(const store::format::SlotRef& slot) const {
        return slot.index < generations.size() && generations[slot.index] >= slot.generation;
    }
};

/// Findings: a damaged head, slots of no known form, an end inside a slot.
KeyringSeen read_keyring(const Tree& tree, const Entry& entry, Findings& findings);

}  // namespace lethe::audit
