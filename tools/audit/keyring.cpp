// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/keyring.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "tools/audit/even.h"

namespace lethe::audit {

namespace format = store::format;

namespace {

using format::Part;
using Block = std::array<std::uint8_t, format::block_size>;
constexpr std::string_view magic = "lethe keyring";
constexpr std::size_t magic_bytes = 16, version_at = 16, head_end = 60, free_from = 8;
constexpr std::uint64_t longest_hole = 16 << 20;
const std::string start_over = "without a whole keyring what it protects cannot be read; find out who changed the file";

std::uint32_t number_at(const Block& block, std::size_t at) {
    return *format::decode_u32(ByteView(block).subspan(at, 4));
}

bool zeros(ByteView bytes) {
    return std::ranges::all_of(bytes, [](auto byte) { return byte == 0; });
}

/// What is wrong with a slot; empty: nothing.
std::string_view fault(const Block& block) {
    const ByteView view(block);
    if (zeros(view)) return {};  // a hole after a crash: free, never used
    const auto part = static_cast<Part>(block[format::slot_part]);
    if (part != Part::free && part != Part::account && part != Part::bucket) return "is of no known kind";
    if (!zeros(view.subspan(1, 3))) return "holds something in the bytes that are always zero";
    const auto random = view.subspan(part == Part::free ? free_from : format::slot_nonce);
    if (find_text(random)) return "holds readable text";
    Histogram histogram;
    histogram.add(random);
    if (!looks_even(histogram)) return "is not random where it should be";
    if (part == Part::free) return {};
    if (number_at(block, format::slot_generation) == 0) return "is in use for the 0th time";
    format::Owner owner;
    std::ranges::copy(view.subspan(format::slot_owner, owner.size()), owner.begin());
    if (part == Part::bucket && !format::bucket_of(owner)) return "belongs to a bucket of no known class";
    return {};
}

class Keyring {
public:
    Keyring(const Entry& entry, Findings& findings) : entry_(entry), findings_(findings) {}

    KeyringSeen read(int fd, std::uint64_t size) {
        Block block{};
        seen_.slots = size / format::block_size;
        if (size % format::block_size != 0)
            add("", "ends inside a slot", "if the machine lost power while it was written, the next start of the server repairs it; "
                "else find out who changed it");
        std::uint64_t at = 0;
        while (at + format::block_size <= size) {
            if (!fill(fd, block, at)) return seen_;
            at == 0 ? head(block) : slot(block, static_cast<std::uint32_t>(at / format::block_size));
            at += format::block_size;
            // Holes are read at once: nothing is in them.
            const auto data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
            const auto next = data < 0 && errno == ENXIO ? static_cast<off_t>(size) : data;
            if (next > static_cast<off_t>(at + longest_hole)) add("", "has a hole larger than any that a crash leaves", "find out who changed it");
            if (data < 0 && errno == ENXIO) break;
            if (data > static_cast<off_t>(at)) at = static_cast<std::uint64_t>(data) / format::block_size * format::block_size;
        }
        if (size < format::block_size) add("", "has no head", start_over);
        return seen_;
    }

private:
    bool fill(int fd, Block& block, std::uint64_t at) {
        const int code = store::read_at(fd, block, at);
        if (code == 0) return true;
        findings_.add({Check::whole, entry_.path, "slot " + std::to_string(at / format::block_size),
                       "cannot be read (" + std::generic_category().message(code) + ")", "check the disk"});
        return false;
    }

    void head(const Block& block) {
        const ByteView view(block);
        const bool ours = as_text(view.first(magic.size())) == magic && zeros(view.subspan(magic.size(), magic_bytes - magic.size()));
        if (!ours)
            add("head", "is not that of a keyring", start_over);
        else if (number_at(block, version_at) != format::version)
            add("head", "is of another version than this program reads", "audit with the program that wrote it");
        else if (!zeros(view.subspan(head_end)))
            add("head", "holds something in the bytes that are always zero", start_over);
        else
            seen_.read = true;
    }

    void slot(const Block& block, std::uint32_t index) {
        const auto detail = "slot " + std::to_string(index);
        seen_.generations.resize(index + 1);  // holes are of generation 0
        seen_.generations[index] = number_at(block, format::slot_generation);
        if (const auto wrong = fault(block); !wrong.empty()) {
            add(detail, std::string(wrong), start_over);
            return;
        }
        SlotSeen seen{.slot = {index, number_at(block, format::slot_generation)}, .part = static_cast<Part>(block[0])};
        std::ranges::copy(ByteView(block).subspan(format::slot_owner, seen.owner.size()), seen.owner.begin());
        if (seen.part != Part::free) seen_.taken.push_back(seen);
    }

    void add(std::string detail, std::string what, std::string remedy) {
        findings_.add({Check::keys, entry_.path, std::move(detail), std::move(what), std::move(remedy)});
    }

    const Entry& entry_;
    Findings& findings_;
    KeyringSeen seen_;
};

}  // namespace

KeyringSeen read_keyring(const Tree& tree, const Entry& entry, Findings& findings) {
    const auto file = tree.open(entry);
    if (!file) {
        findings.add({Check::whole, entry.path, "", "cannot be read (" + std::generic_category().message(file.error()) + ")",
                      "run the audit as the directory's owner or as root"});
        return {};
    }
    struct stat st {};
    if (::fstat(file->fd(), &st) != 0) return {};
    return Keyring(entry, findings).read(file->fd(), static_cast<std::uint64_t>(st.st_size));
}

}  // namespace lethe::audit
