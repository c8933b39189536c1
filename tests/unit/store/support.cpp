// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/store/support.h"

#include <cstdlib>

namespace lethe::store::test {

namespace {
crypto::NodeKeys make_keys(std::uint8_t n) {
    if (auto ready = crypto::initialise(); !ready) FAIL(ready.error());
    return crypto::NodeKeys(key_of<crypto::NodeKey>(n));
}
}  // namespace

const crypto::NodeKeys& node_keys() {
    static const crypto::NodeKeys keys = make_keys(0x4b);
    return keys;
}

const crypto::NodeKeys& other_node_keys() {
    node_keys();
    static const crypto::NodeKeys keys = make_keys(0x4c);
    return keys;
}

TemporaryDirectory::TemporaryDirectory() {
    // In memory if possible: thousands of syncs that nobody has to wait for.
    std::error_code error;
    const bool memory = !std::getenv("TMPDIR") && std::filesystem::is_directory("/dev/shm", error);
    const std::filesystem::path parent = memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string name = (parent / "lethe-store-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::unique_ptr<Store> open(const std::filesystem::path& data) {
    auto store = Store::open({.data = data, .keys = &node_keys()});
    if (!store) FAIL(store.error().text);
    return std::move(*store);
}

std::string problem_of(const std::filesystem::path& data, const crypto::NodeKeys& keys) {
    auto store = Store::open({.data = data, .keys = &keys});
    return store ? std::string() : store.error().text;
}

std::unique_ptr<Store> fresh(const TemporaryDirectory& dir) {
    const auto created = Store::create(dir.data(), node_keys());
    if (!created) FAIL(created.error().text);
    return open(dir.data());
}

void overwrite(const std::filesystem::path& file, std::string_view bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::in);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void fill(const TemporaryDirectory& dir) {
    const auto store = fresh(dir);
    REQUIRE(make_account(*store, 1, 11, "record"));
    REQUIRE(make_bucket(*store, archive_1, 7));
    REQUIRE(make_bucket(*store, archive_2, 8, {3'000'000, 4'000'000, 8'000'000}));
    for (const auto& id : {archive_1, archive_2}) {
        Batch batch;
        batch.put_header(id, prefix(9), 1, sealed("header"));
        for (std::uint16_t i = 0; i < 40; ++i)
            batch.append(prefix(9), entry(id, 1, i, std::string(1'100, 'e')));
        for (std::uint8_t n = 1; n <= 20; ++n) {
            batch.put(Table::roster, account_id(1), blind_key(n), sealed(std::string(300, 'r')));
        }
        REQUIRE(write(*store, std::move(batch)));
    }
}

void put_raw(const std::filesystem::path& file, const Layout& layout, std::size_t table, ByteView key,
             ByteView value) {
    const auto env = Environment::open(file, layout, Access::existing);
    REQUIRE(env);
    WriteTransaction txn(**env);
    REQUIRE(txn.code() == 0);
    REQUIRE(txn.put(table, key, value) == 0);
    REQUIRE(txn.commit() == 0);
}

}  // namespace lethe::store::test
