// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/control.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "crypto/hex.h"

namespace lethe::admin {
namespace {

using nlohmann::json;

struct CommandRow {
    Command command;
    std::string_view name;
    bool account, password, url = false;
    bool invitation = false;  ///< days and uses, which may be left out
};
constexpr std::array<CommandRow, 12> commands{{
    {Command::account_add, "account add", true, true},
    {Command::account_reset, "account reset", true, true},
    {Command::account_suspend, "account suspend", true, false},
    {Command::account_unsuspend, "account unsuspend", true, false},
    {Command::account_erase, "account erase", true, false},
    {Command::account_count, "account count", false, false},
    {Command::upload_remove, "upload remove", false, false, true},
    {Command::sweep, "sweep", false, false},
    {Command::clock_accept, "clock accept", false, false},
    {Command::status, "status", false, false},
    {Command::policy_show, "policy show", false, false},
    {Command::invite, "invite", false, false, false, true},
}};

Failure bad_request(std::string text) { return {Status::usage, std::move(text)}; }

// By hand, because a JSON library would keep copies of a password that nobody wipes. Broken UTF-8 goes out as
// it is: the reader refuses it.
void append_string(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += crypto::hex_digits(byte);
        } else {
            out += c;
        }
    }
    out += '"';
}

/// Takes one flat object of strings apart while it is parsed; the first thing it does not expect ends the
/// parse.
class RequestReader {
public:
    using number_integer_t = json::number_integer_t;
    using number_unsigned_t = json::number_unsigned_t;
    using number_float_t = json::number_float_t;
    using string_t = json::string_t;
    using binary_t = json::binary_t;

    std::optional<std::string> command;
    std::optional<std::string> account;
    std::optional<std::string> url;
    std::optional<Password> password;
    std::optional<unsigned> days, uses;
    std::string error;

    bool start_object(std::size_t) {
        if (std::exchange(inside_, true)) return fail("a request does not nest");
        return true;
    }
    bool key(string_t& name) {
        if (name == "command") return expect(command.has_value(), Field::command);
        if (name == "account") return expect(account.has_value(), Field::account);
        if (name == "password") return expect(password.has_value(), Field::password);
        if (name == "url") return expect(url.has_value(), Field::url);
        if (name == "days") return expect(days.has_value(), Field::days);
        if (name == "uses") return expect(uses.has_value(), Field::uses);
        return fail("a request holds command, account, password, url, days and uses, nothing else");
    }
    bool string(string_t& value) {
        switch (field_) {
            case Field::none:
                return fail("a request is a JSON object");
            case Field::command:
                command = value;
                break;
            case Field::account:
                account = value;
                break;
            case Field::url:
                url = value;
                break;
            case Field::days:
                if (!number(value, days)) return false;
                break;
            case Field::uses:
                if (!number(value, uses)) return false;
                break;
            case Field::password: {
                const bool fits = value.size() <= Password::longest;
                if (fits) password.emplace(value);
                wipe(value);
                if (!fits)
                    return fail("the password is longer than " + std::to_string(Password::longest) +
                                " bytes; choose a shorter one");
                break;
            }
        }
        field_ = Field::none;
        return true;
    }
    bool end_object() { return true; }
    bool null() { return wrong_type(); }
    bool boolean(bool) { return wrong_type(); }
    bool number_integer(number_integer_t) { return wrong_type(); }
    bool number_unsigned(number_unsigned_t) { return wrong_type(); }
    bool number_float(number_float_t, const string_t&) { return wrong_type(); }
    bool binary(binary_t&) { return wrong_type(); }
    bool start_array(std::size_t) { return wrong_type(); }
    bool end_array() { return wrong_type(); }
    // The library's own message would quote the line.
    bool parse_error(std::size_t, const std::string&, const json::exception&) {
        return fail("the request is not JSON in UTF-8");
    }

private:
    enum class Field { none, command, account, password, url, days, uses };
    bool number(const std::string& text, std::optional<unsigned>& out) {
        unsigned value = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (problem != std::errc() || end != text.data() + text.size()) return fail("days and uses are whole numbers");
        out = value;
        return true;
    }
    bool expect(bool again, Field field) {
        field_ = field;
        return again ? fail("a request names each thing once") : true;
    }
    bool wrong_type() { return fail("a request is one JSON object of strings"); }
    bool fail(std::string text) {
        if (error.empty()) error = std::move(text);
        return false;
    }
    bool inside_ = false;
    Field field_ = Field::none;
};

// The order of the facts is the order of printing, so it travels.
using Object = nlohmann::ordered_json;
void append(Object& object, const Facts& facts) {
    for (const auto& [name, value] : facts) std::visit([&](const auto& v) { object[name] = v; }, value);
}
// Facts are our own text; should a byte be broken all the same, a mark in its place is better than no answer.
std::string dump(const Object& object) {
    return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

}  // namespace

void wipe(std::string& text) noexcept { crypto::detail::wipe(text.data(), text.size()); }

std::string_view to_string(Command command) {
    return std::ranges::find(commands, command, &CommandRow::command)->name;
}

std::string encode(const Request& request) {
    std::string out;
    out.reserve(longest_request);  // no reallocation leaves half a password behind
    out += "{\"command\":";
    append_string(out, to_string(request.command));
    if (!request.account.empty()) {
        out += ",\"account\":";
        append_string(out, request.account);
    }
    const auto* row = std::ranges::find(commands, request.command, &CommandRow::command);
    if (row->url) {
        out += ",\"url\":";
        append_string(out, request.url);
    }
    const auto append_number = [&out](std::string_view name, std::optional<unsigned> value) {
        if (value) out.append(",\"").append(name).append("\":\"").append(std::to_string(*value)).append("\"");
    };
    append_number("days", request.days);
    append_number("uses", request.uses);
    if (row->password) {
        out += ",\"password\":";
        append_string(out, request.password.view());
    }
    out += '}';
    return out;
}

std::expected<Request, Failure> decode_request(std::string_view line) {
    RequestReader reader;
    if (!json::sax_parse(line, &reader)) return std::unexpected(bad_request(std::move(reader.error)));
    if (!reader.command) return std::unexpected(bad_request("the request names no command"));
    const auto* row = std::ranges::find(commands, std::string_view(*reader.command), &CommandRow::name);
    if (row == commands.end())
        return std::unexpected(bad_request(
            "the server does not know this command; lethectl and lethed must be of the same version"));
    if (row->account != reader.account.has_value())
        return std::unexpected(
            bad_request(row->account ? "this command needs an account" : "this command takes no account"));
    if (row->password != reader.password.has_value())
        return std::unexpected(
            bad_request(row->password ? "this command needs a password" : "this command takes no password"));
    if (row->url != reader.url.has_value())
        return std::unexpected(bad_request(row->url ? "this command needs a url" : "this command takes no url"));
    if (!row->invitation && (reader.days || reader.uses)) return std::unexpected(bad_request("this command takes no days and no uses"));
    Request request;
    request.command = row->command;
    request.days = reader.days;
    request.uses = reader.uses;
    if (reader.url) request.url = std::move(*reader.url);
    if (reader.account) request.account = std::move(*reader.account);
    if (reader.password) request.password = std::move(*reader.password);
    return request;
}

std::string to_json(const Facts& facts) {
    Object object = Object::object();
    append(object, facts);
    return dump(object);
}

std::string encode(const Reply& reply) {
    if (!reply)
        return dump({{"ok", false},
                     {"error", reply.error().text},
                     {"status", static_cast<int>(reply.error().status)}});
    Object object{{"ok", true}};
    append(object, *reply);
    return dump(object);
}

std::optional<Reply> decode_reply(std::string_view line) {
    const auto object = Object::parse(line, nullptr, false);
    if (!object.is_object() || !object.contains("ok") || !object["ok"].is_boolean()) return {};
    if (!object["ok"].get<bool>()) {
        if (!object.contains("error") || !object["error"].is_string() || !object.contains("status") ||
            !object["status"].is_number_integer())
            return {};
        const auto status = object["status"].get<int>();
        if (status < 1 || status > 3) return {};
        return Reply(
            std::unexpected(Failure{static_cast<Status>(status), object["error"].get<std::string>()}));
    }
    Facts facts;
    for (const auto& [name, value] : object.items()) {
        if (name == "ok") continue;
        if (value.is_boolean())
            facts.emplace_back(name, value.get<bool>());
        else if (value.is_number_integer())
            facts.emplace_back(name, value.get<std::int64_t>());
        else if (value.is_string())
            facts.emplace_back(name, value.get<std::string>());
        else
            return {};
    }
    return Reply(std::move(facts));
}

void dispatch(Request request, ControlHandler& handler, ControlHandler::Answer answer) {
    switch (request.command) {
        case Command::account_add:
            return handler.add(request.account, std::move(request.password), std::move(answer));
        case Command::account_reset:
            return handler.reset(request.account, std::move(request.password), std::move(answer));
        case Command::account_suspend:
            return handler.suspend(request.account, std::move(answer));
        case Command::account_unsuspend:
            return handler.unsuspend(request.account, std::move(answer));
        case Command::account_erase:
            return handler.erase(request.account, std::move(answer));
        case Command::account_count:
            return handler.count(std::move(answer));
        case Command::upload_remove:
            return handler.remove_upload(request.url, std::move(answer));
        case Command::sweep:
            return handler.sweep(std::move(answer));
        case Command::clock_accept:
            return handler.accept_clock(std::move(answer));
        case Command::status:
            return handler.status(std::move(answer));
        case Command::policy_show:
            return handler.policy(std::move(answer));
        case Command::invite:
            return handler.invite(request.days, request.uses, std::move(answer));
    }
}

}  // namespace lethe::admin
