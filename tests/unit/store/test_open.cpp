// SPDX-License-Identifier: AGPL-3.0-or-later
// What must not start does not, and says in one sentence which file and what to do.
#include <sys/stat.h>
#include <unistd.h>

#include "store/environment.h"
#include "store/format.h"
#include "tests/unit/store/faults.h"
#include "tests/unit/store/support.h"

using namespace lethe;
using namespace lethe::store;
using namespace lethe::store::test;
namespace fs = std::filesystem;

namespace {

std::string problem_of_domain(const fs::path& data, std::string_view domain) {
    auto store =
        Store::open({.data = data,
                     .keys = &node_keys(),
                     .domain = Domain{xmpp::BareJid::parse(domain).value(), "/etc/lethe/lethe.toml"}});
    return store ? std::string() : store.error().text;
}

}  // namespace

TEST_SUITE("store/open") {
    TEST_CASE("a data directory is made once, in an empty or a new place") {
        const TemporaryDirectory dir;
        REQUIRE(Store::create(dir.data(), node_keys()));
        const auto again = Store::create(dir.data(), node_keys());
        REQUIRE(!again);
        CHECK(again.error().text ==
              dir.data().string() + " is not empty: name a directory that does not exist yet");
        const auto nowhere = Store::create(dir.path() / "no" / "data", node_keys());
        REQUIRE(!nowhere);
        CHECK(has(nowhere.error().text, "cannot be made"));
        fs::create_directory(dir.path() / "empty");
        ::chmod((dir.path() / "empty").c_str(), 0700);
        CHECK(Store::create(dir.path() / "empty", node_keys()));
    }

    TEST_CASE("every file is 0600 and every directory 0700, and nothing else is accepted") {
        const TemporaryDirectory dir;
        fill(dir);
        for (const auto& found : fs::recursive_directory_iterator(dir.data())) {
            const auto path = found.path();
            CAPTURE(path.string());
            const bool directory = found.is_directory();
            struct stat st {};
            REQUIRE(::stat(path.c_str(), &st) == 0);
            CHECK((st.st_mode & 07777) == (directory ? 0700 : 0600));
            REQUIRE(::chmod(path.c_str(), directory ? 0750 : 0640) == 0);
            const auto problem = problem_of(dir.data());
            CHECK(has(problem, path.string() + " must have mode"));
            CHECK(has(problem, (directory ? "chmod 700 " : "chmod 600 ") + path.string()));
            REQUIRE(::chmod(path.c_str(), directory ? 0700 : 0600) == 0);
        }
        REQUIRE(::chmod(dir.data().c_str(), 0755) == 0);
        CHECK(has(problem_of(dir.data()), "chmod 700 " + dir.data().string()));
        REQUIRE(::chmod(dir.data().c_str(), 0700) == 0);
        CHECK(problem_of(dir.data()).empty());
    }

    TEST_CASE("another user's file is refused") {
        if (::geteuid() != 0) return;  // only root can give a file away
        const TemporaryDirectory dir;
        fill(dir);
        REQUIRE(::chown((dir.data() / "keyring").c_str(), 65534, 65534) == 0);
        CHECK(has(problem_of(dir.data()),
                  (dir.data() / "keyring").string() + " belongs to another user: chown"));
    }

    TEST_CASE("a link or a directory in the place of a file is refused") {
        const TemporaryDirectory dir;
        fill(dir);
        fs::rename(dir.data() / "keyring", dir.path() / "elsewhere");
        fs::create_symlink(dir.path() / "elsewhere", dir.data() / "keyring");
        CHECK(has(problem_of(dir.data()), "keyring is not a regular file"));
    }

    TEST_CASE("a missing directory, a missing state.mdb and a missing keyring are each named") {
        const TemporaryDirectory dir;
        CHECK(has(problem_of(dir.data()), dir.data().string()));
        fill(dir);
        fs::rename(dir.data() / "keyring", dir.path() / "keyring");
        CHECK(has(problem_of(dir.data()), (dir.data() / "keyring").string()));
        fs::rename(dir.path() / "keyring", dir.data() / "keyring");
        fs::remove(dir.data() / "state.mdb");
        CHECK(has(problem_of(dir.data()), dir.data().string() + " holds no state.mdb"));
    }

    TEST_CASE("a keyring in which an account's slot was never in its use deletes nobody") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto path = dir.data() / "keyring";
        auto older = contents(path);
        REQUIRE(succeeds([&](Completion done) { open(dir.data())->erase_account(account_id(1), std::move(done)); }));
        REQUIRE(make_account(*open(dir.data()), 2, 21, "in the same slot, once more"));
        const auto whole = contents(path);
        REQUIRE(whole.size() == older.size());
        SUBCASE("an older copy") {}
        SUBCASE("zeros") { older = contents(path).replace(format::block_size, format::block_size, format::block_size, '\0'); }
        overwrite(path, older);
        CHECK(has(problem_of(dir.data()), path.string() + " is cut short or damaged, or is an older copy"));
        CHECK(contents(path) == older);
        overwrite(path, whole);
        CHECK(open(dir.data())->account(account_id(2)).value().has_value());
    }

    TEST_CASE("a keyring that lost its end, or an older copy of it, deletes nobody") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto path = dir.data() / "keyring";
        const auto older = contents(path);
        REQUIRE(make_account(*open(dir.data()), 2, 21, "second"));
        const auto whole = contents(path);
        REQUIRE(whole.size() == older.size() + format::block_size);
        for (const auto& cut :
             {older, whole.substr(0, whole.size() - 1), whole.substr(0, format::block_size)}) {
            fs::resize_file(path, 0);
            overwrite(path, cut);
            CAPTURE(cut.size());
            CHECK(has(
                problem_of(dir.data()),
                path.string() +
                    " is cut short or damaged, or is an older copy: it never held the key of an account; put"));
            CHECK(contents(path) == cut);
        }
        overwrite(path, whole);
        const auto store = open(dir.data());
        CHECK(store->account_count() == 2);
        CHECK(store->account(account_id(2)).value().has_value());
    }

    TEST_CASE("another node key is refused before anything is changed") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto keyring = contents(dir.data() / "keyring");
        CHECK(has(problem_of(dir.data(), other_node_keys()), "does not open under this node key"));
        CHECK(contents(dir.data() / "keyring") == keyring);
        CHECK(contents(dir.data() / "lock") == "closed.\n");  // the next start need not look for damage
        CHECK(problem_of(dir.data()).empty());
    }

    TEST_CASE("another format version and another address normalisation are refused") {
        const TemporaryDirectory dir;
        fill(dir);
        const auto state = dir.data() / "state.mdb";
        put_raw(state, state_layout(), format::meta, as_bytes("format"), format::encode_u32(1));
        CHECK(has(problem_of(dir.data()),
                  state.string() + " has format version 1, this program reads 4: use the program version"));
        put_raw(state, state_layout(), format::meta, as_bytes("format"), format::encode_u32(format::version));
        put_raw(state, state_layout(), format::meta, as_bytes("jid_normalisation_version"),
                format::encode_u32(77));
        CHECK(has(problem_of(dir.data()), state.string() + " has address normalisation version 77"));
        put_raw(state, state_layout(), format::meta, as_bytes("jid_normalisation_version"), as_bytes("x"));
        CHECK(has(problem_of(dir.data()), "does not say its address normalisation version"));
    }

    TEST_CASE("another domain is refused before anything is changed") {
        const TemporaryDirectory dir;
        REQUIRE(Store::create(dir.data(), node_keys(), xmpp::BareJid::parse("chat.example")));
        const auto state = contents(dir.data() / "state.mdb");
        CHECK(problem_of_domain(dir.data(), "chat.example").empty());
        CHECK(problem_of_domain(dir.data(), "chat2.example") ==
              (dir.data() / "state.mdb").string() +
                  " was made for another domain than chat2.example, which /etc/lethe/lethe.toml names: put "
                  "the old "
                  "domain back there, or name another data directory");
        CHECK(contents(dir.data() / "state.mdb") == state);
        CHECK(contents(dir.data() / "lock") == "closed.\n");
        CHECK(problem_of_domain(dir.data(), "chat.example").empty());
    }

    TEST_CASE("a directory that does not know its domain learns it from the first who names one") {
        const TemporaryDirectory dir;
        fill(dir);
        CHECK(problem_of(dir.data()).empty());
        CHECK(problem_of_domain(dir.data(), "chat.example").empty());
        CHECK(has(problem_of_domain(dir.data(), "chat2.example"), "another domain than chat2.example"));
        CHECK(problem_of_domain(dir.data(), "chat.example").empty());
        CHECK(problem_of(dir.data()).empty());
        put_raw(dir.data() / "state.mdb", state_layout(), format::meta, as_bytes("domain"),
                as_bytes("chat.example"));
        CHECK(has(problem_of_domain(dir.data(), "chat.example"), "another domain"));
    }

    TEST_CASE(
        "a disk that takes nothing does not stand in the way of a directory that does not know its domain") {
        const TemporaryDirectory dir;
        fill(dir);
        faults::arm(dir.data(), {faults::Kind::fail_meta, 0, ENOSPC});
        CHECK(problem_of_domain(dir.data(), "chat.example").empty());
        faults::disarm();
        CHECK(
            problem_of_domain(dir.data(), "chat2.example").empty());  // nobody had been able to say otherwise
        CHECK(has(problem_of_domain(dir.data(), "chat.example"), "another domain"));
    }

    TEST_CASE("one process at a time") {
        const TemporaryDirectory dir;
        CHECK(!Store::in_use(dir.data()));
        auto store = fresh(dir);
        CHECK(Store::in_use(dir.data()));
        CHECK(has(problem_of(dir.data()), "lock is held by another process: stop the server"));
        const int other = faults::in_child(
            [&] { return has(problem_of(dir.data()), "is held by another process") ? 0 : 1; });
        CHECK(other == 0);
        // The child that was refused, and the look itself, have left the lock alone.
        CHECK(Store::in_use(dir.data()));
        store.reset();
        CHECK(!Store::in_use(dir.data()));
        CHECK(problem_of(dir.data()).empty());
    }

    TEST_CASE("the lock file tells a clean end from a crash") {
        const TemporaryDirectory dir;
        auto store = fresh(dir);
        CHECK(contents(dir.data() / "lock") == "running\n");
        store.reset();
        CHECK(contents(dir.data() / "lock") == "closed.\n");
        REQUIRE(faults::in_child([&] {
                    auto left_open = open(dir.data());
                    ::_exit(7);
                    return 0;
                }) == 7);
        CHECK(contents(dir.data() / "lock") == "running\n");
    }

    TEST_CASE("chunks of an upload without a header are gone with the next start, of files and of logs nothing") {
        const TemporaryDirectory dir;
        constexpr BucketId uploads_1{ClassId::uploads, 1};
        {
            const auto store = fresh(dir);
            REQUIRE(make_bucket(*store, uploads_1));
            REQUIRE(make_bucket(*store, archive_1));
            for (const std::uint8_t file : {0x00, 0x07, 0x08, 0x09, 0xff}) {
                Batch batch;
                for (std::uint32_t segment : {0u, 1u})
                    for (std::uint16_t index : {0, 1, 1023}) batch.append(prefix(file), entry(uploads_1, segment, index, "chunk"));
                if (file == 0x07 || file == 0x09) batch.put_header(uploads_1, prefix(file), 0, sealed("header"));
                REQUIRE(write(*store, std::move(batch)));
            }
            Batch log;
            log.append(prefix(8), entry(archive_1, 0, 0, "entry"));
            REQUIRE(write(*store, std::move(log)));
        }
        const auto store = open(dir.data());
        for (const auto& [file, chunks] : {std::pair{0x00, 0}, {0x07, 6}, {0x08, 0}, {0x09, 6}, {0xff, 0}}) {
            CAPTURE(file);
            CHECK(store->usage(uploads_1, prefix(static_cast<std::uint8_t>(file)))->entries == static_cast<std::uint64_t>(chunks));
        }
        CHECK(store->usage(archive_1, prefix(8))->entries == 1);
    }
}
