// SPDX-License-Identifier: AGPL-3.0-or-later
// The ledger, for anybody who wants to hold the server to it.
//
// The data's way: the file is opened for each request and its length read once, cut to the last whole line (one may be in the making); the
//   range asked for is read in pieces on the pool, so a ledger of years costs one piece of memory and no moment of the core thread.
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

struct OpenLedger {
    int fd = -1;
    std::uint64_t size = 0;  ///< of its whole lines
    OpenLedger() = default;
    OpenLedger(const OpenLedger&) = delete;
    OpenLedger& operator=(const OpenLedger&) = delete;
    ~OpenLedger() {
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

/// Null: it cannot be read.
std::shared_ptr<OpenLedger> open_ledger(const std::string& path) {
    auto out = std::make_shared<OpenLedger>();
    out->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status{};
    if (out->fd < 0 || ::fstat(out->fd, &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const auto from = size - std::min<std::uint64_t>(size, piece_size);
    const auto tail = read_at(out->fd, from, static_cast<std::size_t>(size - from));
    if (!tail) return nullptr;
    const std::size_t end = tail->rfind('\n');
    out->size = end == tail->npos ? 0 : from + end + 1;
    return out;
}

asio::awaitable<std::optional<std::string>> next_piece(core::Core* core, std::shared_ptr<OpenLedger> file, std::shared_ptr<Range> left) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left->length, piece_size));
    std::function<std::optional<std::string>()> job = [file, offset = left->first, size] { return read_at(file->fd, offset, size); };
    left->first += size;
    left->length -= size;
    auto reading = core::on_pool(core->env.io, core->env.pool, std::move(job));
    co_return co_await std::move(reading);
}

Response::Pieces pieces_of(core::Core* core, std::shared_ptr<OpenLedger> file, Range range) {
    return [core, file = std::move(file), left = std::make_shared<Range>(range)] { return next_piece(core, file, left); };
}

asio::awaitable<Response> serve(core::Core* core, Exchange exchange) {
    const std::string path = (core->env.config.data / retention::ledger_file).string();
    std::function<std::shared_ptr<OpenLedger>()> job = [path] { return open_ledger(path); };
    auto opening = core::on_pool(core->env.io, core->env.pool, std::move(job));
    const std::shared_ptr<OpenLedger> file = co_await std::move(opening);
    if (!file) co_return plain(503);
    const std::string tag = "\"" + std::to_string(file->size) + '"';
    std::vector<Field> fields{{"Content-Type", "application/x-ndjson"}, {"Accept-Ranges", "bytes"}, {"ETag", tag}, {"Cache-Control", "no-cache"}};
    const Request& request = exchange.request;
    if (matches(request.field("if-none-match"), tag)) co_return Response{.status = 304, .fields = std::move(fields)};
    Range range{.first = 0, .length = file->size};
    auto verdict = RangeVerdict::whole;
    if (request.method == Method::get && (!request.has("if-range") || request.field("if-range") == tag))
        verdict = parse_range(request.field("range"), file->size, range);
    if (verdict == RangeVerdict::unsatisfiable) {
        Response out = plain(416);
        out.fields.push_back({"Content-Range", "bytes */" + std::to_string(file->size)});
        co_return out;
    }
    if (verdict == RangeVerdict::part)
        fields.push_back({"Content-Range", "bytes " + std::to_string(range.first) + '-' + std::to_string(range.first + range.length - 1) + '/' + std::to_string(file->size)});
    co_return Response{.status = verdict == RangeVerdict::part ? 206 : 200, .fields = std::move(fields), .pieces = pieces_of(core, file, range), .length = range.length};
}

}  // namespace

Handler ledger(core::Core& core) {
    return [&core](Exchange exchange) { return serve(&core, std::move(exchange)); };
}

}  // namespace lethe::http
