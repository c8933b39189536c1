// SPDX-License-Identifier: AGPL-3.0-or-later
// The policy-bound log. A call names an event and typed fields; there is no way to pass text.
//
// What a field becomes (nothing, a network, a pseudonym, the value) is decided by the policy for that event. Files are
// DATA/log/NUMBER.log, plain text, spans with deadlines like any bucket; overwritten and unlinked at the end by sweep().
// Thread: any (a mutex around one write).
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
    server_started, server_stopped, listening, listen_failed, policy_loaded, login, login_failed, stream_error,
    session_closed, account_created, account_reset, account_suspended, account_erased, password_changed, bucket_destroyed,
    storage_alarm, sweep_alarm, letterbox_full, certificate_reloaded, certificate_problem, sealed_row_unreadable
};
std::string_view to_string(Event);

/// Typed fields. Each kind is treated as the policy says for it.
struct Address { std::array<std::uint8_t, 16> ip{}; bool v6 = false; };  ///< IPv4 in the first four bytes
struct Account { const xmpp::BareJid& jid; };
struct Peer { const xmpp::Jid& jid; };
struct Count { std::uint64_t value = 0; };
struct Port { std::uint16_t value = 0; };
/// A word from a list in the program, never input: only string literals convert.
class Word {
public:
    template <std::size_t N> consteval Word(const char (&literal)[N]) : text_(literal) {}
    const char* text() const { return text_; }

private:
    const char* text_;
};
using Field = std::variant<Address, Account, Peer, Count, Port, Word>;

class Log {
public:
    /// Creates DATA/log if missing. A log with keep = "0" writes no file.
    static std::expected<std::unique_ptr<Log>, std::string> open(const std::filesystem::path& directory, const Policy& policy,
                                                                 const Clock& clock, bool to_stderr);
    ~Log();
    void write(Event event, std::initializer_list<Field> fields = {});
    Time next_deadline() const;
    void sweep();

private:
    struct Impl;
    explicit Log(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::retention
