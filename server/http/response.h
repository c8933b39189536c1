// SPDX-License-Identifier: AGPL-3.0-or-later
// What is answered. Values; the pieces of a long body are made as they are sent, so one piece is all that lies in memory.
#pragma once
#include <asio/awaitable.hpp>
#include <expected>
#include <functional>

#include "retention/clock.h"
#include "server/http/request.h"
#include "server/net/stream.h"

namespace lethe::http {

struct Response {
    /// At most so many bytes, nothing more only when `length` of them were given; nullopt: they cannot be had, and the connection ends there.
    using Pieces = std::function<asio::awaitable<std::optional<std::string>>()>;

    int status = 200;
    std::vector<Field> fields = {};  ///< beside those that every answer has, or in the place of one of them
    std::string body = {};           ///< left out for HEAD; its length is told all the same
    Pieces pieces = nullptr;         ///< in the place of `body`
    std::uint64_t length = 0;        ///< of `pieces`
    bool close = false;
    std::function<void(net::Stream)> upgrade = nullptr;  ///< of a 101: what takes over the connection, from the first byte after the head
};

/// A status with its name as the whole text.
Response plain(int status);
/// 405 with what would do.
Response not_allowed(std::string_view methods);

/// Status line and fields, the empty line included. Every answer forbids what a page could load or be used for, unless its fields allow it,
/// says nothing about this program, and is kept by nobody unless its fields say how. A 101 has nothing but its fields and the date.
std::string head_of(const Response& response, retention::Time now, bool keep_alive);
/// RFC 9110 section 5.6.7.
std::string http_date(retention::Time time);

/// One range of something of `size` bytes (RFC 9110 section 14). Several, other units and what cannot be read: none, the whole is sent.
struct Range {
    std::uint64_t first = 0, length = 0;
    friend bool operator==(const Range&, const Range&) = default;
};
enum class RangeVerdict : std::uint8_t { whole, part, unsatisfiable };
RangeVerdict parse_range(std::string_view field, std::uint64_t size, Range& out);
/// What is to be sent of something of `size` bytes under this entity tag, as Range and If-Range ask for it; a part is announced in `out`
/// (206, Content-Range). The error: 416.
std::expected<Range, Response> range_for(const Request& request, std::string_view tag, std::uint64_t size, Response& out);
/// Whether a list of entity tags names this one, or is "*" (RFC 9110 section 8.8.3.2). `tag` with its quotes, a strong one.
enum class Comparison : std::uint8_t { weak, strong };
bool matches(std::string_view list, std::string_view tag, Comparison comparison);
/// Conditions of a request for what has this entity tag and no date (RFC 9110 section 13.2.2): 412, or 304, or nothing: it is to be answered.
std::optional<int> precondition(const Request& request, std::string_view tag);

/// The one of `available` that an Accept-Language (RFC 9110 section 12.5.4) asks for, its index; the first if it asks for none of them.
std::size_t choose_language(std::string_view accept_language, const std::vector<std::string_view>& available);

}  // namespace lethe::http
