// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0313 Message Archive Management, version 1.1 (urn:xmpp:mam:2 and #extended): queries by the account's owner, filters `with`, `start`, `end`,
// `after-id`, `before-id`, `ids`; paging by RSM (XEP-0059) after and before an id, flipped pages; metadata.
//
// The archive is a sealed log: it is written at receipt whether or not the vault is open, and only an open vault reads it. So
// ids are opaque (an encrypted place and time), there is no count, and entries received while the vault was closed are filtered by the
// blocklist and the owner's preferences (XEP-0441) when they are read. Ids of what the server has forgotten stay meaningful: what came after such
// an id is what is left and was received later. An id that this vault never gave out is item-not-found, and so is a forgotten one that
// is asked for by itself (`ids`).
//
// An owner who chose how long the archive is kept (feature/commands.cpp) has entries in several classes: a page merges them by time of
// receipt. What the choice that stands now, or an earlier one, ruled out is not served, whatever its bucket still holds.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <algorithm>

#include "server/core/async.h"
#include "server/core/core.h"
#include "server/core/letterbox.h"
#include "server/core/log_reader.h"
#include "server/core/message.h"
#include "server/feature/all.h"
#include "server/feature/archive_query.h"
#include "server/xmpp/datetime.h"
#include "server/xmpp/forms.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using xmpp::Condition;
using xmpp::StanzaError;

constexpr std::size_t queries_waiting = 32;  ///< of one session, behind the one that is answered

void fields(core::Request& request) {
    request.responder.result([](xml::Element iq) {
        auto query = iq.add("query", ns::mam);
        xmpp::Form form;
        form.type = "form";
        form.fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {std::string(ns::mam)}},
                       {.var = "with", .type = "jid-single", .values = {}},
                       {.var = "start", .type = "text-single", .values = {}},
                       {.var = "end", .type = "text-single", .values = {}},
                       {.var = "before-id", .type = "text-single", .values = {}},
                       {.var = "after-id", .type = "text-single", .values = {}},
                       {.var = "ids", .type = "list-multi", .values = {}}};
        xmpp::add_form(query, form);
        for (auto field : query.first_child().children()) {
            if (field.attr("var") != "ids") continue;
            auto validate = field.add("validate", ns::xdata_validate);  // XEP-0122: any value, the list is not given
            validate.set_attr("datatype", "xs:string");
            validate.add("open");
        }
    });
}

struct Page {
    std::shared_ptr<core::Session> session;
    core::Responder responder;
    std::string query_id;
    ArchiveQuery query;
};

void send_result(const Page& page, const core::LogItem& item, const std::string& id) {
    const auto& jid = page.session->jid();
    std::string out = "<message to='" + xml::escape(jid.to_string()) + "' from='" + xml::escape(jid.bare().to_string()) +
                      "'><result xmlns='urn:xmpp:mam:2' id='" + id + "'";
    if (!page.query_id.empty()) out += " queryid='" + xml::escape(page.query_id) + "'";
    out += "><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='" + xmpp::format_datetime(item.entry.received) +
           "'/>" + core::as_forwarded(item.entry.stanza) + "</forwarded></result></message>";
    page.session->send(std::move(out));
}

asio::awaitable<void> send_page(core::Core& core, const Page& page, std::vector<core::LogItem> items, bool complete) {
    if (page.query.log.backwards) std::reverse(items.begin(), items.end());
    const auto id_of = [&](const core::LogItem& item) { return page.session->account().vault->archive_id({item.place, item.entry.received}); };
    xmpp::RsmResult rsm;
    if (!items.empty()) rsm = {.first = id_of(items.front()), .last = id_of(items.back())};
    // Flipped: the order on the wire only (section 4.3.3).
    if (page.query.flipped) std::reverse(items.begin(), items.end());
    for (const auto& item : items) {
        send_result(page, item, id_of(item));
        auto waiting = core::wait_for_room(core, page.session);
        co_await std::move(waiting);
        if (page.session->ended) co_return;
    }
    page.responder.result([&](xml::Element iq) {
        auto fin = iq.add("fin", ns::mam);
        if (complete) fin.set_attr("complete", "true");
        xmpp::add_rsm(fin, rsm);
    });
}

struct Found {
    std::vector<core::LogItem> items;  ///< in reading order
    bool complete = false;             ///< nothing more matches in this direction
};

/// Everything that the query finds, oldest or newest first, up to `most` and one more; nothing if the disk failed.
/// `session` may be null; if it ends, so does the search.
asio::awaitable<std::optional<Found>> find(core::Core& core, std::shared_ptr<core::Session> session, core::LogQuery query, std::size_t most) {
    Found found;
    co_await core.barrier();  // what was acknowledged as stored is found
    bool ended = false, cut = false;
    while (!ended && !cut && found.items.size() <= most && !(session && session->ended)) {
        query.limit = most + 1 - found.items.size();  // one more than asked for tells whether the page is the last
        std::function<core::LogPage()> job = [&store = core.env.store, query] { return core::read_log(store, query); };
        auto reading = core::on_pool<core::LogPage>(core.env.io, core.env.pool, std::move(job));
        core::LogPage part = co_await std::move(reading);
        if (part.unreadable) core.env.log.write(retention::Event::sealed_row_unreadable, {retention::Count{part.unreadable}});
        if (part.failed) {
            core.env.log.write(retention::Event::storage_alarm, {retention::Word("archive_unreadable")});
            co_return std::nullopt;
        }
        std::move(part.items.begin(), part.items.end(), std::back_inserter(found.items));
        ended = part.ended;
        cut = part.cut;  // a page may be shorter than asked for; it then says that it is not the last
        query.go_on_from(part.reached);
    }
    found.complete = found.items.size() <= most && !cut;
    if (found.items.size() > most) found.items.resize(most);
    co_return found;
}

constexpr const char* unreadable = "The archive cannot be read now.";

asio::awaitable<void> answer(core::Core& core, Page page) {
    const auto turns = page.session->archive_queries;
    auto entering = turns->enter();
    co_await std::move(entering);
    const core::Turn turn(turns);
    // The keys of the buckets do not wait for a slow reader: only `find` has the whole query.
    auto log = std::exchange(page.query.log, core::LogQuery{.backwards = page.query.log.backwards});
    auto finding = find(core, page.session, std::move(log), std::max(page.query.max, page.query.ids));
    auto found = co_await std::move(finding);
    if (page.session->ended) co_return;
    if (!found) co_return page.responder.error({Condition::internal_server_error, unreadable});
    if (found->items.size() < page.query.ids) co_return page.responder.error({Condition::item_not_found});
    if (found->items.size() > page.query.max) {
        found->items.resize(page.query.max);
        found->complete = false;
    }
    auto sending = send_page(core, page, std::move(found->items), found->complete);
    co_await std::move(sending);
}

/// The ends of what may be served, in `metadata`. False if the disk failed.
asio::awaitable<bool> find_ends(core::Core& core, std::shared_ptr<core::Account> account, std::shared_ptr<core::Session> session, xml::Element metadata) {
    std::optional<core::LogItem> ends[2];
    for (const bool last : {false, true}) {
        auto query = whole_archive(core, *account);
        query.backwards = last;
        auto finding = find(core, session, std::move(query), 1);
        auto found = co_await std::move(finding);
        if (!found) co_return false;
        if (!found->items.empty()) ends[last] = std::move(found->items.front());
    }
    if (!ends[0] || !ends[1]) co_return true;
    for (const bool last : {false, true}) {
        auto end = metadata.add(last ? "end" : "start");
        end.set_attr("id", account->vault->archive_id({ends[last]->place, ends[last]->entry.received}));
        end.set_attr("timestamp", xmpp::format_datetime(ends[last]->entry.received));
    }
    co_return true;
}

asio::awaitable<void> answer_metadata(core::Core& core, std::shared_ptr<core::Session> session, core::Responder responder) {
    const auto turns = session->archive_queries;
    auto entering = turns->enter();
    co_await std::move(entering);
    const core::Turn turn(turns);
    xml::Document metadata("metadata", ns::mam);
    auto finding = find_ends(core, session->account_ptr(), session, metadata.root());
    const bool found = co_await std::move(finding);
    if (session->ended) co_return;
    if (!found) co_return responder.error({Condition::internal_server_error, unreadable});
    responder.result([&](xml::Element iq) { iq.add_copy(metadata.root()); });
}

/// False if too many wait already; the client was told.
bool may_wait(core::Request& request) {
    auto& turns = request.session->archive_queries;
    if (!turns) turns = std::make_shared<core::Turns>(request.core.env.io, queries_waiting);
    if (turns->full()) request.responder.error({Condition::resource_constraint, "Too many archive queries at once."});
    return !turns->full();
}

void query(core::Request& request) {
    auto query = read_archive_query(request.core, request.session->account(), request.payload);
    if (!query) return request.responder.error(query.error());
    Page page{.session = request.session, .responder = request.responder, .query_id = std::string(request.payload.attr("queryid")), .query = std::move(*query)};
    if (may_wait(request)) asio::co_spawn(request.core.env.io, answer(request.core, std::move(page)), asio::detached);
}

void metadata(core::Request& request) {
    if (may_wait(request)) asio::co_spawn(request.core.env.io, answer_metadata(request.core, request.session, request.responder), asio::detached);
}

}  // namespace

asio::awaitable<std::string> archive_metadata(core::Core& core, std::shared_ptr<core::Account> account) {
    xml::Document metadata("metadata", ns::mam);
    auto finding = find_ends(core, account, nullptr, metadata.root());
    const bool found = co_await std::move(finding);
    co_return found ? xml::serialize(metadata.root()) : std::string();
}

core::Feature archive() {
    return {.name = "archive",
            .account_features = {ns::mam, ns::mam_extended, ns::sid},
            .iq = {{"get", ns::mam, "query", core::at_own_account, fields},
                   {"set", ns::mam, "query", core::at_own_account, query},
                   {"get", ns::mam, "metadata", core::at_own_account, metadata}}};
}

}  // namespace lethe::feature
