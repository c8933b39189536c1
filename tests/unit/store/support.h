// SPDX-License-Identifier: AGPL-3.0-or-later
// A data directory that lives as long as a test, and short ways to say things about a store.
#pragma once
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <utility>

#include "store/environment.h"
#include "store/store.h"

namespace lethe::store::test {

/// Initialises secret memory once; a node key that is the same in every process of a test.
const crypto::NodeKeys& node_keys();
const crypto::NodeKeys& other_node_keys();

class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path data() const { return path_ / "data"; }

private:
    std::filesystem::path path_;
};

inline AccountId account_id(std::uint8_t n) {
    AccountId id;
    id.bytes.fill(n);
    return id;
}
inline BlindKey blind_key(std::uint8_t n) {
    BlindKey key;
    key.bytes.fill(n);
    return key;
}
inline LogPrefix prefix(std::uint8_t n) {
    LogPrefix p;
    p.bytes.fill(n);
    return p;
}
inline Sealed sealed(std::string_view text) { return Sealed::from_disk(as_bytes(text)); }
inline std::string text(const Sealed& s) { return std::string(as_text(s.view())); }
template <class Key>
Key key_of(std::uint8_t n) {
    return Key::make([&](auto out) { std::fill(out.begin(), out.end(), n); });
}
/// The byte a key of key_of() consists of.
template <class Key>
int byte_of(const Key& key) {
    return key.with_bytes([](auto bytes) { return static_cast<int>(bytes[0]); });
}
inline crypto::SealedEntry entry(const BucketId& bucket, std::uint32_t segment, std::uint16_t index,
                                 std::string_view text) {
    return {{bucket.cls, bucket.number, segment, index}, sealed(text)};
}

/// For rekey_account: the rows of the profile stay.
inline Store::Reseal as_they_are() {
    return [](const Row& row) { return std::optional(row); };
}

/// Calls f(completion) and waits for it.
template <class F>
Result wait(F&& f) {
    std::promise<Result> promise;
    f([&](Result r) { promise.set_value(r); });
    return promise.get_future().get();
}
template <class F>
bool succeeds(F&& f) {
    return wait(std::forward<F>(f)).has_value();
}

std::unique_ptr<Store> open(const std::filesystem::path& data);
std::string problem_of(const std::filesystem::path& data, const crypto::NodeKeys& keys = node_keys());
std::unique_ptr<Store> fresh(const TemporaryDirectory& dir);

inline std::string contents(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
void overwrite(const std::filesystem::path& file, std::string_view bytes);

inline constexpr BucketId archive_1{ClassId::archive, 1}, archive_2{ClassId::archive, 2};
inline constexpr BucketId letterbox_1{ClassId::letterbox, 1};
inline constexpr BucketSpan day{1'000'000, 2'000'000, 9'000'000};

inline Result make_bucket(Store& store, const BucketId& id, std::uint8_t key = 7,
                          const BucketSpan& span = day) {
    return wait([&](Completion done) {
        store.create_bucket(id, span, key_of<crypto::BucketKey>(key), std::move(done));
    });
}
inline Result make_account(Store& store, std::uint8_t n, std::uint8_t key, std::string_view record) {
    return wait([&](Completion done) {
        store.create_account(account_id(n), key_of<crypto::AccountKey>(key), sealed(record), std::move(done));
    });
}
inline Result write(Store& store, Batch batch) {
    return wait([&](Completion done) { store.write(std::move(batch), std::move(done)); });
}

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A closed data directory: account 1 (key 11) with rows; archive buckets 1 (key 7, span day) and 2 (key 8),
/// each with 40 entries in segment 1 of prefix 9.
void fill(const TemporaryDirectory& dir);
/// Writes a row into a closed environment, behind the store's back.
void put_raw(const std::filesystem::path& file, const Layout& layout, std::size_t table, ByteView key,
             ByteView value);

}  // namespace lethe::store::test
