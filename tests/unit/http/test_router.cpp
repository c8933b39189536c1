// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <algorithm>
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
        CHECK(router.find("/") == nullptr);
        router.add("/", says("front"));
        CHECK(ask(*router.find("/"), Method::get).body == "front");
        for (const auto* path : {"*", "/f", "/policy/", "/policy/x", "/POLICY", "/policyx", "/ff/a"}) CHECK_MESSAGE(router.find(path) == nullptr, path);
    }

    TEST_CASE("what can only be read is only read") {
        const Handler handler = read_only(says("text"));
        CHECK(ask(handler, Method::get).body == "text");
        CHECK(ask(handler, Method::head).body == "text");
        CHECK(ask(handler, Method::options).status == 204);
        for (const Method method : {Method::post, Method::put, Method::other}) CHECK(ask(handler, method).status == 405);
    }

    TEST_CASE("pages of any origin may read what is for them, whatever they ask with, and nothing else") {
        const auto field = [](const Response& response, std::string_view name) {
            const auto found = std::ranges::find(response.fields, name, &Field::name);
            return found == response.fields.end() ? std::string("none") : found->value;
        };
        const Handler handler = read_by_any_page(says("text"));
        for (const Method method : {Method::get, Method::head, Method::options, Method::put}) {
            CHECK(field(ask(handler, method), "Access-Control-Allow-Origin") == "*");
            CHECK(field(ask(read_only(says("text")), method), "Access-Control-Allow-Origin") == "none");
        }
        CHECK(ask(handler, Method::get).body == "text");
        CHECK(ask(handler, Method::put).status == 405);
        const Response preflight = ask(handler, Method::options);
        CHECK(preflight.status == 204);
        CHECK(field(preflight, "Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS");
        CHECK(field(preflight, "Access-Control-Allow-Headers") == "*");
    }
}
