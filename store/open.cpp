// SPDX-License-Identifier: AGPL-3.0-or-later
// Making a data directory, and opening one: what must not start is refused, what a crash left half done is
// finished.
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "server/xmpp/jid.h"
#include "store/checks.h"
#include "store/engine.h"
#include "store/lock.h"
#include "store/recovery.h"

namespace lethe::store {

namespace fs = std::filesystem;
using Checked = std::expected<void, Problem>;

namespace {

Problem not_made(const fs::path& path, int code) {
    return problem(path, code, "cannot be made", "check the disk and the permissions of the directory above");
}

Checked make_data_directory(const fs::path& data) {
    if (::mkdir(data.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return std::unexpected(not_made(data, errno));
    if (auto checked = check_private_directory(data); !checked) return checked;
    std::error_code error;
    if (!fs::is_empty(data, error) || error) {
        return std::unexpected(
            Problem{data.string() + " is not empty: name a directory that does not exist yet"});
    }
    return {};
}

int make_state(const fs::path& path, const std::optional<crypto::DomainMark>& domain) {
    auto env = Environment::open(path, state_layout(), Access::create);
    if (!env) return env.error();
    WriteTransaction txn(**env);
    if (txn.code() != 0) return txn.code();
    int code = txn.put(format::meta, as_bytes(format::key_format), format::encode_u32(format::version));
    if (code == 0) {
        code = txn.put(format::meta, as_bytes(format::key_jid_normalisation),
                       format::encode_u32(xmpp::jid_normalisation_version));
    }
    if (code == 0 && domain) code = txn.put(format::meta, as_bytes(format::key_domain), domain->view());
    return code == 0 ? txn.commit() : code;
}

/// Every file of ours that exists.
Checked check_permissions(const fs::path& data) {
    std::error_code error;
    for (const auto name : {format::state_file, format::keyring_file}) {
        // Whoever opens it knows what it means that it is missing.
        if (fs::symlink_status(data / name, error).type() == fs::file_type::not_found) continue;
        if (auto checked = check_private_file(data / name); !checked) return checked;
    }
    if (const auto lock = format::lock_of(data / format::state_file); fs::exists(lock, error)) {
        if (auto checked = check_private_file(lock); !checked) return checked;
    }
    const auto buckets = data / format::buckets_directory;
    if (auto checked = check_private_directory(buckets); !checked) return checked;
    for (const auto cls : crypto::all_classes()) {
        const auto directory = buckets / format::class_directory(cls);
        if (!fs::exists(directory, error)) continue;
        if (auto checked = check_private_directory(directory); !checked) return checked;
        for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
            if (!bucket_of_file(it->path())) continue;
            if (auto checked = check_private_file(it->path()); !checked) return checked;
        }
        if (error)
            return std::unexpected(problem(directory, error.value(), "cannot be listed", "check the disk"));
    }
    return {};
}

Checked check_version(const fs::path& path, const ReadTransaction& txn, std::string_view key,
                      std::uint32_t known, std::string_view what) {
    const auto value = txn.get(0, as_bytes(key));
    const auto number = value && *value ? format::decode_u32(**value) : std::nullopt;
    if (!number) {
        return std::unexpected(Problem{path.string() + " does not say its " + std::string(what) +
                                       ": check that the data directory is the right one"});
    }
    if (*number == known) return {};
    return std::unexpected(Problem{path.string() + " has " + std::string(what) + " " +
                                   std::to_string(*number) + ", this program reads " + std::to_string(known) +
                                   ": use the program version that wrote it"});
}

/// Opened apart from everything else, because another version may have other tables.
Checked check_state(const fs::path& path, Depth depth) {
    if (const auto health = check_environment(path, depth); health != Health::sound) {
        return std::unexpected(Problem{
            path.string() +
            (health == Health::damaged
                 ? " is damaged: move the data directory away, then restore a backup or start a new one"
                 : " cannot be checked: give the server memory and processes to fork a child")});
    }
    const Layout meta_only{std::span(format::state_tables).first(1), state_layout().map_size};
    const auto env = Environment::open(path, meta_only, Access::existing);
    if (!env) {
        return std::unexpected(Problem{path.string() + " cannot be opened (" + mdb_strerror(env.error()) +
                                       "): check that the data directory is the right one"});
    }
    const ReadTransaction txn(**env);
    if (txn.code() != 0) {
        return std::unexpected(
            Problem{path.string() + " cannot be read (" + mdb_strerror(txn.code()) + "): check the disk"});
    }
    if (auto ok = check_version(path, txn, format::key_format, format::version, "format version"); !ok)
        return ok;
    return check_version(path, txn, format::key_jid_normalisation, xmpp::jid_normalisation_version,
                         "address normalisation version");
}

/// Tables that this program has and the directory does not, because it is older.
Checked add_tables(const fs::path& path) {
    const auto env = Environment::open(path, state_layout(), Access::create);
    if (env) return {};
    return std::unexpected(Problem{path.string() + " lacks a table, which cannot be added (" + mdb_strerror(env.error()) + "): check the disk"});
}

/// A mark that is missing, because the directory is older than marks, is written by know_domain().
Checked check_domain(Engine& engine) {
    const auto& domain = engine.options.domain;
    if (!domain) return {};
    auto pin = engine.state();
    if (!pin) return std::unexpected(state_unreadable(engine, pin.error()));
    const ReadTransaction txn(**pin);
    if (txn.code() != 0) return std::unexpected(state_unreadable(engine, txn.code()));
    const auto kept = txn.get(format::meta, as_bytes(format::key_domain));
    if (!kept) return std::unexpected(state_unreadable(engine, kept.error()));
    const auto mark = engine.options.keys->domain_mark(domain->name);
    if (!*kept || std::ranges::equal(**kept, mark.view())) return {};
    return std::unexpected(Problem{engine.state_path().string() + " was made for another domain than " +
                                   domain->name.to_string() + ", which " + domain->said_by +
                                   " names: put the old domain back there, or name another data directory"});
}

/// A disk that takes nothing now is no reason not to start: the next open tries again.
void know_domain(Engine& engine) {
    const auto& domain = engine.options.domain;
    if (!domain) return;
    static_cast<void>(
        transact(*engine.registry, engine.state_path(), state_layout(), [&](WriteTransaction& txn) {
            const auto kept = txn.contains(format::meta, as_bytes(format::key_domain));
            if (!kept) return kept.error();
            if (*kept) return 0;
            return txn.put(format::meta, as_bytes(format::key_domain),
                           engine.options.keys->domain_mark(domain->name).view());
        }));
}

}  // namespace

std::expected<void, Problem> Store::create(const fs::path& data, const crypto::NodeKeys& keys,
                                           const std::optional<xmpp::BareJid>& domain) {
    if (auto made = make_data_directory(data); !made) return made;
    const auto keyring = data / format::keyring_file;
    if (const int code = Keyring::create(keyring, keys.keyring_key()); code != 0) {
        return std::unexpected(not_made(keyring, code));
    }
    const auto buckets = data / format::buckets_directory;
    int code = make_directory(buckets);
    for (const auto cls : format::first_classes) {
        if (code == 0) code = make_directory(buckets / format::class_directory(cls));
    }
    if (code == 0) code = sync_directory(buckets);
    if (code != 0) return std::unexpected(not_made(buckets, code));
    // Last: a directory without it is one that was not finished.
    std::optional<crypto::DomainMark> mark;
    if (domain) mark = keys.domain_mark(*domain);
    code = make_state(data / format::state_file, mark);
    if (code == 0) code = sync_directory(data);
    if (code == 0) code = sync_directory(fs::absolute(data).lexically_normal().parent_path());
    if (code != 0) return std::unexpected(not_made(data / format::state_file, code));
    return {};
}

std::expected<std::unique_ptr<Store>, Problem> Store::open(Options options) {
    assert(options.keys);
    options.data = fs::absolute(options.data);
    const auto data = options.data;
    if (auto checked = check_private_directory(data); !checked) return std::unexpected(checked.error());
    std::error_code error;
    if (!fs::exists(data / format::state_file, error)) {
        return std::unexpected(
            Problem{data.string() + " holds no state.mdb: make a data directory with lethectl init"});
    }
    auto lock = lock_data(data);
    if (!lock) return std::unexpected(lock.error());
    auto impl = std::make_unique<Impl>(std::move(options));
    impl->lock = std::move(lock->file);
    impl->ended_cleanly = lock->ended_cleanly;
    if (auto checked = check_permissions(data); !checked) return std::unexpected(checked.error());
    const Depth depth = lock->ended_cleanly ? Depth::ends : Depth::all;
    if (auto ok = check_state(data / format::state_file, depth); !ok) return std::unexpected(ok.error());

    if (auto ok = add_tables(data / format::state_file); !ok) return std::unexpected(ok.error());

    auto keyring = Keyring::open(data / format::keyring_file, impl->options.keys->keyring_key());
    if (!keyring) return std::unexpected(keyring.error());
    impl->keyring = std::move(*keyring);
    if (auto checked = check_domain(*impl); !checked) return std::unexpected(checked.error());
    if (auto done = recover_accounts(*impl); !done) return std::unexpected(done.error());
    auto orphans = adopt_buckets(*impl, depth);
    if (!orphans) return std::unexpected(orphans.error());
    impl->keyring->forget_listed();
    know_domain(*impl);
    impl->start();
    impl->orphans = std::move(*orphans);
    for (const auto& id : impl->orphans) impl->reap(id, {});
    return std::unique_ptr<Store>(new Store(std::move(impl)));
}

bool Store::in_use(const fs::path& data) { return is_locked(data); }

}  // namespace lethe::store
