// SPDX-License-Identifier: AGPL-3.0-or-later
// The string preparations behind a JID: PRECIS profiles (RFC 8264, RFC 8265) and IDNA domains (RFC 5890, UTS
// #46), by ICU.
//
// Unicode's version, which comes with ICU, is no part of jid_normalisation_version, and the store does not record it. PRECIS refuses code
// points that ICU does not know yet, and for those it knows Unicode promises that normal forms, case pairs and decompositions never
// change: so what was once prepared prepares to itself under every later version, its hashes stay right, and an upgrade only adds
// addresses. Two things can change at the edges, and neither moves an account: another category (rare: three code points in RFC 5892's
// time) can make an old address refused, and UTS #46 may map a spelling nobody normalises to elsewhere (U+1E9E in a domain, since
// Unicode 15.1). Going back to an older ICU makes addresses with newer code points unreachable until it is undone; nothing is lost.
// jid_normalisation_version rises when these functions change what they yield.
//
// Each function either yields the prepared string, which prepares to itself, or nothing. Plain ASCII never
// reaches ICU, because a JID is parsed for every stanza; the `_slow` forms are the same rules without that
// shortcut, and tests hold the two together. Length limits are the caller's. Thread: any.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace lethe::xmpp::precis {

/// UsernameCaseMapped (RFC 8265 section 3.3).
std::optional<std::string> username_case_mapped(std::string_view text);
/// OpaqueString (RFC 8265 section 4.2).
std::optional<std::string> opaque_string(std::string_view text);
/// Host name in Unicode form, lower case, without the trailing dot, or an IPv6 literal in brackets (no zone,
/// RFC 5952 form). An IPv4 literal is spelled like a host name and needs no rule of its own. Labels obey DNS
/// limits; symbols that UTS #46 lets through are refused, as RFC 5892 does.
std::optional<std::string> domain(std::string_view text);
/// The ASCII form of a domain for DNS and certificates, at most 253 bytes; empty for IPv6 literals and names that DNS cannot hold.
std::optional<std::string> dns_name(std::string_view domain);

std::optional<std::string> username_case_mapped_slow(std::string_view text);
std::optional<std::string> opaque_string_slow(std::string_view text);
std::optional<std::string> domain_slow(std::string_view text);

/// The derived property of one code point (RFC 8264 section 8).
enum class Property { valid, free_only, context_joiner, context_other, disallowed, unassigned };
Property property_of(char32_t c);

/// True if every code point with a contextual rule (RFC 5892 appendix A) stands where it may.
bool context_rules_hold(std::u32string_view text);
/// RFC 5893 section 2, for one label; a label without right-to-left characters passes.
bool bidi_rule_holds(std::u32string_view text);

/// Strict UTF-8: no surrogates, nothing overlong, nothing above U+10FFFF.
std::optional<std::u32string> decode_utf8(std::string_view text);
std::string encode_utf8(std::u32string_view text);

}  // namespace lethe::xmpp::precis
