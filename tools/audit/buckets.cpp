// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/buckets.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "crypto/codec.h"
#include "crypto/hex.h"
#include "server/xmpp/jid.h"

namespace lethe::audit {

namespace format = store::format;
using format::Part;
using store::BucketId;

namespace {

const std::string who_put = "find out who put it there; stop the server, move the file away, and start again";
const std::string next_start = "the next start of the server removes it";
const std::string whole_keyring = "stop the server, and put the newest whole keyring back";

std::string what_is(Odd odd) {
    switch (odd) {
        case Odd::foreign_row:
            return "is a row where only the names of tables belong";
        case Odd::key:
            return "has a key that this table cannot have";
        case Odd::form:
            return "is not in the sealed form of its table";
        case Odd::text:
            return "holds readable text";
        case Odd::no_account:
            return "belongs to no account";
    }
    return "";
}

std::string path_of(const BucketId& id) {
    return "buckets/" + std::string(format::class_directory(id.cls)) + '/' + std::to_string(id.number) + ".mdb";
}

}  // namespace

void check_environment_seen(const Entry& entry, const EnvironmentSeen& inside, Findings& findings) {
    const bool bucket = entry.kind == Kind::bucket;
    using State = EnvironmentSeen::State;
    if (inside.state == State::not_read) {
        findings.add({Check::whole, entry.path, "", "cannot be read (" + std::generic_category().message(inside.code) + ")",
                      "run the audit as the directory's owner or as root"});
        return;
    }
    if (inside.state != State::whole)
        findings.add({Check::whole, entry.path, "",
                      inside.state == State::damaged ? "is damaged" : "could not be read within the limits, and is damaged or was made to stop readers",
                      bucket ? "the server leaves it out and destroys it at its deadline"
                             : "move the directory away, then restore a backup or start a new one"});
    if (inside.too_long)
        findings.add({Check::whole, entry.path, "", "goes on for longer than it says it does, and longer than a crash can have left it",
                      "find out who put something behind its end; stop the server, and truncate or remove it"});
    for (const auto& table : inside.tables) {
        const auto detail = "table " + table.name;
        if (!table.known)
            findings.add({Check::catalogue, entry.path, detail, "is a table that the catalogue does not know", who_put});
        else if (!looks_even(table.bytes))
            findings.add({Check::sealed, entry.path, detail, "holds bytes that are not as even as sealed ones", who_put});
    }
    std::size_t named = 0;
    for (const auto& row : inside.odd) {
        const auto check = row.odd == Odd::foreign_row || row.odd == Odd::no_account ? Check::catalogue : Check::sealed;
        const auto detail = (row.table.empty() ? "" : "table " + row.table + ", ") + "key " + crypto::to_hex(row.key);
        findings.add({check, entry.path, detail, what_is(row.odd), who_put});
        ++named;
    }
    if (inside.odd_in_all > named)
        findings.add({Check::sealed, entry.path, "", "holds " + std::to_string(inside.odd_in_all - named) + " more such rows", who_put});
    // What stands in a row was named already.
    if (inside.text_between && named == 0 && inside.state == State::whole &&
        std::ranges::all_of(inside.tables, &TableSeen::known))
        findings.add({Check::sealed, entry.path, "", "holds readable text outside of its rows", who_put});
}

namespace {

void missing_tables(const Entry& entry, const EnvironmentSeen& inside, std::span<const char* const> names, Findings& findings) {
    if (inside.state != EnvironmentSeen::State::whole) return;
    for (const std::string_view name : names)
        if (std::ranges::find(inside.tables, name, &TableSeen::name) == inside.tables.end())
            findings.add({Check::catalogue, entry.path, "table " + std::string(name), "is missing", "find out who removed it"});
}

}  // namespace

StateSeen check_state(const Entry& entry, EnvironmentSeen inside, Findings& findings) {
    check_environment_seen(entry, inside, findings);
    // Those that came later are added by the next start of the server.
    missing_tables(entry, inside, std::span(format::state_tables).first(format::first_state_tables), findings);
    StateSeen state{.inside = std::move(inside)};
    const auto odd = [&](const PlainRow& row, std::string what) {
        findings.add({Check::catalogue, entry.path, "table " + row.table + ", key " + crypto::to_hex(ByteView(row.key).first(std::min<std::size_t>(row.key.size(), 40))),
                      std::move(what), who_put});
    };
    for (const auto& row : state.inside.plain) {
        if (row.table == "policy" && as_text(row.key) != format::key_standing) odd(row, "is a row that the catalogue does not know");
        if (row.table == "policy" && as_text(row.key) == format::key_standing && !retention::PolicyStanding::decode(row.value))
            odd(row, "holds a policy that cannot be read");
        if (row.table != "meta") continue;
        const auto number = format::decode_u32(row.value);
        const auto key = as_text(row.key);
        crypto::ClassId cls{};
        bool high_water = false;
        for (const auto known : crypto::all_classes()) {
            if (!std::ranges::equal(row.key, format::high_water_key(known))) continue;
            cls = known;
            high_water = true;
        }
        if (high_water && number)
            state.high_water[cls] = *number;
        else if (key == format::key_format && number)
            *number == format::version ? void() : odd(row, "names a format version that this program does not read");
        else if (key == format::key_jid_normalisation && number)
            *number == xmpp::jid_normalisation_version ? void() : odd(row, "names rules for addresses that this program does not have");
        else if (key != format::key_domain || row.value.size() != crypto::DomainMark::size)
            odd(row, "is a row that the catalogue does not know");
    }
    return state;
}

BucketSeen check_bucket(const Entry& entry, EnvironmentSeen inside, Findings& findings) {
    check_environment_seen(entry, inside, findings);
    missing_tables(entry, inside, format::bucket_tables, findings);
    BucketSeen bucket{.entry = &entry, .inside = std::move(inside)};
    std::size_t rows = 0;
    for (const auto& row : bucket.inside.plain) {
        if (row.table != "info") continue;
        ++rows;
        const auto info = format::decode_info(row.value);
        const BucketId own{entry.cls, entry.number};
        const auto detail = std::string("table info");
        if (as_text(row.key) != format::key_info || !info)
            findings.add({Check::catalogue, entry.path, detail, "holds a row that is not a bucket's", who_put});
        else if (info->version != format::version)
            findings.add({Check::catalogue, entry.path, detail, "names a format version that this program does not read", who_put});
        else if (info->id != own)
            findings.add({Check::keys, entry.path, detail, "says that this file is another bucket", who_put});
        else
            bucket.info = *info;
    }
    if (rows == 0 && bucket.inside.state == EnvironmentSeen::State::whole)
        findings.add({Check::catalogue, entry.path, "table info", "does not say which bucket this is", who_put});
    return bucket;
}

void check_span(const BucketSeen& bucket, const retention::Policy& policy, Present now, const SweptTo& swept, Findings& findings) {
    const auto keep = keep_of(policy, bucket.entry->cls);
    if (!bucket.info || !keep) return;
    const auto& span = bucket.info->span;
    if (const auto fault = span_fault(span, *keep, now))
        findings.add({Check::deadlines, bucket.entry->path, "", *fault, "start the server, which destroys what is due, or run lethectl sweep"});
    check_swept(format::class_directory(bucket.entry->cls), bucket.entry->path, span, swept, findings);
}

void check_swept(std::string_view cls, const std::string& place, const store::BucketSpan& span, const SweptTo& swept, Findings& findings) {
    const auto to = swept.find(cls);
    if (to == swept.end() || span.deadline > to->second) return;
    findings.add({Check::ledger, place, "",
                  "has the deadline " + to_text(span.deadline) + ", and the ledger says that nothing of its class was left whose deadline is before " +
                      to_text(to->second), "find out who put it back"});
}

namespace {

/// Whether it lost its key before its time. What a crash in the middle of its destruction leaves is past its deadline, or has no rows.
bool robbed(const BucketSeen& bucket, Present now) {
    const auto& tables = bucket.inside.tables;
    const bool data = std::ranges::any_of(tables, [](const TableSeen& t) { return t.known && t.rows > 0 && t.name != "info"; });
    return bucket.inside.state == EnvironmentSeen::State::whole && bucket.info && data && bucket.info->span.deadline > now.to;
}

class Keys {
public:
    Keys(const KeyringSeen& keyring, Present now, Findings& findings) : findings_(findings), keyring_(keyring), now_(now) {
        for (const auto& slot : keyring.taken) {
            slots_.emplace(slot.slot.index, &slot);
            auto& owners = slot.part == Part::bucket ? buckets_ : accounts_;
            owners.emplace(slot.owner, &slot);
        }
    }

    void buckets(const std::vector<BucketSeen>& buckets, const StateSeen* state) {
        std::set<format::Owner> files;
        for (const auto& bucket : buckets) {
            const BucketId id{bucket.entry->cls, bucket.entry->number};
            const auto owner = format::owner_of(id);
            files.insert(owner);
            if (!buckets_.contains(owner) && robbed(bucket, now_))
                findings_.add({Check::keys, bucket.entry->path, "", "holds data, and its deadline is still to come, but the keyring has no key of it: it is cut short or damaged, or an older copy",
                               whole_keyring + "; until its deadline the server leaves the file alone"});
            else if (!buckets_.contains(owner))
                findings_.add({Check::keys, bucket.entry->path, "", "is the file of a bucket that was destroyed, or never was: it has no key",
                               next_start + "; find out who put it there"});
            if (!state || state->inside.state != EnvironmentSeen::State::whole) continue;
            const auto high = state->high_water.find(id.cls);
            if (high == state->high_water.end() || id.number > high->second)
                findings_.add({Check::keys, bucket.entry->path, "", "has a number that its class has not reached yet",
                               "find out who put it there, or who changed state.mdb"});
        }
        for (const auto& [owner, slot] : buckets_)
            if (!files.contains(owner))
                findings_.add({Check::keys, path_of(*format::bucket_of(owner)), "", "is missing, and its key in the keyring, slot " + std::to_string(slot->slot.index) + ", is not destroyed",
                               "find out who removed or renamed it; the key goes at the bucket's deadline"});
        twice(buckets_, "bucket");
    }

    void accounts(const StateSeen& state) {
        std::set<std::uint32_t> named;
        for (const auto& account : state.inside.accounts) {
            const auto slot = slots_.find(account.slot.index);
            const bool own = slot != slots_.end() && slot->second->part == Part::account && slot->second->slot == account.slot &&
                             slot->second->owner == account.owner;
            if (own)
                named.insert(account.slot.index);
            else
                findings_.add({Check::keys, "state.mdb", "table accounts, key " + crypto::to_hex(account.owner), "names a key that is not in the keyring",
                               keyring_.held(account.slot) ? "the next start of the server deletes what cannot be read any more" : whole_keyring + "; without it the server does not start"});
        }
        for (const auto& [owner, slot] : accounts_)
            if (!named.contains(slot->slot.index))
                findings_.add({Check::keys, "keyring", "slot " + std::to_string(slot->slot.index), "holds an account's key that no account names: it should have been destroyed",
                               "start the server, which destroys it"});
    }

private:
    using Owners = std::multimap<format::Owner, const SlotSeen*>;

    void twice(const Owners& owners, std::string_view what) {
        for (auto at = owners.begin(); at != owners.end(); at = owners.upper_bound(at->first))
            if (owners.count(at->first) > 1)
                findings_.add({Check::keys, "keyring", "slot " + std::to_string(std::prev(owners.upper_bound(at->first))->second->slot.index),
                               "is a second key of one " + std::string(what), "find out who changed the keyring"});
    }

    Findings& findings_;
    const KeyringSeen& keyring_;
    Present now_;
    std::map<std::uint32_t, const SlotSeen*> slots_;
    Owners buckets_, accounts_;
};

}  // namespace

void check_keys(const StateSeen* state, const std::vector<BucketSeen>& buckets, const KeyringSeen& keyring, Present now, Findings& findings) {
    if (!keyring.read) return;
    Keys keys(keyring, now, findings);
    keys.buckets(buckets, state);
    if (state && state->inside.state == EnvironmentSeen::State::whole) keys.accounts(*state);
}

}  // namespace lethe::audit
