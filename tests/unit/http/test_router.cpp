// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "server/http/router.h"

using namespace lethe::http;

namespace {

asio::awaitable<Response> named(std::string name) { co_return Response{.body = name}; }

Handler says(const std::string& name) {
    return [name](Exchange) { return named(name); };
}

Response ask(const Handler& handler, Method method) {
    asio::io_context io;
    Response out;
    asio::co_spawn(io, handler({.request = {.method = method}}), [&](std::exception_ptr, Response response) { out = std::move(response); });
    io.run();
    return out;
}

}  // namespace

TEST_SUITE("http/router") {
    TEST_CASE("a path is one resource, a path with a slash is all below it") {
        Router router;
        router.add("/policy", says("policy"));
        router.add("/f/", says("files"));
        CHECK(ask(*router.find("/policy"), Method::get).body == "policy");
        CHECK(ask(*router.find("/f/a/b"), Method::get).body == "files");
        CHECK(ask(*router.find("/f/"), Method::get).body == "files");
        for (const auto* path : {"/", "*", "/f", "/policy/", "/policy/x", "/POLICY", "/policyx", "/ff/a"}) CHECK_MESSAGE(router.find(path) == nullptr, path);
    }

    TEST_CASE("what can only be read is only read") {
        const Handler handler = read_only(says("text"));
        CHECK(ask(handler, Method::get).body == "text");
        CHECK(ask(handler, Method::head).body == "text");
        CHECK(ask(handler, Method::options).status == 204);
        for (const Method method : {Method::post, Method::put, Method::other}) CHECK(ask(handler, method).status == 405);
    }
}
