// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;

TEST_SUITE("store/store") {
    TEST_CASE("the standing of the policy is nothing at first, then the last one written, after a reopening too") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        REQUIRE(store->policy_standing());
        CHECK_FALSE(*store->policy_standing());
        const Bytes large(200'000, 0x5a), small{1, 2, 3};  // larger than a page, and than any two policies
        for (const Bytes& standing : {large, small}) {
            REQUIRE(succeeds([&](Completion done) { store->put_policy_standing(standing, std::move(done)); }));
            CHECK(**store->policy_standing() == standing);
        }
        store.reset();
        store = open(dir.data());
        CHECK(**store->policy_standing() == small);
    }

    TEST_CASE("what was written is there, and after a reopening too") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        REQUIRE(make_account(*store, 1, 11, "record"));
        REQUIRE(make_account(*store, 2, 22, "other record"));
        Batch batch;
        batch.put(Table::roster, account_id(1), blind_key(5), sealed("contact"))
            .put(Table::roster, account_id(1), blind_key(4), sealed("other"))
            .put(Table::blocklist, account_id(1), blind_key(5), sealed("blocked"))
            .put(Table::roster, account_id(2), blind_key(5), sealed("foreign"));
        REQUIRE(write(*store, std::move(batch)));
        REQUIRE(make_bucket(*store, archive_1));
        Batch log;
        log.put_header(archive_1, prefix(9), 1, sealed("header"))
            .append(prefix(9), entry(archive_1, 1, 0, "zero"))
            .append(prefix(9), entry(archive_1, 1, 258, "later"))
            .append(prefix(9), entry(archive_1, 1, 1, "one"))
            .append(prefix(9), entry(archive_1, 2, 0, "second segment"))
            .append(prefix(8), entry(archive_1, 1, 0, "foreign"));
        REQUIRE(write(*store, std::move(log)));

        for (const bool reopened : {false, true}) {
            CAPTURE(reopened);
            if (reopened) {
                store.reset();
                store = open(dir.data());
            }
            const auto account = store->account(account_id(1));
            REQUIRE(account);
            REQUIRE(*account);
            CHECK(byte_of((*account)->key) == 11);
            CHECK(text((*account)->record) == "record");
            CHECK(!*store->account(account_id(3)));
            CHECK(store->account_count() == 2);

            const auto rows = store->rows(Table::roster, account_id(1));
            REQUIRE(rows);
            REQUIRE(rows->size() == 2);
            CHECK((*rows)[0].key == blind_key(4));
            CHECK(text((*rows)[1].value) == "contact");
            CHECK(text(**store->row(Table::blocklist, account_id(1), blind_key(5))) == "blocked");
            CHECK(!*store->row(Table::blocklist, account_id(1), blind_key(6)));

            CHECK(byte_of(*store->bucket_key(archive_1)) == 7);
            const auto headers = store->headers(archive_1, prefix(9));
            REQUIRE(headers);
            REQUIRE(headers->size() == 1);
            CHECK((*headers)[0].segment == 1);
            const auto entries = store->entries(archive_1, prefix(9), 1, 1, 10);
            REQUIRE(entries);
            REQUIRE(entries->size() == 2);
            CHECK((*entries)[0].index == 1);
            CHECK((*entries)[1].index == 258);
            CHECK(text((*entries)[1].bytes) == "later");
            CHECK(store->entries(archive_1, prefix(9), 1, 0, 1)->size() == 1);
            const auto usage = store->usage(archive_1, prefix(9));
            REQUIRE(usage);
            CHECK(usage->entries == 4);
            CHECK(usage->bytes == 4 + 5 + 3 + 14);
            REQUIRE(store->buckets().size() == 1);
            CHECK(store->buckets()[0].span == day);
            CHECK(store->quarantined().empty());
            CHECK(store->next_bucket_number(ClassId::archive) == 2);
            CHECK(store->next_bucket_number(ClassId::letterbox) == 1);
        }
    }
}
