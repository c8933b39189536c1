// SPDX-License-Identifier: AGPL-3.0-or-later
// What waits to be written to one connection: serialised bytes, bounded.
//
// The owner of the connection takes from it; anybody on the core thread adds. Past `limit` bytes the reader is too slow: `overflow`
// is called once and nothing more is accepted, so that a peer that stops reading cannot fill memory.
// Thread: core.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "crypto/log.h"

namespace lethe::core {

/// Serialised once, shared by every queue it waits in.
using Wire = std::shared_ptr<const std::string>;
inline Wire make_wire(std::string bytes) { return std::make_shared<const std::string>(std::move(bytes)); }

/// A message that must not be lost with the session it was sent to: what the letterbox would hold of it.
struct Delivery {
    crypto::LogEntry entry;
    unsigned pending = 0;  ///< sessions that were sent it and have neither acknowledged it nor ended
    unsigned asleep = 0;   ///< of those, how many hibernate
    bool taken = false;    ///< some session has it for certain, or it was returned already
    std::optional<crypto::LogPlace> kept = {};  ///< it lies in the letterbox too, until some session has it: only hibernating ones were sent it
    bool only_asleep() const { return !taken && pending > 0 && pending == asleep; }
};

/// For what has to be known of one stanza: one of the two is called, once. `lost` may come late, when the
/// connection is let go.
struct Receipt {
    std::function<void()> taken;  ///< acknowledged (XEP-0198), or written if the client does not acknowledge
    std::function<void()> lost;   ///< went down with its session as far as anybody can know
    Receipt(std::function<void()> on_taken, std::function<void()> on_lost)
        : taken(std::move(on_taken)), lost(std::move(on_lost)) {}
    Receipt(const Receipt&) = delete;
    ~Receipt() {
        if (lost) lost();
    }
};

struct Outgoing {
    Wire bytes;
    bool stanza = true;                             ///< counted by XEP-0198
    std::shared_ptr<Delivery> delivery = {};        ///< returns to the letterbox if the session is lost
    std::optional<crypto::LogPlace> letterbox = {}; ///< this letterbox entry is deleted once the client has it
    std::shared_ptr<Receipt> receipt = {};
    bool counted = false;                           ///< sent after <enable/>: taken when acknowledged, else when written
};

class Outbox {
public:
    explicit Outbox(std::size_t limit) : limit_(limit) {}

    /// False if the queue is over its bound or closed; the item is then not taken.
    bool push(Outgoing item) {
        if (closed_) return false;
        bytes_ += item.bytes->size();
        items_.push_back(std::move(item));
        if (bytes_ > limit_ && items_.size() > 1) {  // one large stanza alone always fits
            closed_ = true;
            if (overflow) overflow();
            return true;
        }
        if (wake) wake();
        return true;
    }
    /// At least one item if there is any, then as many as fit `max_bytes`.
    std::deque<Outgoing> take(std::size_t max_bytes);
    /// Takes out the items that `wanted` names, in order.
    std::deque<Outgoing> extract(const std::function<bool(const Outgoing&)>& wanted);
    /// Puts back, at the front, what was taken and could not be written.
    void put_back(std::deque<Outgoing> items);
    bool empty() const { return items_.empty(); }
    std::size_t bytes() const { return bytes_; }
    /// Nothing is accepted any more; what waits can still be taken.
    void close() {
        closed_ = true;
        if (wake) wake();
    }
    bool closed() const { return closed_; }
    std::function<void()> wake;      ///< something was added, or the box was closed
    std::function<void()> overflow;  ///< the bound was passed

private:
    std::size_t limit_;
    std::size_t bytes_ = 0;
    bool closed_ = false;
    std::deque<Outgoing> items_;
};

}  // namespace lethe::core
