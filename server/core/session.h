// SPDX-License-Identifier: AGPL-3.0-or-later
// One bound resource: what it is sent, what it has acknowledged (XEP-0198), its presence.
//
// A session that may be resumed outlives its connection: it hibernates (core/hibernation.h) until another connection continues it or its time
// is up. What it is sent meanwhile waits in the queue of the unacknowledged, within the same bounds.
// Lifetime: from bind until Core::end_session; the stream and the account share it.
// Thread: core.
#pragma once
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/core/deferred.h"
#include "server/core/message.h"
#include "server/core/outbox.h"
#include "server/xmpp/error.h"
#include "server/xmpp/jid.h"

namespace lethe::core {

class Account;
class Turns;

class Session : public std::enable_shared_from_this<Session> {
public:
    /// What a client that acknowledges (XEP-0198) may leave unacknowledged. More than `count` stanzas are no offence by themselves: a
    /// login with many contacts online brings as many at once, before the client could say anything. It is ended when it has been over
    /// `count` for the time of `patience` without acknowledging one, and at once when its unacknowledged stanzas take more than `bytes`.
    struct Unacknowledged {
        std::size_t count;
        std::size_t bytes;
        std::chrono::seconds patience;
        std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
        std::uint32_t first = 0;  ///< where both counts of stanzas start; they go on at 0 after 2^32 - 1
    };
    Session(xmpp::FullJid jid, std::shared_ptr<Account> account, std::shared_ptr<Outbox> outbox, Unacknowledged limits)
        : jid_(std::move(jid)), account_(std::move(account)), outbox_(std::move(outbox)), limits_(std::move(limits)) {}

    const xmpp::FullJid& jid() const { return jid_; }
    Account& account() const { return *account_; }
    const std::shared_ptr<Account>& account_ptr() const { return account_; }

    // Sending.
    void send(Wire stanza) { send(Outgoing{std::move(stanza)}); }
    void send(std::string stanza) { send(make_wire(std::move(stanza))); }
    void send(const xml::Element& stanza) { send(xml::serialize(stanza)); }
    void send(Outgoing item);
    /// What may wait while nobody looks at the client: see core/deferred.h.
    void send_deferrable(Wire stanza, const xmpp::Jid& from, DeferredKind kind);
    /// A message exchanged with `peer`. What was deferred of the same address goes first, or is dropped if this makes it obsolete.
    void send_message(Outgoing item, const xmpp::Jid& peer, ChatState state, DeferredKind kind = DeferredKind::chat_state);
    std::size_t queued_bytes() const { return outbox_->bytes(); }
    /// Half of what the client may leave unacknowledged is under way.
    bool should_wait_for_acknowledgement() const {
        return unacknowledged_.size() > limits_.count / 2 || unacknowledged_bytes_ > limits_.bytes / 2;
    }
    /// `callback` runs once, when something was written or acknowledged, or the session ended, lost its connection or has another; soon, not from
    /// inside this call.
    void on_progress(std::function<void()> callback) { progress_waiters_.push_back(std::move(callback)); }
    /// The session has ended: nothing is sent any more, and whoever waits for progress hears of it.
    void end();
    /// The stream wrote these; without XEP-0198 that is as far as anybody can know.
    void written(std::deque<Outgoing>& items);
    /// Something reached the client for certain. Set by the core.
    std::function<void(const Outgoing&)> on_taken;
    /// The stream is to end with this error. Set by the stream.
    std::function<void(xmpp::StreamCondition, std::string)> on_kick;
    void kick(xmpp::StreamCondition condition, std::string text = {}) {
        if (on_kick) on_kick(condition, std::move(text));
    }
    /// What was sent, or waits to be, and is not known to have arrived. Empties it.
    std::deque<Outgoing> take_unconfirmed();
    /// A stream could not write what is left in its outbox.
    void left_behind(Outbox& outbox);

    // XEP-0198, acknowledgements. The nonzas themselves are the stream's business.
    bool acknowledging() const { return acknowledging_; }
    void enable_acknowledgements() {
        acknowledging_ = true;
        inbound_ = acknowledged_ = limits_.first;  // section 4: both counts start here
    }
    /// The client has handled `h` of our stanzas, modulo 2^32. False: more than were sent, a stream error (section 4).
    [[nodiscard]] bool acknowledged(std::uint32_t h);
    /// Asks the client for an acknowledgement if one is worth asking for.
    void request_acknowledgement();
    /// It was asked and has not answered.
    bool owes_acknowledgement() const { return request_open_; }
    /// How many were sent, modulo 2^32.
    std::uint32_t sent() const { return acknowledged_ + static_cast<std::uint32_t>(unacknowledged_.size()); }
    /// How many came in, modulo 2^32. As `h` only once their commits are done.
    std::uint32_t handled() const { return static_cast<std::uint32_t>(inbound_); }
    /// A stanza came in; answers its ordinal.
    std::uint64_t count_inbound() { return ++inbound_; }
    /// The stanza being handled waits for a commit; `<a/>` is held back until release() was called for the same ordinal.
    std::uint64_t hold() {
        held_.insert(inbound_);
        return inbound_;
    }
    void release(std::uint64_t ordinal);
    /// The client sent `<r/>`: answers once every stanza so far is durable.
    void acknowledgement_requested();

    // XEP-0198, resumption (core/hibernation.h).
    struct Resumption {
        std::string id;
        std::chrono::seconds max;  ///< so long after the loss of its connection
    };
    std::optional<Resumption> resumption;
    bool hibernating() const { return hibernating_; }
    /// The connection is lost. on_kick is the hibernation's from now on.
    void hibernate(std::function<void(xmpp::StreamCondition, std::string)> on_too_much);
    /// Precondition: it hibernates. It is active again (XEP-0352 section 5.2). Nothing is sent before resend().
    void continue_on(std::shared_ptr<Outbox> outbox);
    /// All that is not acknowledged once more, then what was deferred.
    void resend();
    /// What its client has not confirmed and no other session has either.
    std::vector<std::shared_ptr<Delivery>> unconfirmed_deliveries() const;
    /// Another connection continues it. Set by the stream: lets go of it.
    std::function<void()> on_taken_over;
    std::unique_ptr<asio::steady_timer> expiry;  ///< while it hibernates

    // XEP-0352.
    /// Nobody looks at the client.
    void set_inactive(bool inactive);

    // Presence.
    struct Presence {
        int priority = 0;
        Wire stanza;  ///< as last broadcast, with 'from' and without 'to'
    };
    std::optional<Presence> presence;           ///< empty until initial presence and after unavailable
    std::set<xmpp::Jid> directed;               ///< whom it sent directed available presence
    bool interested = false;                    ///< asked for the roster (RFC 6121 2.2)
    bool blocklist_interested = false;          ///< asked for the blocklist (XEP-0191)
    std::int64_t since = 0;                     ///< the hour in which it was bound, microseconds of the epoch; in memory only
    std::string agent;                          ///< the client's installation, by its own name for it (XEP-0388); in memory only
    /// The client reads what was received until then in the archive (XEP-0386): the letterbox does not send it, as far as the archive has it.
    std::int64_t archive_covers = INT64_MIN;
    bool carbons = false;                       ///< asked for copies (XEP-0280)
    bool live = false;                          ///< the letterbox has been emptied into it or before it
    /// The letterbox is being emptied into it: its stanzas are held back until then, so that an answer to anything it asks after its
    /// first presence tells that it has all that waited.
    bool opening = false;
    std::function<void()> on_opened;            ///< set by the stream
    std::deque<std::pair<std::string, std::string>> commands;  ///< XEP-0050, under way: session id, node; oldest first
    std::shared_ptr<const std::set<std::string, std::less<>>> wanted_nodes;  ///< its capabilities name them with "+notify" (XEP-0163); null: not known
    std::string caps, caps_query;               ///< XEP-0115: what it announced last; the id of our question, while there is no answer
    bool server_photo = false;                  ///< the photo hash in its presence is the server's word, not the client's (XEP-0398)
    std::map<std::size_t, std::size_t> last_items;  ///< of each node, what it was sent last of it; both as hashes
    std::shared_ptr<Turns> archive_queries;     ///< answered one after the other
    bool ended = false;
    /// Messages to the bare JID reach it (RFC 6121 8.5.2).
    bool takes_messages() const { return presence && presence->priority >= 0 && live && !ended; }

private:
    void made_progress();
    bool too_much_unacknowledged();
    void bound_deferred();
    void send_deferred();
    void taken(Outgoing& item);
    void answer_acknowledgements();

    xmpp::FullJid jid_;
    std::shared_ptr<Account> account_;
    std::shared_ptr<Outbox> outbox_;
    Unacknowledged limits_;
    bool acknowledging_ = false;
    bool hibernating_ = false;
    bool inactive_ = false;
    Deferred deferred_;
    std::uint64_t inbound_ = 0;          ///< stanzas received; on the wire modulo 2^32
    std::uint32_t acknowledged_ = 0;     ///< of ours, by the client
    std::deque<Outgoing> unacknowledged_;
    std::size_t unacknowledged_bytes_ = 0;
    std::optional<std::chrono::steady_clock::time_point> over_since_;  ///< more than limits_.count, and none acknowledged since
    std::deque<Outgoing> refused_;       ///< not counted, and came when the stream was closing already or was not written
    std::vector<std::function<void()>> progress_waiters_;
    std::size_t unrequested_ = 0;        ///< sent since the last <r/>
    bool request_open_ = false;
    std::multiset<std::uint64_t> held_;
    std::deque<std::uint64_t> owed_;     ///< ordinals asked for and not yet sent
};

}  // namespace lethe::core
