// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/feature.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace lethe::core {
namespace {

std::string handler_key(std::string_view type, std::string_view ns, std::string_view name, unsigned where) {
    std::string key;
    return key.append(type).append("|").append(ns).append("|").append(name).append("|").append(std::to_string(where));
}

}  // namespace

FeatureTable::FeatureTable(std::vector<Feature> features) : features_(std::move(features)) {
    for (const auto& feature : features_)
        for (const auto& handler : feature.iq)
            for (unsigned where : {at_server, at_own_account, at_other_account}) {
                if (!(handler.where & where)) continue;
                if (handlers_.emplace(handler_key(handler.type, handler.ns, handler.name, where), &handler).second) continue;
                std::fputs("two features handle the same request\n", stderr);
                std::abort();
            }
}

const IqHandler* FeatureTable::find(std::string_view type, std::string_view ns, std::string_view name, Where where) const {
    const auto it = handlers_.find(handler_key(type, ns, name, where));
    return it == handlers_.end() ? nullptr : it->second;
}

const NonzaHandler* FeatureTable::find_nonza(std::string_view ns, std::string_view name) const {
    for (const auto& feature : features_)
        for (const auto& nonza : feature.nonzas)
            if (nonza.ns == ns && nonza.name == name) return &nonza;
    return nullptr;
}

std::string FeatureTable::stream_features() const {
    std::string all;
    for (const auto& feature : features_) all += feature.stream_feature;
    return all;
}

void FeatureTable::connected(Core& core, const std::shared_ptr<Session>& session) const {
    for (const auto& feature : features_)
        if (feature.session_connected) feature.session_connected(core, session);
}

void FeatureTable::waits(Core& core, const xmpp::BareJid& owner, const xml::Element& stanza) const {
    for (const auto& feature : features_)
        if (feature.stanza_waits) feature.stanza_waits(core, owner, stanza);
}

bool FeatureTable::anybody_waits() const {
    return std::ranges::any_of(features_, [](const auto& feature) { return bool(feature.stanza_waits); });
}

Responder::Responder(std::shared_ptr<Session> session, const xml::Element& iq)
    : session_(std::move(session)), id_(iq.attr("id")), from_(iq.attr("from")), to_(iq.attr("to")) {}

xml::Document Responder::skeleton() const {
    xml::Document doc("iq", xmpp::ns::client);
    auto root = doc.root();
    root.set_attr("type", "result");
    root.set_attr("id", id_);
    root.set_attr("to", from_);
    if (!to_.empty()) root.set_attr("from", to_);
    return doc;
}

void Responder::result(const std::function<void(xml::Element)>& fill) const {
    auto doc = skeleton();
    if (fill) fill(doc.root());
    session_->send(doc.root());
}

void Responder::error(xmpp::StanzaError error) const {
    auto doc = skeleton();
    auto root = doc.root();
    // error_reply() swaps the addresses of a request, so it is given one.
    root.set_attr("type", "get");
    root.set_attr("from", from_);
    if (to_.empty()) root.remove_attr("to");
    else root.set_attr("to", to_);
    session_->send(xmpp::error_reply(root, error).root());
}

}  // namespace lethe::core
