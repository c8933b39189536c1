// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0115 Entity Capabilities, version 1.6, of our users' clients: what their presence announces is looked up, or the client is asked
// (XEP-0030, in the name of its own account), and with it the nodes it wants news of (XEP-0163 section 4.3).

#include "server/core/core.h"
#include "server/core/random_hex.h"
#include "server/feature/all.h"
#include "server/feature/node_events.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;

constexpr std::size_t longest = 256;

/// The hash that an answer can be held against; empty if there is none that this server computes.
std::string hash_of(const xml::Element& c) { return c.attr("hash") == "sha-1" ? std::string(c.attr("ver")) : std::string(); }

void ask(core::Session& session, const std::string& node) {
    session.caps_query = "caps-" + core::random_hex(12);
    xml::Document question("iq", ns::client);
    auto iq = question.root();
    iq.set_attr("type", "get");
    iq.set_attr("id", session.caps_query);
    iq.set_attr("from", session.jid().bare().to_string());
    iq.set_attr("to", session.jid().to_string());
    iq.add("query", ns::disco_info).set_attr("node", node);
    session.send(iq);
}

void announced(core::Core& core, const std::shared_ptr<core::Session>& session, xml::Element stanza) {
    const auto c = stanza.child("c", ns::caps);
    if (!c || stanza.has_attr("to")) return;
    auto node = std::string(c.attr("node")) + "#" + std::string(c.attr("ver"));
    auto known_as = std::string(c.attr("hash")) + " " + node;
    if (known_as == session->caps || known_as.size() > longest) return;
    session->caps = std::move(known_as);
    session->caps_query.clear();
    const auto hash = hash_of(c);
    if (const auto known = hash.empty() ? nullptr : core.client_features.find(hash)) {
        session->wanted_nodes = known;
        send_last_items(core, *session);
    } else {
        ask(*session, node);
    }
}

bool answered(core::Core& core, const std::shared_ptr<core::Session>& session, xml::Element iq) {
    if (session->caps_query.empty() || iq.attr("id") != session->caps_query) return false;
    session->caps_query.clear();
    const auto query = iq.child("query", ns::disco_info);
    if (iq.attr("type") != "result" || !query) return true;
    session->wanted_nodes = core::wanted_nodes(query);
    const auto ver = core::verification_string(query);
    if (!ver.empty() && session->caps.starts_with("sha-1 ") && session->caps.ends_with("#" + ver)) core.client_features.learn(ver, session->wanted_nodes);
    send_last_items(core, *session);
    return true;
}

/// Whatever was known already; a client that is asked gets it after its answer.
void available(core::Core& core, const std::shared_ptr<core::Session>& session) { send_last_items(core, *session); }

}  // namespace

core::Feature capabilities() { return {.name = "capabilities", .presence_sent = announced, .answered = answered, .session_available = available}; }

}  // namespace lethe::feature
