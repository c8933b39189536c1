// SPDX-License-Identifier: AGPL-3.0-or-later
// The policy-bound log. A call names an event and typed fields; there is no way to pass text.
//
// What a field becomes (nothing, a network, a pseudonym, the value) is decided by the policy for that event;
// LOG.md lists events, fields and the format of a line. Files are DATA/log/START-END-DEADLINE-NUMBER.log,
// plain text, spans with deadlines like any bucket; overwritten and unlinked at the end by sweep(). Events
// that are kept equally long share files. A log that cannot be written never stops the server: lines are lost
// and counted (trouble()). Lifetime: the clock must outlive the log. crypto::initialise() must have succeeded
// before open(). Thread: any (a mutex around one write); sweep() does not hold it while it overwrites.
#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <variant>

#include "retention/clock.h"
#include "retention/policy.h"
#include "server/xmpp/jid.h"

namespace lethe::retention {

/// Names as written: event names are the enumerators. The list is the catalogue of what can be logged.
enum class Event : std::uint8_t {
    server_started,
    server_stopped,
    listening,
    listen_failed,
    policy_loaded,
    policy_announced,
    policy_problem,
    login,
    login_failed,
    stream_error,
    session_closed,
    account_created,
    account_reset,
    account_suspended,
    account_erased,
    password_changed,
    abuse_reported,
    bucket_destroyed,
    storage_alarm,
    sweep_alarm,
    clock_alarm,
    clock_accepted,
    letterbox_full,
    certificate_reloaded,
    certificate_problem,
    sealed_row_unreadable
};
std::string_view to_string(Event);

/// Typed fields. Each kind is treated as the policy says for it.
struct Address {
    std::array<std::uint8_t, 16> ip{};
    bool v6 = false;
};  ///< IPv4 in the first four bytes
struct Account {
    const xmpp::BareJid& jid;
};
struct Peer {
    const xmpp::Jid& jid;
};
struct Count {
    std::uint64_t value = 0;
};
struct Port {
    std::uint16_t value = 0;
};
/// A word from a list in the program, never input: only string literals convert, and only those without a
/// space or other character that would end a field: letters, digits and - _ . :
class Word {
public:
    template <std::size_t N>
    consteval Word(const char (&literal)[N]) : text_(literal) {
        static_assert(N > 1, "a word is not empty");
        for (std::size_t i = 0; i + 1 < N; ++i) {
            const char c = literal[i];
            const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '-' || c == '_' || c == '.' || c == ':';
            if (!good)
                throw "a word of the log holds a space or another character that does not belong in it";
        }
        if (literal[N - 1] != '\0') throw "a word of the log is a string literal";
    }
    const char* text() const { return text_; }

private:
    const char* text_;
};
using Field = std::variant<Address, Account, Peer, Count, Port, Word>;

/// What goes to standard error, too, in the same form as into the files. Whoever collects it knows no
/// deadlines.
enum class Echo : std::uint8_t { nothing, alarms, everything };

class Log {
public:
    /// Creates DATA/log if missing. A log with keep = "0" writes no file. Files of earlier processes get the
    /// deadline that this policy leaves them, and are due at once if they hold what it would not have
    /// written; the first sweep() destroys what is due. An event that is not kept is not echoed either. The
    /// error is one sentence with the path and the remedy.
    static std::expected<std::unique_ptr<Log>, std::string> open(const std::filesystem::path& directory,
                                                                 const Policy& policy, const Clock& clock,
                                                                 Echo echo);
    ~Log();
    /// Fields in the order of the event's row in LOG.md, any of them left out. What the row does not name is
    /// not written, only counted.
    void write(Event event, std::initializer_list<Field> fields = {});
    /// Earliest deadline of a file, or when a failed destruction is to be tried again; store::no_deadline if
    /// there is none.
    Time next_deadline() const;
    /// The latest T, at most now, such that no file with DEADLINE <= T exists any more.
    Time swept_to() const;
    Keep keep() const;  ///< of the whole log in the policy applied last
    /// Destroys all files that are due. Slow: they are overwritten.
    void sweep();
    /// Another policy is in force: what is written from now on obeys it, in new files. Files that exist are treated as open() treats those of
    /// earlier processes; the next sweep() destroys what became due. Slow: they are read. May run beside write() and sweep().
    void apply(const Policy& policy);
    /// After a clock that was wrong: no file that exists is written any more, and each ends at its deadline or its lifetime from now, whichever
    /// comes first.
    void clock_accepted();

    struct Trouble {
        std::uint64_t lines_lost = 0;     ///< since open()
        std::uint64_t files_overdue = 0;  ///< due, but could not be destroyed so far
    };
    Trouble trouble() const;

private:
    struct Impl;
    explicit Log(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::retention
