// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0402 PEP Native Bookmarks, version 1.2.0, with XEP-0048, version 1.2, in both of its homes, and XEP-0411's and XEP-0402's promise that
// all of them agree. While the owner is away nobody reads them: they are sealed in the vault. What comes in an older form is for the owner
// alone (XEP-0411, security considerations): it closes a list that a client had opened to others.
#include "server/feature/bookmarks.h"

#include <map>

#include "server/feature/all.h"
#include "server/feature/node_events.h"
#include "server/feature/node_forms.h"
#include "server/xml/attributes.h"
#include "server/xmpp/boolean.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;

const std::string list_node(ns::bookmarks);
const std::string own_node(core::private_node);
/// What XEP-0402 has no place for, as a <storage/> of its own.
const std::string rest_id = "{storage:bookmarks}storage";

xml::Document payload_of(const NodeEdit& view, const std::string& node, const core::ItemRef& item) {
    const auto payload = view.payload(node, item);
    return payload ? xml::parse(*payload) : xml::Document();
}

/// What both forms can say of a room, and what only the older one can: elements and attributes that clients invented. XEP-0402 keeps those among its
/// extensions, in a <conference xmlns='storage:bookmarks'/> of their own, which is `more`.
struct Room {
    std::string name, nick, password, more;
    bool autojoin = false;
    friend bool operator==(const Room&, const Room&) = default;
};

/// A <conference/>'s attributes but for those that the specifications give it.
std::map<std::string, std::string> invented_attributes(const xml::Element& conference) {
    auto out = xml::attributes(conference);
    for (const auto* own : {"jid", "name", "autojoin"}) out.erase(own);
    return out;
}

std::string read_more(const xml::Element& conference) {
    if (conference.ns() == ns::bookmarks) {
        const auto kept = conference.child("extensions").child("conference", ns::bookmarks_storage);
        return kept ? payload_text(kept) : std::string();
    }
    xml::Document kept("conference", ns::bookmarks_storage);
    auto root = kept.root();
    const auto invented = invented_attributes(conference);
    for (const auto& [name, value] : invented) root.set_attr(name.c_str(), value);
    for (const auto child : conference.children())
        if (child.ns() != conference.ns() || (child.name() != "nick" && child.name() != "password")) root.add_copy(child);
    return root.has_child_elements() || !invented.empty() ? payload_text(root) : std::string();
}

void write_more(xml::Element conference, const std::string& more) {
    const auto document = more.empty() ? xml::Document() : xml::parse(more);
    if (conference.ns() != ns::bookmarks) {
        if (!document.root()) return;
        for (const auto& [name, value] : invented_attributes(document.root())) conference.set_attr(name.c_str(), value);
        for (const auto child : document.root().children()) conference.add_copy(child);
        return;
    }
    auto extensions = conference.child("extensions");
    if (const auto old = extensions.child("conference", ns::bookmarks_storage)) extensions.remove(old);
    if (!extensions && document.root()) extensions = conference.add("extensions");
    if (document.root()) extensions.add_copy(document.root());
    else if (extensions && !extensions.has_child_elements()) conference.remove(extensions);
}

Room read_room(const xml::Element& conference) {
    Room room{.name = std::string(conference.attr("name")), .autojoin = xmpp::is_true(conference.attr("autojoin"))};
    if (const auto nick = conference.child("nick")) room.nick = nick.text();
    if (const auto password = conference.child("password")) room.password = password.text();
    room.more = read_more(conference);
    return room;
}

/// `conference` is empty, or says something about the room already; what else it holds stays.
void write_room(xml::Element conference, const Room& room) {
    if (room.name.empty()) conference.remove_attr("name");
    else conference.set_attr("name", room.name);
    conference.remove_attr("autojoin");
    if (room.autojoin) conference.set_attr("autojoin", "true");
    // The schema of XEP-0402 knows one order.
    const auto former = xml::Document::copy_of(conference);
    while (const auto child = conference.first_child()) conference.remove(child);
    for (const auto& [name, value] : {std::pair("nick", &room.nick), std::pair("password", &room.password)})
        if (!value->empty()) conference.add(name).add_text(*value);
    for (const auto child : former.root().children())
        if (child.ns() != conference.ns() || (child.name() != "nick" && child.name() != "password")) conference.add_copy(child);
    write_more(conference, room.more);
}

/// The address of a bookmarked room as XEP-0402 names its item; nothing if it is none.
std::optional<std::string> room_id(const xml::Element& child) {
    const auto jid = child.is("conference", ns::bookmarks_storage) ? xmpp::Jid::parse(child.attr("jid")) : std::nullopt;
    return jid ? std::optional(jid->bare().to_string()) : std::nullopt;
}

/// Items of one room, whatever capitals a client wrote its address in.
std::string same_room(const std::string& item_id) {
    const auto jid = xmpp::Jid::parse(item_id);
    return jid ? jid->bare().to_string() : item_id;
}

const core::ItemRef* rest_of(const core::Nodes& nodes) {
    const auto* node = nodes.find(own_node);
    return node ? node->find(rest_id) : nullptr;
}

NodeEdit::Error keep_rest(NodeEdit& edit, const xml::Element& storage) {
    xml::Document rest("storage", ns::bookmarks_storage);
    auto root = rest.root();
    for (const auto child : storage.children())
        if (!room_id(child)) root.add_copy(child);
    const auto* old = rest_of(edit.nodes());
    const auto before = old ? edit.payload(own_node, *old) : nullptr;
    if (old ? before && *before == payload_text(root) : !root.has_child_elements()) return {};
    edit.touch(list_node);  // who knows the list as one item hears of it
    if (root.has_child_elements()) return edit.publish(own_node, private_config(), {{rest_id, payload_text(root)}});
    edit.retract(own_node, rest_id, false);
    return {};
}

NodeEdit::Error close_list(NodeEdit& edit) {
    const auto* list = edit.nodes().find(list_node);
    if (!list) return {};
    auto config = list->config;
    config.access = core::AccessModel::whitelist;
    config.persist_items = true;
    return config == list->config ? NodeEdit::Error() : edit.configure(list_node, config);
}

void nodes_changed(core::Core& core, const std::shared_ptr<core::Account>& account, const std::set<std::string>& nodes) {
    if (!nodes.contains(list_node)) return;
    const bool wanted = std::ranges::any_of(account->sessions, [](const auto& entry) {
        return entry.second->wanted_nodes && entry.second->wanted_nodes->contains(ns::bookmarks_storage);
    });
    if (!wanted) return;
    // Where nothing is left an empty list says so: who knows this form reads what an item holds, and nothing else.
    const auto storage = bookmarks_storage(NodeEdit(core, account)).value_or(payload_text(xml::Document("storage", ns::bookmarks_storage).root()));
    send_event(core, *account, {std::string(ns::bookmarks_storage), default_config(ns::bookmarks_storage),
                                "<items node='storage:bookmarks'>" + item_element("current", storage) + "</items>"});
}

}  // namespace

std::string private_id(const xml::Element& element) { return "{" + std::string(element.ns()) + "}" + std::string(element.name()); }

core::NodeConfig private_config() {
    core::NodeConfig config;
    config.access = core::AccessModel::whitelist;
    config.max_items = 0;
    config.send_last = core::SendLast::never;
    return config;
}

std::optional<std::string> bookmarks_storage(const NodeEdit& view) {
    const auto* list = view.nodes().find(list_node);
    const auto* rest = rest_of(view.nodes());
    if (!list && !rest) return std::nullopt;
    xml::Document storage("storage", ns::bookmarks_storage);
    auto root = storage.root();
    if (list)
        for (const auto& item : list->items) {
            const auto document = payload_of(view, list_node, item);
            if (!document.root()) continue;
            auto conference = root.add("conference");
            conference.set_attr("jid", item.id);
            write_room(conference, read_room(document.root()));
        }
    if (rest) {
        const auto document = payload_of(view, own_node, *rest);
        if (document.root())
            for (const auto child : document.root().children()) root.add_copy(child);
    }
    return payload_text(root);
}

NodeEdit::Error replace_bookmarks(NodeEdit& edit, const xml::Element& storage, std::size_t most) {
    std::map<std::string, Room> wanted;
    std::vector<std::string> order;
    for (const auto child : storage.children()) {
        const auto id = room_id(child);
        if (!id) continue;
        if (wanted.insert_or_assign(*id, read_room(child)).second) order.push_back(*id);
    }
    if (order.size() > most) return xmpp::StanzaError{Condition::not_acceptable, "These are more bookmarks than this server keeps."};
    if (auto wrong = close_list(edit)) return wrong;
    std::vector<std::string> gone;
    std::map<std::string, std::string> known;  // the ids that rooms have here
    if (const auto* list = edit.nodes().find(list_node)) {
        for (const auto& item : list->items)
            if (!wanted.contains(same_room(item.id)) || !known.emplace(same_room(item.id), item.id).second) gone.push_back(item.id);
    }
    for (const auto& id : gone) edit.retract(list_node, id, true);
    std::vector<NodeEdit::NewItem> changed;
    const auto* list = edit.nodes().find(list_node);
    for (const auto& room : order) {
        const auto id = known.contains(room) ? known.at(room) : room;
        const auto* item = list ? list->find(id) : nullptr;
        auto document = item ? payload_of(edit, list_node, *item) : xml::Document();
        if (!document.root()) document = xml::Document("conference", ns::bookmarks);
        else if (read_room(document.root()) == wanted.at(room)) continue;
        write_room(document.root(), wanted.at(room));
        changed.push_back({id, payload_text(document.root())});
    }
    if (!changed.empty() || !list)
        if (auto wrong = edit.publish(list_node, default_config(list_node), changed)) return wrong;
    return keep_rest(edit, storage);
}

core::Feature bookmarks() {
    return {.name = "bookmarks",
            .account_features = {"urn:xmpp:bookmarks:1#compat", "urn:xmpp:bookmarks:1#compat-pep", "urn:xmpp:bookmarks-conversion:0"},
            .nodes_changed = nodes_changed};
}

}  // namespace lethe::feature
