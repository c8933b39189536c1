// SPDX-License-Identifier: AGPL-3.0-or-later
// What each command does, once its options are read. Each returns the exit code: 0 success, 1 what was asked
// does not hold, 2 wrong usage or configuration, 3 the system failed. Results go to standard output, messages
// to standard error.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace lethe::lethectl {

struct Common {
    std::string config = "/etc/lethe/lethe.toml";
    std::optional<int> passphrase_fd;  ///< of the node key; for work on the directory itself
    bool json = false;
};

struct InitOptions {
    std::string config_file;  ///< where lethe.toml goes; everything else of CONFIG beside it
    std::string domain;
    std::string policy_file;  ///< empty: the built-in one
    std::string data_dir = "/var/lib/lethe";
    std::string node_key = "file";  ///< or "passphrase"
    std::optional<int> passphrase_fd;
};
int init(const InitOptions& options);

enum class AccountAction { add, reset, suspend, unsuspend, erase };
int change_account(const Common& common, AccountAction action, const std::string& account,
                   bool password_stdin);
struct InviteOptions {
    std::optional<unsigned> days, uses;  ///< none: as usual
};
int invite(const Common& common, const InviteOptions& options);
int count_accounts(const Common& common);
int remove_upload(const Common& common, const std::string& url);
int sweep(const Common& common);
int status(const Common& common);

struct LedgerOptions {
    std::string file;
    std::string key;    ///< as published; empty: the one that the file names
    // Of watch alone:
    std::string state;  ///< empty: beside the file or the copy
    std::string every;  ///< a span; empty: one look
    std::string copy;   ///< of what an address serves; empty: named after its host
    std::string ca, proxy;
    std::string timeout;  ///< of a whole answer, a span; empty: as long as is usual
};
int print_ledger_key(const Common& common);
int verify_ledger_file(const Common& common, const LedgerOptions& options);
int watch_ledger(const Common& common, LedgerOptions options);
int accept_clock(const Common& common);

int check_policy(const std::string& file);
/// 0: nothing in `after` is looser than in `before`; 1: something is.
int diff_policies(const Common& common, const std::string& before, const std::string& after);
int show_policy(const Common& common);
enum class PageKind { text, markdown, html };
/// Of a file, or without one of the policy in force and the one announced.
int render_policy(const Common& common, PageKind kind, const std::string& file);
int show_catalogue(const Common& common);

struct OutageOptions {
    bool over = false, planned = false;
    std::string from, until;            ///< times; empty: now, not known
    std::string message;                ///< for languages that have none of their own
    std::vector<std::string> messages;  ///< LANG=TEXT
};
int print_outage(const OutageOptions& options);

struct AuditOptions {
    std::string directory;
    std::string policy_file;  ///< empty: the one that stands in the directory
    std::string key;          ///< the ledger's, as published; empty: the one that the ledger names
    std::string html_file;    ///< empty: no page
    std::string at;           ///< when a copy was made; empty: now
};
int audit_directory(const AuditOptions& options, bool json);

}  // namespace lethe::lethectl
