// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/node_key_source.h"

#include <unistd.h>

#include "crypto/node_key.h"
#include "server/admin/prompt.h"

namespace lethe::admin {
namespace {

constexpr std::string_view what = "passphrase", option = "--passphrase-fd";

std::expected<Password, Failure> read_from(int fd) {
    auto passphrase = read_only_line(fd, what, option);
    if (fd > STDERR_FILENO) close(fd);
    return passphrase;
}

std::expected<crypto::NodeKey, Failure> as_failure(std::expected<crypto::NodeKey, std::string> loaded) {
    if (!loaded) return std::unexpected(Failure{Status::system, std::move(loaded.error())});
    return std::move(*loaded);
}

}  // namespace

Outcome check_passphrase_fd(const Config& config, std::optional<int> passphrase_fd) {
    if (!passphrase_fd || config.node_key.source == "passphrase") return {};
    return std::unexpected(
        Failure{Status::usage, "--passphrase-fd is for a node key under a passphrase, and " + config.file +
                                   " says source = \"" + config.node_key.source +
                                   "\" in [node_key]; leave the option out or change the file"});
}

std::expected<crypto::NodeKey, Failure> load_node_key(const Config& config,
                                                      std::optional<int> passphrase_fd) {
    if (const auto fine = check_passphrase_fd(config, passphrase_fd); !fine)
        return std::unexpected(fine.error());
    if (config.node_key.source == "credential")
        return as_failure(crypto::load_node_key_credential(config.node_key.credential));
    if (config.node_key.source == "file") return as_failure(crypto::load_node_key(config.node_key.file));
    const auto passphrase =
        passphrase_fd
            ? read_from(*passphrase_fd)
            : ask_silently("Passphrase for " + config.node_key.file + ": ", what, std::string(option) + " N");
    if (!passphrase) return std::unexpected(passphrase.error());
    return as_failure(crypto::load_sealed_node_key(config.node_key.file, passphrase->view()));
}

std::expected<Password, Failure> new_passphrase(std::optional<int> passphrase_fd) {
    return passphrase_fd ? read_from(*passphrase_fd)
                         : ask_twice("Passphrase for the new node key: ", what, std::string(option) + " N");
}

}  // namespace lethe::admin
