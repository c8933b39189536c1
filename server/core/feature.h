// SPDX-License-Identifier: AGPL-3.0-or-later
// How an extension plugs in: one file in server/feature/, one exported Feature, one line in server/feature/all.cpp.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/core/session.h"
#include "server/xmpp/error.h"
#include "server/xmpp/ns.h"

namespace lethe::core {

class Account;
class Core;

/// Answers one IQ, now or later (from a coroutine). Copyable; answers go to the session that asked, if it still exists.
class Responder {
public:
    Responder(std::shared_ptr<Session> session, const xml::Element& iq);
    /// `fill` adds the payload to the result.
    void result(const std::function<void(xml::Element)>& fill = {}) const;
    void error(xmpp::StanzaError error) const;

private:
    xml::Document skeleton() const;
    std::shared_ptr<Session> session_;
    std::string id_, from_, to_;
};

struct Request {
    Core& core;
    std::shared_ptr<Session> session;  ///< who asks
    xml::Element iq, payload;          ///< valid during the handler only
    bool is_set;
    xmpp::Jid target;                  ///< the server, or a local bare JID
    Responder responder;
    bool own_account() const { return target == xmpp::Jid(session->jid().bare()); }
};

/// Whom the IQ is addressed to.
enum Where : unsigned { at_server = 1, at_own_account = 2, at_other_account = 4 };

struct IqHandler {
    std::string_view type;  ///< "get" or "set"
    std::string_view ns, name;
    unsigned where;
    std::function<void(Request&)> handle;
};

/// A node of service discovery (XEP-0030 section 3.2) at the domain and at the user's own bare JID. Both fill a <query/>; false: there is no such
/// node for this user.
struct DiscoNode {
    std::string_view node;
    std::function<bool(const Request&, xml::Element query)> info, items;
};

/// An element of a bound stream that is no stanza. Handled in its place among the stanzas, not counted by XEP-0198.
struct NonzaHandler {
    std::string_view ns, name;
    std::function<void(Core&, const std::shared_ptr<Session>&, const xml::Element&)> handle;
};

struct Feature {
    std::string_view name;                               ///< file name, and the XEP in the header comment there
    std::vector<std::string_view> server_features = {};  ///< disco#info of the domain
    std::vector<std::string_view> account_features = {}; ///< disco#info of the user's bare JID
    std::vector<IqHandler> iq = {};
    std::vector<DiscoNode> nodes = {};
    /// Offered with the stream's features after authentication: elements, serialised.
    std::string_view stream_feature = {};
    std::vector<NonzaHandler> nonzas = {};
    std::vector<std::pair<std::string_view, std::string_view>> account_identities = {};  ///< category and type, of the user's bare JID
    /// Items and nodes that an account has of its own (XEP-0030 at its bare JID, for whoever may see it): the list, and one node's info or items.
    std::function<void(const Request&, xml::Element query)> account_items = {};
    std::function<bool(const Request&, xml::Element query, bool items)> account_node = {};
    /// An available presence, before it goes out to everybody or (it has a 'to') to one address: may add to it.
    std::function<void(Core&, const std::shared_ptr<Session>&, xml::Element stanza)> presence_sent = {};
    /// An iq result or error to the server in its user's name. True: it was an answer to this feature.
    std::function<bool(Core&, const std::shared_ptr<Session>&, xml::Element iq)> answered = {};
    /// What an account publishes has changed, durably (XEP-0163): the names of the nodes.
    std::function<void(Core&, const std::shared_ptr<Account>&, const std::set<std::string>& nodes)> nodes_changed = {};
    /// After the first available presence of a session.
    std::function<void(Core&, const std::shared_ptr<Session>&)> session_available = {};
    /// A client is connected again: its session was bound, or resumed.
    std::function<void(Core&, const std::shared_ptr<Session>&)> session_connected = {};
    /// A stanza for a local account waits: no session took the message, a session that hibernates was sent the message or request, or those
    /// that were sent the message have lost it.
    std::function<void(Core&, const xmpp::BareJid&, const xml::Element&)> stanza_waits = {};
    /// Whether its disco features are told at present; without it always.
    std::function<bool(const Core&)> offered = {};
};

/// All features; a second handler for the same payload is a programming error and aborts at start.
class FeatureTable {
public:
    explicit FeatureTable(std::vector<Feature> features);
    const std::vector<Feature>& all() const { return features_; }
    /// Null if nobody handles it.
    const IqHandler* find(std::string_view type, std::string_view ns, std::string_view name, Where where) const;
    const NonzaHandler* find_nonza(std::string_view ns, std::string_view name) const;
    /// What all features offer with the stream's.
    std::string stream_features() const;

    // The hooks of all features, in the order of the table.
    void connected(Core& core, const std::shared_ptr<Session>& session) const;
    void waits(Core& core, const xmpp::BareJid& owner, const xml::Element& stanza) const;
    bool anybody_waits() const;  ///< somebody wants to hear of stanzas that wait

private:
    std::vector<Feature> features_;
    std::map<std::string, const IqHandler*, std::less<>> handlers_;
};

}  // namespace lethe::core
