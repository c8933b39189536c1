// SPDX-License-Identifier: AGPL-3.0-or-later
// lethed put together: what is opened at start, in which order, and what ends at stop.
//
// Order of start: configuration and policy → permissions → secrets' memory → node key → store (one process, versions, damage) → log
// → what is overdue is destroyed → certificate → listeners → "ready". Every refusal is one sentence that names the file and the remedy.
// Thread: the one that calls run().
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>

namespace lethe::server {

class Server {
public:
    /// Everything up to open listeners. `passphrase_fd`: admin::load_node_key().
    static std::expected<std::unique_ptr<Server>, std::string> open(const std::string& config_file, std::optional<int> passphrase_fd = {});
    ~Server();
    /// Serves until SIGTERM or SIGINT; SIGHUP reads the certificate and the policy again.
    void run();

private:
    struct Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace lethe::server
