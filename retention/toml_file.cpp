// SPDX-License-Identifier: AGPL-3.0-or-later
#include "retention/toml_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "crypto/regular_file.h"

namespace lethe::retention {

namespace {

// A dotted key makes one table per dot, and toml++ destroys nested tables by recursion: a long line of dots
// would end the process.
constexpr std::size_t max_dots_per_line = 256;

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a section";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "a text";
        case toml::node_type::integer:
            return "a whole number";
        case toml::node_type::floating_point:
            return "a number with a fraction";
        case toml::node_type::boolean:
            return "true or false";
        default:
            return "a date or time";
    }
}

/// Edits between two words; a swap of neighbours is one.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t longest_slip = 64;  // a key of kilobytes is no slip, and comparing costs its length
    if (word.size() > longest_slip) return {};
    const std::string* best = nullptr;
    std::size_t best_distance = 0;
    for (const auto& candidate : candidates) {
        const std::size_t d = distance(lower(word), lower(candidate));
        const std::size_t allowed = std::max<std::size_t>(1, std::min(word.size(), candidate.size()) / 3);
        if (d <= allowed && (!best || d < best_distance)) best = &candidate, best_distance = d;
    }
    return best ? "; did you mean " + quoted(*best) + "?" : std::string();
}

struct TomlSection::State {
    std::string file;
    toml::table root;
    std::map<const void*, std::vector<std::string>> asked;  // by table, in the order of asking
    std::vector<FileError> errors;

    void add(const toml::source_position& at, std::string message) {
        // Words of the file are quoted in messages, and a quoted key may hold anything: none of it shall
        // steer a terminal.
        for (char& c : message)
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
        errors.push_back({file, std::max(1u, at.line), std::max(1u, at.column), std::move(message)});
    }

    static const toml::table* table(const TomlSection& s) {
        return static_cast<const toml::table*>(s.table_);
    }

    /// The value of a key that the caller knows; null if absent.
    const toml::node* ask(TomlSection& s, std::string_view key) {
        const toml::table* t = table(s);
        if (!t) return nullptr;
        auto& keys = asked[s.table_];
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.emplace_back(key);
        return t->get(key);
    }

    /// As ask(), but null with an error if it is of another type.
    template <class T>
    const T* ask_for(TomlSection& s, std::string_view key, std::string_view wanted) {
        const toml::node* node = ask(s, key);
        if (!node) return nullptr;
        if (const T* value = node->as<T>()) return value;
        add(node->source().begin,
            name(s, key) + " is " + type_name(*node) + "; it must be " + std::string(wanted));
        return nullptr;
    }

    static std::string name(const TomlSection& s, std::string_view key) {
        return s.path_.empty() ? std::string(key) : s.path_ + '.' + std::string(key);
    }

    void unknown_key(const toml::key& key, const toml::node& node, const std::string& path,
                     const std::vector<std::string>& known) {
        const std::string where = path.empty() ? "" : " in [" + path + "]";
        std::string hint = suggestion(key.str(), known);
        if (hint.empty()) {
            hint = known.empty() ? "; this section has no keys" : "; known here: ";
            for (std::size_t i = 0; i < known.size(); ++i) hint += (i ? ", " : "") + known[i];
        }
        add(key.source().begin, "unknown " + std::string(node.is_table() ? "section " : "key ") +
                                    quoted(key.str()) + where + hint);
    }

    void report_unknown(const toml::table& t, const std::string& path) {
        static const std::vector<std::string> none;
        const auto found = asked.find(&t);
        const auto& known = found == asked.end() ? none : found->second;
        for (auto&& [key, node] : t) {
            if (std::find(known.begin(), known.end(), key.str()) == known.end())
                unknown_key(key, node, path, known);
            // A section that was asked for as something else has its error already; only sections read as
            // such are walked.
            else if (const toml::table* sub = node.as_table(); sub && asked.contains(sub))
                report_unknown(*sub,
                               path.empty() ? std::string(key.str()) : path + '.' + std::string(key.str()));
        }
    }
};

TomlSection::TomlSection(State& state, const void* table, std::string path)
    : state_(&state), table_(table), path_(std::move(path)) {
    if (table_) state_->asked[table_];  // read as a section, even if no key is ever asked for
}

bool TomlSection::present() const { return table_ != nullptr; }
bool TomlSection::has(std::string_view key) const { return table_ && State::table(*this)->contains(key); }
const std::string& TomlSection::path() const { return path_; }

TomlSection TomlSection::section(std::string_view key) {
    const std::string name = State::name(*this, key);
    TomlSection out(
        *state_,
        state_->ask_for<toml::table>(*this, key, "a section: write [" + name + "] on a line of its own"),
        name);
    out.replaced_ = !out.present() && has(key);
    return out;
}

std::optional<std::string> TomlSection::string(std::string_view key) {
    const auto* value = state_->ask_for<toml::value<std::string>>(*this, key, "a text in double quotes");
    if (!value) return std::nullopt;
    return value->get();
}

std::optional<std::int64_t> TomlSection::integer(std::string_view key, std::int64_t min, std::int64_t max) {
    const auto* value =
        state_->ask_for<toml::value<std::int64_t>>(*this, key, "a whole number without quotes");
    if (!value) return std::nullopt;
    if (value->get() >= min && value->get() <= max) return value->get();
    error(key, State::name(*this, key) + " = " + std::to_string(value->get()) +
                   " is out of range; it must be from " + std::to_string(min) + " to " + std::to_string(max));
    return std::nullopt;
}

std::optional<bool> TomlSection::boolean(std::string_view key) {
    const auto* value = state_->ask_for<toml::value<bool>>(*this, key, "true or false without quotes");
    if (!value) return std::nullopt;
    return value->get();
}

std::optional<std::vector<std::string>> TomlSection::strings(std::string_view key) {
    const auto* array = state_->ask_for<toml::array>(*this, key, "a list of texts: [\"…\", \"…\"]");
    if (!array) return std::nullopt;
    std::vector<std::string> out;
    for (const toml::node& item : *array) {
        if (const auto* text = item.as_string()) {
            out.push_back(text->get());
            continue;
        }
        state_->add(item.source().begin, State::name(*this, key) + " holds " + type_name(item) +
                                             "; it must hold only texts in double quotes");
        return std::nullopt;
    }
    return out;
}

std::optional<Keep> TomlSection::keep(std::string_view key) {
    const auto* value = state_->ask_for<toml::value<std::string>>(
        *this, key, "a span of time in double quotes, such as \"7d\", \"0\" or \"unlimited\"");
    if (!value) return std::nullopt;
    const auto parsed = parse_keep(value->get());
    if (parsed) return *parsed;
    error(key, State::name(*this, key) + ": " + parsed.error());
    return std::nullopt;
}

std::uint32_t TomlSection::line_of(std::string_view key, std::size_t item) const {
    const toml::table* t = State::table(*this);
    const toml::node* node = t ? t->get(key) : nullptr;
    const toml::array* array = node ? node->as_array() : nullptr;
    if (node && !array && item == 0) return node->source().begin.line;
    return array && item < array->size() ? (*array)[item].source().begin.line : 0;
}

void TomlSection::error(std::string_view key, std::string message) {
    const toml::node* node = state_->ask(*this, key);
    if (!node) return error(std::move(message));
    state_->add(node->source().begin, std::move(message));
}

void TomlSection::error(std::string_view key, std::size_t item, std::string message) {
    const toml::node* node = state_->ask(*this, key);
    const toml::array* array = node ? node->as_array() : nullptr;
    if (!array || item >= array->size()) return error(key, std::move(message));
    state_->add((*array)[item].source().begin, std::move(message));
}

void TomlSection::error(std::string message) {
    if (replaced_) return;
    state_->add(table_ ? State::table(*this)->source().begin : toml::source_position{1, 1},
                std::move(message));
}

TomlFile::TomlFile(std::unique_ptr<TomlSection::State> state) : state_(std::move(state)) {}
TomlFile::~TomlFile() = default;
TomlFile::TomlFile(TomlFile&&) noexcept = default;

TomlSection TomlFile::root() { return {*state_, &state_->root, ""}; }

std::vector<FileError> TomlFile::finish() {
    state_->report_unknown(state_->root, "");
    auto errors = std::exchange(state_->errors, {});
    std::stable_sort(errors.begin(), errors.end(), [](const FileError& a, const FileError& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    return errors;
}

std::expected<TomlFile, std::vector<FileError>> TomlFile::parse(std::string_view text,
                                                                std::string_view file_name) {
    const std::string file(file_name);
    const auto refuse = [&](std::uint32_t line, std::uint32_t column, std::string message) {
        return std::unexpected(std::vector<FileError>{{file, line, column, std::move(message)}});
    };
    if (text.size() > max_bytes)
        return refuse(1, 1, "the file is larger than " + std::to_string(max_bytes) + " bytes; shorten it");
    std::uint32_t line = 1;
    std::size_t dots = 0;
    for (const char c : text) {
        if (c == '\n') ++line, dots = 0;
        if (c == '.' && ++dots > max_dots_per_line)
            return refuse(line, 1,
                          "more than " + std::to_string(max_dots_per_line) + " dots in one line; shorten it");
    }
    auto state = std::make_unique<TomlSection::State>();
    state->file = file;
    try {
        state->root = toml::parse(text);
    } catch (const toml::parse_error& e) {
        return refuse(std::max(1u, e.source().begin.line), std::max(1u, e.source().begin.column),
                      "not valid TOML: " + std::string(e.description()) +
                          "; correct this line first, what follows was not read");
    }
    return TomlFile(std::move(state));
}

std::expected<std::string, FileError> read_text_file(const std::string& path) {
    auto text = crypto::read_regular(path, TomlFile::max_bytes);
    if (!text)
        return std::unexpected(FileError{
            path, 0, 0,
            text.error().text + (text.error().code != 0 ? "; check the path and its permissions"
                                                        : "; name a policy or configuration file")});
    return std::move(*text);
}

}  // namespace lethe::retention
