// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "server/admin/config.h"

namespace lethe::admin {
namespace {

std::string octal(mode_t mode) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
    return text.data();
}

/// `allowed`: the mode bits it may have at most; `remedy`: what to write after chmod.
std::expected<struct stat, std::string> check(const std::string& path, mode_t allowed, const char* remedy,
                                              std::string_view danger) {
    struct stat found {};
    if (stat(path.c_str(), &found) != 0)
        return std::unexpected(path + " cannot be examined (" + std::generic_category().message(errno) +
                               "); lethectl init makes it");
    if ((found.st_mode & 07777 & ~allowed) != 0)
        return std::unexpected(path + ' ' + std::string(danger) + " (mode " + octal(found.st_mode) +
                               "); run: chmod " + remedy + ' ' + path);
    return found;
}

}  // namespace

std::expected<void, std::string> check_permissions(const Config& config) {
    auto directory = std::filesystem::path(config.file).parent_path().string();
    if (directory.empty()) directory = ".";
    constexpr std::string_view open_to_others = "is open to other users";
    const auto house = check(directory, 0700, "0700", open_to_others);
    if (!house) return std::unexpected(house.error());
    const auto self = geteuid();
    // Root may work on the service user's files; nobody else may own what this process trusts.
    if (self != 0 && house->st_uid != self && house->st_uid != 0)
        return std::unexpected(directory + " belongs to another user; run: chown " + std::to_string(self) +
                               ' ' + directory);

    struct Item {
        const std::string& path;
        mode_t allowed;
        const char* remedy;
        std::string_view danger;
    };
    const Item items[] = {
        {config.file, 0600, "0600", open_to_others},
        {config.policy_file, 0600, "0600", open_to_others},
        {config.node_key.file, 0600, "0600", open_to_others},
        {config.tls.key, 0640, "0640", open_to_others},
        {config.tls.certificate, 0755, "go-w", "can be changed by other users"},
    };
    for (const auto& item : items) {
        if (&item.path == &config.node_key.file && config.node_key.source == "credential") continue;
        const auto found = check(item.path, item.allowed, item.remedy, item.danger);
        if (!found) return std::unexpected(found.error());
        if (found->st_uid != 0 && found->st_uid != self && found->st_uid != house->st_uid)
            return std::unexpected(item.path + " belongs to another user; run: chown --reference=" +
                                   directory + ' ' + item.path);
    }
    return {};
}

}  // namespace lethe::admin
