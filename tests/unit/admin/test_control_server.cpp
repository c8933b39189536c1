// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <cstring>
#include <future>
#include <thread>

#include "server/admin/control_client.h"
#include "server/admin/control_server.h"
#include "tests/unit/admin/fixtures.h"

using namespace lethe;
using namespace lethe::admin;

namespace {

/// Answers a count with how often it was asked; keeps everything else waiting until release().
class Counter final : public ControlHandler {
public:
    void add(std::string_view, Password, Answer answer) override { waiting_.push_back(std::move(answer)); }
    void reset(std::string_view, Password, Answer answer) override { waiting_.push_back(std::move(answer)); }
    void suspend(std::string_view, Answer answer) override { waiting_.push_back(std::move(answer)); }
    void unsuspend(std::string_view, Answer answer) override { waiting_.push_back(std::move(answer)); }
    void erase(std::string_view, Answer answer) override {
        answer(std::unexpected(Failure{Status::refused, "there is no such account"}));
    }
    void count(Answer answer) override { answer(Facts{{"accounts", ++asked_}}); }
    void sweep(Answer answer) override { waiting_.push_back(std::move(answer)); }
    void remove_upload(std::string_view, Answer answer) override { answer(Facts{}); }
    void accept_clock(Answer answer) override { waiting_.push_back(std::move(answer)); }
    void status(Answer answer) override { answer(Facts{}); }
    void policy(Answer answer) override { answer(Facts{}); }
    void invite(std::optional<unsigned>, std::optional<unsigned>, Answer answer) override { answer(Facts{}); }
    void release() {
        for (auto& answer : waiting_) answer(Facts{{"late", true}});
        waiting_.clear();
    }

private:
    std::int64_t asked_ = 0;
    std::vector<Answer> waiting_;
};

/// A server on a thread of its own; the test is the client.
struct Running {
    test::TempDir dir;
    asio::io_context io;
    Counter handler;
    std::unique_ptr<ControlServer> server;
    std::thread thread;

    Running() {
        auto opened = ControlServer::open(io, dir.path(), handler);
        REQUIRE(opened.has_value());
        server = std::move(*opened);
        thread = std::thread([this] {
            const auto work = asio::make_work_guard(io);
            io.run();
        });
    }
    ~Running() {
        on_thread([this] { server->stop(); });
        io.stop();
        thread.join();
    }
    template <class F>
    void on_thread(F f) {
        std::promise<void> done;
        asio::post(io, [&] {
            f();
            done.set_value();
        });
        done.get_future().wait();
    }
};

class RawClient {
public:
    explicit RawClient(const test::TempDir& dir) : socket_(socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, control_socket(dir.path()).c_str(), sizeof address.sun_path - 1);
        REQUIRE(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    ~RawClient() { close(socket_); }
    void send(std::string_view bytes) const {
        REQUIRE(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(bytes.size()));
    }
    void end() const { shutdown(socket_, SHUT_WR); }
    /// Up to and without the newline; empty at the end of the stream.
    std::string line() const {
        std::string out;
        char c = 0;
        while (recv(socket_, &c, 1, 0) == 1 && c != '\n') out += c;
        return out;
    }

private:
    int socket_;
};

Request simple(Command command, std::string account = {}) {
    Request r;
    r.command = command;
    r.account = std::move(account);
    return r;
}

constexpr std::string_view count_line = "{\"command\":\"account count\"}\n";

}  // namespace

TEST_SUITE("admin/control server") {
    TEST_CASE("the socket is the owner's alone, in a directory that is") {
        Running running;
        struct stat info {};
        REQUIRE(stat(control_socket(running.dir.path()).c_str(), &info) == 0);
        CHECK((info.st_mode & 07777) == 0600);
        REQUIRE(stat(running.dir.file("run").c_str(), &info) == 0);
        CHECK((info.st_mode & 07777) == 0700);
    }

    TEST_CASE("a request is answered, successes and failures alike") {
        Running running;
        CHECK(ask(running.dir.path(), simple(Command::account_count)) ==
              Reply(Facts{{"accounts", std::int64_t{1}}}));
        const auto refused = ask(running.dir.path(), simple(Command::account_erase, "a@b"));
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().status == Status::refused);
        CHECK(refused.error().text == "there is no such account");
    }

    TEST_CASE("a connection carries requests one after the other, in any pieces") {
        Running running;
        const RawClient client(running.dir);
        std::string both(count_line);
        both += count_line;
        for (const char c : both) client.send({&c, 1});
        CHECK(client.line() == R"({"ok":true,"accounts":1})");
        CHECK(client.line() == R"({"ok":true,"accounts":2})");
        client.send(std::string(count_line) + std::string(count_line));
        CHECK(client.line() == R"({"ok":true,"accounts":3})");
        CHECK(client.line() == R"({"ok":true,"accounts":4})");
    }

    TEST_CASE("a malformed line is answered once and ends the connection") {
        Running running;
        const RawClient client(running.dir);
        client.send("hello\n" + std::string(count_line));
        CHECK(client.line() == R"({"ok":false,"error":"the request is not JSON in UTF-8","status":2})");
        CHECK(client.line().empty());
        CHECK(ask(running.dir.path(), simple(Command::account_count)).has_value());
    }

    TEST_CASE("a line without end is refused at the bound") {
        Running running;
        const RawClient client(running.dir);
        client.send(std::string(longest_request, 'x'));
        CHECK(client.line() == R"({"ok":false,"error":"the request is longer than 24576 bytes","status":2})");
        CHECK(client.line().empty());
    }

    TEST_CASE("a client that leaves in the middle disturbs nobody") {
        Running running;
        {
            const RawClient half(running.dir);
            half.send("{\"command\":\"acc");
        }
        {
            const RawClient impatient(running.dir);
            impatient.send("{\"command\":\"sweep\"}\n");
        }
        CHECK(ask(running.dir.path(), simple(Command::account_count)).has_value());
        running.on_thread([&] { running.handler.release(); });
        CHECK(ask(running.dir.path(), simple(Command::account_count)).has_value());
    }

    TEST_CASE("an answer may come later") {
        Running running;
        const RawClient client(running.dir);
        client.send("{\"command\":\"sweep\"}\n");
        CHECK(ask(running.dir.path(), simple(Command::account_count))
                  .has_value());  // so the sweep was handed over before
        running.on_thread([&] { running.handler.release(); });
        CHECK(client.line() == R"({"ok":true,"late":true})");
    }

    TEST_CASE("connections beyond the bound are closed, and room comes back") {
        Running running;
        {
            std::vector<std::unique_ptr<RawClient>> crowd;
            for (int i = 0; i < 8; ++i) {
                crowd.push_back(std::make_unique<RawClient>(running.dir));
                crowd.back()->send(count_line);
                CHECK_FALSE(crowd.back()->line().empty());
            }
            const RawClient ninth(running.dir);
            CHECK(ninth.line().empty());
            crowd.front()->end();
            CHECK(crowd.front()->line().empty());  // closed by the server too, so there is room
            CHECK(ask(running.dir.path(), simple(Command::account_count)).has_value());
        }
    }

    TEST_CASE("a socket left by a killed server is replaced, and a stopped server leaves none") {
        test::TempDir dir;
        dir.write("run/control", "");
        asio::io_context io;
        Counter handler;
        auto server = ControlServer::open(io, dir.path(), handler);
        REQUIRE(server.has_value());
        CHECK(std::filesystem::is_socket(control_socket(dir.path())));
        (*server)->stop();
        CHECK_FALSE(std::filesystem::exists(control_socket(dir.path())));
        (*server)->stop();
        io.run();
    }

    TEST_CASE("problems with the place are one sentence with its path") {
        test::TempDir dir;
        asio::io_context io;
        Counter handler;
        const auto deep = dir.path() / std::string(100, 'd');
        std::filesystem::create_directory(deep);
        const auto server = ControlServer::open(io, deep, handler);
        REQUIRE_FALSE(server.has_value());
        CHECK(server.error() ==
              (deep / "run/control").string() +
                  " is too long a path for a socket; give the data directory a shorter one");
        const auto reply = ask(deep, simple(Command::status));
        REQUIRE_FALSE(reply.has_value());
        CHECK(reply.error().text == server.error());
        const auto nobody = ask(dir.path(), simple(Command::status));
        REQUIRE_FALSE(nobody.has_value());
        CHECK(nobody.error().status == Status::system);
        CHECK(nobody.error().text ==
              "the process that holds " + dir.path().string() + " does not answer at " +
                  dir.file("run/control") +
                  " (No such file or directory); if lethed is just starting, try again");
    }
}
