// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0054 vcard-temp, version 1.3, with XEP-0398, version 1.0.0: the photo in a vCard and the avatar published over PEP (XEP-0084) are one. It is
// kept as PEP has it; a vCard is answered with it and taken apart when it comes with one. The photo's hash is put into presence (XEP-0153).
//
// A vCard is public: it is served while its owner is away, to everybody alike, from the table that only the node key and the account key open.
// The avatar is in it for those who may read the avatar's nodes.
#include <algorithm>

#include "crypto/hex.h"
#include "server/core/presence.h"
#include "server/feature/all.h"
#include "server/feature/node_forms.h"
#include "server/feature/pep.h"
#include "server/xmpp/base64.h"
#include "server/xmpp/digest.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

const std::string card_node(core::vcard_node), data_node(ns::avatar_data), metadata_node(ns::avatar_metadata);

struct Image {
    std::string id, type, base64;
};

/// The image that is kept here, and not behind a URL; XEP-0398 section 3.1. An <info/> without it: nothing.
std::optional<Image> described(const xml::Element& metadata) {
    for (const auto info : metadata.children())
        if (info.is("info", ns::avatar_metadata) && !info.has_attr("url") && info.has_attr("id"))
            return Image{std::string(info.attr("id")), std::string(info.attr("type")), {}};
    return std::nullopt;
}

std::string without_whitespace(std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    return text;
}

/// XEP-0398 section 3.1: a hash that is not the image's would make everybody fetch it again and again.
bool is_hash_of(std::string_view id, const std::string& base64) {
    const auto bytes = xmpp::base64::decode(base64);
    return bytes && crypto::to_hex(xmpp::sha1(*bytes)) == id;
}

/// By way of read(name) → a node or nothing, and payload(name, node, item). `with_bytes`: and only if they are what the id says.
template <class Read, class Payload>
std::optional<Image> avatar(Read&& read, Payload&& payload, bool with_bytes) {
    const std::optional<core::Node> metadata = read(metadata_node);
    const auto last = metadata && !metadata->items.empty() ? payload(metadata_node, *metadata, metadata->items.back()) : nullptr;
    const auto document = last ? xml::parse(*last) : xml::Document();
    auto image = document.root() ? described(document.root()) : std::nullopt;
    if (!image) return std::nullopt;
    const std::optional<core::Node> data = read(data_node);
    const auto* item = data ? data->find(image->id) : nullptr;
    if (!item) return std::nullopt;
    if (!with_bytes) return image;
    const auto bytes = payload(data_node, *data, *item);
    const auto element = bytes ? xml::parse(*bytes) : xml::Document();
    if (!element.root()) return std::nullopt;
    image->base64 = without_whitespace(element.root().text());
    return is_hash_of(image->id, image->base64) ? image : std::nullopt;
}

std::optional<Image> own_avatar(const NodeEdit& view, bool with_bytes) {
    return avatar(
        [&](const std::string& name) {
            const auto* node = view.nodes().find(name);
            return node ? std::optional(*node) : std::nullopt;
        },
        [&](const std::string& name, const core::Node&, const core::ItemRef& item) { return view.payload(name, item); }, with_bytes);
}

void get(core::Request& request) {
    const auto writer = request.core.logs.find(request.target.bare());
    const auto owner = request.core.open_vault(request.target.bare());
    const auto shelves = writer ? core::Shelves::of(request.core.env.store, request.core.env.keys, writer->id, owner ? owner->vault : nullptr) : std::nullopt;
    if (!shelves) return request.responder.error({Condition::service_unavailable});
    const auto read = [&](const std::string& name) { return readable_node(request, *shelves, name); };
    const auto payload = [&](const std::string& name, const core::Node& node, const core::ItemRef& item) {
        return core::payload_of(*shelves, name, node.config.access, item);
    };
    const auto node = read(card_node);
    const auto text = node && !node->items.empty() ? payload(card_node, *node, node->items.back()) : nullptr;
    const auto photo = avatar(read, payload, true);
    // XEP-0054 section 3.3: others are not told whether there is such an account.
    if (!text && !photo) return request.responder.error({request.own_account() ? Condition::item_not_found : Condition::service_unavailable});
    const auto stored = text ? xml::parse(*text) : xml::Document();
    request.responder.result([&](xml::Element iq) {
        auto card = stored.root() ? iq.add_copy(stored.root()) : iq.add("vCard", ns::vcard);
        if (!photo) return;
        auto shown = card.add("PHOTO");
        if (!photo->type.empty()) shown.add("TYPE").add_text(photo->type);
        shown.add("BINVAL").add_text(photo->base64);
    });
}

/// XEP-0398 section 3.2.
NodeEdit::Error publish_photo(NodeEdit& edit, const std::string& type, const std::string& base64) {
    const auto bytes = xmpp::base64::decode(base64);
    if (!bytes || bytes->empty()) return xmpp::StanzaError{Condition::bad_request, "The photo is not in Base64."};
    const auto id = crypto::to_hex(xmpp::sha1(*bytes));
    if (const auto now = own_avatar(edit, true); now && now->id == id) return {};
    xml::Document data("data", ns::avatar_data), metadata("metadata", ns::avatar_metadata);
    data.root().add_text(base64);
    auto info = metadata.root().add("info");
    info.set_attr("id", id);
    info.set_attr("bytes", std::to_string(bytes->size()));
    info.set_attr("type", type.empty() ? "image/png" : type);
    if (auto wrong = edit.publish(data_node, default_config(data_node), {{id, payload_text(data.root())}})) return wrong;
    return edit.publish(metadata_node, default_config(metadata_node), {{id, payload_text(metadata.root())}});
}

/// XEP-0084 section 4.2.3: an empty <metadata/> ends it.
NodeEdit::Error withdraw_photo(NodeEdit& edit) {
    if (!own_avatar(edit, false)) return {};
    const xml::Document metadata("metadata", ns::avatar_metadata);
    return edit.publish(metadata_node, default_config(metadata_node), {{"", payload_text(metadata.root())}});
}

core::NodeConfig card_config() {
    core::NodeConfig config;
    config.access = core::AccessModel::open;
    config.send_last = core::SendLast::never;
    return config;
}

void set(core::Request& request) {
    if (!request.own_account()) return request.responder.error({Condition::forbidden, "A vCard is its owner's to change."});
    auto document = xml::Document::copy_of(request.payload);
    auto card = document.root();
    NodeEdit edit(request.core, request.session->account_ptr());
    NodeEdit::Error wrong;
    if (const auto photo = card.child("PHOTO", ns::vcard); photo && photo.child("BINVAL")) {
        wrong = publish_photo(edit, photo.child("TYPE") ? photo.child("TYPE").text() : std::string(), without_whitespace(photo.child("BINVAL").text()));
        card.remove(photo);
    } else {
        wrong = withdraw_photo(edit);
    }
    if (!wrong) wrong = edit.publish(card_node, card_config(), {{"current", payload_text(card)}});
    if (wrong) return request.responder.error(*wrong);
    edit.commit(answer_to(request));
}

/// The hash for presence: of an avatar that those who see the presence can fetch.
const std::string& photo_of(core::Core& core, const std::shared_ptr<core::Account>& account) {
    if (!account->photo) {
        const NodeEdit view(core, account);
        const auto is_hidden = [&](const std::string& name) {
            const auto* node = view.nodes().find(name);
            return node && node->config.access == core::AccessModel::whitelist;
        };
        const auto image = is_hidden(data_node) || is_hidden(metadata_node) ? std::nullopt : own_avatar(view, true);
        account->photo = image ? image->id : std::string();
    }
    return *account->photo;
}

/// XEP-0398 section 4, of what goes to one address too: the client's own <photo/> without content says that it shows none.
void presence_sent(core::Core& core, const std::shared_ptr<core::Session>& session, xml::Element stanza) {
    const auto& hash = photo_of(core, session->account_ptr());
    auto update = stanza.child("x", ns::vcard_update);
    const auto said = update ? update.child("photo") : xml::Element();
    const bool directed = stanza.has_attr("to");
    if (said && said.text().empty() && (directed || !session->server_photo)) return;
    if (hash.empty() && !said) return;
    if (!directed) session->server_photo = true;
    if (said && said.text() == hash) return;
    if (!update) update = stanza.add("x", ns::vcard_update);
    if (said) update.remove(said);
    update.add("photo").add_text(hash);
}

/// XEP-0084 section 4.2: a client publishes an image first, which may take the place of the one before, and then says that it is the avatar. In
/// between nothing has changed that contacts should hear of.
bool awaits_metadata(const NodeEdit& view, const std::string& shown) {
    const auto* data = view.nodes().find(data_node);
    return !shown.empty() && data && !data->items.empty() && !data->find(shown);
}

void nodes_changed(core::Core& core, const std::shared_ptr<core::Account>& account, const std::set<std::string>& nodes) {
    if (!nodes.contains(data_node) && !nodes.contains(metadata_node)) return;
    const auto before = photo_of(core, account);
    if (!nodes.contains(metadata_node) && awaits_metadata(NodeEdit(core, account), before)) return;
    account->photo.reset();
    if (photo_of(core, account) == before) return;
    const auto sessions = account->sessions;
    for (const auto& [_, session] : sessions) core::send_presence_again(core, session);
}

}  // namespace

core::Feature vcard() {
    const unsigned accounts = core::at_own_account | core::at_other_account;
    return {.name = "vcard",
            .server_features = {ns::vcard},
            .account_features = {ns::vcard, "urn:xmpp:pep-vcard-conversion:0"},
            .iq = {{"get", ns::vcard, "vCard", accounts, get}, {"set", ns::vcard, "vCard", accounts, set}},
            .presence_sent = presence_sent,
            .nodes_changed = nodes_changed};
}

}  // namespace lethe::feature
