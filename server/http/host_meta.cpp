// SPDX-License-Identifier: AGPL-3.0-or-later
// Where clients that know only the domain find the WebSocket (XEP-0156, RFC 6415): two forms of one list. Any page may read them.
#include "server/http/resources.h"
#include "server/xml/element.h"

namespace lethe::http {
namespace {

constexpr std::string_view relation = "urn:xmpp:alt-connections:websocket";

/// `url` is an origin in lower case, http:// or https:// (admin/config.cpp), so nothing in it needs escaping.
std::string address_of(std::string_view url) { return "ws" + std::string(url.substr(std::string_view("http").size())) + std::string(websocket_path); }

asio::awaitable<Response> answer(std::shared_ptr<const Response> response, Exchange) { co_return *response; }

Handler fixed(std::string type, std::string body) {
    const auto response = std::make_shared<const Response>(Response{.fields = {{"Content-Type", std::move(type)}}, .body = std::move(body)});
    return [response](Exchange exchange) { return answer(response, std::move(exchange)); };
}

}  // namespace

Handler host_meta_xml(std::string_view url) {
    xml::Document document("XRD", "http://docs.oasis-open.org/ns/xri/xrd-1.0");
    auto link = document.root().add("Link");
    link.set_attr("rel", relation);
    link.set_attr("href", address_of(url));
    return fixed("application/xrd+xml; charset=utf-8", "<?xml version='1.0' encoding='utf-8'?>\n" + xml::serialize(document.root()) + "\n");
}

Handler host_meta_json(std::string_view url) {
    return fixed("application/json", "{\"links\":[{\"rel\":\"" + std::string(relation) + "\",\"href\":\"" + address_of(url) + "\"}]}\n");
}

}  // namespace lethe::http
