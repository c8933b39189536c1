// SPDX-License-Identifier: AGPL-3.0-or-later
// The policy as a page for people: what is stored, for how long, who can read it, what a log line holds, what changes and when.
//
// In the languages that the policy names, one after the other. Plain text has lines of any length; Markdown is CommonMark with tables;
// HTML is one file that loads nothing: no scripts, no links to elsewhere but the operator's own, readable without its style and
// by screen readers, and with a picture that repeats the first table. Whatever stands in a policy cannot break out of the page.
// Pure; any thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "retention/ledger_line.h"
#include "retention/policy_change.h"

namespace lethe::retention {

enum class PageFormat : std::uint8_t { text, markdown, html };
enum class Language : std::uint8_t { en, de };

struct Page {
    const Policy& policy;
    const Announcement* announced = nullptr;  ///< what waits for the end of its notice; null: nothing, or only a file is shown
};
std::string render(const Page& page, PageFormat format);
/// The page as the server itself shows it: in one language of the policy, with links to the others, to the file and to the ledger, and how to
/// verify that.
struct Served {
    Page page;
    Language language = Language::en;
    std::string_view url;         ///< of the web server
    std::string_view ledger_key;  ///< its public half, as `lethectl ledger verify` takes it
    std::vector<PolicyStanding::Passed> passed = {};  ///< announcements, oldest first
    std::vector<PolicyDate> dates = {};               ///< of the ledger, oldest first
};
std::string render_html(const Served& served);
/// The Content-Security-Policy of an HTML page: its own style by its hash, and nothing else.
std::string page_sources();

// Words that pages, messages and forms share.
/// The languages of a policy, in its order; only those with texts can be in one.
std::vector<Language> languages_of(const Policy& policy);
std::string_view code_of(Language language);  ///< "en"
/// "7 days", "not stored", "without limit".
std::string spoken(const Keep& keep, Language language);
/// "2026-12-06 18:00 UTC".
std::string spoken(Time time, Language language);
/// A key in words: "how long messages can be fetched again (archive.keep)".
std::string spoken_key(std::string_view key, Language language);
/// A value of a KeyChange in words: spans spoken, quotes gone, "not set" if empty.
std::string spoken_value(std::string_view value, Language language);
/// The German of a sentence of the catalogue or of the log's events; empty if there is none, which a test does not let happen.
std::string_view german(std::string_view english);

}  // namespace lethe::retention
