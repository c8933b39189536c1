// SPDX-License-Identifier: AGPL-3.0-or-later
// Reads one environment in a confined child and tells what is in it, without a key. What the child says is
// not trusted either: it is parsed strictly and bounded.
#pragma once
#include <string>
#include <vector>

#include "store/files.h"
#include "store/format.h"
#include "tools/audit/even.h"
#include "tools/audit/tree.h"

namespace lethe::audit {

/// Why a row is not what its table may hold.
enum class Odd : std::uint8_t {
    foreign_row,  ///< in the unnamed table, which holds the names of tables
    key,          ///< of a size or form that the table does not have
    form,         ///< no header of its sealed form, or a size that this form cannot have
    text,         ///< a run of printable characters
    no_account    ///< belongs to no account in this file
};
inline constexpr std::uint8_t odd_count = 5;

struct OddRow {
    Odd odd = Odd::key;
    std::string table;
    Bytes key;  ///< its first 40 bytes
};
struct TableSeen {
    std::string name;
    bool known = false;
    std::uint64_t rows = 0;
    Histogram bytes;  ///< of what is ciphertext in it
};
struct AccountSeen {
    store::format::Owner owner{};
    store::format::SlotRef slot;
};
struct InvitationSeen {
    crypto::InvitationId id;
    std::int64_t deadline = 0;
};
struct PlainRow {
    std::string table;
    Bytes key, value;
};

struct EnvironmentSeen {
    enum class State { whole, damaged, gave_up, not_read } state = State::not_read;
    int code = 0;                   ///< errno, for not_read
    std::vector<TableSeen> tables;  ///< in the order of their names
    std::vector<OddRow> odd;        ///< the first 100
    std::uint64_t odd_in_all = 0;
    std::vector<AccountSeen> accounts;
    std::vector<InvitationSeen> invitations;
    std::vector<PlainRow> plain;  ///< of the tables that are public
    bool text_between = false;    ///< a run of printable characters somewhere in the file (search.h)
    bool too_long = false;        ///< the file goes on where none of its pages can be
};

enum class Extent : std::uint8_t {
    all,
    policy  ///< of state.mdb the one table with the policy, and nothing else
};
/// `live`: a server may be writing to it, so LMDB's lock file is used.
EnvironmentSeen read_environment(const Tree& tree, const Entry& entry, bool live, Extent extent = Extent::all);

}  // namespace lethe::audit
