// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/log_events.h"

#include <algorithm>

namespace lethe::retention {

namespace {

using enum FieldKind;

template <class... F>
constexpr EventSpec make(Event event, std::string_view name, std::string_view meaning, F... fields) {
    static_assert(sizeof...(F) <= EventSpec::max_fields);
    return {event, name, meaning, {fields...}, sizeof...(F)};
}
#define EVENT(name, ...) make(Event::name, #name, __VA_ARGS__)

constexpr FieldSpec remote{address, "address", "where the connection comes from"};
constexpr FieldSpec who{account, "account", "the account"};
constexpr FieldSpec listener_address{address, "address", "the server's own address"};
constexpr FieldSpec listener_port{port, "port", "the server's own port"};
constexpr FieldSpec service{word, "service", "what is offered there"};
constexpr FieldSpec bucket_class{word, "class", "the class of the catalogue"};
constexpr FieldSpec bucket_number{count, "bucket", "its number"};
constexpr FieldSpec system_code{count, "code", "the operating system's or the storage engine's error number"};

constexpr std::array table{
    EVENT(server_started, "the server accepts connections"),
    EVENT(server_stopped, "the server ends in good order", FieldSpec{word, "reason", "why"}),
    EVENT(listening, "a port is open", listener_address, listener_port, service),
    EVENT(listen_failed, "a port could not be opened", listener_address, listener_port, service, system_code),
    EVENT(policy_loaded, "a policy is in force"),
    EVENT(policy_announced, "a looser policy was announced and waits for the end of its notice"),
    EVENT(policy_problem, "the policy file cannot be used, or what is in force cannot be stored"),
    EVENT(login, "a login succeeded", remote, who, FieldSpec{word, "mechanism", "the SASL mechanism"}),
    EVENT(login_failed, "a login failed; the account is the one that was asked for, whether it exists or not",
          remote, who, FieldSpec{word, "reason", "the SASL error condition"},
          FieldSpec{word, "mechanism", "the SASL mechanism"}),
    EVENT(stream_error, "a stream ended with an error", remote, who,
          FieldSpec{word, "condition", "the stream error condition"}),
    EVENT(session_closed, "a session ended", remote, who, FieldSpec{word, "reason", "why"}),
    EVENT(account_created, "an account was made", who),
    EVENT(account_reset, "an account got a new, empty vault", who),
    EVENT(account_suspended, "an account may not log in any more", who),
    EVENT(account_erased, "an account's key was destroyed", who),
    EVENT(password_changed, "an account's owner changed the password", who, remote),
    EVENT(abuse_reported, "somebody blocked an address and reported it (XEP-0377)", FieldSpec{peer, "peer", "the address"},
          FieldSpec{word, "reason", "spam, abuse or other"}),
    EVENT(bucket_destroyed, "a sweep overwrote the keys of buckets", FieldSpec{count, "buckets", "how many"}),
    EVENT(storage_alarm, "something on disk failed or is damaged", FieldSpec{word, "problem", "what"},
          bucket_class, system_code),
    EVENT(sweep_alarm, "a bucket could not be made, read, shortened or destroyed",
          FieldSpec{word, "problem", "which of them"}, bucket_class, bucket_number),
    EVENT(clock_alarm, "the clock is in doubt, and nothing is destroyed by it; see `lethectl clock accept`",
          FieldSpec{word, "problem", "clock_went_back, clock_jumped or clock_not_synchronised"}),
    EVENT(clock_accepted, "the operator declared the clock right"),
    EVENT(letterbox_full, "a message for an absent account was refused", who,
          FieldSpec{peer, "peer", "its sender"}, FieldSpec{word, "limit", "which limit"}),
    EVENT(certificate_reloaded, "a new certificate is in use"),
    EVENT(certificate_problem, "a certificate or its key cannot be used, or clients will not accept it", FieldSpec{word, "problem", "refused, other_name, expires_soon or expired"},
          FieldSpec{count, "code", "the TLS library's error number"}),
    EVENT(sealed_row_unreadable, "a sealed row does not open and is skipped", who,
          FieldSpec{word, "table", "the table or class it lies in"}, FieldSpec{count, "rows", "how many"}),
};
#undef EVENT

consteval bool indexed_by_event() {
    for (std::size_t i = 0; i < table.size(); ++i)
        if (static_cast<std::size_t>(table[i].event) != i) return false;
    return true;
}
static_assert(indexed_by_event(), "the table's order is the enumeration's");
static_assert(table.size() == static_cast<std::size_t>(Event::sealed_row_unreadable) + 1,
              "each event has its row");
static_assert(std::variant_size_v<Field> == static_cast<std::size_t>(FieldKind::word) + 1,
              "each field has its kind");

}  // namespace

bool EventSpec::carries(FieldKind kind) const {
    return std::ranges::any_of(fields(), [kind](const FieldSpec& f) { return f.kind == kind; });
}

std::span<const EventSpec> event_table() { return table; }
const EventSpec& spec(Event event) { return table[static_cast<std::size_t>(event)]; }
std::string_view to_string(Event event) { return spec(event).name; }

bool is_alarm(Event event) {
    switch (event) {
        case Event::policy_problem:
        case Event::storage_alarm:
        case Event::sweep_alarm:
        case Event::clock_alarm:
        case Event::certificate_problem:
            return true;
        default:
            return false;
    }
}

std::string_view to_string(FieldKind kind) {
    switch (kind) {
        case address:
            return "address";
        case account:
            return "account";
        case peer:
            return "peer";
        case count:
            return "count";
        case port:
            return "port";
        case word:
            return "word";
    }
    return "";
}

std::string log_reference() {
    std::string out = "| event | means | field | kind | holds |\n|---|---|---|---|---|\n";
    for (const EventSpec& event : table) {
        std::string head = "| `" + std::string(event.name) + "` | " + std::string(event.meaning) + " | ";
        if (event.count == 0) out += head + "| | |\n";
        for (const FieldSpec& field : event.fields()) {
            out += head + "`" + std::string(field.name) + "` | " + std::string(to_string(field.kind)) +
                   " | " + std::string(field.meaning) + " |\n";
            head = "| | | ";
        }
    }
    return out;
}

}  // namespace lethe::retention
