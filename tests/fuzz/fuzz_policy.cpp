// SPDX-License-Identifier: AGPL-3.0-or-later
// policy.toml, and the row of state.mdb that keeps it: whatever is taken means the same when it is written
// again.
#include <algorithm>
#include <optional>

#include "retention/policy_change.h"
#include "retention/render.h"
#include "tests/fuzz/driver.h"

namespace lethe::fuzz {
namespace {

using namespace retention;

constexpr Time now = 1'795'370'400'000'000;

const std::string& plain_file() {
    static const std::string text = R"([service]
name = "n"
operator = "o"
contact = ["mailto:a@b.example"]
jurisdiction = "none"
languages = ["en", "de"]
[archive]
keep = "7d"
choices = ["7d", "1d", "0"]
[letterbox]
keep = "14d"
[subscriptions]
keep = "unlimited"
[accounts]
registration = "closed"
[log]
keep = "24h"
address = "network"
account = "pseudonym"
peer = "none"
client = "none"
[log.login_failed]
keep = "1h"
[change]
notice = "14d"
)";
    return text;
}

std::string with(std::string_view from, std::string_view to) {
    std::string text = plain_file();
    text.replace(text.find(from), from.size(), to);
    return text;
}

Policy policy(const std::string& text) {
    auto read = parse_policy(text, "policy.toml");
    require(read.has_value(), "a seed is a policy");
    return std::move(*read);
}

void try_pages(const Policy& read) {
    for (const auto format : {PageFormat::text, PageFormat::markdown, PageFormat::html}) {
        const auto page = render({.policy = read}, format);
        require(!page.empty(), "every policy has a page");
        if (format == PageFormat::html) require(!page.contains("<script"), "a page holds no script");
    }
}

void try_text(std::string_view text) {
    const auto read = parse_policy(std::string(text), "policy.toml");
    if (!read) {
        require(!read.error().empty(), "what is refused is refused for a reason");
        const auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n')) + 1;
        for (const auto& error : read.error()) {
            require(error.line >= 1 && error.column >= 1 && error.line <= lines, "an error has a place");
            require(!error.message.empty() && error.message.find_first_of("\x1b\n\r\t") == std::string::npos,
                    "an error is one line and steers no terminal");
        }
        return;
    }
    require(read->text == text, "the text is the file's, byte for byte");
    const auto canonical = canonical_text(*read);
    const auto again = parse_policy(canonical, "policy.toml");
    require(again.has_value(), "canonical text is a policy");
    require(changes(*read, *again).empty() && changes(*again, *read).empty(), "and means the same");
    require(canonical_text(*again) == canonical, "and is canonical");
    static const Policy other = policy(plain_file());
    require(!loosens(changes(*read, tighter_of(*read, other))), "what waits leaves nothing looser in force");
    require(!loosens(changes(other, tighter_of(other, *read))), "whichever of them waits");
    try_pages(*read);
}

void try_row(std::string_view bytes) {
    auto standing = PolicyStanding::decode(as_bytes(bytes));
    if (!standing) return require(!standing.error().empty(), "what is refused is refused for a reason");
    require(as_text(standing->encode()) == bytes, "what was decoded encodes to the same bytes");
    for (std::uint32_t told = 0; told < 4; ++told) (void)standing->news_since(told);
    const auto before = standing->in_force();
    standing->offer(policy(plain_file()), now);
    const auto stored = standing->encode();
    const auto again = PolicyStanding::decode(stored);
    require(again && again->encode() == stored, "what was stored can be read");
    standing->advance(INT64_MAX);
    require(!standing->announced(), "every notice ends");
}

/// A policy that each byte has a say in; most of them are valid.
std::string made_from(std::string_view& bytes) {
    const auto pick = [&bytes](std::initializer_list<const char*> from) -> std::string {
        if (bytes.empty()) return *from.begin();
        const auto at = static_cast<unsigned char>(bytes.front()) % from.size();
        bytes.remove_prefix(1);
        return *(from.begin() + at);
    };
    const auto span = [&] {
        return pick({"7d", "0", "1d", "unlimited", "24h", "1s", "90d", "168h", "1min", "52w"});
    };
    const auto rules = [&] {
        return "keep = \"" + span() + "\"\naddress = \"" + pick({"none", "network", "pseudonym", "full"}) +
               "\"\naccount = \"" + pick({"none", "pseudonym", "full"}) + "\"\npeer = \"" +
               pick({"none", "pseudonym", "full"}) + "\"\nclient = \"none\"\n";
    };
    auto text =
        "[service]\nname = \"" + pick({"n", "<b>n</b>", "n & m"}) +
        "\"\noperator = \"o\"\ncontact = [\"mailto:a@b.example\"]\njurisdiction = \"none\"\nlanguages = [" +
        pick({"\"en\"", "\"de\"", "\"en\", \"de\"", "\"fr\""}) + "]\n[archive]\nkeep = \"" + span() + "\"\n" +
        pick({"", "choices = [\"1d\"]\n", "choices = [\"1d\", \"0\"]\n",
              "choices = [\"7d\", \"12h\", \"1s\"]\n"}) +
        "[letterbox]\nkeep = \"" + span() + "\"\n" +
        pick({"", "max_messages = 10\n", "max_bytes = 65536\n"}) + "[subscriptions]\nkeep = \"" + span() +
        "\"\n[accounts]\nregistration = \"" + pick({"closed", "closed", "open", "invite"}) + "\"\n" +
        pick({"", "max_accounts = 3\n"}) + "[log]\n" + rules();
    if (pick({"", "x"}) == "x") text += "[log." + pick({"login", "login_failed", "nobody"}) + "]\n" + rules();
    return text + "[change]\nnotice = \"" + pick({"14d", "0", "1d", "1s"}) + "\"\n" +
           pick({"", "# a comment\n"});
}

/// One policy after the other is offered to one standing: nothing becomes looser before its notice, and what
/// is stored comes back.
void try_course(std::string_view bytes) {
    if (bytes.empty()) return;
    const Time step = Time{86'400'000'000} * (static_cast<unsigned char>(bytes.back()) % 4);
    std::optional<PolicyStanding> standing;
    for (Time at = now; !bytes.empty(); at += step) {
        const auto text = made_from(bytes);
        try_text(text);
        auto file = parse_policy(text, "policy.toml");
        if (!file) continue;
        if (!standing) {
            standing = PolicyStanding::first(std::move(*file));
            continue;
        }
        standing->advance(at);
        const auto before = standing->in_force();
        standing->offer(std::move(*file), at);
        require(before.change_notice.micros == 0 || !loosens(changes(before, standing->in_force())),
                "nothing becomes looser without its notice");
        if (const auto& next = standing->announced())
            require(next->effective_at > at, "what is announced is to come");
        try_row(as_text(standing->encode()));
    }
}

}  // namespace

void run(std::string_view input) {
    if (input.empty()) return;
    const char how = input.front();
    input.remove_prefix(1);
    how == 'r' ? try_row(input) : how == 'c' ? try_course(input) : try_text(input);
}

std::vector<std::string> seeds() {
    const auto tighter = with("keep = \"7d\"\nchoices = [\"7d\", \"1d\", \"0\"]", "keep = \"12h\""),
               looser = with("keep = \"14d\"", "keep = \"30d\"");
    std::vector<std::string> out;
    for (const auto& text : {plain_file(), tighter, looser,
                             with("[change]", "[messages]\nrequire_encryption = \"off\"\n[change]"),
                             std::string("[service]\nname = 1\n[archive]\nkeep = \"7\"\n")})
        out.push_back("t" + text);
    out.push_back("t" + canonical_text(policy(looser)));
    for (const int step : {0, 1, 7, 13}) {
        std::string course = "c";
        for (int i = 0; i < 80; ++i) course += static_cast<char>(i * step);
        out.push_back(course);
        out.push_back(course + std::string(20, '\1') + course);
    }
    auto standing = PolicyStanding::first(policy(plain_file()));
    const auto row = [&] { out.push_back("r" + std::string(as_text(standing.encode()))); };
    row();
    standing.offer(policy(looser), now);
    row();
    standing.advance(now + 30 * Time{86'400'000'000});
    row();
    standing.offer(policy(tighter), now + 31 * Time{86'400'000'000});
    row();
    return out;
}

std::vector<std::string> words() {
    return {"\"unlimited\"",
            "\"0\"",
            "\"1s\"",
            "\"90d\"",
            "\"52w\"",
            "\"9999999999999d\"",
            "keep = ",
            "[log]\n",
            "[log.login]\n",
            "[archive]\n",
            "choices = ",
            "[\"1d\"]",
            "[federation]\nenabled = true\n",
            "[rooms]\nkeep = \"0\"\n",
            "= 1\n",
            "= -1\n",
            "= 9223372036854775807\n",
            "= true\n",
            "= []\n",
            "= {}\n",
            "a.b.c.d = 1\n",
            "\"\"\"",
            "'''",
            "\n",
            "#",
            "\\u0000",
            "\\u001b",
            "\xC3\xA9",
            "\xFF",
            "\"full\"",
            "\"network\"",
            "max_accounts = 3\n",
            "inactive_after = \"180d\"\n",
            "terms_url = \"https://a.example\"\n",
            "<script>",
            "\x1b[2J",
            std::string("\0\0\0\1", 4),
            std::string(1, '\0'),
            "\xFF\xFF\xFF\xFF"};
}

}  // namespace lethe::fuzz
