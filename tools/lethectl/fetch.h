// SPDX-License-Identifier: AGPL-3.0-or-later
// One file from a web server, or its end from some byte on. Over TLS with a certificate that holds; in plain only to this machine or an
// onion service. No redirects, no cookies, no proxy that the environment names.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>

#include "server/admin/operations.h"

namespace lethe::lethectl {

struct Origin {
    std::string url;    ///< as check_url() gave it back
    std::string ca;     ///< of a certificate that the system does not trust; empty: those that it does
    std::string proxy;  ///< "socks5h://HOST:PORT"; empty: none
    std::chrono::seconds timeout;  ///< of a whole answer, however it dribbles in
};
/// The address to fetch from (a host alone stands for its /policy/ledger), and its host. The error is a sentence.
struct CheckedUrl {
    std::string url, host;
};
std::expected<CheckedUrl, admin::Failure> check_url(const std::string& url, const std::string& proxy);

struct Fetched {
    enum class What : std::uint8_t { whole, part, shorter };
    What what = What::whole;  ///< shorter: it ends before `from`; the body is empty
    std::string body;
};
/// Asks for what stands at `from` and behind it; `what` says what came. At most `most` bytes. Blocks, for `timeout` at the longest.
std::expected<Fetched, admin::Failure> fetch(const Origin& origin, std::uint64_t from, std::size_t most);

}  // namespace lethe::lethectl
