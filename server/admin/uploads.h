// SPDX-License-Identifier: AGPL-3.0-or-later
// Where an upload lies, and taking one away: for whoever fetches it and for lethectl.
//
// The data's way: an address holds a token; the slot key makes the row's name of it; every bucket of the class is asked for that name (a token does not
//   say in which it is); the header that is found opens with the token and that bucket's key, or is none.
// Thread: any for finding; the store's for removing.
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "crypto/upload.h"
#include "store/store.h"

namespace lethe::admin {

struct UploadPlace {
    store::BucketId bucket;
    std::shared_ptr<const crypto::BucketKey> key;
};
struct FoundUpload {
    UploadPlace place;
    crypto::LogPrefix row;
    crypto::UploadHeader header;
};
enum class NoUpload {
    none,       ///< in any of the places, or it does not open
    unreadable  ///< none was found, but not every place could be read: there may be one
};
std::expected<FoundUpload, NoUpload> find_upload(const store::Store& store, const std::vector<UploadPlace>& places, const crypto::LogPrefix& row, const crypto::UploadToken& token);

/// Header first, then `chunks` chunks: nobody finds half of one. Rows that are not there are no error.
void erase_upload(store::Store& store, const store::BucketId& bucket, const crypto::LogPrefix& row, std::uint32_t chunks, store::Completion done);

/// The token in ".../f/TOKEN/NAME", with or without what stands before and after it.
std::optional<crypto::UploadToken> token_in(std::string_view url);

}  // namespace lethe::admin
