// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/keyring.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "crypto/codec.h"
#include "store/environment.h"

namespace lethe::store {

namespace {

using format::block_size;
using Block = std::array<std::uint8_t, block_size>;

// A slot's plaintext: key ‖ start ‖ end ‖ deadline ‖ zeros. Spans are zero in an account's slot.
using SlotPlain = crypto::Secret<struct SlotPlainTag, 64>;
constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(format::slot_nonce + nonce_size == format::slot_sealed);
static_assert(format::slot_sealed + SlotPlain::size + tag_size == format::slot_end);

// Block 0: magic (16) ‖ version (4) ‖ nonce ‖ tag of an empty message with the 20 bytes before as associated
// data: it opens under the right key only. Then zeros.
constexpr std::size_t head_ad = 20, head_nonce = 20, head_tag = head_nonce + nonce_size;
constexpr std::array<std::uint8_t, 16> magic{'l', 'e', 't', 'h', 'e', ' ', 'k', 'e',
                                             'y', 'r', 'i', 'n', 'g', 0,   0,   0};

std::uint64_t offset_of(std::uint32_t index) { return std::uint64_t{index} * block_size; }

void put_u32(std::span<std::uint8_t> out, std::uint32_t v) {
    std::ranges::copy(format::encode_u32(v), out.begin());
}
std::uint32_t get_u32(ByteView in) { return *format::decode_u32(in.first(4)); }

SlotPlain encode_plain(const Keyring::SlotKey& key, const BucketSpan& span) {
    const auto times = crypto::Encoder().i64(span.start).i64(span.end).i64(span.deadline).take();
    return SlotPlain::make([&](std::span<std::uint8_t, SlotPlain::size> out) {
        key.with_bytes([&](auto bytes) { std::ranges::copy(bytes, out.begin()); });
        std::ranges::copy(times, out.begin() + Keyring::SlotKey::size);
        std::fill(out.begin() + Keyring::SlotKey::size + 24, out.end(), std::uint8_t{0});
    });
}

std::optional<Keyring::Content> decode_plain(const SlotPlain& plain) {
    return plain.with_bytes([](auto bytes) -> std::optional<Keyring::Content> {
        crypto::Decoder in(ByteView(bytes).subspan(Keyring::SlotKey::size));
        BucketSpan span;
        span.start = in.i64();
        span.end = in.i64();
        span.deadline = in.i64();
        if (in.u64() != 0 || !in.finished()) return std::nullopt;
        auto key = Keyring::SlotKey::make([&](std::span<std::uint8_t, Keyring::SlotKey::size> out) {
            std::copy_n(bytes.begin(), out.size(), out.begin());
        });
        return Keyring::Content{std::move(key), span};
    });
}

void start_block(Block& block, Keyring::Part part, std::uint32_t generation) {
    randombytes_buf(block.data(), block.size());
    std::fill_n(block.begin(), format::slot_owner, std::uint8_t{0});
    block[format::slot_part] = static_cast<std::uint8_t>(part);
    put_u32(std::span(block).subspan(format::slot_generation), generation);
}

bool head_is_authentic(const Block& block, const crypto::KeyringKey& key) {
    return key.with_bytes([&](auto k) {
        std::uint8_t none = 0;
        unsigned long long length = 0;
        return crypto_aead_xchacha20poly1305_ietf_decrypt(&none, &length, nullptr, &block[head_tag], tag_size,
                                                          block.data(), head_ad, &block[head_nonce],
                                                          k.data()) == 0;
    });
}

}  // namespace

int Keyring::create(const std::filesystem::path& path, const crypto::KeyringKey& key) {
    const auto file = open_file(path, OpenMode::create);
    if (!file) return file.error();
    Block block{};
    std::ranges::copy(magic, block.begin());
    put_u32(std::span(block).subspan(magic.size()), format::version);
    randombytes_buf(&block[head_nonce], nonce_size);
    key.with_bytes([&](auto k) {
        crypto_aead_xchacha20poly1305_ietf_encrypt(&block[head_tag], nullptr, nullptr, 0, block.data(),
                                                   head_ad, nullptr, &block[head_nonce], k.data());
    });
    if (const int code = write_at(file->fd(), block, 0); code != 0) return code;
    return sync(file->fd());
}

std::expected<std::unique_ptr<Keyring>, Problem> Keyring::open(const std::filesystem::path& path,
                                                               const crypto::KeyringKey& key) {
    constexpr std::string_view lost =
        "without it nothing in this data directory can be read; put the file back, or make a new data "
        "directory with lethectl init";
    auto file = open_file(path, OpenMode::write);
    if (!file && file.error() == ENOENT)
        return std::unexpected(Problem{path.string() + " is missing: " + std::string(lost)});
    if (!file) {
        return std::unexpected(
            problem(path, file.error(), "cannot be opened", "check the path and its permissions"));
    }
    Block block;
    if (const int code = read_at(file->fd(), block, 0); code != 0) {
        struct stat st {};
        if (::fstat(file->fd(), &st) == 0 && st.st_size < static_cast<off_t>(block_size))
            return std::unexpected(Problem{path.string() + " is cut short (" + std::to_string(st.st_size) +
                                           " bytes, and its head alone has " + std::to_string(block_size) +
                                           "): " + std::string(lost)});
        return std::unexpected(problem(path, code, "cannot be read", "check the disk; " + std::string(lost)));
    }
    if (!std::equal(magic.begin(), magic.end(), block.begin())) {
        return std::unexpected(Problem{path.string() + " is not a keyring: " + std::string(lost)});
    }
    if (const auto v = get_u32(std::span(block).subspan(magic.size())); v != format::version) {
        return std::unexpected(Problem{path.string() + " has format version " + std::to_string(v) +
                                       ", this program reads version " + std::to_string(format::version) +
                                       ": use the program that wrote it"});
    }
    if (!head_is_authentic(block, key)) {
        return std::unexpected(
            Problem{path.string() + " does not open under this node key: use the node key it was made with"});
    }
    std::unique_ptr<Keyring> keyring(new Keyring(std::move(*file), key));
    if (auto scanned = keyring->scan(path); !scanned) return std::unexpected(scanned.error());
    return keyring;
}

std::expected<void, Problem> Keyring::scan(const std::filesystem::path& path) {
    struct stat st {};
    if (::fstat(file_.fd(), &st) != 0) {
        return std::unexpected(problem(path, errno, "cannot be examined", "check the disk"));
    }
    const auto size = static_cast<std::uint64_t>(st.st_size);
    const auto blocks = (size + block_size - 1) / block_size;
    whole_ = size / block_size;
    std::array<std::uint8_t, format::slot_nonce> head;
    for (std::uint32_t index = 1; index < blocks; ++index) {
        if (size < offset_of(index) + block_size) {  // torn while the file grew: never committed
            slots_.push_back({0, Use::doomed});
            doomed_.push_back(index);
            continue;
        }
        if (const int code = read_at(file_.fd(), head, offset_of(index)); code != 0) {
            return std::unexpected(problem(path, code, "cannot be read", "check the disk"));
        }
        const auto part = static_cast<Part>(head[format::slot_part]);
        const auto generation = get_u32(ByteView(head).subspan(format::slot_generation));
        slots_.push_back({generation, part == Part::free ? Use::free : Use::taken});
        if (part == Part::free) {
            free_.push_back(index);
            continue;
        }
        Listed listed{{index, generation}, part, {}};
        std::copy_n(head.begin() + format::slot_owner, listed.owner.size(), listed.owner.begin());
        listed_.push_back(listed);
    }
    std::ranges::reverse(free_);  // lowest first when taken from the back
    return {};
}

std::expected<Keyring::Content, Keyring::Unreadable> Keyring::read(Part part, const Owner& owner,
                                                                   const SlotRef& slot) const {
    std::array<std::uint8_t, format::slot_end> bytes;
    {
        const std::lock_guard lock(io_);
        if (slot.index == 0 || slot.index >= slots_.size()) return std::unexpected(Unreadable::dead);
        if (read_at(file_.fd(), bytes, offset_of(slot.index)) != 0) return std::unexpected(Unreadable::io);
    }
    const ByteView view(bytes);
    const auto found = static_cast<Part>(view[format::slot_part]);
    const bool own_head = found == part &&
                          get_u32(view.subspan(format::slot_generation)) == slot.generation &&
                          std::ranges::equal(view.subspan(format::slot_owner, owner.size()), owner);
    if (!own_head) {
        const bool sane = found == Part::free || found == Part::account || found == Part::bucket;
        return std::unexpected(sane ? Unreadable::dead : Unreadable::damaged);
    }
    if (std::ranges::any_of(view.subspan(1, 3), [](auto byte) { return byte != 0; })) {
        return std::unexpected(Unreadable::damaged);
    }
    const auto ad = format::slot_associated_data(part, slot, owner);
    bool authentic = false;
    const auto plain = SlotPlain::make([&](std::span<std::uint8_t, SlotPlain::size> out) {
        key_.with_bytes([&](auto k) {
            authentic =
                crypto_aead_xchacha20poly1305_ietf_decrypt(
                    out.data(), nullptr, nullptr, &bytes[format::slot_sealed], SlotPlain::size + tag_size,
                    ad.data(), ad.size(), &bytes[format::slot_nonce], k.data()) == 0;
        });
    });
    auto content = authentic ? decode_plain(plain) : std::nullopt;
    if (!content) return std::unexpected(Unreadable::damaged);
    return std::move(*content);
}

std::optional<Keyring::SlotRef> Keyring::take_free() {
    while (!free_.empty()) {
        const auto index = free_.back();
        free_.pop_back();
        // A generation is never used twice.
        if (slots_[index].generation != UINT32_MAX) return SlotRef{index, slots_[index].generation + 1};
    }
    if (slots_.size() > UINT32_MAX) return std::nullopt;
    return SlotRef{static_cast<std::uint32_t>(slots_.size()), 1};
}

std::expected<Keyring::SlotRef, Error> Keyring::write(Part part, const Owner& owner, const SlotKey& key,
                                                      const BucketSpan& span) {
    const auto slot = take_free();
    if (!slot) return std::unexpected(Error{ErrorKind::full, ENOSPC});
    Block block;
    start_block(block, part, slot->generation);
    std::ranges::copy(owner, block.begin() + format::slot_owner);
    const auto ad = format::slot_associated_data(part, *slot, owner);
    const auto plain = encode_plain(key, span);
    plain.with_bytes([&](auto bytes) {
        key_.with_bytes([&](auto k) {
            crypto_aead_xchacha20poly1305_ietf_encrypt(&block[format::slot_sealed], nullptr, bytes.data(),
                                                       bytes.size(), ad.data(), ad.size(), nullptr,
                                                       &block[format::slot_nonce], k.data());
        });
    });
    int code = 0;
    {
        const std::lock_guard lock(io_);
        code = write_at(file_.fd(), block, offset_of(slot->index));
        const bool grown = slot->index == slots_.size();
        if (code != 0 && grown && ::ftruncate(file_.fd(), static_cast<off_t>(offset_of(slot->index))) == 0) {
            return std::unexpected(
                to_error(code));  // nothing is left of it, and nothing that would need space
        }
        if (grown) slots_.emplace_back();
    }
    slots_[slot->index] = {slot->generation, Use::taken};
    dirty_ = true;
    if (code == 0) return *slot;
    doom(*slot);  // part of it may be there
    return std::unexpected(to_error(code));
}

void Keyring::doom(const SlotRef& slot) {
    if (slot.index == 0 || slot.index >= slots_.size()) return;
    auto& known = slots_[slot.index];
    if (known.use != Use::taken || known.generation != slot.generation) return;
    known.use = Use::doomed;
    doomed_.push_back(slot.index);
}

void Keyring::spare(const SlotRef& slot) {
    if (slot.index >= slots_.size()) return;
    auto& known = slots_[slot.index];
    if (known.use != Use::doomed || known.generation != slot.generation) return;
    known.use = Use::taken;
    std::erase(doomed_, slot.index);
}

int Keyring::overwrite(std::uint32_t index) {
    Block block;
    start_block(block, Part::free, slots_[index].generation);
    const std::lock_guard lock(io_);
    return write_at(file_.fd(), block, offset_of(index));
}

Result Keyring::flush() {
    int code = 0;
    for (const auto index : doomed_) {
        if (const int failed = overwrite(index); failed != 0 && code == 0) code = failed;
    }
    if (const int failed = sync(file_.fd()); failed != 0 && code == 0) code = failed;
    if (code != 0) return std::unexpected(to_error(code));
    dirty_ = false;
    for (const auto index : doomed_) slots_[index].use = Use::free;
    free_.insert(free_.end(), doomed_.begin(), doomed_.end());
    doomed_.clear();
    return {};
}

}  // namespace lethe::store
