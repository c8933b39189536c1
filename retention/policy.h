// SPDX-License-Identifier: AGPL-3.0-or-later
// policy.toml: the operator's declared, published, enforced statement. Holds no secret; published byte for byte.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::retention {

/// How long a class keeps data. stored() is false for keep = "0".
struct Keep {
    std::int64_t micros = 0;
    bool unlimited = false;
    bool stored() const { return unlimited || micros > 0; }
    friend bool operator==(const Keep&, const Keep&) = default;
};
std::string to_string(const Keep& keep);  ///< "7d", "0", "unlimited"

/// What a log line may carry of one kind of field.
enum class Treatment : std::uint8_t { none, network, pseudonym, full };  // network: addresses only

struct LogRules {
    Keep keep;
    Treatment address = Treatment::none, account = Treatment::none, peer = Treatment::none, client = Treatment::none;
};

inline constexpr Keep default_invitations{.micros = std::int64_t{14} * 86'400'000'000};

struct Policy {
    struct Service {
        std::string name, operator_name, jurisdiction, terms_url;
        std::vector<std::string> contact, languages;
    } service;
    Keep archive, letterbox, subscriptions, uploads;
    std::vector<Keep> archive_choices;  ///< what a user may pick instead of archive, longest first; Keep{} is "0"; at most most_choices
    Keep invitations = default_invitations;  ///< the longest that an invitation can be used, if `registration` is not "closed"
    Keep change_notice;                 ///< a looser policy takes effect only after this
    std::uint64_t letterbox_max_messages = 1000, letterbox_max_bytes = 16u << 20;
    std::uint64_t uploads_max_size = 16u << 20, uploads_quota_per_day = 100u << 20;  ///< bytes: of one file, and of one account
    std::string registration = "closed";
    std::optional<std::uint64_t> max_accounts;
    bool metrics_public = false;  ///< anybody may see aggregates
    LogRules log;
    std::vector<std::pair<std::string, LogRules>> log_events;  ///< [log.EVENT] overrides, complete rules
    std::string text;                                          ///< the file, byte for byte
};

/// One mistake in a policy or configuration file. format: "FILE:LINE:COLUMN: what is wrong; what would be right".
struct FileError {
    std::string file;
    std::uint32_t line = 0, column = 0;
    std::string message;
    std::string to_string() const;
};

std::expected<Policy, std::vector<FileError>> parse_policy(std::string text, std::string_view file_name);
std::expected<Policy, std::vector<FileError>> load_policy(const std::string& path);

/// "90d", "24h", "10min", "20s", "2w", "0", "unlimited".
std::expected<Keep, std::string> parse_keep(std::string_view text);

inline constexpr std::size_t most_choices = 3;  ///< each is a class with buckets of its own
/// A span that a user may pick for the archive: "0", or 1 to 59 s, 1 to 59 min, 1 to 23 h, 1 to 99 d written in the largest unit
/// that fits it, so that a class's name says its span and no two names mean the same; or `keep` itself, however it is written.
std::expected<Keep, std::string> parse_choice(std::string_view text, const std::optional<Keep>& keep = {});
bool longer(const Keep& a, const Keep& b);

}  // namespace lethe::retention
