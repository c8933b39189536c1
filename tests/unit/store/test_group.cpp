// SPDX-License-Identifier: AGPL-3.0-or-later
// Group commit seen from outside: by what is written and synced in which order, and by who is told what and
// when.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <latch>

#include "tests/unit/store/faults.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;

namespace {

/// A store whose writer thread can be held after a commit, so that what is queued meanwhile forms one group.
struct Fixture {
    Fixture() {
        const auto created = Store::create(dir.data(), node_keys());
        REQUIRE(created);
        auto opened = Store::open({.data = dir.data(), .keys = &node_keys(), .deliver = [this](auto calls) {
                                       delivered.push_back(calls.size());
                                       for (auto& call : calls) call();
                                   }});
        REQUIRE(opened);
        store = std::move(*opened);
        for (std::uint8_t n = 1; n <= 50; ++n)
            store->create_account(account_id(n), key_of<crypto::AccountKey>(n), sealed("record"), {});
        REQUIRE(succeeds([&](Completion done) { store->barrier(std::move(done)); }));
    }
    /// Queues everything f queues as one group; returns when it has been delivered.
    template <class F>
    void as_one_group(F&& f) {
        std::latch held(1), release(1);
        store->barrier([&](Result) {
            held.count_down();
            release.wait();
        });
        held.wait();
        f();
        std::promise<void> done;
        store->barrier([&](Result) { done.set_value(); });
        delivered.clear();
        release.count_down();
        done.get_future().wait();
    }
    Completion told(std::string who) {
        return [this, who = std::move(who)](Result r) {
            faults::note("told " + who);
            answers.push_back(who + (r ? " yes" : r.error().kind == ErrorKind::full ? " full" : " no"));
        };
    }
    TemporaryDirectory dir;
    std::vector<std::size_t> delivered;
    std::vector<std::string> answers;
    std::unique_ptr<Store> store;
};

Batch everywhere(std::uint8_t n) {
    Batch batch;
    batch.put(Table::roster, account_id(n), blind_key(1), sealed("row"))
        .append(prefix(n), entry(letterbox_1, 1, 0, "letter"))
        .append(prefix(n), entry(archive_1, 1, 0, "kept"));
    return batch;
}

Batch row(std::uint8_t n, std::string_view value = "row") {
    Batch batch;
    batch.put(Table::roster, account_id(n), blind_key(1), sealed(value));
    return batch;
}

/// The first and last of the lines that begin with `start`.
std::pair<std::size_t, std::size_t> span_of(const std::vector<std::string>& lines, std::string_view start) {
    std::size_t first = lines.size(), last = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!lines[i].starts_with(start)) continue;
        first = std::min(first, i);
        last = i;
    }
    REQUIRE(first < lines.size());
    return {first, last};
}

}  // namespace

TEST_SUITE("store/group") {
    TEST_CASE_FIXTURE(Fixture,
                      "what was queued during a commit is one group, answered at once and in order") {
        as_one_group([&] {
            for (std::uint8_t n = 1; n <= 5; ++n) store->write(row(n), told(std::to_string(n)));
        });
        CHECK(delivered == std::vector<std::size_t>{6});  // five and the barrier
        CHECK(answers == std::vector<std::string>{"1 yes", "2 yes", "3 yes", "4 yes", "5 yes"});
    }

    TEST_CASE_FIXTURE(
        Fixture,
        "a group syncs each environment once: archive, then letterbox, then state, then everybody is told") {
        REQUIRE(make_bucket(*store, archive_1));
        REQUIRE(make_bucket(*store, letterbox_1));
        faults::arm(dir.data(), {});
        faults::record(true);
        as_one_group([&] {
            for (std::uint8_t n = 1; n <= 5; ++n) store->write(everywhere(n), told(std::to_string(n)));
        });
        const auto events = faults::events();
        faults::record(false);
        faults::disarm();
        const auto archive = span_of(events, "sync buckets/archive/1.mdb");
        const auto letterbox = span_of(events, "sync buckets/letterbox/1.mdb");
        const auto state = span_of(events, "sync state.mdb");
        const auto answered = span_of(events, "told");
        CHECK(archive.second < span_of(events, "write buckets/letterbox/1.mdb").first);
        CHECK(letterbox.second < span_of(events, "write state.mdb").first);
        CHECK(state.second < answered.first);
        for (const auto* file : {"buckets/archive/1.mdb", "buckets/letterbox/1.mdb", "state.mdb"}) {
            // LMDB syncs twice a commit: data pages, then the meta page.
            CHECK(std::ranges::count(events, "sync " + std::string(file)) == 2);
            CHECK(span_of(events, "write " + std::string(file)).second <=
                  span_of(events, "sync " + std::string(file)).second);
        }
    }

    TEST_CASE_FIXTURE(
        Fixture, "a change that does not fit fails alone: the group is replayed and the others are kept") {
        REQUIRE(make_bucket(*store, archive_1));
        // Files may not grow beyond this: a disk that has room for the small ones.
        std::signal(SIGXFSZ, SIG_IGN);
        rlimit before{};
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
        const rlimit small{rlim_t{2} << 20, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
        const std::string huge(std::size_t{4} << 20, 'x');
        as_one_group([&] {
            store->write(row(1), told("1"));
            store->write(row(2, huge), told("2"));
            store->write(row(3), told("3"));
            Batch log;
            log.append(prefix(4), entry(archive_1, 1, 0, huge))
                .put(Table::roster, account_id(4), blind_key(1), sealed("row"));
            store->write(std::move(log), told("4"));
            Batch small_log;
            small_log.append(prefix(5), entry(archive_1, 1, 0, "small"))
                .put(Table::roster, account_id(5), blind_key(1), sealed("row"));
            store->write(std::move(small_log), told("5"));
        });
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
        CHECK(answers == std::vector<std::string>{"1 yes", "2 full", "3 yes", "4 full", "5 yes"});
        CHECK(delivered == std::vector<std::size_t>{6});
        for (std::uint8_t n = 1; n <= 5; ++n) {
            CAPTURE(n);
            // What failed in one environment takes no part in the later ones.
            CHECK(store->rows(Table::roster, account_id(n))->size() == (n == 2 || n == 4 ? 0 : 1));
        }
        CHECK(store->usage(archive_1, prefix(4))->entries == 0);
        CHECK(store->usage(archive_1, prefix(5))->entries == 1);
        CHECK(write(*store, row(2, huge)));  // with room again it fits
    }

    TEST_CASE_FIXTURE(Fixture, "a commit that fails once is replayed, and nobody notices") {
        faults::arm(dir.data(), {faults::Kind::fail_once, 1, EIO});
        as_one_group([&] {
            store->write(row(1), told("1"));
            store->write(row(2), told("2"));
        });
        CHECK(faults::operations() > 2);
        faults::disarm();
        CHECK(answers == std::vector<std::string>{"1 yes", "2 yes"});
    }

    TEST_CASE_FIXTURE(
        Fixture, "after a meta page that could not be written the environment is opened afresh and works") {
        // A commit ends with its meta page; after its failure LMDB refuses everything until it is reopened.
        REQUIRE(write(*store, row(1)));
        faults::arm(dir.data(), {faults::Kind::fail_meta, 0, EIO});
        const auto failed = write(*store, row(1, "other"));
        faults::disarm();
        REQUIRE(!failed);
        CHECK(failed.error().kind == ErrorKind::io);
        CHECK(text((*store->rows(Table::roster, account_id(1)))[0].value) == "row");
        CHECK(write(*store, row(1, "third")));
        CHECK(text((*store->rows(Table::roster, account_id(1)))[0].value) == "third");
    }

    TEST_CASE_FIXTURE(Fixture, "changes are applied in the order they were queued") {
        as_one_group([&] {
            store->write(row(1, "first"), {});
            Batch erase;
            erase.erase(Table::roster, account_id(1), blind_key(1));
            store->write(std::move(erase), {});
            store->write(row(1, "last"), {});
            store->write(row(2, "kept"), {});
            Batch both;
            both.put(Table::roster, account_id(2), blind_key(1), sealed("again"))
                .erase(Table::roster, account_id(2), blind_key(1));
            store->write(std::move(both), {});
        });
        CHECK(text((*store->rows(Table::roster, account_id(1)))[0].value) == "last");
        CHECK(store->rows(Table::roster, account_id(2))->empty());
    }

    TEST_CASE_FIXTURE(Fixture,
                      "two steps of one account's life in a row both find what the one before left") {
        as_one_group([&] {
            store->create_account(account_id(99), key_of<crypto::AccountKey>(11), sealed("one"),
                                  told("create"));
            store->create_account(account_id(99), key_of<crypto::AccountKey>(12), sealed("two"),
                                  told("create again"));
            store->replace_record(account_id(99), sealed("three"), told("replace"));
            store->rekey_account(account_id(99), key_of<crypto::AccountKey>(13), sealed("four"), as_they_are(),
                                 told("rekey"));
            store->erase_account(account_id(99), told("erase"));
            store->erase_account(account_id(99), told("erase again"));
            store->rekey_account(account_id(99), key_of<crypto::AccountKey>(14), sealed("five"), as_they_are(),
                                 told("rekey gone"));
            store->create_account(account_id(99), key_of<crypto::AccountKey>(15), sealed("six"),
                                  told("create new"));
        });
        CHECK(answers == std::vector<std::string>{"create yes", "create again no", "replace yes", "rekey yes",
                                                  "erase yes", "erase again no", "rekey gone no",
                                                  "create new yes"});
        CHECK(byte_of((*store->account(account_id(99)))->key) == 15);
    }

    TEST_CASE_FIXTURE(Fixture, "a new account key takes the profile with it, and nothing under the old one comes after") {
        REQUIRE(make_account(*store, 99, 11, "old"));
        const auto before = (*store->account(account_id(99)))->slot;
        const auto reseal = [](const Row& row) -> std::optional<Row> {
            if (text(row.value) == "damaged") return std::nullopt;
            Row fresh{row.key, sealed(text(row.value) + ", sealed again")};
            fresh.key.bytes[0] = 0xff;
            return fresh;
        };
        as_one_group([&] {
            Batch batch;
            batch.put_profile(account_id(99), before, blind_key(1), sealed("committed with it"))
                .put_profile(account_id(99), before, blind_key(2), sealed("damaged"))
                .put(Table::personal, account_id(99), blind_key(3), sealed("the vault's"));
            store->write(std::move(batch), told("before"));
            store->rekey_account(account_id(99), key_of<crypto::AccountKey>(12), sealed("new"), reseal, told("rekey"));
            Batch late;
            late.put_profile(account_id(99), before, blind_key(4), sealed("late"));
            store->write(std::move(late), told("under the old key"));
            Batch erasure;
            erasure.erase_profile(account_id(99), before, blind_key(1));
            store->write(std::move(erasure), told("erasing under the old key"));
        });
        CHECK(answers == std::vector<std::string>{"before yes", "rekey yes", "under the old key no",
                                                  "erasing under the old key no"});
        const auto rows = store->profile_rows(account_id(99));
        REQUIRE(rows);
        REQUIRE(rows->size() == 1);
        CHECK(text((*rows)[0].value) == "committed with it, sealed again");
        CHECK((*rows)[0].key.bytes[0] == 0xff);
        CHECK(store->rows(Table::personal, account_id(99))->size() == 1);
        const auto after = (*store->account(account_id(99)))->slot;
        CHECK(after != before);
        Batch batch;
        batch.put_profile(account_id(99), after, blind_key(5), sealed("fresh"));
        CHECK(write(*store, std::move(batch)));
        CHECK(*store->profile_row(account_id(99), blind_key(5)));
        const auto reset = wait([&](Completion done) {
            store->rekey_account(account_id(99), key_of<crypto::AccountKey>(13), sealed("reset"), {}, std::move(done));
        });
        REQUIRE(reset);
        CHECK(store->profile_rows(account_id(99))->empty());
        CHECK(store->rows(Table::personal, account_id(99))->empty());
    }

    TEST_CASE_FIXTURE(Fixture,
                      "a key slot is synced before the record that names it, and overwritten after the one "
                      "that replaces it") {
        REQUIRE(make_account(*store, 99, 11, "old"));
        faults::arm(dir.data(), {});
        faults::record(true);
        const auto rekeyed = wait([&](Completion done) {
            store->rekey_account(account_id(99), key_of<crypto::AccountKey>(12), sealed("new"), as_they_are(),
                                 std::move(done));
        });
        const auto events = faults::events();
        faults::record(false);
        faults::disarm();
        REQUIRE(rekeyed);
        std::vector<std::string> order;
        for (const auto& line : events) {
            if (order.empty() || order.back() != line) order.push_back(line);
        }
        REQUIRE(order.size() >= 6);
        CHECK(std::vector(order.begin(), order.begin() + 2) ==
              std::vector<std::string>{"write keyring", "sync keyring"});
        CHECK(std::vector(order.end() - 2, order.end()) ==
              std::vector<std::string>{"write keyring", "sync keyring"});
        for (std::size_t i = 2; i + 2 < order.size(); ++i) CHECK(order[i].ends_with(" state.mdb"));
    }

    TEST_CASE_FIXTURE(Fixture, "an account is erased key first") {
        REQUIRE(make_account(*store, 99, 11, "old"));
        faults::arm(dir.data(), {});
        faults::record(true);
        CHECK(succeeds([&](Completion done) { store->erase_account(account_id(99), std::move(done)); }));
        const auto events = faults::events();
        faults::record(false);
        faults::disarm();
        CHECK(span_of(events, "sync keyring").second < span_of(events, "write state.mdb").first);
    }

    TEST_CASE_FIXTURE(Fixture, "a row outlives no account: what is queued behind an erasure fails, alone") {
        REQUIRE(write(*store, row(7)));
        as_one_group([&] {
            store->write(row(7, "before"), told("before"));
            store->erase_account(account_id(7), told("erase"));
            store->write(row(7, "behind"), told("behind"));
            store->write(row(8), told("another"));
            Batch erase;
            erase.erase(Table::roster, account_id(7), blind_key(1));
            store->write(std::move(erase), told("erasing a row"));
        });
        CHECK(answers == std::vector<std::string>{"before yes", "erase yes", "behind no", "another yes",
                                                  "erasing a row yes"});
        CHECK(store->rows(Table::roster, account_id(7))->empty());
        CHECK(store->rows(Table::roster, account_id(8))->size() == 1);
        REQUIRE(make_account(*store, 7, 77, "again"));
        CHECK(store->rows(Table::roster, account_id(7))->empty());
        CHECK(write(*store, row(7)));
    }

    TEST_CASE_FIXTURE(
        Fixture,
        "writing into a bucket that is gone fails and applies nothing; erasing from it is done already") {
        REQUIRE(make_bucket(*store, archive_1));
        REQUIRE(make_bucket(*store, letterbox_1));
        REQUIRE(succeeds([&](Completion done) { store->destroy_bucket(letterbox_1, std::move(done), {}); }));
        const auto written = write(*store, everywhere(1));
        REQUIRE(!written);
        CHECK(written.error().kind == ErrorKind::closed);
        CHECK(store->usage(archive_1, prefix(1))->entries == 0);
        CHECK(store->rows(Table::roster, account_id(1))->empty());
        Batch erase;
        erase.erase_entry(prefix(1), {letterbox_1.cls, letterbox_1.number, 1, 0})
            .put(Table::roster, account_id(1), blind_key(1), sealed("row"));
        CHECK(write(*store, std::move(erase)));
        CHECK(store->rows(Table::roster, account_id(1))->size() == 1);
    }

    TEST_CASE_FIXTURE(Fixture, "what is queued when the store closes is committed, and everybody is told") {
        for (std::uint8_t n = 1; n <= 50; ++n) store->write(row(n), told(std::to_string(n)));
        store.reset();
        REQUIRE(answers.size() == 50);
        CHECK(answers.back() == "50 yes");
        CHECK(open(dir.data())->rows(Table::roster, account_id(50))->size() == 1);
    }
}
