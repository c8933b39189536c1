// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/router.h"

#include <cassert>

namespace lethe::http {
namespace {

constexpr std::string_view reading = "GET, HEAD, OPTIONS";

asio::awaitable<Response> answer(std::shared_ptr<const Handler> handler, Exchange exchange) {
    if (exchange.request.method == Method::options) co_return Response{.status = 204, .fields = {{"Allow", std::string(reading)}}};
    if (exchange.request.method != Method::get && exchange.request.method != Method::head) co_return not_allowed(reading);
    auto handling = (*handler)(std::move(exchange));
    co_return co_await std::move(handling);
}

asio::awaitable<Response> answer_any_page(Handler handler, Exchange exchange) {
    const bool options = exchange.request.method == Method::options;
    auto handling = handler(std::move(exchange));
    Response out = co_await std::move(handling);
    out.fields.push_back({"Access-Control-Allow-Origin", "*"});
    if (options) out.fields.insert(out.fields.end(), {{"Access-Control-Allow-Methods", std::string(reading)}, {"Access-Control-Allow-Headers", "*"}, {"Access-Control-Max-Age", "7200"}});
    co_return out;
}

}  // namespace

void Router::add(std::string path, Handler handler) {
    [[maybe_unused]] const bool fresh = handlers_.emplace(std::move(path), std::move(handler)).second;
    assert(fresh);
}

const Handler* Router::find(std::string_view path) const {
    if (const auto exact = handlers_.find(path); exact != handlers_.end()) return &exact->second;
    const std::size_t slash = path.find('/', 1);
    if (slash == path.npos) return nullptr;
    const auto below = handlers_.find(path.substr(0, slash + 1));
    return below == handlers_.end() ? nullptr : &below->second;
}

Handler read_only(Handler handler) {
    return [shared = std::make_shared<const Handler>(std::move(handler))](Exchange exchange) { return answer(shared, std::move(exchange)); };
}

Handler read_by_any_page(Handler handler) {
    return [inner = read_only(std::move(handler))](Exchange exchange) { return answer_any_page(inner, std::move(exchange)); };
}

}  // namespace lethe::http
