// SPDX-License-Identifier: AGPL-3.0-or-later
// Slots of uploads (XEP-0363): promises to take one file each, in memory only.
//
// The data's way: an account asks for a slot with a size and a type; its quota of the day is charged; it gets two tokens, one to put the file and one to get
//   it. The first works once, for five minutes, for exactly that size and type, and is gone then, whatever became of the file. The second is the key of
//   what will be stored (crypto/upload.h) and is forgotten here as soon as the file has come. After a restart slots and quotas begin anew.
// Thread: core.
#pragma once
#include <chrono>
#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <unordered_map>

#include "crypto/upload.h"
#include "server/xmpp/jid.h"

namespace lethe::core {

class Uploads {
public:
    using Clock = std::chrono::steady_clock;
    struct Limits {
        std::uint64_t max_size = 0, quota_per_day = 0;
    };
    struct Slot {
        crypto::UploadToken token;  ///< of the file
        std::uint64_t size = 0;
        std::string type;  ///< empty: none was named
        Clock::time_point until;
        xmpp::BareJid account;
    };
    struct Tokens {
        std::string put, get;
    };
    enum class Refusal { too_large, quota, too_many };
    struct Refused {
        Refusal why = Refusal::too_large;
        Clock::duration retry_in{};  ///< unless too_large: when the same would be granted, if nothing else is asked for
        friend bool operator==(const Refused& refused, Refusal why) { return refused.why == why; }
    };

    static constexpr std::size_t most_slots_per_account = 50;
    static constexpr std::size_t most_slots = 10'000;  ///< of all: each holds a key in locked memory
    static constexpr std::chrono::minutes slot_time{5};
    static constexpr std::uint64_t least_charge = 1024;  ///< of the quota: a file of one byte takes as much room

    std::expected<Tokens, Refused> issue(const xmpp::BareJid& account, std::uint64_t size, std::string type, const Limits& limits, Clock::time_point now);
    /// Null: there is none, or not any more.
    const Slot* find(const std::string& put, Clock::time_point now);
    /// Precondition: find() has just found it.
    Slot take(const std::string& put);
    /// Of an account that is gone or may not log in: its slots, and what it used of the day. A file on its way goes on.
    void forget(const xmpp::BareJid& account);

    /// Files that are being put, and fetched, now; whoever does may outlive this.
    const std::shared_ptr<std::size_t> coming_in = std::make_shared<std::size_t>(0), going_out = std::make_shared<std::size_t>(0);

private:
    struct Used {
        std::uint64_t bytes = 0;
        std::size_t slots = 0;  ///< that wait
        Clock::time_point since;
    };
    void forget_old(Clock::time_point now);
    Slot take(std::unordered_map<std::string, Slot>::iterator slot);

    std::unordered_map<std::string, Slot> slots_;                    ///< by the text of the token that puts
    std::deque<std::pair<Clock::time_point, std::string>> run_out_;  ///< in the order in which they do; some were used before
    std::unordered_map<xmpp::BareJid, Used> used_;
    Clock::time_point forgotten_{};  ///< when used_ was last looked through
};

}  // namespace lethe::core
