// SPDX-License-Identifier: AGPL-3.0-or-later
// Files: put once with a slot's token (/u/), fetched by whoever has the address (/f/).
//
// The data's way in: a chunk of 64 KiB is read from the connection, sealed, and written with others; only when they are on stable storage is the
//   next one read, so a file of any size costs a mebibyte of memory, or a quarter of one where many come in. The header comes last, in the write of the
//   last chunks: before that nobody finds anything. Whatever ends it early takes back what was written, and after a crash the next start does.
// The way out: the token finds the header (on the pool), and four chunks at a time, or one where many go out, are read and opened there, when those before
//   have left.
// Neither token, name nor address is logged, and the name is not stored at all.
#include <algorithm>

#include "crypto/forms.h"
#include "crypto/hex.h"
#include "server/admin/uploads.h"
#include "server/core/async.h"
#include "server/feature/upload.h"
#include "server/http/resources.h"

namespace lethe::http {
namespace {

using crypto::ClassId;
using crypto::UploadHeader;
using crypto::UploadKey;

constexpr std::uint32_t most_chunks_at_once = 16, fewest_chunks_at_once = 4, chunks_of_all = 256;
constexpr std::size_t most_chunks_in_a_piece = 4, chunks_in_all_pieces = 64;

/// Each write waits for the disk twice, so few large ones are better, as long as memory is not short.
std::uint32_t chunks_at_once(const core::Uploads& uploads) {
    return std::clamp(chunks_of_all / static_cast<std::uint32_t>(*uploads.coming_in), fewest_chunks_at_once, most_chunks_at_once);
}

/// "/u/TOKEN/NAME": the token, if there is just one segment behind it.
std::string token_of(std::string_view path) {
    path.remove_prefix(3);
    const std::size_t slash = path.find('/');
    if (slash == path.npos || slash + 1 == path.size() || path.find('/', slash + 1) != path.npos) return {};
    return std::string(path.substr(0, slash));
}

/// Web clients of other hosts are clients like any other: what protects a file is its address.
void allow_origins(Response& response) {
    response.fields.insert(response.fields.end(), {{"Access-Control-Allow-Origin", "*"},
                                                   {"Access-Control-Expose-Headers", "Content-Range, Accept-Ranges, ETag"},
                                                   {"Cross-Origin-Resource-Policy", "cross-origin"}});
}

Response with_cors(Response response) {
    allow_origins(response);
    return response;
}

Response preflight(std::string_view methods) {
    Response out{.status = 204,
                 .fields = {{"Allow", std::string(methods)},
                            {"Access-Control-Allow-Methods", std::string(methods)},
                            {"Access-Control-Allow-Headers", "Content-Type, Range, If-Range, If-Match, If-None-Match"},
                            {"Access-Control-Max-Age", "7200"}}};
    return with_cors(std::move(out));
}

/// Whoever does not read keeps a piece in memory until the connection is cut.
std::size_t chunks_in_a_piece(const core::Uploads& uploads) {
    return std::clamp<std::size_t>(chunks_in_all_pieces / *uploads.going_out, 1, most_chunks_in_a_piece);
}

asio::awaitable<store::Result> commit(core::Core* core, std::shared_ptr<store::Batch> batch) {
    auto result = std::make_shared<store::Result>();
    std::function<void(std::function<void()>)> start = [core, batch, result](std::function<void()> done) {
        core->env.store.write(std::move(*batch), [result, done](store::Result r) {
            *result = r;
            done();
        });
    };
    auto waiting = core::wait_for(core->env.io, std::move(start));
    co_await std::move(waiting);
    co_return *result;
}

/// One file on its way in.
struct Incoming {
    core::Core& core;
    std::shared_ptr<const retention::Buckets::Open> bucket;
    UploadHeader header;
    UploadKey key;
    crypto::LogPrefix row;
    std::uint32_t written = 0;  ///< chunks that may be on the disk
    bool whole = false;
    std::shared_ptr<std::size_t> coming_in;

    Incoming(core::Core& c, std::shared_ptr<const retention::Buckets::Open> b, UploadHeader h, const crypto::UploadToken& token)
        : core(c), bucket(std::move(b)), header(std::move(h)), key(token, *bucket->key), row(crypto::upload_row(c.env.keys.upload_slot_key(), token)), coming_in(c.uploads.coming_in) {
        ++*coming_in;
    }
    Incoming(const Incoming&) = delete;
    ~Incoming() { --*coming_in; }
};

asio::awaitable<bool> fill(Body* body, Bytes* chunk) {
    for (std::size_t have = 0; have < chunk->size();) {
        const std::span<char> rest(reinterpret_cast<char*>(chunk->data()) + have, chunk->size() - have);
        auto reading = body->read(rest);
        const auto got = co_await std::move(reading);
        if (!got || *got == 0) co_return false;
        have += *got;
    }
    co_return true;
}

asio::awaitable<Response> take_in(std::shared_ptr<Incoming> file, Body* body) {
    const std::uint32_t chunks = file->header.chunks();
    auto batch = std::make_shared<store::Batch>();
    Bytes chunk;
    for (std::uint32_t index = 0; index < chunks; ++index) {
        chunk.resize(file->header.bytes_in(index));
        auto filling = fill(body, &chunk);
        if (!co_await std::move(filling)) co_return Response{.status = 400, .close = true};
        batch->append(file->row, {crypto::upload_place(ClassId::uploads, file->bucket->id.number, index), file->key.seal_chunk(file->header, index, chunk)});
        const bool last = index + 1 == chunks;
        if (!last && index + 1 - file->written < chunks_at_once(file->core.uploads)) continue;
        if (last) batch->put_header(file->bucket->id, file->row, 0, file->key.seal(file->row, file->header));
        file->written = index + 1;
        auto committing = commit(&file->core, std::exchange(batch, std::make_shared<store::Batch>()));
        const store::Result stored = co_await std::move(committing);
        if (!stored) co_return plain(stored.error().kind == store::ErrorKind::full ? 507 : 503);
    }
    file->whole = true;
    co_return Response{.status = 201};
}

asio::awaitable<Response> put(core::Core* core, Exchange exchange) {
    constexpr std::string_view methods = "PUT, OPTIONS";
    const Request& request = exchange.request;
    if (request.method == Method::options) co_return preflight(methods);
    if (request.method != Method::put) co_return with_cors(not_allowed(methods));
    const std::string token = token_of(request.path);
    const auto* promised = core->uploads.find(token, core::Uploads::Clock::now());
    if (!promised || !feature::offers_uploads(*core)) co_return with_cors(plain(403));
    if (!request.content_length) co_return with_cors(plain(411));
    // What is stored is what came; nobody would undo a coding (RFC 9110 section 8.4), or put parts together (section 14.5).
    if (request.has("content-range")) co_return with_cors(plain(400));
    if (request.has("content-encoding")) {
        Response refused = with_cors(plain(415));
        refused.fields.push_back({"Accept-Encoding", "identity"});
        co_return refused;
    }
    if (*request.content_length != promised->size) co_return with_cors(plain(*request.content_length > promised->size ? 413 : 400));
    if (request.has("content-type") && !promised->type.empty() && essence(request.field("content-type")) != essence(promised->type)) co_return with_cors(plain(415));
    const auto bucket = core->env.buckets.current(ClassId::uploads);
    if (!bucket) co_return with_cors(plain(503));
    const core::Uploads::Slot slot = core->uploads.take(token);
    const std::string type = !slot.type.empty() ? slot.type : feature::is_media_type(request.field("content-type")) ? request.field("content-type") : "application/octet-stream";
    auto file = std::make_shared<Incoming>(*core, bucket, UploadHeader::make(slot.size, core->env.clock.now(), type), slot.token);
    auto taking = take_in(file, exchange.body);
    Response answer = co_await std::move(taking);
    if (!file->whole && file->written > 0) admin::erase_upload(core->env.store, bucket->id, file->row, file->written, [](store::Result) {});
    co_return with_cors(std::move(answer));
}

/// One file on its way out. The pool reads it, one piece at a time.
struct Outgoing {
    admin::FoundUpload found;
    UploadKey key;
    std::uint64_t at = 0, left = 0;
};

/// Counts it as one of them. Core thread, from its first to its last moment.
struct GoingOut {
    std::shared_ptr<std::size_t> all;
    explicit GoingOut(std::shared_ptr<std::size_t> count) : all(std::move(count)) { ++*all; }
    GoingOut(const GoingOut&) = delete;
    ~GoingOut() { --*all; }
};

std::optional<std::string> read_piece(const store::Store& store, const Outgoing& file, std::size_t most_chunks) {
    const auto index = static_cast<std::uint32_t>(file.at / crypto::upload_chunk_bytes);
    const auto place = crypto::upload_place(ClassId::uploads, file.found.place.bucket.number, index);
    auto from = static_cast<std::size_t>(file.at % crypto::upload_chunk_bytes);
    const std::uint64_t wanted = (from + file.left + crypto::upload_chunk_bytes - 1) / crypto::upload_chunk_bytes;
    const auto rows = store.entries(file.found.place.bucket, file.found.row, place.segment, place.index, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, most_chunks)));
    if (!rows) return std::nullopt;
    std::string out;
    out.reserve(rows->size() * crypto::upload_chunk_bytes);
    for (std::uint32_t i = 0; i < rows->size(); ++i, from = 0) {
        const auto& row = (*rows)[i];
        const auto chunk = row.index == place.index + i ? file.key.open_chunk(file.found.header, index + i, row.bytes) : std::unexpected(crypto::Unopenable{});
        if (!chunk || from >= chunk->size()) return std::nullopt;
        out += as_text(ByteView(*chunk).subspan(from, static_cast<std::size_t>(std::min<std::uint64_t>(file.left - out.size(), chunk->size() - from))));
    }
    return out;
}

bool served(const core::Core& core, const admin::FoundUpload& found) {
    return core.env.buckets.find(found.place.bucket) && core.env.buckets.serves(ClassId::uploads, found.header.received);
}

asio::awaitable<std::optional<std::string>> next_piece(core::Core* core, std::shared_ptr<Outgoing> file) {
    if (!served(*core, file->found)) co_return std::nullopt;  // its time came on the way
    std::function<std::optional<std::string>()> job = [store = &core->env.store, file, most = chunks_in_a_piece(core->uploads)] { return read_piece(*store, *file, most); };
    auto reading = core::on_pool(core->env.io, core->env.pool, std::move(job));
    std::optional<std::string> piece = co_await std::move(reading);
    if (piece) {
        file->at += piece->size();
        file->left -= piece->size();
    }
    co_return piece;
}

struct Looked {
    std::shared_ptr<Outgoing> file;  ///< or null
    bool everywhere = true;          ///< all that can be served was read
};

asio::awaitable<Looked> look_up(core::Core* core, std::string text) {
    auto token = crypto::parse_upload_token(text);
    if (!token) co_return Looked{};
    std::vector<admin::UploadPlace> places;
    for (const auto& bucket : core->env.buckets.readable(ClassId::uploads)) places.push_back({bucket->id, bucket->key});
    std::ranges::reverse(places);  // what is new is fetched most
    auto shared = std::make_shared<const crypto::UploadToken>(std::move(*token));
    std::function<Looked()> job = [core, shared, places = std::move(places)]() -> Looked {
        auto found = admin::find_upload(core->env.store, places, crypto::upload_row(core->env.keys.upload_slot_key(), *shared), *shared);
        if (!found) return {.file = nullptr, .everywhere = found.error() == admin::NoUpload::none};
        UploadKey key(*shared, *found->place.key);
        return {.file = std::make_shared<Outgoing>(Outgoing{std::move(*found), std::move(key)})};
    };
    auto looking = core::on_pool(core->env.io, core->env.pool, std::move(job));
    Looked looked = co_await std::move(looking);
    if (looked.file && !served(*core, looked.file->found)) looked.file = nullptr;
    co_return looked;
}

/// Shown in the browser only what cannot act there.
bool is_shown(std::string_view sent) {
    const std::string type = essence(sent);
    return (type.starts_with("image/") && !type.starts_with("image/svg")) || type.starts_with("audio/") || type.starts_with("video/");
}

/// A browser that shows a sound or film makes a page around it, which has to load it from here once more: as from anywhere, for in a sandbox it has no
/// origin (allow_origins). Pictures are the page.
std::string sources(std::string_view sent) {
    const std::string type = essence(sent);
    return type.starts_with("audio/") || type.starts_with("video/") ? "default-src 'none'; media-src 'self'; sandbox" : "default-src 'none'; sandbox";
}

std::int64_t seconds_left(const core::Core& core, const admin::FoundUpload& found) {
    constexpr std::int64_t second = 1'000'000, year = 365 * 86'400 * second;
    const auto now = core.env.clock.now();
    const auto& keep = core.env.buckets.keep(ClassId::uploads);
    const auto bucket = core.env.buckets.find(found.place.bucket);
    auto left = bucket && bucket->span.deadline != store::no_deadline ? bucket->span.deadline - now : year;
    if (!keep.unlimited) left = std::min(left, found.header.received + keep.micros - now);
    return std::max<std::int64_t>(left, 0) / second;
}

asio::awaitable<Response> get(core::Core* core, Exchange exchange) {
    constexpr std::string_view methods = "GET, HEAD, OPTIONS";
    const Request& request = exchange.request;
    if (request.method == Method::options) co_return preflight(methods);
    if (request.method != Method::get && request.method != Method::head) co_return with_cors(not_allowed(methods));
    auto looking = look_up(core, token_of(request.path));
    const Looked looked = co_await std::move(looking);
    const std::shared_ptr<Outgoing>& file = looked.file;
    if (!file) co_return with_cors(plain(looked.everywhere ? 404 : 503));
    const UploadHeader& header = file->found.header;
    const std::string tag = '"' + crypto::to_hex(ByteView(header.nonce).first(8)) + '"';
    Response out{.fields = {{"Content-Type", header.type},
                            {"Content-Disposition", is_shown(header.type) ? "inline" : "attachment"},
                            {"Content-Security-Policy", sources(header.type)},
                            {"Cache-Control", "private, max-age=" + std::to_string(seconds_left(*core, file->found))},
                            {"Accept-Ranges", "bytes"},
                            {"ETag", tag}}};
    allow_origins(out);
    const auto unmet = precondition(request, tag);
    if (unmet == 412) co_return with_cors(plain(412));
    if (unmet) {
        out.status = *unmet;
        co_return out;
    }
    auto range = range_for(request, tag, header.size, out);
    if (!range) co_return with_cors(std::move(range.error()));
    file->at = range->first;
    file->left = out.length = range->length;
    out.pieces = [core, file, counted = std::make_shared<const GoingOut>(core->uploads.going_out)] { return next_piece(core, file); };
    co_return out;
}

}  // namespace

Handler upload_put(core::Core& core) {
    return [&core](Exchange exchange) { return put(&core, std::move(exchange)); };
}

Handler upload_get(core::Core& core) {
    return [&core](Exchange exchange) { return get(&core, std::move(exchange)); };
}

}  // namespace lethe::http
