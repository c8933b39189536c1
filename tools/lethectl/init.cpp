// SPDX-License-Identifier: AGPL-3.0-or-later
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <optional>

#include "crypto/account.h"
#include "crypto/ledger_key.h"
#include "retention/policy.h"
#include "server/admin/example_config.h"
#include "server/admin/node_key_source.h"
#include "server/xmpp/jid.h"
#include "store/store.h"
#include "tools/lethectl/certificate.h"
#include "tools/lethectl/commands.h"
#include "tools/default_policy.h"
#include "tools/lethectl/files.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

namespace fs = std::filesystem;
using admin::Failure;
using admin::Outcome;
using admin::Status;

std::unexpected<Failure> usage(std::string text) {
    return std::unexpected(Failure{Status::usage, std::move(text)});
}
std::unexpected<Failure> refused(std::string text) {
    return std::unexpected(Failure{Status::refused, std::move(text)});
}
Outcome system_failure(std::string text) { return std::unexpected(Failure{Status::system, std::move(text)}); }

struct Plan {
    fs::path config, directory, policy, node_key, tls, certificate, tls_key, data;
    std::string domain;
    std::string policy_text{default_policy};
};

/// Symlinks resolved as far as the path exists.
fs::path resolved(const fs::path& path) {
    std::error_code error;
    auto out = fs::weakly_canonical(fs::absolute(path), error);
    return error ? fs::absolute(path).lexically_normal() : out;
}

bool is_inside(const fs::path& inner, const fs::path& outer) {
    const auto [end, ignored] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
    return end == outer.end();
}

Outcome refuse_full(const fs::path& data) {
    std::error_code error;
    const bool full = fs::exists(data, error) && !fs::is_empty(data, error);
    if (error)
        return system_failure(data.string() + " cannot be used as data directory (" + error.message() + "); choose another --data-dir");
    if (!full) return {};
    return refused(data.string() +
                   " is not empty, and nothing is overwritten; move it away, or choose another --data-dir");
}

/// The nearest of the directories above that exists must be one.
Outcome refuse_below_file(const fs::path& path, std::string_view option) {
    std::error_code error;
    fs::path above = path;
    while (!fs::exists(above, error) && above.has_relative_path()) above = above.parent_path();
    if (!fs::exists(above, error) || fs::is_directory(above, error)) return {};
    return usage(above.string() + " is a file and not a directory; choose another " + std::string(option));
}

Outcome refuse_existing(const Plan& plan) {
    if (const auto free = refuse_below_file(plan.directory, "--config-dir"); !free) return free;
    if (const auto free = refuse_below_file(plan.data, "--data-dir"); !free) return free;
    for (const auto* path : {&plan.config, &plan.policy, &plan.node_key, &plan.certificate, &plan.tls_key}) {
        std::error_code error;
        const auto found = fs::symlink_status(*path, error);
        if (found.type() != fs::file_type::not_found && found.type() != fs::file_type::none)
            return refused(path->string() +
                           " exists already, and nothing is overwritten; move "
                           "it away, or choose another --config-dir");
        if (found.type() == fs::file_type::none)
            return system_failure(path->string() + " cannot be examined (" + error.message() + ")");
    }
    return refuse_full(plan.data);
}

std::expected<Plan, Failure> make_plan(const InitOptions& options) {
    Plan plan;
    plan.config = resolved(options.config_file);
    plan.directory = plan.config.parent_path();
    plan.policy = plan.directory / "policy.toml";
    plan.node_key = plan.directory / "node.key";
    plan.tls = plan.directory / "tls";
    plan.certificate = plan.tls / "cert.pem";
    plan.tls_key = plan.tls / "key.pem";
    plan.data = resolved(options.data_dir);
    const auto jid = xmpp::BareJid::parse(options.domain);
    if (!jid || !jid->local().empty())
        return usage("--domain takes what follows the @ in your users' addresses; for example chat.example");
    plan.domain = jid->domain();
    if (is_inside(plan.directory, plan.data))
        return usage(
            "the configuration directory lies in the data directory, so a copy of "
            "the data would hold the key to it; choose another --config-dir");
    if (!options.policy_file.empty()) {
        auto policy = retention::load_policy(options.policy_file);
        if (!policy) {
            report(policy.error());
            return usage(options.policy_file + " is not a valid policy; correct it first");
        }
        plan.policy_text = std::move(policy->text);
    }
    return plan;
}

/// Everything, or nothing and the reason. Order: the data directory last, as the sign that all else is there.
Outcome make_all(const Plan& plan, SelfSigned& certificate, const std::optional<admin::Password>& passphrase, std::string& ledger_key) {
    NewFiles files;
    std::expected<void, std::string> done;
    const auto step = [&](std::expected<void, std::string> result) {
        if (done) done = std::move(result);
        return done.has_value();
    };
    if (!step(files.directory(plan.directory)) || !step(files.directory(plan.tls)) ||
        !step(files.file(plan.certificate, certificate.certificate)) ||
        !step(files.file(plan.tls_key, certificate.key)) ||
        !step(files.file(plan.policy, plan.policy_text)) ||
        !step(files.file(plan.config, admin::example_config(plan.domain, plan.data.string(),
                                                      passphrase ? "passphrase" : "file"))))
        return system_failure(done.error());
    const auto node_key = passphrase
                              ? crypto::create_sealed_node_key(plan.node_key.string(), passphrase->view())
                              : crypto::create_node_key(plan.node_key.string());
    if (!node_key) return system_failure(node_key.error());
    files.add(plan.node_key);
    ledger_key = crypto::to_string(crypto::LedgerKey(*node_key).public_key());

    if (!step(files.parents(plan.data))) return system_failure(done.error());
    // Asked again, since what is cleared away below must be nobody else's.
    if (const auto free = refuse_full(plan.data); !free) return free;
    std::error_code error;
    const bool data_is_new = !fs::exists(plan.data, error);
    if (const auto created =
            store::Store::create(plan.data, crypto::NodeKeys(*node_key), xmpp::BareJid::parse(plan.domain));
        !created) {
        // It was empty, so what is in it now is a store half made.
        if (data_is_new) files.add(plan.data);
        for (fs::directory_iterator it(plan.data, error), end; !error && it != end; it.increment(error))
            files.add(it->path());
        return system_failure(created.error().text);
    }
    files.keep();
    return {};
}

void tell(const Plan& plan, const SelfSigned& certificate, bool passphrase, const std::string& ledger_key) {
    result("configuration  " + plan.config.string());
    result("policy         " + plan.policy.string());
    result("node key       " + plan.node_key.string());
    result("certificate    " + plan.certificate.string());
    result("  valid until  " + certificate.until);
    result("  SHA-256      " + certificate.fingerprint);
    result("data           " + plan.data.string());
    result("ledger key     " + ledger_key + "  (publish it: see lethectl ledger --help)");
    message(
        "the certificate is self-signed, so clients will ask whether to trust it; put a real one that names " + plan.domain +
        " in its place when you have one");
    message(
        "keep a copy of the node key apart from copies of the data: without it nothing stored can be opened");
    message("finish " + plan.policy.string() + " before the server's first start: from then on it is a promise, and what is looser waits for its notice");
    if (passphrase)
        message("the node key is of no use without its passphrase, and neither is anything stored: keep that too");
    message("next: lethectl --config " + plan.config.string() + " account add NAME@" + plan.domain);
}

}  // namespace

int init(const InitOptions& options) {
    const auto plan = make_plan(options);
    if (!plan) return fail(plan.error());
    if (const auto free = refuse_existing(*plan); !free) return fail(free.error());
    if (const auto ready = crypto::initialise(); !ready) return fail({Status::system, ready.error()});
    std::optional<admin::Password> passphrase;
    if (options.node_key == "passphrase") {
        auto given = admin::new_passphrase(options.passphrase_fd);
        if (!given) return fail(given.error());
        if (given->empty()) return fail({Status::usage, "an empty passphrase protects nothing; choose one"});
        passphrase = std::move(*given);
    } else if (options.passphrase_fd) {
        return fail({Status::usage,
                     "--passphrase-fd is for a node key under a passphrase; add --node-key passphrase"});
    }
    auto certificate = make_certificate(plan->domain, std::time(nullptr));
    if (!certificate) return fail({Status::usage, certificate.error()});
    std::string ledger_key;
    const auto made = make_all(*plan, *certificate, passphrase, ledger_key);
    crypto::detail::wipe(certificate->key.data(), certificate->key.size());
    if (!made) return fail(made.error());
    tell(*plan, *certificate, passphrase.has_value(), ledger_key);
    return 0;
}

}  // namespace lethe::lethectl
