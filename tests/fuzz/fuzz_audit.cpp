// SPDX-License-Identifier: AGPL-3.0-or-later
// The audit of a directory in which one file was damaged: it ends, whatever the file holds, and its report
// steers no terminal and no page.
//
// An input names a file and then places in it, each with the bytes that are put there.
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <random>

#include "crypto/forms.h"
#include "crypto/secret.h"
#include "retention/ledger.h"
#include "store/store.h"
#include "tests/fuzz/driver.h"
#include "tools/audit/audit.h"
#include "tools/audit/output.h"

namespace lethe::fuzz {
namespace {

namespace fs = std::filesystem;
constexpr retention::Time now = 1'795'370'400'000'000, hour = 3'600'000'000;
constexpr const char* policy_text = R"([service]
name = "n"
operator = "o"
contact = ["mailto:a@b.example"]
jurisdiction = "none"
languages = ["en"]
[archive]
keep = "24h"
[letterbox]
keep = "0"
[subscriptions]
keep = "0"
[accounts]
registration = "closed"
[log]
keep = "24h"
address = "none"
account = "none"
peer = "none"
client = "none"
)";

struct AtNoon final : retention::Clock {
    retention::Time now() const override { return fuzz::now; }
};

/// A used data directory, made once and removed at the end.
class Directory {
public:
    Directory() {
        require(crypto::initialise().has_value(), "libsodium starts");
        auto made = (fs::temp_directory_path() / "lethe-fuzz-XXXXXX").string();
        require(::mkdtemp(made.data()) != nullptr, "a directory can be made");
        root_ = made;
        fill();
        for (const auto& entry : fs::recursive_directory_iterator(data()))
            if (entry.is_regular_file() && !entry.path().string().ends_with("-lock"))
                files_.push_back(entry.path());
        std::ranges::sort(files_);
        for (const auto& file : files_) contents_.push_back(read(file));
    }
    ~Directory() {
        std::error_code ignored;
        fs::remove_all(root_, ignored);
    }
    Directory(const Directory&) = delete;

    fs::path data() const { return root_ / "data"; }
    std::size_t count() const { return files_.size(); }
    const std::string& content(std::size_t i) const { return contents_[i]; }
    void put(std::size_t i, const std::string& content) const {
        std::ofstream(files_[i], std::ios::binary | std::ios::trunc) << content;
    }

private:
    static std::string read(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static crypto::NodeKey node_key() {
        return crypto::NodeKey::make(
            [](std::span<std::uint8_t, 32> out) { std::ranges::fill(out, std::uint8_t{1}); });
    }
    static crypto::Sealed sealed(crypto::Form form, std::size_t size, unsigned seed) {
        std::mt19937 source(seed);
        Bytes bytes(size);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(source());
        bytes[0] = static_cast<std::uint8_t>(form);
        return crypto::Sealed::from_disk(bytes);
    }
    template <class F>
    static void wait(F&& f) {
        std::promise<bool> promise;
        f([&](store::Result result) { promise.set_value(result.has_value()); });
        require(promise.get_future().get(), "the directory can be filled");
    }

    void fill() const {
        const auto key = node_key();
        const crypto::NodeKeys keys(key);
        require(store::Store::create(data(), keys).has_value(), "a data directory can be made");
        auto opened = store::Store::open({.data = data(), .keys = &keys, .deliver = {}});
        require(opened.has_value(), "and opened");
        auto& store = **opened;
        crypto::AccountId account;
        account.bytes.fill(1);
        wait([&](auto done) {
            store.create_account(account, crypto::AccountKey::generate(),
                                 sealed(crypto::Form::account_record, 500, 1), std::move(done));
        });
        const store::BucketId bucket{crypto::ClassId::archive, 1};
        wait([&](auto done) {
            store.create_bucket(bucket, {now - hour, now, now + 23 * hour}, crypto::BucketKey::generate(),
                                std::move(done));
        });
        store::Batch batch;
        crypto::LogPrefix prefix;
        prefix.bytes.fill(2);
        for (std::uint16_t i = 0; i < 20; ++i)
            batch.append(prefix, {{bucket.cls, bucket.number, 1, i},
                                  sealed(crypto::Form::log_entry,
                                         crypto::seal_overhead + crypto::log_entry_minimum, i)});
        wait([&](auto done) { store.write(std::move(batch), std::move(done)); });
        const auto policy = retention::parse_policy(policy_text, "policy.toml");
        require(policy.has_value(), "the policy is one");
        wait([&](auto done) {
            store.put_policy_standing(retention::PolicyStanding::first(*policy).encode(), std::move(done));
        });
        opened->reset();
        const AtNoon clock;
        {
            const auto ledger =
                retention::Ledger::open(data() / retention::ledger_file, crypto::LedgerKey(key), clock);
            require(ledger.has_value(), "a ledger can be begun");
            (*ledger)->append(retention::ServerStart{});
            (*ledger)->append(retention::PolicyInForce{retention::digest_of(policy->text)});
        }
        fs::create_directory(data() / "log");
        fs::permissions(data() / "log", fs::perms::owner_all);
        std::ofstream(data() / "log" /
                      (std::to_string(now - hour) + '-' + std::to_string(now) + '-' +
                       std::to_string(now + 23 * hour) + "-1.log"))
            << "2026-11-22T17:30:00Z server_started\n2026-11-22T17:40:00Z login mechanism=SCRAM-SHA-256\n";
    }

    fs::path root_;
    std::vector<fs::path> files_;
    std::vector<std::string> contents_;
};

const Directory& directory() {
    static const Directory made;
    return made;
}

std::size_t number(std::string_view bytes) {
    std::size_t out = 0;
    for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
    return out;
}

/// Place (3 bytes), length (1), bytes; a length of 255 cuts the file there, one of 254 puts as many zeros.
std::string damaged(std::string content, std::string_view how) {
    while (how.size() >= 4) {
        const auto at = number(how.substr(0, 3)) % (content.size() + 1), size = number(how.substr(3, 1));
        how.remove_prefix(4);
        if (size == 255) {
            content.resize(at);
            continue;
        }
        const auto bytes = size == 254 ? std::string(4096, '\0') : std::string(how.substr(0, size));
        content.replace(at, std::min(bytes.size(), content.size() - at), bytes);
        if (size != 254) how.remove_prefix(std::min(size, how.size()));
    }
    return content;
}

}  // namespace

void run(std::string_view input) {
    if (input.empty()) return;
    const auto& d = directory();
    const auto file = number(input.substr(0, 1)) % d.count();
    d.put(file, damaged(d.content(file), input.substr(1)));
    auto report = audit::run(
        {.directory = d.data(), .policy = {}, .policy_name = "p", .key = {}, .at = now, .progress = {}});
    if (report)
        for (const auto& text :
             {audit::as_text(*report, [](std::string_view part) { return std::string(part); }),
              audit::as_json(*report), audit::as_html(*report)})
            require(text.find_first_of("\x1b\x07\r") == std::string::npos && !text.contains("<script"),
                    "a report steers nothing");
    else
        require(input.size() > 1 && !report.error().empty(), "or one sentence says why there is none");
    d.put(file, d.content(file));
}

std::vector<std::string> seeds() {
    std::vector<std::string> out;
    for (char file = 0; file < static_cast<char>(directory().count()); ++file) {
        out.push_back(std::string{file});
        for (const int page : {0, 1, 2, 3, 5, 8}) {
            const auto at = page * 4096 + 10;
            out.push_back(std::string{file, static_cast<char>(at >> 16), static_cast<char>(at >> 8),
                                      static_cast<char>(at), 4} +
                          std::string("\x02\0\x20\0", 4));
        }
    }
    return out;
}

std::vector<std::string> words() {
    std::vector<std::string> out{std::string("\0\0\x28\4\xff\xff\xff\xff", 8), std::string("\0\x10\0\xff", 4),
                                 std::string("\0\x20\0\xfe", 4),
                                 "\x1b[2J<script>alert(1)</script> and so on, and so on"};
    // Where LMDB says how large and where things are: the metas' tables, a page's bounds, its first nodes.
    for (const int at : {16, 24, 40, 64, 72, 88, 112, 120, 136, 4096 + 24, 4096 + 120, 4096 + 136, 8192 + 12,
                         8192 + 14, 8192 + 16, 12288 + 12, 16384 + 16})
        for (const char* bytes : {"\xff\xff\xff\xff\xff\xff\xff\xff", "\x01\x01\x01\x01", "\x03"})
            out.push_back(std::string{'\0', static_cast<char>(at >> 8), static_cast<char>(at),
                                      static_cast<char>(std::string_view(bytes).size())} +
                          bytes);
    return out;
}

}  // namespace lethe::fuzz
