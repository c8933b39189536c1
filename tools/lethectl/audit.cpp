// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "crypto/secret.h"
#include "server/xmpp/datetime.h"
#include "tools/audit/audit.h"
#include "tools/audit/escape.h"
#include "tools/audit/output.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/files.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

/// One line on standard error that draws itself again; nothing unless that is a terminal.
class Progress {
public:
    Progress() : shown_(isatty(STDERR_FILENO) == 1) {}
    ~Progress() {
        if (begun_) std::fputs("\r\x1b[K", stderr);
    }
    Progress(const Progress&) = delete;
    void operator()(std::size_t done, std::size_t of, std::string_view what) {
        if (!shown_ || of == 0) return;
        constexpr std::size_t width = 24, name = 40;
        const auto filled = done * width / of;
        const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
        std::fprintf(stderr, "\r[%s] %zu of %zu  %.*s\x1b[K", bar.c_str(), done, of, static_cast<int>(name), audit::printable(what).c_str());
        begun_ = true;
    }

private:
    bool shown_, begun_ = false;
};

bool lies_in(const std::filesystem::path& file, const std::filesystem::path& directory) {
    std::error_code error;
    const auto inner = std::filesystem::weakly_canonical(file, error), outer = std::filesystem::weakly_canonical(directory, error);
    return !error && std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// A part that is missing is a finding; a directory that has no part at all is another one.
bool has_nothing(const std::filesystem::path& directory) {
    return std::ranges::all_of(std::array{"state.mdb", "keyring", "buckets"}, [&](const char* part) {
        struct stat st {};
        return lstat((directory / part).c_str(), &st) != 0 && errno == ENOENT;
    });
}

int wrong(std::string text) { return fail({admin::Status::usage, std::move(text)}); }

}  // namespace

int audit_directory(const AuditOptions& wanted, bool json) {
    if (const auto ready = crypto::initialise(); !ready) return fail({admin::Status::system, ready.error()});
    audit::Options options{.directory = wanted.directory, .policy_name = wanted.policy_file};
    if (!wanted.html_file.empty() && lies_in(wanted.html_file, wanted.directory))
        return wrong(wanted.html_file + " lies in the directory that is audited, and nothing there is changed; name a file elsewhere with --html");
    struct stat st {};
    const bool there = stat(wanted.directory.c_str(), &st) == 0;
    if (there && !S_ISDIR(st.st_mode)) return wrong(wanted.directory + " is not a directory; name a data directory");
    if (there && has_nothing(wanted.directory))
        return wrong(wanted.directory + " is not a data directory of Lethe: it has no state.mdb, no keyring and no buckets; name one");
    if (wanted.policy_file.empty()) {
        auto standing = audit::standing_policy(wanted.directory);
        if (!standing) return fail({admin::Status::system, standing.error()});
        if (!*standing) return wrong("no policy stands in " + wanted.directory + "; name the published one with --policy FILE");
        options.policy_name = "the one that stands in the directory";
    } else {
        auto policy = retention::load_policy(wanted.policy_file);
        if (!policy) {
            report(policy.error());
            return wrong(wanted.policy_file + " is not a valid policy; name the published one with --policy");
        }
        options.policy = std::move(*policy);
    }
    if (!wanted.key.empty()) {
        options.key = crypto::parse_ledger_key(wanted.key);
        if (!options.key) return wrong("--key takes the 64 hexadecimal digits that lethectl ledger key prints");
    }
    if (!wanted.at.empty()) {
        options.at = xmpp::parse_datetime(wanted.at);
        if (!options.at) return wrong("--at takes a time such as 2026-11-22T18:54:00Z: when the copy was made");
    }
    std::expected<audit::Report, std::string> found;
    {
        Progress progress;
        options.progress = [&](std::size_t done, std::size_t of, std::string_view what) { progress(done, of, what); };
        found = audit::run(options);
    }
    if (!found) return fail({admin::Status::system, found.error()});
    if (!wanted.html_file.empty())
        if (const auto written = replace_file(wanted.html_file, audit::as_html(*found), 0644); !written)
            return fail({admin::Status::system, written.error() + "; name another file with --html"});
    auto text = json ? audit::as_json(*found) : audit::as_text(*found, [](std::string_view part) { return heading(part); });
    while (text.ends_with('\n')) text.pop_back();
    result(text);
    return found->holds() ? 0 : 1;
}

}  // namespace lethe::lethectl
