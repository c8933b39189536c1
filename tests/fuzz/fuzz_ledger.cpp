// SPDX-License-Identifier: AGPL-3.0-or-later
// The ledger's verifier, and what a watcher keeps: nothing but what was signed holds, and any text at all is
// judged.
#include "crypto/secret.h"
#include "retention/ledger_watch.h"
#include "tests/fuzz/driver.h"
#include "tools/audit/ledger.h"

namespace lethe::fuzz {
namespace {

using namespace retention;

constexpr Time now = 1'795'370'400'000'000, minute = 60'000'000;

const crypto::LedgerKey& key() {
    static const bool ready = crypto::initialise().has_value();
    require(ready, "libsodium starts");
    static const crypto::LedgerKey made(
        crypto::NodeKey::make([](std::span<std::uint8_t, 32> out) { out[0] = 1; }));
    return made;
}

std::string signed_line(std::uint64_t number, const Digest& before, Time time, LedgerEvent event) {
    return encode({.number = number, .previous = before, .time = time, .event = std::move(event)}, key()) +
           '\n';
}

/// One line of each event, chained.
const std::string& whole() {
    static const std::string text = [] {
        std::string out;
        Digest before{};
        std::uint64_t number = 0;
        for (const LedgerEvent& event : std::initializer_list<LedgerEvent>{
                 LedgerBegin{key().public_key()}, ServerStart{}, PolicyInForce{Digest{1}},
                 Swept{"archive", now - minute, Digest{1}}, PolicyAnnounced{Digest{2}, now + 1000 * minute},
                 LedgerAlarm(Word("clock_jumped")), ClockAccepted{now}, LedgerRepaired{17}}) {
            auto line = signed_line(number, before, now + static_cast<Time>(number) * minute, event);
            ++number;
            before = digest_of(std::string_view(line).substr(0, line.size() - 1));
            out += line;
        }
        return out;
    }();
    return text;
}

void try_line(std::string_view text) {
    const auto line = parse_ledger_line(text);
    if (!line) return;
    constexpr std::string_view mark = ",\"sig\":\"";
    const auto again = encode(*line, key());
    require(again.substr(0, again.rfind(mark)) == text.substr(0, text.rfind(mark)),
            "a line is written in one way");
}

void try_mark(std::string_view text) {
    if (const auto mark = parse_mark(text)) require(to_text(*mark) == text, "a mark is written in one way");
}

void try_ledger(std::string_view text) {
    const auto report = verify_ledger(text, key().public_key());
    require(report.findings.size() <= LedgerReport::most_findings &&
                report.findings.size() <= report.findings_in_all,
            "findings have a limit");
    if (report.holds() && !text.empty())
        require(whole().starts_with(text), "what holds was signed, in this order and from the beginning");
    const auto named = key_in_ledger(text);
    if (named && *named == key().public_key())
        require(text.starts_with(std::string_view(whole()).substr(0, whole().find('\n'))),
                "who names the key has its first line");
    (void)audit::read_ledger(text);

    const auto first = look_at_ledger(text, key().public_key(), std::nullopt, now);
    if (!first.findings.empty()) return;
    const auto second = look_at_ledger(text, key().public_key(), first.mark, now);
    require(second.findings.empty() && second.new_lines == 0, "a second look finds nothing new");
    const auto longer = look_at_ledger(whole(), key().public_key(), first.mark, now);
    require(longer.findings.empty() && longer.new_lines + first.mark.lines == 8,
            "and a ledger that grew has not been cut");
    if (first.mark.lines < 8) {
        const auto seen = look_at_ledger(whole(), key().public_key(), std::nullopt, now).mark;
        require(!look_at_ledger(text, key().public_key(), seen, now).findings.empty(),
                "one that was cut has been");
    }
}

}  // namespace

void run(std::string_view input) {
    for (std::string_view rest = input; !rest.empty();) {
        const auto end = rest.find('\n');
        try_line(rest.substr(0, end));
        if (end == rest.npos) break;
        rest.remove_prefix(end + 1);
    }
    try_mark(input);
    try_ledger(input);
}

std::vector<std::string> seeds() {
    std::vector<std::string> out{whole()};
    for (std::size_t at = 0; (at = whole().find('\n', at)) != std::string::npos;)
        out.push_back(whole().substr(0, ++at));
    out.push_back(to_text(look_at_ledger(whole(), key().public_key(), std::nullopt, now).mark));
    return out;
}

std::vector<std::string> words() {
    return {"\n",
            "\r\n",
            "{\"v\":1,\"n\":0,",
            "\"prev\":\"",
            "\"time\":\"2026-11-22T18:00:00Z\"",
            "\"event\":\"begin\"",
            "\"event\":\"swept\",\"class\":\"a\"",
            ",\"sig\":\"",
            "\"}",
            "00",
            "18446744073709551615",
            "-1",
            "01",
            "1e9",
            "9999-12-31T23:59:00Z",
            "2026-02-30T00:00:00Z",
            " ",
            "\\u0061",
            std::string(64, '0'),
            std::string(128, 'f'),
            std::string(1, '\0'),
            "\xFF",
            "\"looked\":",
            "\"lines\":",
            "null",
            "{",
            "}",
            "[",
            std::string(1100, '[')};
}

}  // namespace lethe::fuzz
