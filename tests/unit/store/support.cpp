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

}  // namespace lethe::store::test
