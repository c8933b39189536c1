// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <filesystem>

#include "retention/choice.h"
#include "tests/unit/retention/world.h"

using namespace lethe;
using namespace lethe::retention;
using namespace lethe::retention::test;
using crypto::ClassId;

namespace {

Policy offers(const char* archive, std::initializer_list<const char*> choices, const char* letterbox = "0") {
    Policy policy = keeps(archive, letterbox);
    for (const char* choice : choices) policy.archive_choices.push_back(kept(choice));
    return policy;
}
std::optional<std::int64_t> picked(const char* text) { return recorded(kept(text)); }
ClassId class_of(const char* text) { return crypto::choice_class(kept(text).micros).value(); }

}  // namespace

TEST_SUITE("retention/choice") {
    TEST_CASE("who picks nothing gets archive.keep, and so does everybody where nothing is published") {
        CHECK(in_effect(offers("7d", {"7d", "1d", "0"}), std::nullopt) == kept("7d"));
        CHECK(in_effect(offers("7d", {}), picked("1d")) == kept("7d"));
        CHECK(in_effect(offers("0", {}), picked("1d")) == kept("0"));
    }

    TEST_CASE("a published choice holds as it is") {
        const Policy policy = offers("unlimited", {"unlimited", "1d", "0"});
        for (const char* choice : {"unlimited", "1d", "0"}) CHECK(in_effect(policy, picked(choice)) == kept(choice));
    }

    TEST_CASE("a choice that is not published any more falls to the longest that is not longer, else to the shortest") {
        const Policy policy = offers("7d", {"7d", "2d", "6h"});
        CHECK(in_effect(policy, picked("30d")) == kept("7d"));
        CHECK(in_effect(policy, picked("6d")) == kept("2d"));
        CHECK(in_effect(policy, picked("1d")) == kept("6h"));
        CHECK(in_effect(policy, picked("1h")) == kept("6h"));
        CHECK(in_effect(policy, picked("0")) == kept("6h"));
        CHECK(in_effect(policy, picked("unlimited")) == kept("7d"));
        CHECK(in_effect(offers("7d", {"1d"}), picked("8d")) == kept("7d"));  // archive.keep can be picked too
    }

    TEST_CASE("no choice outlasts archive.keep") {
        CHECK(in_effect(offers("1d", {"7d", "2d"}), picked("7d")) == kept("1d"));
        CHECK(in_effect(offers("0", {"7d"}), picked("7d")) == kept("0"));
    }

    TEST_CASE("a choice equal to archive.keep is the plain archive, and nothing kept has no class") {
        const Policy policy = offers("7d", {"7d", "1d", "0"});
        CHECK(archive_class(policy, kept("7d")) == ClassId::archive);
        CHECK(archive_class(policy, kept("1d")) == class_of("1d"));
        CHECK(archive_class(policy, kept("24h")) == class_of("1d"));
        CHECK(archive_class(policy, kept("0")) == std::nullopt);
        CHECK(archive_class(offers("unlimited", {}), kept("unlimited")) == ClassId::archive);
        CHECK(archive_class(offers("0", {}), kept("0")) == std::nullopt);
    }
}

TEST_SUITE("retention/buckets of choices") {
    TEST_CASE("each choice has buckets of its own, with its own spans and deadlines") {
        World w(offers("7d", {"7d", "1d", "0"}));
        CHECK(w.buckets->classes() == std::vector{ClassId::archive, ClassId::letterbox, ClassId::subscriptions, class_of("1d")});
        CHECK(w.buckets->archive_class(std::nullopt) == ClassId::archive);
        CHECK(w.buckets->archive_class(picked("7d")) == ClassId::archive);
        CHECK(w.buckets->archive_class(picked("1d")) == class_of("1d"));
        CHECK(w.buckets->archive_class(picked("0")) == std::nullopt);
        CHECK(w.buckets->archive_horizon(picked("1d")) == w.clock.time - day);
        CHECK(w.buckets->archive_horizon(picked("0")) == w.clock.time);
        const BucketId id = w.make(class_of("1d"));
        CHECK(w.on_disk(id) == BucketSpan{some_hour, some_hour + hour, some_hour + day});
        CHECK(w.file(id) == w.data() / "buckets" / "archive-1d" / "1.mdb");
        CHECK(std::filesystem::exists(w.file(id)));
        CHECK(w.readable(ClassId::archive).empty());
        CHECK_FALSE(w.buckets->current(class_of("2d")));
        w.clock.time = some_hour + day;
        CHECK(w.sweep() == 1);
        w.wait_for([&] { return !std::filesystem::exists(w.file(id)); });
    }

    TEST_CASE("an unlimited archive hides nothing and has choices like any other") {
        World w(offers("unlimited", {"unlimited", "1h"}));
        CHECK(w.buckets->archive_horizon(std::nullopt) == INT64_MIN);
        CHECK(w.buckets->archive_horizon(picked("unlimited")) == INT64_MIN);
        CHECK(w.on_disk(w.make(class_of("1h"))).deadline == some_hour + hour);
    }

    TEST_CASE("a restart finds the buckets of a choice, published still or not, and keeps their promise") {
        for (const bool published : {true, false}) {
            CAPTURE(published);
            World w(offers("7d", {"7d", "1d"}));
            const BucketId id = w.make(class_of("1d"));
            w.restart(published ? offers("7d", {"7d", "1d"}) : offers("7d", {"7d", "12h"}));
            CHECK(w.readable(class_of("1d")) == std::vector{id});
            CHECK((w.buckets->current(class_of("1d")) != nullptr) == published);
            CHECK(w.buckets->serves(class_of("1d"), w.clock.time - day + 1));
            CHECK_FALSE(w.buckets->serves(class_of("1d"), w.clock.time - day));
            CHECK(w.on_disk(id).deadline == some_hour + day);
            w.clock.time = some_hour + day - 1;
            w.sweep();
            CHECK(w.readable(class_of("1d")).front() == id);
            w.clock.time = some_hour + day;
            w.sweep();
            CHECK_FALSE(w.store->bucket_key(id).has_value());
            CHECK(w.buckets->classes().size() == (published ? 4u : 5u));
        }
    }

    TEST_CASE("an archive kept shorter than a choice shortens that choice too") {
        for (const bool at_start : {true, false}) {
            CAPTURE(at_start);
            World w(offers("7d", {"7d", "1d"}));
            const BucketId id = w.make(class_of("1d"));
            w.clock.time = some_hour + 10 * minute;
            const Policy shorter = offers("2h", {"2h"});
            if (at_start) w.restart(shorter);
            else w.buckets->apply(shorter);
            w.settle();
            CHECK(w.on_disk(id) == BucketSpan{some_hour, w.clock.time, w.clock.time + 2 * hour});
        }
    }
}

TEST_SUITE("retention/buckets under a policy that changes") {
    TEST_CASE("a tighter one shortens every bucket at once: END = now at the latest, DEADLINE = END + R") {
        World w(keeps("24h"));
        const BucketId old = w.make();
        w.clock.time = some_hour + 90 * minute;
        const BucketId newer = w.make();
        w.buckets->apply(keeps("2h"));
        CHECK(w.buckets->next_deadline() == some_hour + 3 * hour);
        CHECK(w.buckets->find(old)->span == BucketSpan{some_hour, some_hour + hour, some_hour + 3 * hour});
        CHECK(w.buckets->find(newer)->span == BucketSpan{some_hour + hour, w.clock.time, w.clock.time + 2 * hour});
        CHECK(w.buckets->keep(ClassId::archive) == kept("2h"));
        w.settle();
        CHECK(w.on_disk(old) == BucketSpan{some_hour, some_hour + hour, some_hour + 3 * hour});
        CHECK(w.on_disk(newer) == BucketSpan{some_hour + hour, w.clock.time, w.clock.time + 2 * hour});
        for (const Time offset : {Time{-1}, Time{0}}) {
            w.clock.time = some_hour + 3 * hour + offset;
            CHECK((w.buckets->find(old) != nullptr) == (offset < 0));
            CHECK(w.sweep() == (offset < 0 ? 0u : 1u));
        }
        CHECK_FALSE(w.store->bucket_key(old).has_value());
        CHECK(w.store->bucket_key(newer).has_value());
    }

    TEST_CASE("a looser one prolongs nothing, and a tighter one after it acts as if it had never been") {
        World w(keeps("2h"));
        const BucketId id = w.make();
        const BucketSpan promised = w.on_disk(id);
        w.clock.time = some_hour + minute;
        for (const char* longer : {"3h", "7d", "unlimited"}) {
            CAPTURE(longer);
            w.buckets->apply(keeps(longer));
            w.settle();
            CHECK(w.on_disk(id).deadline == promised.deadline);
            CHECK(w.buckets->next_deadline() == promised.deadline);
        }
        w.buckets->apply(keeps("1h"));
        w.settle();
        CHECK(w.on_disk(id).deadline == some_hour + minute + hour);
        w.buckets->apply(keeps("7d"));
        w.settle();
        CHECK(w.on_disk(id).deadline == some_hour + minute + hour);
    }

    TEST_CASE("the current bucket is closed in either direction, and what arrives next goes into a new one") {
        for (const char* other : {"1h", "48h"}) {
            CAPTURE(other);
            World w(keeps("24h", "1h"));
            const BucketId before = w.make();
            const BucketId untouched = w.make(ClassId::letterbox);
            w.clock.time = some_hour + minute;
            w.buckets->apply(keeps(other, "1h"));
            const BucketId after = w.make();
            CHECK(after != before);
            CHECK(w.on_disk(before).end == some_hour + minute);
            CHECK(w.on_disk(after) == span_at(kept(other), w.clock.time));
            CHECK(w.readable() == std::vector{before, after});
            CHECK(w.make(ClassId::letterbox) == untouched);  // of a class that did not change
            w.buckets->apply(keeps(other, "1h"));
            CHECK(w.make() == after);  // a policy that changes nothing closes nothing
        }
    }

    TEST_CASE("what is not stored any more is due at once, and comes back only for what arrives later") {
        World w(keeps("24h", "24h"));
        const BucketId archive = w.make(ClassId::archive), letterbox = w.make(ClassId::letterbox);
        w.buckets->apply(keeps("24h", "0"));
        CHECK(w.readable(ClassId::letterbox).empty());
        CHECK_FALSE(w.buckets->current(ClassId::letterbox));
        CHECK(w.buckets->next_deadline() == w.clock.time);
        w.buckets->apply(keeps("24h", "24h"));
        CHECK(w.readable(ClassId::letterbox).empty());
        CHECK(w.make(ClassId::letterbox) != letterbox);
        CHECK(w.sweep() == 1);
        CHECK_FALSE(w.store->bucket_key(letterbox).has_value());
        CHECK(w.store->bucket_key(archive).has_value());
    }

    TEST_CASE("a bucket whose creation is under way is shortened like the others") {
        World w(keeps("24h"));
        const auto open = w.buckets->current(ClassId::archive);
        w.buckets->apply(keeps("1h"));
        w.settle();
        CHECK(w.on_disk(open->id).deadline == some_hour + hour);
        CHECK(w.alarms.empty());
    }

    TEST_CASE("a choice that is withdrawn takes nothing new and keeps its promise; published again it goes on in a new bucket") {
        World w(offers("7d", {"7d", "1d"}));
        const BucketId id = w.make(class_of("1d"));
        w.buckets->apply(offers("7d", {"7d"}));
        CHECK_FALSE(w.buckets->current(class_of("1d")));
        CHECK(w.buckets->archive_class(picked("1d")) == ClassId::archive);
        w.settle();
        CHECK(w.on_disk(id).deadline == some_hour + day);
        CHECK(w.readable(class_of("1d")) == std::vector{id});
        w.buckets->apply(offers("7d", {"7d", "1d"}));
        CHECK(w.buckets->archive_class(picked("1d")) == class_of("1d"));
        CHECK(w.make(class_of("1d")) != id);
    }

    TEST_CASE("a new choice is there at once") {
        World w(keeps("7d"));
        CHECK_FALSE(w.buckets->current(class_of("1h")));
        w.buckets->apply(offers("7d", {"1h"}));
        CHECK(w.on_disk(w.make(class_of("1h"))).deadline == some_hour + hour);
    }
}
