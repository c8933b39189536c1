// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/report.h"

#include <algorithm>
#include <numeric>

namespace lethe::audit {

std::string_view name(Check check) {
    static constexpr std::array<std::string_view, check_count> names{
        "catalogue", "whole", "sealed", "keys", "deadlines", "ledger", "log", "permissions"};
    return names[static_cast<std::size_t>(check)];
}

std::string_view question(Check check) {
    switch (check) {
        case Check::catalogue:
            return "Every file and table belongs to the catalogue, and nothing is there that the policy does not declare";
        case Check::whole:
            return "Every file is whole and can be read";
        case Check::sealed:
            return "Every value is in its sealed form";
        case Check::keys:
            return "Every bucket and account has its one key, and every key its bucket or account";
        case Check::deadlines:
            return "Nothing is past its deadline, or promised longer than the policy allows";
        case Check::ledger:
            return "The ledger verifies, and what lies here agrees with it";
        case Check::log:
            return "Log files hold only what the policy permits";
        case Check::permissions:
            return "Files and directories are open to their owner alone";
    }
    return "";
}

void Findings::add(Finding finding) {
    const auto check = static_cast<std::size_t>(finding.check);
    ++counts_[check];
    if (kept_[check] == most) return;
    ++kept_[check];
    list_.push_back(std::move(finding));
}

std::uint64_t Findings::count() const { return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}); }

void Findings::keep_common(const Findings& again) {
    // Those that are only counted cannot be compared; a check that has so many is not a moment's matter.
    std::set<std::tuple<Check, std::string, std::string, std::string>> there;
    for (const auto& finding : again.list_) there.insert(finding.key());
    std::vector<Finding> common;
    for (auto& finding : list_) {
        const auto check = static_cast<std::size_t>(finding.check);
        if (there.contains(finding.key())) {
            common.push_back(std::move(finding));
        } else {
            --counts_[check];
            --kept_[check];
        }
    }
    list_ = std::move(common);
    for (std::size_t i = 0; i < check_count; ++i)
        if (kept_[i] == 0 || again.counts_[i] == 0) counts_[i] = kept_[i];
}

std::vector<std::string> limits() {
    return {
        "Rows that were moved or swapped inside a bucket or a table, or put back from an older copy, look the same in sealed form; "
        "their owner's next login finds them, skips them and raises an alarm.",
        "Rows that were deleted leave no gap that can be seen from outside.",
        "A deadline that was prolonged by less than its bucket's span may pass here; the server does not obey it, because the sealed "
        "deadline in the keyring counts if it is earlier.",
        "Readable text in pages of state.mdb that are free passes if it looks like a line of a policy file, because older policies leave such "
        "lines there; extended attributes of files are not looked at.",
        "Sealed values are recognised by their form, size and evenness; whether they open, and what is in them, only keys can tell. "
        "Something else that was encrypted looks the same.",
        "A word in the log that has the form of one of the program's words cannot be told from it.",
        "A ledger that was cut off at the end of a line, with nothing on the disk that contradicts it, verifies; only somebody who saw "
        "a later head notices (lethectl ledger watch).",
        "Which program runs, what it keeps in memory, and whether other copies of this data exist (backups, snapshots, blocks that a "
        "flash disk put aside) does not show in this directory.",
    };
}

}  // namespace lethe::audit
