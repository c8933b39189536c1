// SPDX-License-Identifier: AGPL-3.0-or-later
// The opening handshake of a WebSocket (RFC 6455 section 4.2), for XMPP and nothing else.
//
// Pages of any origin may connect: there is no cookie or other standing that a page could use in its reader's name, only the login that follows.
// No extension is agreed to, compression (RFC 7692) least of all: it tells by sizes what secrets are next to.
#include <algorithm>

#include "server/http/resources.h"
#include "server/xmpp/base64.h"
#include "server/xmpp/digest.h"

namespace lethe::http {
namespace {

/// `word` is in lower case.
bool lists_word(std::string_view list, std::string_view word) {
    return std::ranges::any_of(elements(list), [word](std::string_view element) { return same_word(element, word); });
}

bool offers_xmpp(std::string_view protocols) {
    const auto offered = elements(protocols);
    return std::ranges::find(offered, std::string_view("xmpp")) != offered.end();
}

std::string accept_of(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 section 1.3
    return xmpp::base64::encode(xmpp::sha1({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

Response refusal(int status, std::string_view why) {
    return {.status = status, .fields = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = std::string(why) + "\n"};
}

/// What is wrong with it; nothing: 101 may follow.
std::optional<Response> objection(const Request& request) {
    if (request.method != Method::get) return not_allowed("GET");
    if (!lists_word(request.field("upgrade"), "websocket") || request.field("sec-websocket-version") != "13") {
        Response out = refusal(426, "This address is for XMPP clients, by WebSocket (RFC 7395).");
        out.fields.insert(out.fields.end(), {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}});
        return out;
    }
    if (!lists_word(request.field("connection"), "upgrade") || !request.keep_alive) return refusal(400, "A WebSocket needs \"Connection: Upgrade\" in HTTP/1.1 (RFC 6455).");
    const auto key = xmpp::base64::decode(request.field("sec-websocket-key"));
    if (!key || key->size() != 16) return refusal(400, "Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455).");
    if (!offers_xmpp(request.field("sec-websocket-protocol"))) return refusal(400, "Sec-WebSocket-Protocol does not offer \"xmpp\" (RFC 7395).");
    return std::nullopt;
}

asio::awaitable<Response> answer(stream::Connections& clients, Exchange exchange) {
    if (auto refused = objection(exchange.request)) co_return std::move(*refused);
    Response out{.status = 101,
                 .fields = {{"Upgrade", "websocket"},
                            {"Connection", "Upgrade"},
                            {"Sec-WebSocket-Accept", accept_of(exchange.request.field("sec-websocket-key"))},
                            {"Sec-WebSocket-Protocol", "xmpp"}}};
    out.upgrade = [&clients](net::Stream stream) {
        const auto transport = stream.encrypted() ? stream::Transport::websocket : stream::Transport::proxied_websocket;
        clients.accept(std::move(stream), transport);
    };
    co_return out;
}

}  // namespace

Handler websocket(stream::Connections& clients) {
    return [&clients](Exchange exchange) { return answer(clients, std::move(exchange)); };
}

}  // namespace lethe::http
