// SPDX-License-Identifier: AGPL-3.0-or-later
// What lies in a data directory, by name: listed without opening anything but directories that the catalogue
// knows, without following a link, and with an end however much there is.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "store/files.h"
#include "tools/audit/report.h"

namespace lethe::audit {

enum class Kind : std::uint8_t {
    root, directory, lock, state, environment_lock, keyring, class_directory, bucket, log_file, ledger, clock, control, foreign
};

struct Entry {
    std::string path;  ///< below the root; empty: the root itself
    Kind kind = Kind::foreign;
    crypto::ClassId cls{};     ///< of class_directory and bucket
    std::uint32_t number = 0;  ///< of a bucket
    mode_t mode = 0;
    uid_t owner = 0;
    std::uint64_t size = 0, stored = 0;  ///< stored: what the disk holds of it, holes left out
    std::uint64_t names = 1;             ///< hard links
    bool regular() const { return (mode & S_IFMT) == S_IFREG; }
};

/// What a path below the root is by its name alone.
Kind kind_of(std::string_view path, crypto::ClassId& cls, std::uint32_t& number);
/// The class whose directory has that name.
std::optional<crypto::ClassId> class_named(std::string_view directory);
/// How the catalogue writes that kind of place ("DATA/keyring"); empty for what it does not know.
std::string_view catalogue_place(Kind kind);

struct Tree {
    store::File root;
    std::vector<Entry> entries;  ///< of known kinds, in the order of their names; the root first
    const Entry* find(std::string_view path) const;
    uid_t owner() const { return entries.front().owner; }
    /// For reading, whatever its name says: an errno if it is not a regular file now.
    std::expected<store::File, int> open(const Entry& entry) const;
};

/// Findings: foreign names, things of the wrong type, permissions. The error is an errno of the root itself.
std::expected<Tree, int> list_tree(const std::filesystem::path& directory, Findings& findings);

}  // namespace lethe::audit
