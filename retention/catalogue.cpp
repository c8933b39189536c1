// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/catalogue.h"

namespace lethe::retention {

namespace {

constexpr std::string_view bucket_end =
    "the bucket's key is overwritten at its deadline, then its files are removed";
constexpr std::string_view account_end =
    "erasing the account overwrites its key; a replaced row may be found in free pages of the file until "
    "they are used again, still "
    "sealed";
constexpr std::string_view vault_end =
    "removing the entry, or erasing or resetting the account, which destroys all that opens it; a replaced "
    "row may be found in free "
    "pages of the file until they are used again, still sealed";

const std::string until_erased = "until changed or erased";
const std::string with_server = "while the server runs, and after it ended";
const std::string with_config = "until replaced or removed by the operator";

std::string lifetime(const Keep& keep) { return keep.stored() ? to_string(keep) : "not stored"; }

std::string log_lifetime(const Policy& policy) {
    std::string out = lifetime(policy.log.keep);
    for (const auto& [event, rules] : policy.log_events)
        if (rules.keep != policy.log.keep) out += "; " + event + ": " + lifetime(rules.keep);
    return out;
}

/// "7d, 1d, not stored"
std::string choices(const Policy& policy) {
    std::string out;
    for (const Keep& choice : policy.archive_choices) out += (out.empty() ? "" : ", ") + lifetime(choice);
    return out;
}

std::string bucket_lifetime(const Policy& policy) {
    return "archive: " + lifetime(policy.archive) + (policy.archive_choices.empty() ? "" : " or as its owner chose: " + choices(policy)) + "; letterbox: " + lifetime(policy.letterbox) +
           "; subscriptions: " + lifetime(policy.subscriptions) + (policy.uploads.stored() ? "; uploads: " + lifetime(policy.uploads) : "");
}

void add_state(std::vector<CatalogueRow>& rows, const Policy& policy) {
    rows.push_back({"account", "DATA/state.mdb, table accounts",
                    "SCRAM salts, iteration counts, StoredKey and ServerKey (from which a weak password can "
                    "be guessed), the vault "
                    "secret wrapped under what a login reveals, the vault's public key, whether suspended, the retention "
                    "that its owner chose for the archive, and the last announced policy that the owner was told of; how many clients "
                    "log in with a token, and the week in which each token ends (it was issued so long before as the server lets tokens last)",
                    Reader::node_key, until_erased, account_end});
    rows.push_back({"account, by name", "DATA/state.mdb, all tables",
                    "whether a guessed address has an account here, and how many contacts, blocked addresses, "
                    "settings, private and published items it has",
                    Reader::node_key, until_erased, account_end});
    rows.push_back({"account, from outside", "DATA/state.mdb, all tables",
                    "how many accounts there are, how many rows each has in each table, their sizes after "
                    "padding, and in which part of "
                    "the file they lie; keyed hashes in the place of names; when the file was last written",
                    Reader::disk, until_erased, account_end});
    rows.push_back({"contact list", "DATA/state.mdb, table roster",
                    "each contact's address, name, groups and subscription state", Reader::owner_login,
                    until_erased, vault_end});
    rows.push_back({"blocklist", "DATA/state.mdb, table blocklist", "each blocked address",
                    Reader::owner_login, until_erased, vault_end});
    rows.push_back(
        {"settings", "DATA/state.mdb, table settings",
         "the contact list's version; how far the letterbox was delivered and subscriptions were applied; whose messages the owner wants "
         "archived: a default, and the addresses that are exceptions",
         Reader::owner_login, until_erased, vault_end});
    rows.push_back({"private nodes", "DATA/state.mdb, table personal",
                    "what clients keep for themselves or publish to contacts only: bookmarks, how far conversations were read, "
                    "private storage, nicknames and moods; names of nodes and items, settings, contents",
                    Reader::owner_login, until_erased, vault_end});
    rows.push_back({"public profile", "DATA/state.mdb, table profile",
                    "what anybody may ask for while its owner is away: vCard, avatar, OMEMO device lists and keys, whatever a client "
                    "publishes openly; names of nodes and items, settings, contents",
                    Reader::node_key, until_erased, account_end});
    rows.push_back({"push registrations", "DATA/state.mdb, table profile",
                    "which app servers are told that something waits for an absent account, under which name there and with which secret",
                    Reader::node_key, "until the client or the app server ends it, or the account is erased or reset", account_end});
    if (policy.registration != "closed")
        rows.push_back({"invitations", "DATA/state.mdb, table invitations",
                        "how many invitations can be used, and in which hour each ends; who has the node key and an invitation's link, too, "
                        "sees who invited and how often it can be used",
                        Reader::disk, to_string(policy.invitations), "the last use, or its end, erases the row; it may be found in free pages of the file "
                        "until they are used again, still sealed"});
    rows.push_back({"store", "DATA/state.mdb, table meta",
                    "format version, version of the rules for addresses, a hash of the domain under the node "
                    "key, the highest "
                    "bucket number used so far in each class",
                    Reader::disk, "as long as the data directory", "removing the data directory"});
    rows.push_back({"policy", "DATA/state.mdb, table policy",
                    "the policy in force, the one announced and from when on it holds, and the last announcements: all of it public",
                    Reader::disk, "as long as the data directory", "removing the data directory"});
    rows.push_back(
        {"keyring", "DATA/keyring",
         "one key for each account and each bucket, and the span of each bucket, sealed under the node key",
         Reader::node_key, "as long as the account or the bucket", "its slot is overwritten in place"});
    rows.push_back({"keyring, from outside", "DATA/keyring",
                    "which slots are used, how often each was, and whose they are: keyed hashes of accounts, "
                    "classes and numbers of "
                    "buckets",
                    Reader::disk, "as long as the account or the bucket",
                    "its slot is overwritten in place"});
}

void add_buckets(std::vector<CatalogueRow>& rows, const Policy& policy) {
    rows.push_back({"archive", "DATA/buckets/archive/NUMBER.mdb, table entries",
                    "messages: with whom, when, in which direction, the whole stanza", Reader::owner_login,
                    lifetime(policy.archive), bucket_end});
    if (!policy.archive_choices.empty())
        rows.push_back({"archive, own choice", "DATA/buckets/archive-CHOICE/NUMBER.mdb, table entries",
                        "the same, for accounts that chose another time", Reader::owner_login, choices(policy), bucket_end});
    rows.push_back({"letterbox", "DATA/buckets/letterbox/NUMBER.mdb, table entries",
                    "messages that wait for an absent account: from whom, when, the whole stanza",
                    Reader::owner_login, lifetime(policy.letterbox),
                    "delivery deletes the row, and its sealed bytes end with the bucket: its key is "
                    "overwritten at its deadline, then "
                    "its files are removed"});
    rows.push_back({"subscriptions", "DATA/buckets/subscriptions/NUMBER.mdb, table entries",
                    "contact requests and their answers that wait for an absent account: from whom, when, "
                    "the whole stanza",
                    Reader::owner_login, lifetime(policy.subscriptions), bucket_end});
    if (policy.uploads.stored())
        rows.push_back({"uploads", "DATA/buckets/uploads/NUMBER.mdb, tables heads, entries",
                        "files: the content, its size and type; neither name nor address nor who sent it, so erasing an account does not find its files",
                        Reader::url, lifetime(policy.uploads), bucket_end});
    rows.push_back({"bucket, by account", "DATA/buckets/CLASS/NUMBER.mdb, tables heads, entries",
                    "how many entries of which padded size each account has in it, and in which order they "
                    "came; accounts by "
                    "keyed hash, so by name where the address is guessed",
                    Reader::node_key, bucket_lifetime(policy), bucket_end});
    rows.push_back({"bucket, from outside", "DATA/buckets/CLASS/NUMBER.mdb, tables info, heads, entries",
                    "the bucket's span and deadline; how many accounts have entries in it, how many each, of "
                    "which padded size, and "
                    "roughly in which order they were written; nothing that links them across buckets or to "
                    "accounts; when the file was last "
                    "written",
                    Reader::disk, bucket_lifetime(policy), bucket_end});
}

void add_plain(std::vector<CatalogueRow>& rows, const Policy& policy) {
    rows.push_back({"log", "DATA/log/START-END-DEADLINE-NUMBER.log",
                    "plain text: time, event, and the fields that retention/LOG.md lists in the form that "
                    "the policy permits",
                    Reader::disk, log_lifetime(policy),
                    "the file is overwritten and removed at its deadline"});
    rows.push_back({"ledger", "DATA/ledger.jsonl",
                    "when the server was started, hashes of its policies, until when each class was swept, alarms of "
                    "the disk and the clock; signed and public (retention/LEDGER.md); no counts, no sizes, no time at "
                    "which anybody talked",
                    Reader::disk, "as long as the data directory", "removing it, which everybody notices who watches it"});
    rows.push_back({"clock", "DATA/clock",
                    "the latest ten minutes that began while a server ran, when the machine was started, and the kernel's name "
                    "for that start",
                    Reader::disk, "as long as the data directory", "every ten minutes it is overwritten in place"});
    rows.push_back({"lock", "DATA/lock",
                    "whether a server runs, and whether the last one ended in good order", Reader::disk,
                    with_server, "the next start overwrites it"});
    rows.push_back({"reader locks", "DATA/state.mdb-lock, DATA/buckets/CLASS/NUMBER.mdb-lock",
                    "process and thread numbers of the server's own readers", Reader::disk, with_server,
                    "the next start overwrites them; a bucket's goes with the bucket"});
    rows.push_back({"control socket", "DATA/run/control",
                    "nothing: it is how lethectl talks to the running server", Reader::disk,
                    "while the server runs", "the server's end"});
}

void add_configuration(std::vector<CatalogueRow>& rows) {
    rows.push_back({"node key", "CONFIG/node.key",
                    "the key that everything above marked with it needs; readable wherever this directory "
                    "can be read, so keep it off "
                    "the data's disk and out of its backups",
                    Reader::disk, with_config,
                    "overwriting or destroying it, which makes all of DATA but the log unreadable for good"});
    rows.push_back({"TLS key and certificate", "CONFIG/tls/",
                    "the server's private key and its public certificate", Reader::disk, with_config,
                    "replacing them; recorded traffic does not open with the key, because every connection "
                    "has its own"});
    rows.push_back({"configuration", "CONFIG/lethe.toml, CONFIG/policy.toml",
                    "how the server runs, and this policy, which is public", Reader::disk, with_config,
                    "editing or removing them"});
}

}  // namespace

std::vector<CatalogueRow> catalogue(const Policy& policy) {
    std::vector<CatalogueRow> rows;
    add_state(rows, policy);
    add_buckets(rows, policy);
    add_plain(rows, policy);
    add_configuration(rows);
    return rows;
}

std::string_view to_string(Reader reader) {
    switch (reader) {
        case Reader::disk:
            return "anyone with the disk";
        case Reader::node_key:
            return "anyone with the disk and the node key";
        case Reader::owner_login:
            return "only the owner's login";
        case Reader::url:
            return "only who has the file's address";
    }
    return "";
}

}  // namespace lethe::retention
