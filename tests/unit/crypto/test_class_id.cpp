// SPDX-License-Identifier: AGPL-3.0-or-later
#include <doctest/doctest.h>

#include <set>

#include "crypto/bytes.h"
#include "crypto/place.h"

using namespace lethe::crypto;

namespace {
constexpr std::int64_t second = 1'000'000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
}

TEST_SUITE("crypto/class id") {
    TEST_CASE("a choice is a fixed class of its own, first and last of each unit") {
        struct Row {
            std::int64_t micros;
            int value;
            const char* name;
        };
        for (const Row& row : {Row{second, 16, "archive-1s"}, {59 * second, 74, "archive-59s"}, {minute, 75, "archive-1min"},
                               {59 * minute, 133, "archive-59min"}, {hour, 134, "archive-1h"}, {23 * hour, 156, "archive-23h"},
                               {day, 157, "archive-1d"}, {7 * day, 163, "archive-7d"}, {99 * day, 255, "archive-99d"}}) {
            CAPTURE(row.name);
            const auto cls = choice_class(row.micros);
            REQUIRE(cls.has_value());
            CHECK(static_cast<int>(*cls) == row.value);
            CHECK(class_name(*cls) == row.name);
            CHECK(class_named(row.name) == *cls);
            CHECK(choice_micros(*cls) == row.micros);
            CHECK(is_archive(*cls));
        }
    }

    TEST_CASE("a time is spelled in its largest unit: one time, one class") {
        CHECK(choice_class(120 * second) == choice_class(2 * minute));
        CHECK(choice_class(24 * hour) == choice_class(day));
    }

    TEST_CASE("what is no whole number of a unit within its range is no choice") {
        for (const std::int64_t micros : {std::int64_t{0}, std::int64_t{-1}, -second, std::int64_t{1}, second - 1, second + 1, 61 * second,
                                          90 * second, 61 * minute, 25 * hour, 100 * day, INT64_MAX, INT64_MIN}) {
            CAPTURE(micros);
            CHECK(!choice_class(micros));
        }
    }

    TEST_CASE("every class has one name and every name one class") {
        std::set<std::string> names;
        for (const ClassId cls : all_classes()) {
            CHECK(known_class(static_cast<std::uint8_t>(cls)));
            names.insert(class_name(cls));
            CHECK(class_named(class_name(cls)) == cls);
            if (const auto micros = choice_micros(cls)) CHECK(choice_class(*micros) == cls);
        }
        CHECK(names.size() == all_classes().size());
        CHECK(all_classes().size() == 244);
        for (const auto* name : {"", "archive-", "archive-0d", "archive-01d", "archive-100d", "archive-60s", "archive-1w", "archive-1D", "upload"}) {
            CAPTURE(name);
            CHECK(!class_named(name));
        }
        for (const int value : {0, 5, 6, 15}) CHECK(!known_class(static_cast<std::uint8_t>(value)));
        for (const ClassId cls : {ClassId::archive, ClassId::letterbox, ClassId::subscriptions, ClassId::uploads}) CHECK(!choice_micros(cls));
        CHECK(is_archive(ClassId::archive));
        CHECK(!is_archive(ClassId::letterbox));
        CHECK(!is_archive(ClassId::subscriptions));
    }
}
