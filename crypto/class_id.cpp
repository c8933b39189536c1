// SPDX-License-Identifier: AGPL-3.0-or-later
#include <algorithm>
#include <cstdlib>

#include "crypto/bytes.h"

namespace lethe::crypto {
namespace {

struct Unit {
    std::string_view suffix;
    std::int64_t micros;
    std::uint8_t first, count;  ///< classes first .. first + count - 1 are 1 .. count of it
};
constexpr std::int64_t second = 1'000'000;
constexpr std::array units{Unit{"s", second, 16, 59}, Unit{"min", 60 * second, 75, 59}, Unit{"h", 3600 * second, 134, 23},
                           Unit{"d", 86400 * second, 157, 99}};
static_assert(units.back().first + units.back().count - 1 == 255);

const Unit* unit_of(ClassId cls) {
    const auto value = static_cast<std::uint8_t>(cls);
    const auto found = std::ranges::find_if(units, [&](const Unit& u) { return value >= u.first && value - u.first < u.count; });
    return found == units.end() ? nullptr : found;
}

std::int64_t amount_of(const Unit& unit, ClassId cls) { return static_cast<std::uint8_t>(cls) - unit.first + 1; }

}  // namespace

std::optional<ClassId> choice_class(std::int64_t micros) {
    for (const Unit& unit : units)
        if (micros > 0 && micros % unit.micros == 0 && micros / unit.micros <= unit.count)
            return static_cast<ClassId>(unit.first + micros / unit.micros - 1);
    return std::nullopt;
}

std::optional<std::int64_t> choice_micros(ClassId cls) {
    const Unit* unit = unit_of(cls);
    if (!unit) return std::nullopt;
    return amount_of(*unit, cls) * unit->micros;
}

std::string class_name(ClassId cls) {
    switch (cls) {
        case ClassId::archive:
            return "archive";
        case ClassId::letterbox:
            return "letterbox";
        case ClassId::subscriptions:
            return "subscriptions";
        case ClassId::uploads:
            return "uploads";
    }
    const Unit* unit = unit_of(cls);
    if (!unit) std::abort();
    return "archive-" + std::to_string(amount_of(*unit, cls)) + std::string(unit->suffix);
}

std::optional<ClassId> class_named(std::string_view name) {
    for (const ClassId cls : all_classes())
        if (class_name(cls) == name) return cls;
    return std::nullopt;
}

std::span<const ClassId> all_classes() {
    static constexpr auto every = [] {
        std::array<ClassId, 4 + 240> out{ClassId::archive, ClassId::letterbox, ClassId::subscriptions, ClassId::uploads};
        for (std::size_t i = 4; i < out.size(); ++i) out[i] = static_cast<ClassId>(16 + i - 4);
        return out;
    }();
    return every;
}

}  // namespace lethe::crypto
