// SPDX-License-Identifier: AGPL-3.0-or-later
// A TOML file read strictly: what nobody asks for is an error, and every error of the file is collected, each
// with its position.
//
// Ask for each key that exists, say what is wrong with its value through error(), then call finish().
// Messages have the form "what is wrong; what would be right". A syntax error is the exception: parsing ends
// there, so it comes alone. Lifetime: a TomlSection refers to its TomlFile. Thread: one at a time.
#pragma once
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retention/policy.h"

namespace lethe::retention {

/// "; did you mean "X"?" when one of the candidates is near enough to be a slip of the finger, else empty.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

class TomlSection {
public:
    bool present() const;                  ///< the file has this section
    bool has(std::string_view key) const;  ///< without asking for it
    const std::string& path() const;       ///< "log.login"; empty for the root

    // Each asks for a key. Absent: empty. Of another type: empty, and the error is recorded.
    TomlSection section(std::string_view key);
    std::optional<std::string> string(std::string_view key);
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t min = 0,
                                        std::int64_t max = std::numeric_limits<std::int64_t>::max());
    std::optional<bool> boolean(std::string_view key);
    std::optional<std::vector<std::string>> strings(std::string_view key);
    std::optional<Keep> keep(std::string_view key);  ///< a span of time as parse_keep takes it

    /// The line of an array's element, or for item 0 that of another value; 0 if there is none.
    std::uint32_t line_of(std::string_view key, std::size_t item) const;

    /// At the value of the key (which is asked for by this), or at the section if it has no such key.
    void error(std::string_view key, std::string message);
    /// At one element of an array.
    void error(std::string_view key, std::size_t item, std::string message);
    /// At the section's header, or the first line if it is absent. Silent if something else stands in the
    /// section's place: that has its error already.
    void error(std::string message);

private:
    friend class TomlFile;
    struct State;
    TomlSection(State& state, const void* table, std::string path);
    State* state_;
    const void* table_;  // toml::table, or null when absent
    std::string path_;
    bool replaced_ = false;
};

class TomlFile {
public:
    static constexpr std::size_t max_bytes = 65536;
    static std::expected<TomlFile, std::vector<FileError>> parse(std::string_view text,
                                                                 std::string_view file_name);
    ~TomlFile();
    TomlFile(TomlFile&&) noexcept;

    TomlSection root();
    /// Adds an error for each key that was not asked for, and returns all errors by position. Empty: the file
    /// is good.
    std::vector<FileError> finish();

private:
    explicit TomlFile(std::unique_ptr<TomlSection::State> state);
    std::unique_ptr<TomlSection::State> state_;
};

/// The whole file; the error names the path and the reason. Refuses what is larger than TomlFile::max_bytes.
std::expected<std::string, FileError> read_text_file(const std::string& path);

}  // namespace lethe::retention
