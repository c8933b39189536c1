// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/checks.h"

#include <string>
#include <vector>

#include "store/confined.h"
#include "store/walk.h"

namespace lethe::store {

namespace {

constexpr std::uintmax_t mebibyte = std::uintmax_t{1} << 20;
constexpr std::uintmax_t always_whole = 64 * mebibyte;  // takes a fraction of a second

bool sound(const std::filesystem::path& path, std::uintmax_t size, Depth depth, const Confined& child) {
    Walk walk;
    if (!walk.open(path, size, Walk::Locking::none)) return false;
    static_cast<void>(child.seal());
    // Only a whole walk tells whether what is in use is all there.
    const bool ends = depth == Depth::ends && !walk.shorter_than_it_says();
    std::vector<std::string> names;
    const bool named = walk.each_name([&](ByteView key, ByteView) {
        names.emplace_back(as_text(key));
        return true;
    });
    if (!named) return false;
    for (const auto& name : names)
        if (walk.each(name, [](ByteView, ByteView) { return true; }, ends) != Walk::Found::whole) return false;
    return walk.free_list();
}

}  // namespace

Health check_environment(const std::filesystem::path& existing, Depth depth) {
    std::error_code error;
    const auto size = std::filesystem::file_size(existing, error);
    if (error) return Health::unknown;
    if (size == 0) return Health::damaged;
    if (size <= always_whole) depth = Depth::all;
    const ConfinedLimits limits{.seconds = static_cast<unsigned>(30 + size / (16 * mebibyte))};
    const auto end = run_confined(limits, {}, [&](const Confined& child) {
        return sound(existing, size, depth, child) ? 0 : 1;
    });
    if (end.how == ConfinedEnd::How::not_started) return Health::unknown;
    return end.how == ConfinedEnd::How::finished && end.status == 0 ? Health::sound : Health::damaged;
}

}  // namespace lethe::store
