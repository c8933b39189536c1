// SPDX-License-Identifier: AGPL-3.0-or-later
// One HTTP request without its body. Values; any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::http {

enum class Method : std::uint8_t { get, head, post, put, options, other };

struct Field {
    std::string name;  ///< of a request: in lower case
    std::string value;
};

struct Request {
    Method method = Method::other;
    std::string path;   ///< decoded; begins with '/', or is "*" of OPTIONS; no empty, "." or ".." segment, no control character
    std::string query;  ///< as it came, without the '?'
    std::vector<Field> fields;
    std::optional<std::uint64_t> content_length;
    bool keep_alive = false;  ///< the peer would send another one
    bool expects_continue = false;

    bool has(std::string_view name) const;
    /// Several fields of one name joined by ", "; empty if there is none.
    std::string field(std::string_view name) const;
};

/// The path and query of a request target (RFC 9112 section 3.2, not the authority form), with every trick that makes two programs read two
/// paths refused: encoded slashes, dot segments however they are written, empty segments, backslashes, controls, fragments, user names.
struct Target {
    std::string path, query;
};
std::optional<Target> parse_target(std::string_view text);
/// Without the spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);
/// Of a comma-separated list (RFC 9110 section 5.6.1), each trimmed.
std::vector<std::string_view> elements(std::string_view list);
/// ASCII: names of fields, codings, languages and media types are written in letters of any case.
std::string in_lower_case(std::string_view text);
/// `word` is in lower case.
bool same_word(std::string_view text, std::string_view word);
/// Of a media type: "Text/HTML; charset=utf-8" is "text/html". Parameters may change on the way: browsers write charsets in a way of their own.
std::string essence(std::string_view media_type);
/// RFC 3986 section 2.1 undone; nothing if it is not well formed.
std::optional<std::string> percent_decoded(std::string_view text);

/// What a browser sends of a form (application/x-www-form-urlencoded, WHATWG URL section 5). Values; wiped when they go, because there may be passwords among them.
class FormFields {
public:
    /// Nothing if it is not well formed, names a field twice, or has more than 16.
    static std::optional<FormFields> parse(std::string_view body);
    FormFields(FormFields&&) noexcept = default;
    ~FormFields();
    /// Null: there is none.
    std::string* find(std::string_view name);

private:
    FormFields() = default;
    std::vector<Field> fields_;
};

}  // namespace lethe::http
