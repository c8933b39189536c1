// SPDX-License-Identifier: AGPL-3.0-or-later
// Readers on many threads while the writer writes and destroys: what they see is whole or refused. The thread
// sanitizer watches.
#include <atomic>
#include <latch>
#include <thread>

#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;

TEST_SUITE("store/threads") {
    TEST_CASE("readers see whole changes only, and a dying bucket as whole or gone") {
        const TemporaryDirectory dir;
        const auto store = fresh(dir);
        constexpr std::uint32_t buckets = 8;
        for (std::uint32_t n = 1; n <= buckets; ++n) {
            REQUIRE(make_bucket(*store, BucketId{ClassId::archive, n}, static_cast<std::uint8_t>(n)));
        }
        REQUIRE(make_account(*store, 1, 1, "1"));
        std::atomic<bool> stop{false};
        std::atomic<long> torn{0}, seen{0};
        const auto reader = [&](std::uint32_t start) {
            for (std::uint32_t i = start; !stop; ++i) {
                const BucketId id{ClassId::archive, i % buckets + 1};
                if (const auto entries = store->entries(id, prefix(9), 1, 0, 1024)) {
                    // Two at a time are written.
                    if (entries->size() % 2 != 0) ++torn;
                    ++seen;
                } else if (entries.error().kind != ErrorKind::not_found &&
                           entries.error().kind != ErrorKind::closed) {
                    ++torn;
                }
                if (const auto key = store->bucket_key(id);
                    key && byte_of(*key) != static_cast<int>(id.number))
                    ++torn;
                const auto account = store->account(account_id(1));
                if (!account || !*account) {
                    ++torn;
                } else if (text((*account)->record) != std::to_string(byte_of((*account)->key))) {
                    ++torn;  // a key that is not the one the record was sealed with
                }
                static_cast<void>(store->buckets());
                static_cast<void>(store->next_bucket_number(ClassId::archive));
            }
        };
        std::vector<std::thread> readers;
        for (std::uint32_t n = 0; n < 4; ++n) readers.emplace_back(reader, n);
        std::atomic<int> failed{0};
        for (std::uint16_t round = 0; round < 60; ++round) {
            for (std::uint32_t n = 1; n <= buckets; ++n) {
                const BucketId id{ClassId::archive, n};
                Batch batch;
                batch.append(prefix(9), entry(id, 1, static_cast<std::uint16_t>(2 * round), "a"))
                    .append(prefix(9), entry(id, 1, static_cast<std::uint16_t>(2 * round + 1), "b"));
                store->write(std::move(batch), [&, late = round >= 40](Result r) {
                    if (!r && !late) ++failed;
                });
            }
            const auto key = static_cast<std::uint8_t>(round + 2);
            REQUIRE(succeeds([&](Completion done) {
                store->rekey_account(account_id(1), key_of<crypto::AccountKey>(key),
                                     sealed(std::to_string(key)), as_they_are(), std::move(done));
            }));
            if (round >= 40 && round % 4 == 0)
                store->destroy_bucket({ClassId::archive, round / 4u - 9}, {}, {});
        }
        REQUIRE(succeeds([&](Completion done) { store->barrier(std::move(done)); }));
        stop = true;
        for (auto& thread : readers) thread.join();
        CHECK(torn == 0);
        CHECK(failed == 0);
        CHECK(seen > 0);
        CHECK(store->buckets().size() == 3);
    }

    TEST_CASE("changes come from any thread, and each thread's are in its order") {
        const TemporaryDirectory dir;
        const auto store = fresh(dir);
        for (std::uint8_t who = 1; who <= 4; ++who) REQUIRE(make_account(*store, who, who, "record"));
        std::vector<std::thread> writers;
        std::atomic<int> out_of_order{0};
        for (std::uint8_t who = 1; who <= 4; ++who) {
            writers.emplace_back([&, who] {
                auto last = std::make_shared<int>(-1);
                for (int i = 0; i < 100; ++i) {
                    Batch batch;
                    batch.put(Table::roster, account_id(who), blind_key(1), sealed(std::to_string(i)));
                    store->write(std::move(batch), [&out_of_order, last, i](Result r) {
                        if (!r || *last != i - 1) ++out_of_order;
                        *last = i;
                    });
                }
            });
        }
        for (auto& thread : writers) thread.join();
        REQUIRE(succeeds([&](Completion done) { store->barrier(std::move(done)); }));
        CHECK(out_of_order == 0);
        for (std::uint8_t who = 1; who <= 4; ++who)
            CHECK(text(**store->row(Table::roster, account_id(who), blind_key(1))) == "99");
    }
}
