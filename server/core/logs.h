// SPDX-License-Identifier: AGPL-3.0-or-later
// The writing side of every local account's sealed logs, vault open or not.
//
// Path of an entry: a stanza arrives on the core thread → sealed at once under the account's public half → queued for the writer thread
// → readable by the owner's login alone → destroyed with its bucket. If it cannot be written its sender is told.
// Thread: core.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "crypto/account.h"
#include "crypto/log.h"
#include "retention/buckets.h"
#include "server/xmpp/jid.h"
#include "store/store.h"

namespace lethe::core {

/// What one stanza changes on disk. Wraps a batch, and remembers which segment headers it carries: a header is staged with every
/// entry until one commit has confirmed it, so that a failed batch never leaves later entries without the header that opens them.
struct Change {
    store::Batch batch;
    std::vector<std::shared_ptr<bool>> headers;
    bool empty() const { return batch.empty(); }
};

/// One account's writing ends. Public halves and counters only: holding it opens nothing.
struct LogWriter {
    crypto::AccountId id;
    crypto::VaultPublicKey owner;
    std::optional<std::int64_t> archive_choice = {};  ///< crypto::AccountRecord's
    std::int64_t archive_floor = 0;

    struct Chain {
        std::shared_ptr<const retention::Buckets::Open> bucket;
        std::optional<crypto::SegmentWriter> segment;
        std::shared_ptr<bool> header_confirmed;
    };
    std::map<crypto::ClassId, Chain> chains;
    retention::Time last_received = 0;  ///< receipt times rise strictly per account

    /// For quotas: what lies on disk is counted (on the pool) when a closed account is first written to, and again after its owner took some away.
    struct Usage {
        bool counted = false;
        std::uint64_t entries = 0, bytes = 0;
        std::uint64_t appended = 0;  ///< entries sealed since this writer exists; only rises
    };
    std::map<crypto::ClassId, Usage> usage;
    std::uint64_t period = 0;  ///< another one whenever something was taken out; unique in this process (core/intake.h)
    /// Subscription entries of the closed vault by sender and whether they ask or answer: at most one of each, the newest.
    std::map<std::pair<xmpp::BareJid, bool>, crypto::LogPlace> waiting_requests;
};

class Logs {
public:
    Logs(store::Store& store, const crypto::NodeKeys& keys, retention::Buckets& buckets, const retention::Clock& clock)
        : store_(store), keys_(keys), buckets_(buckets), clock_(clock) {}

    /// Null if there is no such account here. Reads the account record when it is not in memory (one row, on this thread).
    std::shared_ptr<LogWriter> find(const xmpp::BareJid& jid);
    /// After an erase, a reset or a new account of the same name.
    void forget(const xmpp::BareJid& jid);

    retention::Time stamp(LogWriter& writer);
    /// Seals and stages; empty if the class stores nothing (or does not accept, see retention::Buckets).
    std::optional<crypto::LogPlace> append(Change& change, LogWriter& writer, crypto::ClassId cls,
                                           const crypto::LogEntry& entry);
    /// To the archive, into the class that the account's own choice asks for; empty if it is not archived.
    std::optional<crypto::LogPlace> archive(Change& change, LogWriter& writer, const crypto::LogEntry& entry);
    /// After the account's own choice was recorded.
    void choice_changed(const xmpp::BareJid& jid);
    /// Stages the deletion of an entry; nothing if its bucket is gone.
    void erase(Change& change, LogWriter& writer, const crypto::LogPlace& place);
    /// After a sweep: lets go of the keys of buckets that are gone.
    void drop_dead_chains();
    bool stores(crypto::ClassId cls) const { return buckets_.keep(cls).stored(); }

private:
    struct Cached {
        std::shared_ptr<LogWriter> writer;
        std::list<xmpp::BareJid>::iterator age;
    };
    static constexpr std::size_t cached_writers = 8192;
    std::uint64_t periods_ = 0;
    LogWriter::Chain* open_chain(LogWriter& writer, crypto::ClassId cls);

    store::Store& store_;
    const crypto::NodeKeys& keys_;
    retention::Buckets& buckets_;
    const retention::Clock& clock_;
    std::unordered_map<xmpp::BareJid, Cached> writers_;
    std::list<xmpp::BareJid> ages_;  ///< least recently used first
    /// Highest segment number used per bucket and account. Complete, because a process writes only into buckets it created.
    std::map<store::BucketId, std::unordered_map<crypto::AccountId, std::uint32_t, crypto::AccountId::Hash>> segments_;
};

}  // namespace lethe::core
