// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/archive_query.h"

#include <algorithm>
#include <set>

#include "server/core/core.h"
#include "server/xmpp/datetime.h"
#include "server/xmpp/forms.h"
#include "server/xmpp/ns.h"

namespace lethe::feature {
namespace {
namespace ns = xmpp::ns;
using crypto::ArchivePlace;
using crypto::ClassId;
using xmpp::Condition;
using xmpp::StanzaError;

constexpr std::size_t page_default = 50, page_most = 250;

struct Filter {
    std::optional<xmpp::Jid> with;
    std::optional<std::int64_t> start, end;
    std::optional<ArchivePlace> after, before;
    std::optional<std::vector<ArchivePlace>> ids;
};

std::expected<ArchivePlace, StanzaError> place_of(const core::Account& account, std::string_view id) {
    const auto place = account.vault->place_of(id);
    if (!place || !crypto::is_archive(place->place.cls)) return std::unexpected(StanzaError{Condition::item_not_found});
    return *place;
}

std::expected<void, StanzaError> read_field(const core::Account& account, const xmpp::FormField& field, Filter& filter) {
    const std::string_view value = field.values.empty() ? std::string_view() : field.values.front();
    if (field.values.size() > 1 && field.var != "ids")
        return std::unexpected(StanzaError{Condition::bad_request, "Only ids can have more than one value."});
    if (field.var == "FORM_TYPE") return {};
    if (field.var == "with") {
        filter.with = xmpp::Jid::parse(value);
        if (!filter.with) return std::unexpected(StanzaError{Condition::jid_malformed});
    } else if (field.var == "start" || field.var == "end") {
        const auto time = xmpp::parse_datetime(value);
        if (!time) return std::unexpected(StanzaError{Condition::bad_request, "A time is not in the form of XEP-0082."});
        (field.var == "start" ? filter.start : filter.end) = time;
    } else if (field.var == "after-id" || field.var == "before-id") {
        const auto place = place_of(account, value);
        if (!place) return std::unexpected(place.error());
        (field.var == "after-id" ? filter.after : filter.before) = *place;
    } else if (field.var == "ids") {
        if (field.values.size() > page_most) return std::unexpected(StanzaError{Condition::policy_violation, "Too many ids at once."});
        filter.ids.emplace();
        for (const auto& id : field.values) {
            const auto place = place_of(account, id);
            if (!place) return std::unexpected(place.error());
            if (std::ranges::find(*filter.ids, *place) == filter.ids->end()) filter.ids->push_back(*place);
        }
    } else {
        return std::unexpected(StanzaError{Condition::feature_not_implemented, "Unknown field in the archive query."});
    }
    return {};
}

std::expected<Filter, StanzaError> read_filter(const core::Account& account, const xml::Element& query) {
    Filter filter;
    const auto x = query.child("x", ns::data_form);
    if (!x) return filter;
    const auto form = xmpp::parse_form(x);
    if (!form || form->form_type() != ns::mam) return std::unexpected(StanzaError{Condition::bad_request, "The form is not an archive query."});
    std::set<std::string_view> seen;
    for (const auto& field : form->fields) {
        if (!seen.insert(field.var).second)
            return std::unexpected(StanzaError{Condition::bad_request, "A field can be given once."});
        if (const auto fine = read_field(account, field, filter); !fine) return std::unexpected(fine.error());
    }
    if (filter.ids && form->fields.size() != 2) return std::unexpected(StanzaError{Condition::bad_request, "ids stands alone."});
    return filter;
}

bool matches(const xmpp::Jid& peer, const xmpp::Jid& with) { return with.is_bare() ? peer.bare() == with.bare() : peer == with; }

/// Receipt times rise strictly within an account, whatever the class.
bool outside(const Filter& filter, std::int64_t received) {
    return (filter.start && received < *filter.start) || (filter.end && received > *filter.end) ||
           (filter.after && received <= filter.after->received) || (filter.before && received >= filter.before->received);
}

/// What of one class may be served at all, and can match.
core::LogSource source_of(const core::Core& core, ClassId cls, const Filter& filter, std::int64_t received_after) {
    core::LogSource source{.cls = cls, .received_after = received_after};
    const auto from = std::max(filter.start.value_or(INT64_MIN), filter.after ? filter.after->received : INT64_MIN);
    const auto to = std::min(filter.end.value_or(INT64_MAX), filter.before ? filter.before->received : INT64_MAX);
    for (auto& bucket : core.env.buckets.readable(cls)) {
        // Receipt times may run a moment ahead of the clock (they rise strictly), hence the second of slack.
        constexpr std::int64_t slack = 1'000'000;
        if (bucket->span.end != store::no_deadline && bucket->span.end < from - (from > INT64_MIN + slack ? slack : 0)) continue;
        if (bucket->span.start - slack > to) continue;
        source.buckets.push_back(std::move(bucket));
    }
    if (filter.after && filter.after->place.cls == cls) source.after = filter.after->place;
    if (filter.before && filter.before->place.cls == cls) source.before = filter.before->place;
    const auto& keep = core.env.buckets.keep(cls);
    if (!keep.unlimited) source.received_after = std::max(source.received_after, core.env.clock.now() - keep.micros);
    return source;
}

/// One source for each id: from just before its place to just after it.
void narrow_to(const std::vector<ArchivePlace>& ids, core::LogQuery& log) {
    std::vector<core::LogSource> places;
    for (const auto& id : ids)
        for (const auto& source : log.sources) {
            if (source.cls != id.place.cls) continue;
            core::LogSource one{.cls = source.cls, .received_after = source.received_after};
            for (const auto& bucket : source.buckets)
                if (bucket->id.number == id.place.bucket) one.buckets.push_back(bucket);
            one.after = one.before = id.place;
            if (id.place.index > 0) --one.after->index;
            else if (id.place.segment > 0) one.after = {id.place.cls, id.place.bucket, id.place.segment - 1, UINT16_MAX};
            else one.after.reset();
            ++one.before->index;
            places.push_back(std::move(one));
        }
    log.sources = std::move(places);
}

/// Only if it matters who is one: this is copied for every query.
std::set<xmpp::BareJid> contacts_of(const core::Account& account) {
    std::set<xmpp::BareJid> out;
    if (account.archiving.by_default != core::Archiving::Default::roster) return out;
    for (const auto& [jid, item] : account.roster.items())
        if (item.listed) out.insert(jid);
    return out;
}

core::LogQuery log_query(const core::Core& core, const core::Account& account, const Filter& filter) {
    core::LogQuery log;
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
    if (filter.ids) narrow_to(*filter.ids, log);
    log.vault = account.vault;
    log.wanted = [filter, blocklist = account.blocklist, archiving = account.archiving, contacts = contacts_of(account)](
                     const crypto::LogEntry& entry) {
        if (outside(filter, entry.received)) return false;
        if (!filter.with && !entry.vault_closed) return true;
        const auto peer = xmpp::Jid::parse(entry.peer);
        if (!peer) return false;
        if (entry.vault_closed && (blocklist.blocks(*peer) || !archiving.wants(*peer, contacts.contains(peer->bare())))) return false;
        return !filter.with || matches(*peer, *filter.with);
    };
    return log;
}

/// What the RSM element asks for. The vault tells ids it gave out from others.
std::expected<void, StanzaError> read_paging(const core::Account& account, const xmpp::Rsm& rsm, ArchiveQuery& query) {
    if (rsm.index) return std::unexpected(StanzaError{Condition::feature_not_implemented, "Pages are not counted here."});
    query.max = std::min(rsm.max.value_or(page_default), page_most);
    query.log.backwards = rsm.before.has_value();
    const auto& id = rsm.after ? rsm.after : rsm.before;
    if (!id || id->empty()) return {};
    if (query.ids > 0) return std::unexpected(StanzaError{Condition::bad_request, "ids stands alone."});
    const auto from = place_of(account, *id);
    if (!from) return std::unexpected(from.error());
    query.log.from = *from;
    for (auto& source : query.log.sources) {
        if (source.cls != from->place.cls) continue;
        auto& bound = rsm.after ? source.after : source.before;
        if (!bound || (rsm.after ? *bound < from->place : from->place < *bound)) bound = from->place;
    }
    return {};
}

}  // namespace

std::expected<ArchiveQuery, StanzaError> read_archive_query(const core::Core& core, const core::Account& account, const xml::Element& query) {
    if (query.has_attr("node")) return std::unexpected(StanzaError{Condition::item_not_found, "There is no such archive."});
    const auto rsm = xmpp::parse_rsm(query);
    if (!rsm) return std::unexpected(StanzaError{Condition::bad_request, rsm.error()});
    const auto filter = read_filter(account, query);
    if (!filter) return std::unexpected(filter.error());
    ArchiveQuery out{.log = log_query(core, account, *filter), .ids = filter->ids ? filter->ids->size() : 0};
    out.flipped = bool(query.child("flip-page", ns::mam));
    if (const auto paging = read_paging(account, *rsm, out); !paging) return std::unexpected(paging.error());
    return out;
}

core::LogQuery whole_archive(const core::Core& core, const core::Account& account) { return log_query(core, account, {}); }

}  // namespace lethe::feature
