// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/metrics.h"

#include <array>

#include "server/http/resources.h"

namespace lethe::http {
namespace {

constexpr retention::Time second = 1'000'000, hour = 3600 * second;

struct Count {
    std::string_view fact, metric, help;
    bool exact = false;
};
constexpr std::array counts{
    Count{"accounts", "lethe_accounts", "Accounts, rounded down to 0, 10, 20, 50, 100 and so on, counted at most once an hour."},
    Count{"accounts_online", "lethe_accounts_online", "Accounts with a session, rounded down in the same way."},
    Count{"sessions", "lethe_sessions", "Sessions, rounded down in the same way."},
    Count{"overdue", "lethe_buckets_overdue", "Buckets that live past their deadline.", true},
    Count{"quarantined", "lethe_buckets_quarantined", "Buckets that cannot be read; they are destroyed at their deadline.", true},
    Count{"alarms", "lethe_alarms", "What the operator has to look at: disk, clock, ledger, policy, certificate.", true},
};

std::string declared(std::string_view metric, std::string_view help) {
    const std::string name(metric);
    return "# TYPE " + name + " gauge\n# HELP " + name + ' ' + std::string(help) + '\n';
}

/// What was counted in this hour.
struct Sample {
    core::Core& core;
    const retention::Ledger& ledger;
    Status status;
    retention::Time of = -1;
    std::string text = {};
};

asio::awaitable<Response> metrics_now(std::shared_ptr<Sample> sample, Exchange) {
    if (!sample->core.env.policy.metrics_public) {
        sample->of = -1;
        co_return plain(404);
    }
    const retention::Time now = sample->core.env.clock.now() / hour;
    if (sample->of != now) {
        const auto facts = sample->status();
        if (!facts) co_return plain(503);
        sample->text = open_metrics(*facts, [&sample](std::string_view cls) { return sample->ledger.swept_to(cls); });
        sample->of = now;
    }
    co_return Response{.status = 200, .fields = {{"Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8"}}, .body = sample->text};
}

asio::awaitable<Response> health_now(core::Core* core, Exchange) {
    Response out = plain(core->write_trouble ? 503 : 200);
    out.body = core->write_trouble ? "not ok\n" : "ok\n";
    co_return out;
}

}  // namespace

std::int64_t rounded_down(std::int64_t count) {
    std::int64_t out = 0;
    for (std::int64_t ten = 10; ten <= count && ten <= 1'000'000'000; ten *= 10)
        for (const std::int64_t step : {ten, 2 * ten, 5 * ten})
            if (step <= count) out = step;
    return out;
}

std::string open_metrics(const admin::Facts& status, const std::function<std::optional<retention::Time>(std::string_view)>& swept_to) {
    constexpr std::string_view of_class = "buckets_";
    std::string out, buckets = declared("lethe_buckets", "Buckets of stored messages and requests by class, rounded down in the same way."),
                     swept = declared("lethe_swept_to_timestamp_seconds", "Nothing of the class with a deadline until then exists any more, as the ledger says.");
    for (const Count& count : counts)
        for (const auto& [name, value] : status)
            if (const auto* number = std::get_if<std::int64_t>(&value); number && name == count.fact)
                out += declared(count.metric, count.help) + std::string(count.metric) + ' ' + std::to_string(count.exact ? *number : rounded_down(*number)) + '\n';
    for (const auto& [name, value] : status) {
        const auto* number = std::get_if<std::int64_t>(&value);
        if (!number || !name.starts_with(of_class)) continue;
        const std::string cls = name.substr(of_class.size()), label = "{class=\"" + cls + "\"} ";  // a class's name is letters and digits
        buckets += "lethe_buckets" + label + std::to_string(rounded_down(*number)) + '\n';
        if (const auto time = swept_to(cls)) swept += "lethe_swept_to_timestamp_seconds" + label + std::to_string(*time / second) + '\n';
    }
    return out + buckets + swept + "# EOF\n";
}

Handler metrics(core::Core& core, const retention::Ledger& ledger, Status status) {
    return [sample = std::make_shared<Sample>(Sample{.core = core, .ledger = ledger, .status = std::move(status)})](Exchange exchange) {
        return metrics_now(sample, std::move(exchange));
    };
}

Handler health(core::Core& core) {
    return [&core](Exchange exchange) { return health_now(&core, std::move(exchange)); };
}

}  // namespace lethe::http
