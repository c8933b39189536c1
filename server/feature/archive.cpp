// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0313 Message Archive Management, version 1.1 (urn:xmpp:mam:2): queries by the account's owner, filters `with`, `start`, `end`, paging by
// RSM (XEP-0059) after and before an id.
//
// The archive is a sealed log: it is written at receipt whether or not the vault is open, and only an open vault reads it. So
// ids are opaque (an encrypted place and time), there is no count, and entries received while the vault was closed are filtered by the
// blocklist when they are read. Ids of what the server has forgotten stay meaningful: what came after such an id is what is left and was received
// later. An id that this vault never gave out is item-not-found.
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
#include "server/xmpp/datetime.h"
#include "server/xmpp/forms.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using crypto::ClassId;
using xmpp::Condition;
using xmpp::StanzaError;

constexpr std::size_t page_default = 50, page_most = 250;
constexpr std::size_t queries_waiting = 32;  ///< of one session, behind the one that is answered

void fields(core::Request& request) {
    request.responder.result([](xml::Element iq) {
        auto query = iq.add("query", ns::mam);
        xmpp::Form form;
        form.type = "form";
        form.fields = {{.var = "FORM_TYPE", .type = "hidden", .values = {std::string(ns::mam)}},
                       {.var = "with", .type = "jid-single", .values = {}},
                       {.var = "start", .type = "text-single", .values = {}},
                       {.var = "end", .type = "text-single", .values = {}}};
        xmpp::add_form(query, form);
    });
}

struct Filter {
    std::optional<xmpp::Jid> with;
    std::optional<std::int64_t> start, end;
};

std::expected<Filter, StanzaError> read_filter(const xml::Element& query) {
    Filter filter;
    const auto x = query.child("x", ns::data_form);
    if (!x) return filter;
    const auto form = xmpp::parse_form(x);
    if (!form || form->form_type() != ns::mam) return std::unexpected(StanzaError{Condition::bad_request, "The form is not an archive query."});
    for (const auto& field : form->fields) {
        if (field.var == "FORM_TYPE") continue;
        const auto value = form->value(field.var);
        if (field.var == "with") {
            filter.with = xmpp::Jid::parse(value);
            if (!filter.with) return std::unexpected(StanzaError{Condition::jid_malformed});
        } else if (field.var == "start" || field.var == "end") {
            const auto time = xmpp::parse_datetime(value);
            if (!time) return std::unexpected(StanzaError{Condition::bad_request, "A time is not in the form of XEP-0082."});
            (field.var == "start" ? filter.start : filter.end) = time;
        } else {
            return std::unexpected(StanzaError{Condition::feature_not_implemented, "Unknown field in the archive query."});
        }
    }
    return filter;
}

struct Page {
    std::shared_ptr<core::Session> session;
    core::Responder responder;
    std::string query_id;
    core::LogQuery log;
    std::size_t max = page_default;
};

/// What the RSM element asks for. The vault tells ids it gave out from others.
std::expected<void, StanzaError> read_paging(const core::Account& account, const xmpp::Rsm& rsm, Page& page) {
    if (rsm.index) return std::unexpected(StanzaError{Condition::feature_not_implemented, "Pages are not counted here."});
    page.max = std::min(rsm.max.value_or(page_default), page_most);
    page.log.backwards = rsm.before.has_value();
    const auto& id = rsm.after ? rsm.after : rsm.before;
    if (!id || id->empty()) return {};
    page.log.from = account.vault->place_of(*id);
    if (!page.log.from || !crypto::is_archive(page.log.from->place.cls)) return std::unexpected(StanzaError{Condition::item_not_found});
    for (auto& source : page.log.sources)
        if (source.cls == page.log.from->place.cls) (rsm.after ? source.after : source.before) = page.log.from->place;
    return {};
}

bool matches(const xmpp::Jid& peer, const xmpp::Jid& with) { return with.is_bare() ? peer.bare() == with.bare() : peer == with; }

/// What of one class may be served at all, and can match.
core::LogSource source_of(const core::Core& core, ClassId cls, const Filter& filter, std::int64_t received_after) {
    core::LogSource source{.cls = cls, .received_after = received_after};
    for (auto& bucket : core.env.buckets.readable(cls)) {
        // Receipt times may run a moment ahead of the clock (they rise strictly), hence the second of slack.
        constexpr std::int64_t slack = 1'000'000;
        if (filter.start && bucket->span.end != store::no_deadline && bucket->span.end + slack < *filter.start) continue;
        if (filter.end && bucket->span.start - slack > *filter.end) continue;
        source.buckets.push_back(std::move(bucket));
    }
    const auto& keep = core.env.buckets.keep(cls);
    if (!keep.unlimited) source.received_after = std::max(source.received_after, core.env.clock.now() - keep.micros);
    return source;
}

void apply_filter(const core::Core& core, const core::Account& account, const Filter& filter, core::LogQuery& log) {
    const auto& buckets = core.env.buckets;
    const auto choice = account.writer->archive_choice;
    const auto floor = account.writer->archive_floor;
    const auto horizon = std::max(floor, buckets.archive_horizon(choice));
    // Who never chose has nothing elsewhere; who wants nothing kept is served nothing.
    const auto classes = floor == 0 ? std::vector{ClassId::archive} : buckets.archive_class(choice) ? buckets.classes() : std::vector<ClassId>();
    for (const ClassId cls : classes) {
        if (!crypto::is_archive(cls)) continue;
        if (auto source = source_of(core, cls, filter, horizon); !source.buckets.empty()) log.sources.push_back(std::move(source));
    }
    log.vault = account.vault;
    log.wanted = [filter, blocklist = account.blocklist](const crypto::LogEntry& entry) {
        if (filter.start && entry.received < *filter.start) return false;
        if (filter.end && entry.received > *filter.end) return false;
        if (!filter.with && !entry.vault_closed) return true;
        const auto peer = xmpp::Jid::parse(entry.peer);
        if (!peer) return false;
        if (entry.vault_closed && blocklist.blocks(*peer)) return false;
        return !filter.with || matches(*peer, *filter.with);
    };
}

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
    if (page.log.backwards) std::reverse(items.begin(), items.end());
    xmpp::RsmResult rsm;
    for (const auto& item : items) {
        const auto id = page.session->account().vault->archive_id({item.place, item.entry.received});
        if (!rsm.first) rsm.first = id;
        rsm.last = id;
        send_result(page, item, id);
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

asio::awaitable<void> run(core::Core& core, Page page) {
    std::vector<core::LogItem> items;
    bool ended = false, cut = false;
    const auto turns = page.session->archive_queries;
    auto entering = turns->enter();
    co_await std::move(entering);
    const core::Turn turn(turns);
    co_await core.barrier();  // what was acknowledged as stored is found
    auto query = std::exchange(page.log, core::LogQuery{.backwards = page.log.backwards});
    while (!ended && !cut && items.size() <= page.max && !page.session->ended) {
        query.limit = page.max + 1 - items.size();  // one more than asked for tells whether the page is the last
        std::function<core::LogPage()> job = [&store = core.env.store, query] { return core::read_log(store, query); };
        auto reading = core::on_pool<core::LogPage>(core.env.io, core.env.pool, std::move(job));
        core::LogPage part = co_await std::move(reading);
        if (part.unreadable) core.env.log.write(retention::Event::sealed_row_unreadable, {retention::Count{part.unreadable}});
        if (part.failed) {
            core.env.log.write(retention::Event::storage_alarm, {retention::Word("archive_unreadable")});
            page.responder.error({Condition::internal_server_error, "The archive cannot be read now."});
            co_return;
        }
        std::move(part.items.begin(), part.items.end(), std::back_inserter(items));
        ended = part.ended;
        cut = part.cut;  // a page may be shorter than asked for; it then says that it is not the last
        query.go_on_from(part.reached);
    }
    query = {};  // the keys of its buckets do not wait for a slow reader
    if (page.session->ended) co_return;
    const bool complete = items.size() <= page.max && !cut;
    if (items.size() > page.max) items.resize(page.max);
    auto sending = send_page(core, page, std::move(items), complete);
    co_await std::move(sending);
}

void query(core::Request& request) {
    auto& account = request.session->account();
    const auto rsm = xmpp::parse_rsm(request.payload);
    if (!rsm) return request.responder.error({Condition::bad_request, rsm.error()});
    const auto filter = read_filter(request.payload);
    if (!filter) return request.responder.error(filter.error());
    if (request.payload.has_attr("node")) return request.responder.error({Condition::item_not_found, "There is no such archive."});
    Page page{.session = request.session, .responder = request.responder, .query_id = std::string(request.payload.attr("queryid"))};
    apply_filter(request.core, account, *filter, page.log);
    if (const auto paging = read_paging(account, *rsm, page); !paging) return request.responder.error(paging.error());
    auto& turns = request.session->archive_queries;
    if (!turns) turns = std::make_shared<core::Turns>(request.core.env.io, queries_waiting);
    if (turns->full()) return request.responder.error({Condition::resource_constraint, "Too many archive queries at once."});
    asio::co_spawn(request.core.env.io, run(request.core, std::move(page)), asio::detached);
}

}  // namespace

core::Feature archive() {
    return {.name = "archive",
            .account_features = {ns::mam, ns::sid},
            .iq = {{"get", ns::mam, "query", core::at_own_account, fields}, {"set", ns::mam, "query", core::at_own_account, query}}};
}

}  // namespace lethe::feature
