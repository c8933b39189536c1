// SPDX-License-Identifier: AGPL-3.0-or-later
// RFC 6121 appendix A, row by row. The nine states of A.1 are written as the RFC names them.
#include "server/core/subscription.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace lethe::core;

namespace {

Subscription state(const std::string& name) {
    Subscription s;
    const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
    if (name.starts_with("to")) s.to = true;
    if (name.starts_with("from")) s.from = true;
    if (name.starts_with("both")) s.to = s.from = true;
    s.pending_out = has("+out");
    s.pending_in = has("+in");
    return s;
}

struct Row {
    const char* before;
    bool pass;  ///< outbound: routed; inbound: delivered
    const char* after;
};

void check(Transition (*step)(SubscriptionType, const Subscription&), SubscriptionType type, const std::vector<Row>& rows) {
    for (const auto& row : rows) {
        CAPTURE(row.before);
        const auto result = step(type, state(row.before));
        CHECK(result.pass == row.pass);
        CHECK(result.next == state(row.after));
    }
}

}  // namespace

TEST_SUITE("core/subscription") {
    TEST_CASE("A.2.1 outbound subscribe is always routed and leaves a request open unless the user sees the contact already") {
        check(outbound, SubscriptionType::subscribe,
              {{"none", true, "none+out"}, {"none+out", true, "none+out"}, {"none+in", true, "none+out+in"},
               {"none+out+in", true, "none+out+in"}, {"to", true, "to"}, {"to+in", true, "to+in"}, {"from", true, "from+out"},
               {"from+out", true, "from+out"}, {"both", true, "both"}});
    }
    TEST_CASE("A.2.2 outbound unsubscribe") {
        check(outbound, SubscriptionType::unsubscribe,
              {{"none", true, "none"}, {"none+out", true, "none"}, {"none+in", true, "none+in"}, {"none+out+in", true, "none+in"},
               {"to", true, "none"}, {"to+in", true, "none+in"}, {"from", true, "from"}, {"from+out", true, "from"},
               {"both", true, "from"}});
    }
    TEST_CASE("A.2.3 outbound subscribed is routed only as the answer to a request") {
        for (const char* pending : {"none+in", "none+out+in", "to+in"}) CHECK(outbound(SubscriptionType::subscribed, state(pending)).pass);
        check(outbound, SubscriptionType::subscribed,
              {{"none+in", true, "from"}, {"none+out+in", true, "from+out"}, {"to+in", true, "both"}, {"from", false, "from"},
               {"from+out", false, "from+out"}, {"both", false, "both"}});
    }
    TEST_CASE("3.4 subscribed without a request is a pre-approval, which answers a later request and is used up") {
        for (const char* name : {"none", "none+out", "to"}) {
            CAPTURE(name);
            const auto approved = outbound(SubscriptionType::subscribed, state(name));
            CHECK_FALSE(approved.pass);
            CHECK(approved.next.approved);
            const auto asked = inbound(SubscriptionType::subscribe, approved.next);
            CHECK(asked.auto_reply);
            CHECK_FALSE(asked.pass);
            CHECK(asked.next.from);
            CHECK_FALSE(asked.next.approved);
            CHECK_FALSE(asked.next.pending_in);
        }
        auto approved = state("none");
        approved.approved = true;
        CHECK_FALSE(outbound(SubscriptionType::unsubscribed, approved).next.approved);
    }
    TEST_CASE("A.2.4 outbound unsubscribed") {
        check(outbound, SubscriptionType::unsubscribed,
              {{"none", false, "none"}, {"none+out", false, "none+out"}, {"none+in", true, "none"}, {"none+out+in", true, "none+out"},
               {"to", false, "to"}, {"to+in", true, "to"}, {"from", true, "none"}, {"from+out", true, "none+out"}, {"both", true, "to"}});
    }
    TEST_CASE("A.3.1 inbound subscribe is delivered once and answered for whoever is allowed already") {
        check(inbound, SubscriptionType::subscribe,
              {{"none", true, "none+in"}, {"none+out", true, "none+out+in"}, {"none+in", false, "none+in"},
               {"none+out+in", false, "none+out+in"}, {"to", true, "to+in"}, {"to+in", false, "to+in"}, {"from", false, "from"},
               {"from+out", false, "from+out"}, {"both", false, "both"}});
        for (const char* allowed : {"from", "from+out", "both"}) CHECK(inbound(SubscriptionType::subscribe, state(allowed)).auto_reply);
        for (const char* other : {"none", "none+out", "none+in", "none+out+in", "to", "to+in"})
            CHECK_FALSE(inbound(SubscriptionType::subscribe, state(other)).auto_reply);
    }
    TEST_CASE("A.3.2 inbound unsubscribe") {
        check(inbound, SubscriptionType::unsubscribe,
              {{"none", false, "none"}, {"none+out", false, "none+out"}, {"none+in", true, "none"}, {"none+out+in", true, "none+out"},
               {"to", false, "to"}, {"to+in", true, "to"}, {"from", true, "none"}, {"from+out", true, "none+out"}, {"both", true, "to"}});
    }
    TEST_CASE("A.3.3 inbound subscribed counts only when it was asked for") {
        check(inbound, SubscriptionType::subscribed,
              {{"none", false, "none"}, {"none+out", true, "to"}, {"none+in", false, "none+in"}, {"none+out+in", true, "to+in"},
               {"to", false, "to"}, {"to+in", false, "to+in"}, {"from", false, "from"}, {"from+out", true, "both"}, {"both", false, "both"}});
    }
    TEST_CASE("A.3.4 inbound unsubscribed") {
        check(inbound, SubscriptionType::unsubscribed,
              {{"none", false, "none"}, {"none+out", true, "none"}, {"none+in", false, "none+in"}, {"none+out+in", true, "none+in"},
               {"to", true, "none"}, {"to+in", true, "none+in"}, {"from", false, "from"}, {"from+out", true, "from"}, {"both", true, "from"}});
    }
    TEST_CASE("words") {
        for (const auto type : {SubscriptionType::subscribe, SubscriptionType::subscribed, SubscriptionType::unsubscribe, SubscriptionType::unsubscribed})
            CHECK(subscription_type(to_string(type)) == type);
        CHECK_FALSE(subscription_type("unavailable"));
        CHECK_FALSE(subscription_type(""));
    }
}
