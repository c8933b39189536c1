// SPDX-License-Identifier: AGPL-3.0-or-later
// Canaries to log, and short ways to look at what became of them.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "retention/log.h"
#include "retention/log_files.h"
#include "tests/unit/retention/fake.h"

namespace lethe::retention::test {

inline const xmpp::BareJid account = *xmpp::BareJid::parse("canary-account@canary-domain.example");
inline const xmpp::Jid peer = *xmpp::Jid::parse("canary-peer@canary-other.example/canary-resource");
inline const Address address{.ip = {203, 0, 113, 77}};
inline const Address address6{
    .ip = {0x20, 0x01, 0x0d, 0xb8, 0xca, 0xfe, 0xba, 0xbe, 0xde, 0xad, 0, 0, 0, 0, 0, 0x77}, .v6 = true};

inline std::unique_ptr<Log> opened(const std::filesystem::path& directory, const Policy& policy,
                                   const Clock& clock, Echo echo = Echo::nothing) {
    auto log = Log::open(directory, policy, clock, echo);
    if (!log) FAIL_CHECK(log.error());
    REQUIRE(log.has_value());
    return std::move(*log);
}

inline std::vector<LogFile> files(const std::filesystem::path& directory) {
    auto out = list_log_files(directory).value();
    std::ranges::sort(out, {}, &LogFile::number);
    return out;
}

inline std::string everything(const std::filesystem::path& directory) {
    std::string out;
    for (const auto& file : files(directory)) out += contents(directory / file.name());
    return out;
}

}  // namespace lethe::retention::test
