// SPDX-License-Identifier: AGPL-3.0-or-later
// Which path is answered by whom: one visible list, made at start (resources.cpp).
#pragma once
#include <expected>
#include <map>
#include <span>

#include "server/http/response.h"
#include "server/net/stream.h"
#include "server/stream/login_throttle.h"

namespace lethe::http {

/// The body of the request being handled.
class Body {
public:
    virtual ~Body() = default;
    /// Some bytes; 0 when all of it was read. An error: the peer is gone or too slow, and nothing can be answered.
    virtual asio::awaitable<std::expected<std::size_t, net::NetError>> read(std::span<char> into) = 0;
};

struct Exchange {
    Request request;
    stream::Network network = stream::behind_proxy;  ///< of the peer, as bounds on networks count it
    Body* body = nullptr;  ///< lives until the handler has returned. What is not read of it ends the connection after the answer.
};
using Handler = std::function<asio::awaitable<Response>(Exchange)>;

class Router {
public:
    /// A path without a '/' at its end is one resource; with one it stands for all below it, but "/" for itself alone. Precondition: not there yet.
    void add(std::string path, Handler handler);
    /// Null: 404.
    const Handler* find(std::string_view path) const;

private:
    std::map<std::string, Handler, std::less<>> handlers_;
};

/// What can only be read: GET and HEAD are for `handler`, OPTIONS is answered, everything else is 405.
Handler read_only(Handler handler);
/// The same, and pages of any origin may read it (CORS, https://fetch.spec.whatwg.org), whatever fields they ask with.
Handler read_by_any_page(Handler handler);

}  // namespace lethe::http
