// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/account_record.h"

#include <cstdlib>

#include "crypto/codec.h"

namespace lethe::crypto {
namespace {

bool known(std::uint8_t mechanism) {
    switch (static_cast<Mechanism>(mechanism)) {
        case Mechanism::scram_sha_1:
        case Mechanism::scram_sha_256:
            return true;
    }
    return false;
}

}  // namespace

const Credential* AccountRecord::find(Mechanism m) const {
    for (const Credential& c : credentials)
        if (c.mechanism == m) return &c;
    return nullptr;
}

Bytes encode(const AccountRecord& record) {
    if (record.credentials.size() > UINT8_MAX) std::abort();
    Encoder out;
    out.flag(record.suspended).raw(record.vault_public.view());
    out.flag(record.archive_choice.has_value());
    if (record.archive_choice) out.i64(*record.archive_choice);
    out.i64(record.archive_floor).u32(record.told);
    out.u8(static_cast<std::uint8_t>(record.credentials.size()));
    for (const Credential& c : record.credentials) {
        out.u8(static_cast<std::uint8_t>(c.mechanism)).u32(c.iterations);
        out.blob(c.salt).blob(c.stored_key).blob(c.server_key).blob(c.wrap);
    }
    if (record.tokens.size() > most_login_tokens) std::abort();
    out.u8(static_cast<std::uint8_t>(record.tokens.size()));
    for (const LoginToken& t : record.tokens)
        out.u8(static_cast<std::uint8_t>(t.mechanism)).raw(t.client).i64(t.expiry).raw(t.check).raw(t.wrap);
    return out.take();
}

std::optional<AccountRecord> decode_account_record(ByteView bytes) {
    Decoder in(bytes);
    AccountRecord record;
    record.suspended = in.flag();
    in.raw(record.vault_public.bytes);
    if (in.flag()) record.archive_choice = in.i64();
    record.archive_floor = in.i64();
    record.told = in.u32();
    if (record.archive_choice.value_or(0) < 0 || record.archive_floor < 0) in.fail();
    const std::size_t count = in.u8();
    for (std::size_t i = 0; i < count && !in.bad(); ++i) {
        Credential c;
        const auto mechanism = in.u8();
        c.mechanism = static_cast<Mechanism>(mechanism);
        if (!known(mechanism) || record.find(c.mechanism) != nullptr) in.fail();
        c.iterations = in.u32();
        c.salt = in.blob();
        c.stored_key = in.blob();
        c.server_key = in.blob();
        c.wrap = in.blob();
        record.credentials.push_back(std::move(c));
    }
    const std::size_t tokens = in.u8();
    if (tokens > most_login_tokens) in.fail();
    for (std::size_t i = 0; i < tokens && !in.bad(); ++i) {
        LoginToken t;
        const auto mechanism = in.u8();
        t.mechanism = static_cast<TokenMechanism>(mechanism);
        if (t.mechanism != TokenMechanism::none && t.mechanism != TokenMechanism::end_point) in.fail();
        in.raw(t.client);
        t.expiry = in.i64();
        in.raw(t.check);
        t.wrap.resize(login_token_wrap_bytes);
        in.raw(t.wrap);
        record.tokens.push_back(std::move(t));
    }
    if (!in.finished()) return std::nullopt;
    return record;
}

}  // namespace lethe::crypto
