// SPDX-License-Identifier: AGPL-3.0-or-later
// lethed: the server, in the foreground.
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <optional>

#include "server/admin/prompt.h"
#include "server/server.h"

namespace {

/// Secrets must not leave the process by a core file, nor data by a file mode.
void harden() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    umask(077);
    std::signal(SIGPIPE, SIG_IGN);
}

/// LMDB asks for 3 MiB of tables for each open environment and uses a page of them. From the system they cost what is used; glibc, which
/// moves this bound up to the largest piece that was ever given back, would soon take them from its heap and clear them. With a bound that is
/// set, what may stay free at the heap's end no longer moves up either: too little for the pieces of files, which would come and go by system calls.
void keep_large_pieces_apart() {
    mallopt(M_MMAP_THRESHOLD, 512 * 1024);
    mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
}

}  // namespace

int main(int argc, char** argv) {
    harden();
    keep_large_pieces_apart();
    CLI::App app{"lethed: an XMPP server that forgets. Runs in the foreground; SIGTERM stops it, SIGHUP reads the certificate and the policy again."};
    app.footer("Examples:\n  lethed --config /etc/lethe/lethe.toml\n  lethed --passphrase-fd 3 3< <(pass lethe/node-key)\n\nMake a configuration with: lethectl init --domain chat.example\n\nExit status: 0 stopped by a signal, 2 refused to start, and the last lines say why.");
    std::string config = "/etc/lethe/lethe.toml";
    app.add_option("--config", config, "configuration file")->type_name("FILE")->capture_default_str();
    std::optional<int> passphrase_fd;
    app.add_option_function<std::string>(
           "--passphrase-fd",
           [&](const std::string& text) {
               const auto fd = lethe::admin::parse_descriptor(text);
               if (!fd) throw CLI::ValidationError("--passphrase-fd " + text, fd.error());
               passphrase_fd = *fd;
           },
           "read the node key's passphrase from this descriptor instead of asking on the terminal")
        ->type_name("N");
    app.set_version_flag("--version", "lethed " LETHE_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        std::fprintf(stderr, "lethed: %s; see lethed --help\n", error.what());
        return 2;
    }
    auto server = lethe::server::Server::open(config, passphrase_fd);
    if (!server) {
        std::fprintf(stderr, "lethed: %s\n", server.error().c_str());
        if (access(config.c_str(), F_OK) != 0)
            std::fputs("lethed: name the configuration with --config FILE, or make one with lethectl init\n", stderr);
        return 2;
    }
    (*server)->run();
    return 0;
}
