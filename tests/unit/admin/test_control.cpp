// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "server/admin/control.h"

using namespace lethe::admin;

namespace {

Request request(Command command, std::string account = {}, std::string_view password = {}) {
    Request r;
    r.command = command;
    r.account = std::move(account);
    r.password = Password(password);
    return r;
}

std::string refusal(std::string_view line) {
    const auto decoded = decode_request(line);
    REQUIRE_FALSE(decoded.has_value());
    CHECK(decoded.error().status == Status::usage);
    return decoded.error().text;
}

/// Writes down what it is asked, and answers at once.
class Recorder final : public ControlHandler {
public:
    std::vector<std::string> asked;
    void add(std::string_view a, Password p, Answer answer) override { note("add", a, p.view(), answer); }
    void reset(std::string_view a, Password p, Answer answer) override { note("reset", a, p.view(), answer); }
    void suspend(std::string_view a, Answer answer) override { note("suspend", a, {}, answer); }
    void unsuspend(std::string_view a, Answer answer) override { note("unsuspend", a, {}, answer); }
    void erase(std::string_view a, Answer answer) override { note("erase", a, {}, answer); }
    void count(Answer answer) override { note("count", {}, {}, answer); }
    void sweep(Answer answer) override { note("sweep", {}, {}, answer); }
    void remove_upload(std::string_view url, Answer answer) override { note("upload remove", url, {}, answer); }
    void accept_clock(Answer answer) override { note("clock accept", {}, {}, answer); }
    void status(Answer answer) override { note("status", {}, {}, answer); }
    void policy(Answer answer) override { note("policy", {}, {}, answer); }
    void invite(std::optional<unsigned> days, std::optional<unsigned> uses, Answer answer) override {
        note("invite", days ? std::to_string(*days) : "as usual", uses ? std::to_string(*uses) : "as usual", answer);
    }

private:
    void note(std::string what, std::string_view account, std::string_view password, Answer& answer) {
        asked.push_back(std::move(what) + '|' + std::string(account) + '|' + std::string(password));
        answer(Facts{});
    }
};

}  // namespace

TEST_SUITE("admin/control") {
    TEST_CASE("a request is one line of JSON") {
        CHECK(encode(request(Command::account_add, "romeo@chat.example", "juliet")) ==
              R"({"command":"account add","account":"romeo@chat.example","password":"juliet"})");
        CHECK(encode(request(Command::status)) == R"({"command":"status"})");
    }

    TEST_CASE("every command comes out of its line as it went in") {
        const std::string awkward =
            "quote\" slash\\ line\n tab\t nul-less \x01 \x1f umlaut \xc3\xa4 face \xf0\x9f\x99\x82";
        for (const auto command : {Command::account_add, Command::account_reset}) {
            const auto line = encode(request(command, "a\"b@chat.example", awkward));
            CHECK(line.find('\n') == std::string::npos);
            const auto back = decode_request(line);
            REQUIRE(back.has_value());
            CHECK(back->command == command);
            CHECK(back->account == "a\"b@chat.example");
            CHECK(back->password.view() == awkward);
        }
        for (const auto command :
             {Command::account_suspend, Command::account_unsuspend, Command::account_erase}) {
            const auto back = decode_request(encode(request(command, "romeo@chat.example")));
            REQUIRE(back.has_value());
            CHECK(back->command == command);
            CHECK(back->account == "romeo@chat.example");
            CHECK(back->password.empty());
        }
        for (const auto command : {Command::account_count, Command::sweep, Command::status, Command::policy_show}) {
            const auto back = decode_request(encode(request(command)));
            REQUIRE(back.has_value());
            CHECK(back->command == command);
            CHECK(back->account.empty());
        }
    }

    TEST_CASE("an invitation's days and uses are whole numbers, may be left out, and belong to no other command") {
        Request wanted;
        wanted.command = Command::invite;
        wanted.days = 3;
        wanted.uses = 4'000'000'000;
        CHECK(encode(wanted) == R"({"command":"invite","days":"3","uses":"4000000000"})");
        auto back = decode_request(encode(wanted));
        REQUIRE(back.has_value());
        CHECK(back->days == 3);
        CHECK(back->uses == 4'000'000'000);
        back = decode_request(R"({"command":"invite"})");
        REQUIRE(back.has_value());
        CHECK_FALSE(back->days.has_value());
        for (const char* wrong : {"", "x", "-1", "1.5", " 1", "1 ", "99999999999"})
            CHECK(refusal(std::string(R"({"command":"invite","days":")") + wrong + "\"}") == "days and uses are whole numbers");
        CHECK(refusal(R"({"command":"status","uses":"1"})") == "this command takes no days and no uses");
        CHECK(refusal(R"({"command":"invite","days":"1","days":"1"})") == "a request names each thing once");
    }

    TEST_CASE("the longest password fits a request however it is escaped, and one byte more is refused") {
        const std::string longest(Password::longest, '\x01');
        const auto line =
            encode(request(Command::account_add, std::string(3 * 1023, 'a') + "@chat.example", longest));
        CHECK(line.size() < longest_request);
        const auto back = decode_request(line);
        REQUIRE(back.has_value());
        CHECK(back->password.view() == longest);
        CHECK(refusal(R"({"command":"account add","account":"a@b","password":")" +
                      std::string(Password::longest + 1, 'x') + "\"}") ==
              "the password is longer than 1023 bytes; choose a shorter one");
    }

    TEST_CASE("hostile lines are refused, and the refusal repeats nothing of them") {
        for (const std::string_view line :
             {"",
              " ",
              "null",
              "true",
              "1",
              "1.5",
              "\"status\"",
              "[]",
              "[\"status\"]",
              "{",
              "{}",
              "}",
              "{\"command\":\"status\"",
              "{\"command\":\"status\"} {}",
              "{\"command\":\"status\"}x",
              "{\"command\":null}",
              "{\"command\":1}",
              "{\"command\":-1}",
              "{\"command\":1e9}",
              "{\"command\":true}",
              "{\"command\":[]}",
              "{\"command\":{}}",
              "{\"command\":{\"command\":\"status\"}}",
              "{\"command\":\"status\",}",
              "{\"command\":\"status\",\"command\":\"status\"}",
              "{'command':'status'}",
              "{\"Command\":\"status\"}",
              "{\"\":\"\"}",
              "{\"command\":\"secret-marker\"}",
              "{\"secret-marker\":\"x\",\"command\":\"status\"}",
              "{\"command\":\"account  add\"}",
              "{\"command\":\"\xff\"}",
              "{\"command\":\"\xed\xa0\x80\"}",
              "{\"command\":\"status\xc0\x80\"}",
              "{\"command\":\"status\",\"account\":\"a@b\"}",
              "{\"command\":\"status\",\"password\":\"secret-marker\"}",
              "{\"command\":\"account erase\"}",
              "{\"command\":\"account erase\",\"account\":\"a@b\",\"password\":\"x\"}",
              "{\"command\":\"account add\",\"account\":\"a@b\"}",
              "{\"command\":\"account add\",\"account\":\"a@b\",\"password\":\"x\",\"password\":\"x\"}",
              "{\"command\":\"account add\",\"account\":\"a@b\",\"password\":{\"secret-marker\":1}}"}) {
            CAPTURE(line);
            const auto text = refusal(line);
            CHECK_FALSE(text.empty());
            CHECK(text.find("secret-marker") == std::string::npos);
        }
    }

    TEST_CASE("nesting is refused at its first step, however deep it goes") {
        CHECK(refusal(std::string(20000, '[')) == "a request is one JSON object of strings");
        std::string objects;
        for (int i = 0; i < 3000; ++i) objects += "{\"command\":";
        CHECK(refusal(objects) == "a request does not nest");
    }

    TEST_CASE("no prefix of a request is a request") {
        const auto line = encode(request(Command::account_reset, "romeo@chat.example", "p\xc3\xa4ss"));
        for (std::size_t n = 0; n < line.size(); ++n) {
            CAPTURE(n);
            CHECK_FALSE(decode_request(std::string_view(line).substr(0, n)).has_value());
        }
    }

    TEST_CASE("a reply keeps its facts and their order") {
        const Facts facts{{"sessions", std::int64_t{12}},
                          {"accounts", std::int64_t{-1}},
                          {"closing", true},
                          {"next_deadline", std::string("n\"one")}};
        const auto line = encode(Reply(facts));
        CHECK(line == R"({"ok":true,"sessions":12,"accounts":-1,"closing":true,"next_deadline":"n\"one"})");
        const auto back = decode_reply(line);
        REQUIRE(back.has_value());
        REQUIRE(back->has_value());
        CHECK(**back == facts);
        CHECK(to_json(facts) == R"({"sessions":12,"accounts":-1,"closing":true,"next_deadline":"n\"one"})");
        CHECK(to_json({}) == "{}");
    }

    TEST_CASE("a failure keeps its sentence and its exit code") {
        for (const auto status : {Status::refused, Status::usage, Status::system}) {
            const auto back =
                decode_reply(encode(Reply(std::unexpected(Failure{status, "there is no such account"}))));
            REQUIRE(back.has_value());
            REQUIRE_FALSE(back->has_value());
            CHECK(back->error().status == status);
            CHECK(back->error().text == "there is no such account");
        }
        CHECK(encode(Reply(std::unexpected(Failure{Status::refused, "no"}))) ==
              R"({"ok":false,"error":"no","status":1})");
    }

    TEST_CASE("what is no reply is not taken for one") {
        for (const std::string_view line :
             {"", "null", "[]", "{}", "{\"ok\":1}", "{\"ok\":\"true\"}", "{\"ok\":false}",
              "{\"ok\":false,\"error\":\"x\"}", "{\"ok\":false,\"error\":1,\"status\":1}",
              "{\"ok\":false,\"error\":\"x\",\"status\":0}", "{\"ok\":false,\"error\":\"x\",\"status\":4}",
              "{\"ok\":false,\"error\":\"x\",\"status\":\"1\"}", "{\"ok\":true,\"a\":null}",
              "{\"ok\":true,\"a\":{}}", "{\"ok\":true,\"a\":1.5}", "{\"ok\":true"}) {
            CAPTURE(line);
            CHECK_FALSE(decode_reply(line).has_value());
        }
    }

    TEST_CASE("each command reaches its own method with what it carries") {
        Recorder handler;
        int answers = 0;
        const auto ask = [&](Request r) {
            dispatch(std::move(r), handler, [&](Reply reply) { answers += reply.has_value() ? 1 : 0; });
        };
        ask(request(Command::account_add, "a@b", "one"));
        ask(request(Command::account_reset, "a@b", "two"));
        ask(request(Command::account_suspend, "c@b"));
        ask(request(Command::account_unsuspend, "d@b"));
        ask(request(Command::account_erase, "e@b"));
        ask(request(Command::account_count));
        ask(request(Command::sweep));
        ask(request(Command::clock_accept));
        ask(request(Command::status));
        ask(request(Command::policy_show));
        ask(request(Command::invite));
        CHECK(handler.asked == std::vector<std::string>{"add|a@b|one", "reset|a@b|two", "suspend|c@b|",
                                                        "unsuspend|d@b|", "erase|e@b|", "count||", "sweep||", "clock accept||",
                                                        "status||", "policy||", "invite|as usual|as usual"});
        CHECK(answers == 11);
    }
}

TEST_SUITE("admin/password") {
    TEST_CASE("a password moves without leaving itself behind") {
        Password first("correct horse");
        Password second(std::move(first));
        CHECK(second.view() == "correct horse");
        CHECK(first.view().empty());
        CHECK_FALSE(first.push_back('x'));
        Password third;
        third = std::move(second);
        CHECK(third.view() == "correct horse");
        CHECK(second.view().empty());
    }
    TEST_CASE("a password takes keys one by one, up to its bound") {
        Password p;
        p.pop_back();
        for (std::size_t i = 0; i < Password::longest; ++i) CHECK(p.push_back('a'));
        CHECK_FALSE(p.push_back('b'));
        p.pop_back();
        CHECK(p.view().size() == Password::longest - 1);
    }
}
