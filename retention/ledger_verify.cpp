// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/ledger_verify.h"

#include <algorithm>

namespace lethe::retention {

namespace {

constexpr Time minute = 60 * Time{1'000'000};

class Verifier {
public:
    explicit Verifier(const crypto::LedgerPublicKey& key) : key_(key) {}

    void line(std::string_view text) {
        ++report_.lines;
        const auto line = parse_ledger_line(text);
        if (!line) {
            find(LedgerFault::not_a_line, "this is not in the form of a ledger's line");
        } else if (!signature_holds(text, key_)) {
            ++formed_;
            find(LedgerFault::bad_signature, "this line was not signed by this key as it stands");
        } else {
            ++formed_;
            ++signed_;
            place(*line);
            content(*line);
        }
        previous_ = digest_of(text);
        report_.head = previous_;
    }

    void torn() {
        ++report_.lines;
        find(LedgerFault::torn_end, "the last line has no end; copy the file again, or it was cut");
        --report_.lines;
    }
    /// A wrong key and a wrong file are told in one sentence, not line by line.
    LedgerReport result(const std::optional<crypto::LedgerPublicKey>& named) && {
        if (report_.lines > 0 && formed_ == 0)
            only(LedgerFault::not_a_line, "is not a ledger: no line of it is in the form of a ledger's");
        else if (signed_ == 0 && named && *named != key_)
            only(LedgerFault::other_key, "is not signed by this key: the ledger begins with key " + crypto::to_string(*named));
        return std::move(report_);
    }

private:
    void find(LedgerFault fault, std::string_view text) {
        ++report_.findings_in_all;
        if (report_.findings.size() < LedgerReport::most_findings) report_.findings.push_back({report_.lines, fault, std::string(text)});
    }

    static std::string gap_before(std::uint64_t number, std::uint64_t expected) {
        if (number < expected)
            return "it has a number that stood before: lines were put in, or stand in another order";
        const auto missing = number - expected;
        return missing == 1 ? "one line is missing before it"
                            : std::to_string(missing) + " lines are missing before it";
    }

    void only(LedgerFault fault, std::string text) {
        report_.findings_in_all = 1;
        report_.findings = {{0, fault, std::move(text)}};
    }

    void place(const LedgerLine& line) {
        // One sentence where lines were dropped or put in; those that follow are where they should be after
        // it.
        const auto place = report_.lines - 1;
        if (line.number == place && line.previous == previous_) {
            gap_ = 0;  // also where a server went on after what it found
        } else if (line.number != place + gap_) {
            find(LedgerFault::wrong_number, gap_before(line.number, place + gap_));
            gap_ = line.number - place;
        } else if (line.previous != previous_) {
            find(LedgerFault::broken_chain, "it does not follow from the line before: that line was edited, dropped or put in");
        }
        const auto* begin = std::get_if<LedgerBegin>(&line.event);
        if ((begin != nullptr) != (report_.lines == 1) || (begin && begin->key != key_))
            find(LedgerFault::not_begun, "a ledger begins with one line that names its key, and only there");
    }

    void content(const LedgerLine& line) {
        if (std::holds_alternative<ClockAccepted>(line.event)) {
            ++report_.clocks_accepted;
            report_.swept_to.clear();
            report_.last_time = line.time;
        } else if (line.time < report_.last_time) {
            find(LedgerFault::back_dated, "its time lies before that of an earlier line, and no clock was accepted in between");
        } else {
            report_.last_time = line.time;
        }
        if (std::holds_alternative<LedgerRepaired>(line.event)) ++report_.repaired;
        if (const auto* e = std::get_if<PolicyInForce>(&line.event)) report_.policy = e->policy;
        if (const auto* e = std::get_if<LedgerAlarm>(&line.event))
            if (std::ranges::find(report_.alarms, e->word()) == report_.alarms.end() && report_.alarms.size() < LedgerReport::most_findings)
                report_.alarms.emplace_back(e->word());
        if (const auto* e = std::get_if<Swept>(&line.event)) swept(line, *e);
    }

    void swept(const LedgerLine& line, const Swept& e) {
        if (e.swept_to >= line.time + minute) find(LedgerFault::swept_wrong, "it claims that what is still to come was destroyed");
        auto& furthest = report_.swept_to[e.cls];
        furthest = std::max(furthest, e.swept_to);
    }

    const crypto::LedgerPublicKey& key_;
    Digest previous_{};
    LedgerReport report_;
    std::uint64_t gap_ = 0;                  ///< how much higher numbers are than places, modulo 2^64
    std::uint64_t formed_ = 0, signed_ = 0;  ///< lines in a ledger's form, and those of them that the key signed
};

}  // namespace

std::string_view to_string(LedgerFault fault) {
    switch (fault) {
        case LedgerFault::not_a_line: return "not_a_line";
        case LedgerFault::other_key: return "other_key";
        case LedgerFault::not_begun: return "not_begun";
        case LedgerFault::bad_signature: return "bad_signature";
        case LedgerFault::broken_chain: return "broken_chain";
        case LedgerFault::wrong_number: return "wrong_number";
        case LedgerFault::back_dated: return "back_dated";
        case LedgerFault::swept_wrong: return "swept_wrong";
        case LedgerFault::torn_end: return "torn_end";
    }
    return "";
}

LedgerReport verify_ledger(std::string_view text, const crypto::LedgerPublicKey& key) {
    const auto named = key_in_ledger(text);
    Verifier verifier(key);
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == text.npos) {
            verifier.torn();
            break;
        }
        verifier.line(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return std::move(verifier).result(named);
}

std::optional<crypto::LedgerPublicKey> key_in_ledger(std::string_view text) {
    const auto line = parse_ledger_line(text.substr(0, text.find('\n')));
    const auto* begin = line ? std::get_if<LedgerBegin>(&line->event) : nullptr;
    if (!begin || !signature_holds(text.substr(0, text.find('\n')), begin->key)) return std::nullopt;
    return begin->key;
}

}  // namespace lethe::retention
