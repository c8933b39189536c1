// SPDX-License-Identifier: AGPL-3.0-or-later
// DATA/run/control, the listening end: a Unix socket (0600 in a 0700 directory) on which root and our own
// user may speak.
//
// Thread: open(), stop() and the handler's calls are on io's thread. Answers must come back on it too.
#pragma once
#include <asio/io_context.hpp>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "server/admin/control.h"

namespace lethe::admin {

class ControlServer {
public:
    /// Precondition: this process holds DATA (Store::open succeeded), so a socket found there is a dead one
    /// and is replaced. `handler` must outlive io's last handler. The error is one sentence.
    static std::expected<std::unique_ptr<ControlServer>, std::string> open(asio::io_context& io,
                                                                           const std::filesystem::path& data,
                                                                           ControlHandler& handler);
    /// Ends every connection and removes the socket. Idempotent; the destructor does it.
    void stop();
    ~ControlServer();

private:
    struct Impl;
    explicit ControlServer(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace lethe::admin
