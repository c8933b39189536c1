// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0363 HTTP File Upload, version 1.2.0, at the domain itself: clients look there as well as at its items, and a service of its own would need a name in DNS.
//
// Offered while the policy takes uploads and a web server is on. A slot is for the account's own files only; name and type are checked here, the
// file itself in server/http/upload.cpp. The name becomes the end of the address and is stored nowhere.
// All files have the policy's time, so the purpose (section 5) that is known is the usual one. Others promise another time, and are refused.
#include <charconv>

#include "server/core/core.h"
#include "server/feature/all.h"
#include "server/feature/upload.h"
#include "server/xmpp/datetime.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;
using Refusal = core::Uploads::Refusal;

constexpr std::string_view purpose_ns = "urn:xmpp:http:upload:purpose:0", message_purpose = "urn:xmpp:http:upload:purpose:0#message";
constexpr std::size_t longest_name = 255, longest_type = 100;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
}

xmpp::StanzaError refused(const core::Uploads::Refused& refused, const core::Core& core) {
    const auto& policy = core.env.policy;
    if (refused == Refusal::too_large)
        return {.condition = Condition::not_acceptable, .text = "A file may have at most " + std::to_string(policy.uploads_max_size) + " bytes",
                .specific = {.name = "file-too-large", .ns = std::string(ns::http_upload), .child = "max-file-size", .child_text = std::to_string(policy.uploads_max_size)}};
    return {.condition = Condition::resource_constraint,
            .text = refused == Refusal::quota ? "Files of at most " + std::to_string(policy.uploads_quota_per_day) + " bytes can be sent in a day; try again later" : "Too many files wait to be sent; try again in five minutes",
            .type = xmpp::ErrorType::wait,
            .specific = {.name = "retry", .ns = std::string(ns::http_upload),
                         .stamp = xmpp::format_datetime(core.env.clock.now() + std::chrono::ceil<std::chrono::microseconds>(refused.retry_in).count())}};
}

void slot(core::Request& request) {
    auto& core = request.core;
    if (!offers_uploads(core)) return request.responder.error({Condition::service_unavailable});
    const auto name = request.payload.attr("filename"), type = request.payload.attr("content-type");
    const auto size = number(request.payload.attr("size"));
    const auto refuse = [&](std::string text) { request.responder.error({Condition::bad_request, std::move(text)}); };
    for (const auto purpose : request.payload.children())
        if (purpose.ns() == purpose_ns && purpose.name() != "message")
            return request.responder.error({Condition::feature_not_implemented, "All files are kept as long as the policy says, whatever they are for; ask without that purpose"});
    if (!size) return refuse("The size is not a number of bytes");
    if (*size == 0) return refuse("An empty file cannot be sent");
    if (name.empty()) return refuse("The file has no name; give it one");
    if (name.size() > longest_name) return refuse("The file's name has more than " + std::to_string(longest_name) + " bytes; send it under a shorter one");
    if (!type.empty() && !is_media_type(type))
        return refuse("The content-type is not one that can be sent back (\"image/png\", at most " + std::to_string(longest_type) + " bytes); leave it out if there is none");
    const auto& policy = core.env.policy;
    const auto tokens = core.uploads.issue(request.session->jid().bare(), *size, std::string(type), {policy.uploads_max_size, policy.uploads_quota_per_day},
                                           core::Uploads::Clock::now());
    if (!tokens) return request.responder.error(refused(tokens.error(), core));
    const std::string& url = core.env.config.http.url;
    request.responder.result([&](xml::Element iq) {
        auto answer = iq.add("slot", ns::http_upload);
        answer.add("put").set_attr("url", url + "/u/" + tokens->put + '/' + path_segment(name));
        answer.add("get").set_attr("url", url + "/f/" + tokens->get + '/' + path_segment(name));
    });
}

}  // namespace

bool offers_uploads(const core::Core& core) { return core.env.policy.uploads.stored() && !core.env.config.http.url.empty(); }

std::string path_segment(std::string_view name) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", digits = "0123456789ABCDEF";
    if (name == "." || name == "..") return "file";
    std::string out;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (plain.find(c) != plain.npos) out += c;
        else if (byte < 0x20 || byte == 0x7f || c == '/' || c == '\\') out += '_';
        else out.append("%").append({digits[byte >> 4], digits[byte & 15]});
    }
    return out;
}

bool is_media_type(std::string_view text) {
    constexpr std::string_view token = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+";
    const std::size_t slash = text.find('/'), end = std::min(text.find(';'), text.size());
    if (text.size() > longest_type || slash == text.npos || slash == 0 || slash > end) return false;
    const auto only = [&](std::string_view part) { return !part.empty() && part.find_first_not_of(token) == part.npos; };
    // Parameters: printable, so that nothing breaks out of a header field.
    for (const char c : text.substr(end))
        if (c < ' ' || c > '~') return false;
    return only(text.substr(0, slash)) && only(text.substr(slash + 1, end - slash - 1));
}

xmpp::Form upload_form(const core::Core& core) {
    return {.type = "result",
            .fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {std::string(ns::http_upload)}},
                       {.var = "max-file-size", .type = "text-single", .values = {std::to_string(core.env.policy.uploads_max_size)}}}};
}

core::Feature upload() {
    return {.name = "upload", .server_features = {ns::http_upload, message_purpose}, .iq = {{"get", ns::http_upload, "request", core::at_server, slot}}, .offered = offers_uploads};
}

}  // namespace lethe::feature
