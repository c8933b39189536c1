// SPDX-License-Identifier: AGPL-3.0-or-later
// The ledger, for anybody who wants to hold the server to it.
//
// The data's way: the file's length is read once for each request, cut to the last whole line (one may be in the making); the range asked for is read
//   in pieces on the pool, so a ledger of years costs one piece of memory and no moment of the core thread. Each piece opens the file anew: who asks
//   and does not read keeps no descriptor.
// What was served once is served the same again, only longer: the file is only ever appended to.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "retention/ledger.h"
#include "server/core/async.h"
#include "server/http/resources.h"

namespace lethe::http {
namespace {

constexpr std::size_t piece_size = std::size_t{64} << 10;

struct File {
    int fd;
    explicit File(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd >= 0) ::close(fd);
    }
};

std::optional<std::string> read_at(int fd, std::uint64_t offset, std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t done = 0; done < size;) {
        const ssize_t got = ::pread(fd, out.data() + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return std::nullopt;
        done += static_cast<std::size_t>(got);
    }
    return out;
}

/// Of its whole lines; nullopt: it cannot be read.
std::optional<std::uint64_t> size_of(const std::string& path) {
    const File file(path);
    struct stat status{};
    if (file.fd < 0 || ::fstat(file.fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const auto from = size - std::min<std::uint64_t>(size, piece_size);
    const auto tail = read_at(file.fd, from, static_cast<std::size_t>(size - from));
    if (!tail) return std::nullopt;
    const std::size_t end = tail->rfind('\n');
    return end == tail->npos ? 0 : from + end + 1;
}

std::optional<std::string> read_piece(const std::string& path, std::uint64_t offset, std::size_t size) {
    const File file(path);
    return file.fd < 0 ? std::nullopt : read_at(file.fd, offset, size);
}

asio::awaitable<std::optional<std::string>> next_piece(core::Core* core, std::shared_ptr<const std::string> path, std::shared_ptr<Range> left) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left->length, piece_size));
    std::function<std::optional<std::string>()> job = [path, offset = left->first, size] { return read_piece(*path, offset, size); };
    left->first += size;
    left->length -= size;
    auto reading = core::on_pool(core->env.io, core->env.pool, std::move(job));
    co_return co_await std::move(reading);
}

Response::Pieces pieces_of(core::Core* core, std::shared_ptr<const std::string> path, Range range) {
    return [core, path = std::move(path), left = std::make_shared<Range>(range)] { return next_piece(core, path, left); };
}

asio::awaitable<Response> serve(core::Core* core, Exchange exchange) {
    const auto path = std::make_shared<const std::string>((core->env.config.data / retention::ledger_file).string());
    std::function<std::optional<std::uint64_t>()> job = [path] { return size_of(*path); };
    auto looking = core::on_pool(core->env.io, core->env.pool, std::move(job));
    const std::optional<std::uint64_t> size = co_await std::move(looking);
    if (!size) co_return plain(503);
    const std::string tag = "\"" + std::to_string(*size) + '"';
    Response out{.fields = {{"Content-Type", "application/x-ndjson"}, {"Accept-Ranges", "bytes"}, {"ETag", tag}, {"Cache-Control", "no-cache"}}};
    const Request& request = exchange.request;
    const auto unmet = precondition(request, tag);
    if (unmet == 412) co_return plain(412);
    if (unmet) {
        out.status = *unmet;
        co_return out;
    }
    auto range = range_for(request, tag, *size, out);
    if (!range) co_return std::move(range.error());
    out.pieces = pieces_of(core, path, *range);
    out.length = range->length;
    co_return out;
}

}  // namespace

Handler ledger(core::Core& core) {
    return [&core](Exchange exchange) { return serve(&core, std::move(exchange)); };
}

}  // namespace lethe::http
