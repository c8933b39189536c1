// SPDX-License-Identifier: AGPL-3.0-or-later
// Every scenario is cut at every write, sync, truncation and unlink, in every way, its recovery too; and
// every operation is made to fail. Afterwards the store opens and what was acknowledged holds.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "store/format.h"
#include "tests/unit/store/faults.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;
namespace fs = std::filesystem;

namespace {

/// What the child was told before it ended: a page that outlives it.
struct Told {
    enum Answer : int { nothing, yes, no };
    std::array<std::atomic<int>, 4> answer;
    Completion into(std::size_t i) {
        return [this, i](Result r) { answer[i] = r ? yes : no; };
    }
};

class SharedTold {
public:
    SharedTold()
        : told_(new (::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
                    Told{}) {}
    ~SharedTold() { ::munmap(told_, sizeof(Told)); }
    Told& operator*() { return *told_; }

private:
    Told* told_;
};

struct Scenario {
    const char* name;
    std::size_t answers;                     ///< how many completions it expects
    std::function<void(Store&)> prepare;     ///< in peace
    std::function<void(Store&, Told&)> act;  ///< under fire
    /// On a store opened again; `data` is DATA.
    std::function<void(Store&, const Told&, const fs::path& data)> check;
};

std::vector<std::string> live_slots(const fs::path& data, char part) {
    const auto file = contents(data / "keyring");
    std::vector<std::string> out;
    for (std::size_t at = format::block_size; at < file.size(); at += format::block_size) {
        if (file[at] == part) out.push_back(file.substr(at, format::slot_end));
    }
    return out;
}

std::string account_state(const Store& store, std::uint8_t n) {
    const auto account = store.account(account_id(n));
    if (!account) return "unreadable";
    if (!*account) return "none";
    return std::to_string(byte_of((*account)->key)) + " " + text((*account)->record);
}

std::string rows_state(const Store& store, std::uint8_t n) {
    std::string out;
    for (const auto table : {Table::roster, Table::blocklist, Table::settings, Table::personal}) {
        const auto rows = store.rows(table, account_id(n));
        out += rows ? std::to_string(rows->size()) : "?";
    }
    const auto rows = store.profile_rows(account_id(n));
    out += rows ? std::to_string(rows->size()) : "?";
    return out;
}

void prepare_account(Store& store) {
    REQUIRE(make_account(store, 1, 11, "old"));
    REQUIRE(make_account(store, 2, 21, "bystander"));
    Batch batch;
    for (const std::uint8_t n : {1, 2}) {
        batch.put(Table::roster, account_id(n), blind_key(1), sealed("contact"))
            .put(Table::blocklist, account_id(n), blind_key(1), sealed("blocked"))
            .put(Table::settings, account_id(n), blind_key(1), sealed("setting"))
            .put(Table::personal, account_id(n), blind_key(1), sealed("bookmark"))
            .put_profile(account_id(n), (*store.account(account_id(n)))->slot, blind_key(1), sealed("avatar"));
    }
    REQUIRE(write(store, std::move(batch)));
}

void check_bystander(const Store& store) {
    CHECK(account_state(store, 2) == "21 bystander");
    CHECK(rows_state(store, 2) == "11111");
}

std::string bucket_file(const BucketId& id) {
    return "buckets/" + std::string(format::class_directory(id.cls)) + "/" + std::to_string(id.number) +
           ".mdb";
}

std::string bucket_state(const Store& store, const fs::path& data, const BucketId& id) {
    const auto all = store.buckets();
    const bool listed = std::ranges::find(all, id, &Bucket::id) != all.end();
    const auto key = store.bucket_key(id);
    const auto entries = store.entries(id, prefix(9), 1, 0, 10);
    if (listed && key && entries && fs::exists(data / bucket_file(id))) {
        return "alive " + std::to_string(byte_of(*key)) + " " + std::to_string(entries->size());
    }
    if (!listed && !key && !entries) return "dead";
    return "neither alive nor dead";
}

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all{
        {"an account is created", 1, [](Store& store) { prepare_account(store); },
         [](Store& store, Told& told) {
             store.create_account(account_id(3), key_of<crypto::AccountKey>(31), sealed("new"), told.into(0));
         },
         [](Store& store, const Told& told, const fs::path& data) {
             const auto state = account_state(store, 3);
             if (told.answer[0] == Told::yes) CHECK(state == "31 new");
             CHECK((state == "31 new" || state == "none"));
             CHECK(live_slots(data, 1).size() == (state == "none" ? 2 : 3));
             check_bystander(store);
         }},
        {"an account gets a new key", 1, [](Store& store) { prepare_account(store); },
         [](Store& store, Told& told) {
             store.rekey_account(account_id(1), key_of<crypto::AccountKey>(12), sealed("new"), as_they_are(),
                                 told.into(0));
         },
         [](Store& store, const Told& told, const fs::path& data) {
             const auto state = account_state(store, 1);
             if (told.answer[0] == Told::yes) CHECK(state == "12 new");
             CHECK((state == "12 new" || state == "11 old"));
             CHECK(rows_state(store, 1) == "11111");
             CHECK(live_slots(data, 1).size() == 2);
             check_bystander(store);
         }},
        {"an account is reset", 1, [](Store& store) { prepare_account(store); },
         [](Store& store, Told& told) {
             store.rekey_account(account_id(1), key_of<crypto::AccountKey>(12), sealed("new"), {},
                                 told.into(0));
         },
         [](Store& store, const Told& told, const fs::path& data) {
             const auto state = account_state(store, 1);
             if (told.answer[0] == Told::yes) CHECK(state == "12 new");
             CHECK((state == "12 new" || state == "11 old"));
             CHECK(rows_state(store, 1) == (state == "12 new" ? "00000" : "11111"));
             CHECK(live_slots(data, 1).size() == 2);
             check_bystander(store);
         }},
        {"an account is erased", 1, [](Store& store) { prepare_account(store); },
         [](Store& store, Told& told) { store.erase_account(account_id(1), told.into(0)); },
         [](Store& store, const Told& told, const fs::path& data) {
             const auto state = account_state(store, 1);
             if (told.answer[0] == Told::yes) CHECK(state == "none");
             CHECK((state == "none" || state == "11 old"));
             CHECK(rows_state(store, 1) == (state == "none" ? "00000" : "11111"));
             CHECK(store.account_count() == (state == "none" ? 1 : 2));
             CHECK(live_slots(data, 1).size() == (state == "none" ? 1 : 2));
             check_bystander(store);
         }},
        {"a bucket is created and written to", 2, [](Store&) {},
         [](Store& store, Told& told) {
             store.create_bucket(archive_1, day, key_of<crypto::BucketKey>(7), told.into(0));
             Batch batch;
             batch.put_header(archive_1, prefix(9), 1, sealed("header"))
                 .append(prefix(9), entry(archive_1, 1, 0, "entry"));
             store.write(std::move(batch), told.into(1));
         },
         [](Store& store, const Told& told, const fs::path& data) {
             const auto state = bucket_state(store, data, archive_1);
             if (told.answer[1] == Told::yes) CHECK(state == "alive 7 1");
             if (told.answer[0] == Told::yes) CHECK(state.starts_with("alive 7"));
             CHECK((state == "alive 7 1" || state == "alive 7 0" || state == "dead"));
             CHECK(live_slots(data, 2).size() == (state == "dead" ? 0 : 1));
         }},
        {"a bucket is shortened", 1, [](Store& store) { REQUIRE(make_bucket(store, archive_1)); },
         [](Store& store, Told& told) {
             store.shorten_bucket(archive_1, {day.start, day.end - 1, day.deadline - 2}, told.into(0));
         },
         [](Store& store, const Told& told, const fs::path&) {
             const BucketSpan shorter{day.start, day.end - 1, day.deadline - 2};
             REQUIRE(store.buckets().size() == 1);
             const auto span = store.buckets()[0].span;
             if (told.answer[0] == Told::yes) CHECK(span == shorter);
             CHECK((span == shorter || span == day));
         }},
        {"a bucket is destroyed", 2,
         [](Store& store) {
             REQUIRE(make_bucket(store, archive_1));
             REQUIRE(make_bucket(store, letterbox_1, 8));
             Batch batch;
             batch.append(prefix(9), entry(archive_1, 1, 0, "entry"))
                 .append(prefix(9), entry(letterbox_1, 1, 0, "entry"));
             REQUIRE(write(store, std::move(batch)));
         },
         [](Store& store, Told& told) { store.destroy_bucket(archive_1, told.into(0), told.into(1)); },
         [](Store& store, const Told& told, const fs::path& data) {
             const auto state = bucket_state(store, data, archive_1);
             if (told.answer[0] == Told::yes) CHECK(state == "dead");
             CHECK((state == "alive 7 1" || state == "dead"));
             CHECK(live_slots(data, 2).size() == (state == "dead" ? 1 : 2));
             CHECK(bucket_state(store, data, letterbox_1) == "alive 8 1");
         }},
        {"a batch goes to archive, letterbox and roster", 1,
         [](Store& store) {
             prepare_account(store);
             REQUIRE(make_bucket(store, archive_1));
             REQUIRE(make_bucket(store, letterbox_1, 8));
         },
         [](Store& store, Told& told) {
             Batch batch;
             batch.put(Table::roster, account_id(1), blind_key(2), sealed("cursor"))
                 .append(prefix(9), entry(letterbox_1, 1, 0, "entry"))
                 .append(prefix(9), entry(archive_1, 1, 0, "entry"));
             store.write(std::move(batch), told.into(0));
         },
         [](Store& store, const Told& told, const fs::path& data) {
             const bool archived = bucket_state(store, data, archive_1) == "alive 7 1";
             const bool waiting = bucket_state(store, data, letterbox_1) == "alive 8 1";
             const bool noted = rows_state(store, 1) == "21111";
             if (told.answer[0] == Told::yes) CHECK(noted);
             if (noted) CHECK(waiting);
             if (waiting) CHECK(archived);
         }},
    };
    return all;
}

void copy_data(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::copy(from, to, fs::copy_options::recursive);
}

/// Runs the scenario in a child under `plan`; its exit status, 0 if it came to its end.
int run_under_fire(const Scenario& scenario, const fs::path& data, const faults::Plan& plan, Told& told) {
    for (auto& answer : told.answer) answer = Told::nothing;
    return faults::in_child([&] {
        auto opened = Store::open({.data = data, .keys = &node_keys()});
        if (!opened) return 1;
        faults::arm(data, plan);
        scenario.act(**opened, told);
        opened->reset();
        faults::disarm();
        for (std::size_t i = 0; i < scenario.answers; ++i) {
            if (told.answer[i] == Told::nothing) return 2;
        }
        return 0;
    });
}

/// Opens until an opening comes to its end, each one cut an operation later than the one before.
void recover_under_fire(const fs::path& data, faults::Kind kind) {
    for (long at = 1;; ++at) {
        REQUIRE(at < 1000);
        const int status = faults::in_child([&] {
            faults::arm(data, {kind, at});
            auto opened = Store::open({.data = data, .keys = &node_keys()});
            if (!opened) return 1;
            opened->reset();
            return 0;
        });
        if (status == 0) return;
        REQUIRE(status == faults::died);
    }
}

void check_afterwards(const Scenario& scenario, const fs::path& data, const Told& told) {
    {
        const auto store = open(data);
        // A destruction cut short after its key died is finished by whoever knows the time.
        for (const auto& found : store->quarantined_spans()) {
            CHECK(found.without_key);
            CHECK(succeeds([&](Completion done) { store->destroy_bucket(found.bucket.id, {}, std::move(done)); }));
        }
        CHECK(store->quarantined().empty());
        scenario.check(*store, told, data);
        // It works on.
        REQUIRE(make_account(*store, 9, 91, "later"));
        const BucketId next{ClassId::archive, store->next_bucket_number(ClassId::archive)};
        REQUIRE(make_bucket(*store, next, 9));
        Batch batch;
        batch.append(prefix(9), entry(next, 1, 0, "later"));
        REQUIRE(write(*store, std::move(batch)));
        CHECK(account_state(*store, 9) == "91 later");
    }
    // With the store closed the reaper is done: no file without a living bucket.
    const auto store = open(data);
    for (const auto cls : format::first_classes) {
        for (const auto& file : fs::directory_iterator(data / "buckets" / format::class_directory(cls))) {
            CAPTURE(file.path().string());
            const auto number =
                format::bucket_number(file.path().filename().replace_extension(".mdb").string());
            REQUIRE(number);
            CHECK(store->bucket_key({cls, *number}));
        }
    }
}

/// For every operation of the scenario: run it with that fault, then look.
void walk(faults::Kind kind, const std::vector<int>& errors = {0}) {
    for (const auto& scenario : scenarios()) {
        for (const int error : errors) {
            CAPTURE(scenario.name);
            CAPTURE(error);
            const TemporaryDirectory dir;
            const auto master = dir.data(), data = dir.path() / "copy";
            {
                const auto store = fresh(dir);
                scenario.prepare(*store);
            }
            SharedTold told;
            const bool ends = kind != faults::Kind::fail_once && kind != faults::Kind::fail_on;
            long total = LONG_MAX;
            for (long at = 1; at <= total; ++at) {
                REQUIRE(at < 1000);
                CAPTURE(at);
                copy_data(master, data);
                const int status = run_under_fire(scenario, data, {kind, at, error}, *told);
                if (ends && status == 0) break;
                REQUIRE(status == (ends ? faults::died : 0));
                if (ends) recover_under_fire(data, kind);
                check_afterwards(scenario, data, *told);
                if (!ends && total == LONG_MAX) {
                    // How many operations there are without a fault, and a few for what a fault adds.
                    copy_data(master, data);
                    SharedTold ignored;
                    total = faults::in_child([&] {
                        auto opened = Store::open({.data = data, .keys = &node_keys()});
                        faults::arm(data, {});
                        scenario.act(**opened, *ignored);
                        opened->reset();
                        return static_cast<int>(faults::operations());
                    });
                    REQUIRE(total > 3);
                    REQUIRE(total < 200);
                }
            }
        }
    }
}

}  // namespace

TEST_SUITE("store/crash") {
    TEST_CASE(
        "a process killed between any two operations leaves the old state or the new, and keeps its word") {
        walk(faults::Kind::kill);
    }

    TEST_CASE("the same when a write is cut in the middle") { walk(faults::Kind::torn); }

    TEST_CASE("the same when power fails and only synced writes survive") { walk(faults::Kind::power_loss); }

    TEST_CASE("an operation that fails once fails its sender at most") {
        walk(faults::Kind::fail_once, {ENOSPC, EIO});
    }

    TEST_CASE("a disk that fails from one operation on fails its senders at most") {
        walk(faults::Kind::fail_on, {ENOSPC, EROFS});
    }
}
