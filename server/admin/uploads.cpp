// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/admin/uploads.h"

#include <utility>

namespace lethe::admin {

std::expected<FoundUpload, NoUpload> find_upload(const store::Store& store, const std::vector<UploadPlace>& places, const crypto::LogPrefix& row, const crypto::UploadToken& token) {
    NoUpload why = NoUpload::none;
    for (const UploadPlace& place : places) {
        const auto headers = store.headers(place.bucket, row);
        // A bucket that has gone meanwhile has nothing any more.
        if (!headers && headers.error().kind != store::ErrorKind::not_found) why = NoUpload::unreadable;
        if (!headers || headers->empty()) continue;
        if (auto header = crypto::UploadKey(token, *place.key).open(row, headers->front().bytes)) return FoundUpload{place, row, std::move(*header)};
    }
    return std::unexpected(why);
}

void erase_upload(store::Store& store, const store::BucketId& bucket, const crypto::LogPrefix& row, std::uint32_t chunks, store::Completion done) {
    constexpr std::uint32_t at_once = 1024;
    store::Batch batch;
    batch.erase_header(bucket, row, 0);
    for (std::uint32_t index = 0; index < chunks; ++index) {
        batch.erase_entry(row, crypto::upload_place(bucket.cls, bucket.number, index));
        if (index % at_once != at_once - 1) continue;
        store.write(std::exchange(batch, {}), [](store::Result) {});
    }
    store.write(std::move(batch), std::move(done));
}

std::optional<crypto::UploadToken> token_in(std::string_view url) {
    constexpr std::string_view mark = "/f/";
    if (const auto at = url.find(mark); at != url.npos) url.remove_prefix(at + mark.size());
    return crypto::parse_upload_token(url.substr(0, url.find('/')));
}

}  // namespace lethe::admin
