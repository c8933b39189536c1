// SPDX-License-Identifier: AGPL-3.0-or-later
// Puts one archive bucket of any size into the data directory of a stopped server: fill CONFIG MESSAGES KEEP_SECONDS DUE_SECONDS
//
// Every message is sealed as the server seals it, for a hundred accounts that nobody logs in to. The bucket is due DUE_SECONDS after this
// has ended; KEEP_SECONDS is the policy's. Prints {"bucket":N,"deadline":microseconds,"bytes":size}.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <optional>
#include <vector>

#include "crypto/account.h"
#include "crypto/log.h"
#include "crypto/vault.h"
#include "retention/clock.h"
#include "server/admin/config.h"
#include "store/store.h"

using namespace lethe;

namespace {

constexpr std::size_t accounts = 100, batch_size = 500, batches_under_way = 16;

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "fill: %s\n", why.c_str());
    std::exit(2);
}

/// Counts what is queued and not yet stored.
class Gate {
public:
    store::Completion pass() {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return open_ < batches_under_way; });
        ++open_;
        return [this](store::Result result) {
            if (!result) give_up("the store refuses a batch");
            const std::lock_guard guard(mutex_);
            --open_;
            room_.notify_all();
        };
    }
    void drain() {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return open_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable room_;
    std::size_t open_ = 0;
};

struct Writer {
    crypto::AccountId account;
    crypto::Vault vault;
    std::optional<crypto::SegmentWriter> segment;
    std::uint32_t segments = 0;
    explicit Writer(const crypto::AccountId& id) : account(id), vault(id, crypto::VaultSecret::generate()) {}
};

class Filler {
public:
    Filler(store::Store& store, const crypto::NodeKeys& keys, const store::BucketId& id, const store::BucketSpan& span) : store_(store), id_(id), received_(span.start) {
        store_.create_bucket(id_, span, *key_, gate_.pass());
        for (std::size_t n = 0; n < accounts; ++n)
            writers_.push_back(std::make_unique<Writer>(keys.account_id(*xmpp::BareJid::parse("bench" + std::to_string(n) + "@bench.example"))));
    }
    void run(std::size_t messages) {
        store::Batch batch;
        for (std::size_t n = 0; n < messages; ++n) {
            append(batch, *writers_[n % accounts]);
            if ((n + 1) % batch_size == 0 || n + 1 == messages) store_.write(std::exchange(batch, {}), gate_.pass());
        }
        gate_.drain();
    }
    void set_deadline(const store::BucketSpan& span) {
        store_.shorten_bucket(id_, span, gate_.pass());
        gate_.drain();
    }

private:
    void append(store::Batch& batch, Writer& writer) {
        if (!writer.segment || writer.segment->full()) {
            const crypto::LogPlace first{.cls = id_.cls, .bucket = id_.number, .segment = writer.segments++};
            writer.segment.emplace(writer.account, first, key_, writer.vault.public_key());
            batch.put_header(id_, writer.segment->prefix(), first.segment, writer.segment->header());
        }
        const Bytes payload = encode(crypto::LogEntry{.received = ++received_, .peer = "somebody@elsewhere.example",
                                                      .stanza = "<message xmlns='jabber:client' type='chat'><body>" + std::string(300, 'x') + "</body></message>"});
        batch.append(writer.segment->prefix(), writer.segment->append(payload));
    }
    store::Store& store_;
    const store::BucketId id_;
    std::shared_ptr<const crypto::BucketKey> key_ = std::make_shared<const crypto::BucketKey>(crypto::BucketKey::generate());
    std::vector<std::unique_ptr<Writer>> writers_;
    std::int64_t received_;
    Gate gate_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) give_up("usage: fill CONFIG MESSAGES KEEP_SECONDS DUE_SECONDS");
    const std::int64_t second = 1'000'000, keep = std::atoll(argv[3]) * second, due = std::atoll(argv[4]) * second;
    if (const auto ready = crypto::initialise(); !ready) give_up(ready.error());
    const auto config = admin::load_config(argv[1]);
    if (!config) give_up(config.error().front().to_string());
    const auto node_key = crypto::load_node_key(config->node_key.file);
    if (!node_key) give_up(node_key.error());
    const crypto::NodeKeys keys(*node_key);
    auto store =
        store::Store::open({.data = config->data, .keys = &keys, .domain = admin::domain_of(*config)});
    if (!store) give_up(store.error().text);
    const store::BucketId id{crypto::ClassId::archive, (*store)->next_bucket_number(crypto::ClassId::archive)};
    store::BucketSpan span{};
    {
        const auto now = retention::system_time().wall();
        span = {.start = now - keep / 2, .end = now, .deadline = now + keep / 2};
        Filler filler(**store, keys, id, span);
        filler.run(static_cast<std::size_t>(std::atoll(argv[2])));
        span.deadline = retention::system_time().wall() + due;
        filler.set_deadline(span);
    }
    const auto file = config->data / "buckets" / "archive" / (std::to_string(id.number) + ".mdb");
    std::printf("{\"bucket\":%u,\"deadline\":%lld,\"bytes\":%llu}\n", id.number, static_cast<long long>(span.deadline),
                static_cast<unsigned long long>(std::filesystem::file_size(file)));
    return 0;
}
