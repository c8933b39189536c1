// SPDX-License-Identifier: AGPL-3.0-or-later
// The control protocol: how lethectl asks the running server. Pure: requests and replies as values and as
// lines of text.
//
// A line is one flat JSON object: {"command":"account add","account":"romeo@chat.example","password":"…"},
// answered by
// {"ok":true,"name":value,…} or {"ok":false,"error":"one sentence","status":1}. Nothing nests, names do not
// repeat, unknown names are refused; replies come in the order of the requests. Who may speak it is decided
// by control_server.h.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/admin/operations.h"
#include "server/admin/password.h"

namespace lethe::admin {

/// A request line with its newline: room for a password and an address in which every byte is escaped.
inline constexpr std::size_t longest_request = 24 * 1024;
inline constexpr std::size_t longest_reply = 512 * 1024;  ///< room for two policies

enum class Command : std::uint8_t {
    account_add,
    account_reset,
    account_suspend,
    account_unsuspend,
    account_erase,
    account_count,
    upload_remove,
    sweep,
    clock_accept,
    status,
    policy_show,
    invite
};
std::string_view to_string(Command);  ///< as on lethectl's command line, e.g. "account add"

struct Request {
    Command command = Command::status;
    std::string account;  ///< as typed; empty where the command takes none
    Password password;    ///< account add and reset
    std::string url = {};  ///< upload remove
    std::optional<unsigned> days = {}, uses = {};  ///< invite; none: as usual
};

/// What a command found out, in the order it is printed. Names are snake_case.
using Value = std::variant<std::int64_t, bool, std::string>;
using Facts = std::vector<std::pair<std::string, Value>>;
using Reply = std::expected<Facts, Failure>;

/// Without newline. The text holds the password: wipe() it.
std::string encode(const Request& request);
/// The failure says what the line lacks, and never repeats what it held.
std::expected<Request, Failure> decode_request(std::string_view line);
std::string encode(const Reply& reply);
/// Empty if the line is no reply.
std::optional<Reply> decode_reply(std::string_view line);
/// The object that --json prints and a reply carries, without "ok".
std::string to_json(const Facts& facts);

void wipe(std::string& text) noexcept;

/// What answers requests. Each call is answered exactly once, on the caller's thread, at once or later.
class ControlHandler {
public:
    using Answer = std::move_only_function<void(Reply)>;
    virtual ~ControlHandler() = default;
    virtual void add(std::string_view account, Password password, Answer answer) = 0;
    virtual void reset(std::string_view account, Password password, Answer answer) = 0;
    virtual void suspend(std::string_view account, Answer answer) = 0;
    virtual void unsuspend(std::string_view account, Answer answer) = 0;
    virtual void erase(std::string_view account, Answer answer) = 0;
    virtual void count(Answer answer) = 0;
    virtual void remove_upload(std::string_view url, Answer answer) = 0;
    virtual void sweep(Answer answer) = 0;
    virtual void accept_clock(Answer answer) = 0;
    virtual void status(Answer answer) = 0;
    virtual void policy(Answer answer) = 0;
    virtual void invite(std::optional<unsigned> days, std::optional<unsigned> uses, Answer answer) = 0;
};

void dispatch(Request request, ControlHandler& handler, ControlHandler::Answer answer);

}  // namespace lethe::admin
