// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/environment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "crypto/codec.h"
#include "crypto/forms.h"
#include "store/confined.h"
#include "store/walk.h"
#include "tools/audit/search.h"

namespace lethe::audit {

namespace format = store::format;
using crypto::Decoder;
using crypto::Encoder;
using crypto::Form;
using store::Walk;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::size_t most_odd = 100, most_key = 40, most_name = 64, most_foreign = 100;
constexpr std::size_t most_public = 4 << 20, most_public_rows = 1000, most_output = std::size_t{256} << 20;
constexpr std::size_t box_key_end = 32;  // in a segment header: the last byte of crypto_box_seal's own key

/// What a table holds, by its rows' sizes and forms.
enum class Of : std::uint8_t { state, log, uploads };
struct Rule {
    Of of;
    std::string_view table;
    std::size_t key;     ///< bytes
    bool sealed;         ///< else public
    Form form;
    std::size_t before;  ///< plain bytes in front of the sealed ones
};
constexpr Rule rules[] = {
    {Of::state, "meta", 0, false, {}, 0},
    {Of::state, "accounts", 16, true, Form::account_record, 8},
    {Of::state, "roster", 32, true, Form::record, 0},
    {Of::state, "blocklist", 32, true, Form::record, 0},
    {Of::state, "settings", 32, true, Form::record, 0},
    {Of::state, "personal", 32, true, Form::record, 0},
    {Of::state, "profile", 32, true, Form::profile_record, 0},
    {Of::state, "invitations", 16, true, Form::invitation, 8},
    {Of::log, "info", 0, false, {}, 0},
    {Of::uploads, "info", 0, false, {}, 0},
    {Of::log, "heads", 20, true, Form::segment_header, 0},
    {Of::uploads, "heads", 20, true, Form::upload_header, 0},
    {Of::uploads, "entries", 22, true, Form::upload_chunk, 0},
    {Of::log, "entries", 22, true, Form::log_entry, 0},
};
const Rule* rule_for(Of of, std::string_view table) {
    const auto* const found =
        std::ranges::find_if(rules, [&](const Rule& r) { return r.of == of && r.table == table; });
    if (found != std::end(rules)) return found;
    // Tables that hold nothing sealed: their rows are judged outside of the child.
    static constexpr Rule public_table{Of::state, "", 0, false, {}, 0};
    const bool known = of == Of::state && std::ranges::find(format::state_tables, table, [](const char* t) { return std::string_view(t); }) !=
                                      format::state_tables.end();
    return known ? &public_table : nullptr;
}

// What the child says: records, each begun by one of these.
enum class Tag : std::uint8_t { end = 1, table, odd, account, plain, text_between, too_long, invitation };

/// In the child.
class Reading {
public:
    Reading(const store::Confined& parent, Of of, Extent extent) : parent_(parent), of_(of), extent_(extent) {}

    int read(const std::filesystem::path& path, int fd, std::uint64_t size, Walk::Locking locking) {
        if (extent_ == Extent::all && text_in_file(fd, size, of_ != Of::state ? Texts::none : Texts::policies)) say(Tag::text_between);
        if (!walk_.open(path, size, locking) || !parent_.seal()) return 1;
        if (extent_ == Extent::policy) {
            if (!read_table("policy")) return 1;
            return finish();
        }
        if (walk_.longer_than_it_says()) say(Tag::too_long);
        std::vector<std::string> names;
        if (!walk_.each_name([&](ByteView key, ByteView) {
                if (names.size() < most_foreign) names.emplace_back(as_text(key));
                return true;
            }))
            return 1;
        for (const auto& name : names)
            if (!read_table(name)) return 1;
        if (!walk_.free_list()) return 1;
        return finish();
    }

private:
    void say(const Bytes& bytes) const {
        if (!parent_.say(bytes)) ::_exit(1);
    }

    void say(Tag tag) const { say(Encoder().u8(static_cast<std::uint8_t>(tag)).take()); }
    int finish() const {
        say(Encoder().u8(static_cast<std::uint8_t>(Tag::end)).u64(odd_).take());
        return 0;
    }

    bool read_table(const std::string& name) {
        const Rule* const rule = rule_for(of_, name);
        TableSeen seen{.name = name.substr(0, most_name), .known = rule != nullptr};
        const auto found = walk_.each(name, [&](ByteView key, ByteView value) {
            ++seen.rows;
            if (!rule) return true;
            rule->sealed ? sealed_row(*rule, key, value, seen.bytes) : public_row(name, key, value);
            return true;
        });
        if (found == Walk::Found::no_table) {
            odd(Odd::foreign_row, "", as_bytes(name));
            return true;
        }
        Encoder out;
        out.u8(static_cast<std::uint8_t>(Tag::table)).str(seen.name).flag(seen.known).u64(seen.rows);
        for (const auto count : seen.bytes.counts) out.u64(count);
        say(out.take());
        return found == Walk::Found::whole;
    }

    void sealed_row(const Rule& rule, ByteView key, ByteView value, Histogram& bytes) {
        if (!right_key(rule, key)) odd(Odd::key, rule.table, key);
        const auto sealed = value.subspan(std::min(rule.before, value.size()));
        if (find_text(value))
            odd(Odd::text, rule.table, key);
        else if (!crypto::looks_like(rule.form, sealed))
            odd(Odd::form, rule.table, key);
        if (sealed.empty()) return;
        auto even = sealed.subspan(1);  // the form is a constant
        if (rule.form == Form::segment_header && even.size() >= box_key_end) {
            // A key on this curve is below 2^255: its last byte is below 128.
            bytes.add(even.first(box_key_end - 1));
            even = even.subspan(box_key_end);
        }
        bytes.add(even);
        if (rule.table == "accounts") account(key, value);
        if (rule.form == Form::invitation) return invitation(key, value);
        if (of_ == Of::state && rule.table != "accounts" && key.size() >= 16 && !walk_.contains("accounts", key.first(16)))
            odd(Odd::no_account, rule.table, key);
    }

    static bool right_key(const Rule& rule, ByteView key) {
        if (key.size() != rule.key) return false;
        // A segment ends after 1,024 entries.
        return (rule.form != Form::log_entry && rule.form != Form::upload_chunk) || key[20] < 4;
    }

    void account(ByteView key, ByteView value) const {
        const auto decoded = format::decode_account(value);
        if (!decoded || key.size() != 16) return;
        say(Encoder().u8(static_cast<std::uint8_t>(Tag::account)).raw(key).u32(decoded->slot.index).u32(decoded->slot.generation).take());
    }

    void invitation(ByteView key, ByteView value) const {
        const auto decoded = format::decode_invitation(value);
        if (!decoded || key.size() != crypto::InvitationId::size) return;
        say(Encoder().u8(static_cast<std::uint8_t>(Tag::invitation)).raw(key).i64(decoded->deadline).take());
    }

    void public_row(std::string_view table, ByteView key, ByteView value) {
        if (++public_rows_ > most_public_rows) return odd(Odd::key, table, key);
        if (value.size() > most_public) return odd(Odd::form, table, key);
        say(Encoder().u8(static_cast<std::uint8_t>(Tag::plain)).str(table).blob(key).blob(value).take());
    }

    void odd(Odd what, std::string_view table, ByteView key) {
        if (++odd_ > most_odd) return;
        say(Encoder().u8(static_cast<std::uint8_t>(Tag::odd)).u8(static_cast<std::uint8_t>(what)).str(table)
                .blob(key.first(std::min(key.size(), most_key))).take());
    }

    const store::Confined& parent_;
    const Of of_;
    const Extent extent_;
    Walk walk_;
    std::uint64_t odd_ = 0;
    std::size_t public_rows_ = 0;
};

/// In the parent. False unless it is exactly what Reading says.
bool understand(ByteView said, EnvironmentSeen& out) {
    Decoder in(said);
    for (;;) {
        switch (static_cast<Tag>(in.u8())) {
            case Tag::end:
                out.odd_in_all = in.u64();
                return in.finished() && out.odd_in_all >= out.odd.size();
            case Tag::table: {
                TableSeen seen{.name = in.str(), .known = in.flag(), .rows = in.u64()};
                for (auto& count : seen.bytes.counts) count = in.u64();
                if (!in.bad()) out.tables.push_back(std::move(seen));
                break;
            }
            case Tag::odd: {
                const auto what = in.u8();
                OddRow row{.odd = static_cast<Odd>(what), .table = in.str(), .key = in.blob()};
                if (what >= odd_count || out.odd.size() == most_odd) in.fail();
                if (!in.bad()) out.odd.push_back(std::move(row));
                break;
            }
            case Tag::account: {
                AccountSeen account;
                in.raw(account.owner);
                account.slot.index = in.u32();
                account.slot.generation = in.u32();
                out.accounts.push_back(account);
                break;
            }
            case Tag::plain: {
                PlainRow row{.table = in.str(), .key = in.blob(), .value = in.blob()};
                if (!in.bad()) out.plain.push_back(std::move(row));
                break;
            }
            case Tag::invitation: {
                InvitationSeen invitation;
                in.raw(invitation.id.bytes);
                invitation.deadline = in.i64();
                out.invitations.push_back(invitation);
                break;
            }
            case Tag::text_between:
                out.text_between = true;
                break;
            case Tag::too_long:
                out.too_long = true;
                break;
            default:
                return false;
        }
        if (in.bad()) return false;
    }
}

/// Names for two open files under which LMDB finds them beside each other: whatever their own names turn into
/// meanwhile, it opens these two and no other.
class Names {
public:
    Names(int environment, int lock) {
        const char* base = ::getenv("TMPDIR");
        std::string made = std::string(base && *base ? base : "/tmp") + "/lethe-audit-XXXXXX";
        if (!::mkdtemp(made.data())) return;
        directory_ = made;
        const auto link = [&](int fd, const char* name) {
            const auto target = "/proc/self/fd/" + std::to_string(fd);
            return ::symlink(target.c_str(), (directory_ + name).c_str()) == 0;
        };
        good_ = link(environment, "/e") && link(lock, "/e-lock");
    }
    ~Names() {
        if (directory_.empty()) return;
        for (const auto* name : {"/e", "/e-lock"}) ::unlink((directory_ + name).c_str());
        ::rmdir(directory_.c_str());
    }
    Names(const Names&) = delete;
    bool good() const { return good_; }
    std::string environment() const { return directory_ + "/e"; }

private:
    std::string directory_;
    bool good_ = false;
};

EnvironmentSeen read_confined(const Entry& entry, int fd, int lock, const std::string& path, Extent extent) {
    EnvironmentSeen out;
    struct stat st {};
    if (::fstat(fd, &st) != 0) {
        out.code = errno;
        return out;
    }
    const auto size = static_cast<std::uint64_t>(st.st_size);
    const auto held = static_cast<std::uint64_t>(st.st_blocks) * 512;
    const Of of = entry.kind != Kind::bucket ? Of::state : entry.cls == crypto::ClassId::uploads ? Of::uploads : Of::log;
    const store::ConfinedLimits limits{.seconds = static_cast<unsigned>(20 + std::min(size, held) / (16 * mebibyte)),
                                       .output = most_output, .required = true};
    std::vector<int> keep{fd};
    if (lock >= 0) keep.push_back(lock);
    const auto end = store::run_confined(limits, keep, [&](const store::Confined& parent) {
        return Reading(parent, of, extent).read(path, fd, size, lock >= 0 ? Walk::Locking::lock : Walk::Locking::none);
    });
    using How = store::ConfinedEnd::How;
    if (end.how == How::not_started) {
        out.code = EAGAIN;
        return out;
    }
    out.state = end.how == How::too_long ? EnvironmentSeen::State::gave_up : EnvironmentSeen::State::damaged;
    const bool understood = understand(end.said, out);
    if (end.how == How::finished && end.status == 0 && understood) out.state = EnvironmentSeen::State::whole;
    return out;
}

}  // namespace

EnvironmentSeen read_environment(const Tree& tree, const Entry& entry, bool live, Extent extent) {
    const auto file = tree.open(entry);
    if (!file) {
        EnvironmentSeen out;
        out.code = file.error();
        return out;
    }
    const auto own_name = "/proc/self/fd/" + std::to_string(file->fd());
    const Entry* const lock_entry = live ? tree.find(entry.path + "-lock") : nullptr;
    if (lock_entry && lock_entry->owner == entry.owner) {
        const auto lock = tree.open(*lock_entry);
        const Names names(file->fd(), lock ? lock->fd() : -1);
        if (lock && names.good()) return read_confined(entry, file->fd(), lock->fd(), names.environment(), extent);
    }
    return read_confined(entry, file->fd(), -1, own_name, extent);
}

}  // namespace lethe::audit
