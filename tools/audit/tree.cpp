// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/audit/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "store/format.h"
#include "retention/log_files.h"

namespace lethe::audit {

namespace format = store::format;

namespace {

constexpr std::size_t most_names = 1'000'000;  // in one directory; what a server makes stays in the thousands
constexpr std::string_view lock_ending = "-lock";

std::string message(int code) { return std::generic_category().message(code); }

std::string octal(mode_t mode) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
    return text.data();
}

std::string_view type_name(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return "a file";
        case S_IFDIR:
            return "a directory";
        case S_IFLNK:
            return "a symbolic link";
        case S_IFIFO:
            return "a named pipe";
        case S_IFSOCK:
            return "a socket";
        case S_IFCHR:
        case S_IFBLK:
            return "a device";
    }
    return "of no known type";
}

mode_t right_type(Kind kind) {
    switch (kind) {
        case Kind::root:
        case Kind::directory:
        case Kind::class_directory:
            return S_IFDIR;
        case Kind::control:
            return S_IFSOCK;
        default:
            return S_IFREG;
    }
}

Kind bucket_kind(std::string_view directory, std::string_view name, crypto::ClassId& cls, std::uint32_t& number) {
    const auto known = class_named(directory);
    if (!known) return Kind::foreign;
    const bool lock = name.ends_with(lock_ending);
    if (lock) name.remove_suffix(lock_ending.size());
    const auto parsed = format::bucket_number(name);
    if (!parsed) return Kind::foreign;
    cls = *known;
    number = *parsed;
    return lock ? Kind::environment_lock : Kind::bucket;
}

}  // namespace

std::optional<crypto::ClassId> class_named(std::string_view directory) { return crypto::class_named(directory); }

Kind kind_of(std::string_view path, crypto::ClassId& cls, std::uint32_t& number) {
    struct Known {
        std::string_view path;
        Kind kind;
    };
    static constexpr Known known[] = {
        {"", Kind::root},          {"lock", Kind::lock},         {"state.mdb", Kind::state},
        {"state.mdb-lock", Kind::environment_lock},              {"keyring", Kind::keyring},
        {"buckets", Kind::directory}, {"log", Kind::directory},  {"run", Kind::directory},
        {"run/control", Kind::control}, {"ledger.jsonl", Kind::ledger},
        {"clock", Kind::clock},
    };
    const auto* const found = std::ranges::find(known, path, &Known::path);
    if (found != std::end(known)) return found->kind;
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return Kind::foreign;
    const auto first = path.substr(0, slash);
    auto rest = path.substr(slash + 1);
    if (first == "log") return retention::LogFile::parse(rest) ? Kind::log_file : Kind::foreign;
    if (first != "buckets") return Kind::foreign;
    const auto second = rest.find('/');
    if (second != std::string_view::npos)
        return bucket_kind(rest.substr(0, second), rest.substr(second + 1), cls, number);
    const auto named = class_named(rest);
    if (!named) return Kind::foreign;
    cls = *named;
    return Kind::class_directory;
}

std::string_view catalogue_place(Kind kind) {
    switch (kind) {
        case Kind::lock:
            return "DATA/lock";
        case Kind::state:
            return "DATA/state.mdb";
        case Kind::environment_lock:
            return "DATA/state.mdb-lock";
        case Kind::keyring:
            return "DATA/keyring";
        case Kind::bucket:
            return "DATA/buckets/CLASS/NUMBER.mdb";
        case Kind::log_file:
            return "DATA/log/START-END-DEADLINE-NUMBER.log";
        case Kind::control:
            return "DATA/run/control";
        case Kind::ledger:
            return "DATA/ledger.jsonl";
        case Kind::clock:
            return "DATA/clock";
        default:
            return "";
    }
}

const Entry* Tree::find(std::string_view path) const {
    const auto found = std::ranges::find(entries, path, &Entry::path);
    return found == entries.end() ? nullptr : &*found;
}

namespace {

/// Component by component, so that no link leads out of the directory.
int open_below(int root, std::string_view path, int flags) {
    int at = root;
    for (;;) {
        const auto slash = path.find('/');
        const std::string part(path.substr(0, slash));
        const bool last = slash == std::string_view::npos;
        const int fd = ::openat(at, part.c_str(),
                                O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? flags : O_RDONLY | O_DIRECTORY));
        const int code = errno;
        if (at != root) ::close(at);
        if (fd < 0 || last) {
            errno = code;
            return fd;
        }
        at = fd;
        path.remove_prefix(slash + 1);
    }
}

class Lister {
public:
    Lister(Tree& tree, Findings& findings) : tree_(tree), findings_(findings) {}

    void add(std::string path, const struct stat& st) {
        Entry entry;
        entry.kind = kind_of(path, entry.cls, entry.number);
        entry.path = std::move(path);
        entry.mode = st.st_mode;
        entry.owner = st.st_uid;
        entry.size = static_cast<std::uint64_t>(std::max<off_t>(st.st_size, 0));
        entry.stored = static_cast<std::uint64_t>(st.st_blocks) * 512;
        entry.names = st.st_nlink;
        if (entry.kind == Kind::foreign) {
            findings_.add({Check::catalogue, entry.path, "", "is " + std::string(type_name(entry.mode)) +
                           " that the catalogue does not know", "find out who put it there, then remove it"});
            return;
        }
        if ((entry.mode & S_IFMT) != right_type(entry.kind)) {
            findings_.add({Check::catalogue, entry.path, "", "is " + std::string(type_name(entry.mode)) + " and should be " +
                           std::string(type_name(right_type(entry.kind))), "find out who put it there, then remove it"});
            return;
        }
        check_access(entry);
        const bool descend = (entry.mode & S_IFMT) == S_IFDIR && entry.kind != Kind::root;
        const auto below = entry.path;
        tree_.entries.push_back(std::move(entry));
        if (descend) list(below);
    }

    void list(const std::string& directory) {
        const int fd = directory.empty() ? ::openat(tree_.root.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                         : open_below(tree_.root.fd(), directory, O_RDONLY | O_DIRECTORY);
        const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : ::fdopendir(fd), &::closedir);
        if (!stream) {
            const int code = errno;
            if (fd >= 0) ::close(fd);
            if (code != ENOENT)
                findings_.add({Check::whole, directory, "", "cannot be listed (" + message(code) + ")",
                               "run the audit as the directory's owner or as root"});
            return;
        }
        std::vector<std::string> names;
        bool too_many = false;
        while (const dirent* found = ::readdir(stream.get())) {
            const std::string_view name = found->d_name;
            if (name == "." || name == "..") continue;
            too_many = names.size() == most_names;
            if (too_many) break;
            names.emplace_back(name);
        }
        std::ranges::sort(names);
        for (const auto& name : names) {
            struct stat st {};
            if (::fstatat(fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
                add(directory.empty() ? name : directory + '/' + name, st);
        }
        if (too_many)
            findings_.add({Check::catalogue, directory, "", "holds more than " + std::to_string(most_names) +
                           " names, and the rest was not looked at", "remove what does not belong there, and audit again"});
    }

private:
    void check_access(const Entry& entry) {
        const bool directory = (entry.mode & S_IFMT) == S_IFDIR;
        const mode_t right = directory ? 0700 : 0600;
        const auto shell = entry.path.empty() ? std::string("the directory") : entry.path;
        if ((entry.mode & 07777) != right)
            findings_.add({Check::permissions, entry.path, "", "has mode " + octal(entry.mode) + " and must have " + octal(right),
                           "run chmod " + octal(right) + " on it"});
        if (!tree_.entries.empty() && entry.owner != tree_.owner())
            findings_.add({Check::permissions, entry.path, "", "belongs to another user than the directory",
                           "chown it to the user the server runs as"});
        if (!directory && entry.names > 1)
            findings_.add({Check::permissions, entry.path, "", "has " + std::to_string(entry.names) +
                           " names, so what is destroyed here may live on elsewhere",
                           "find the other with find -samefile, and remove it"});
    }

    Tree& tree_;
    Findings& findings_;
};

}  // namespace

std::expected<store::File, int> Tree::open(const Entry& entry) const {
    store::File file(open_below(root.fd(), entry.path, O_RDONLY | O_NOCTTY));
    if (!file) return std::unexpected(errno);
    struct stat st {};
    if (::fstat(file.fd(), &st) != 0) return std::unexpected(errno);
    if (!S_ISREG(st.st_mode)) return std::unexpected(EINVAL);
    return file;
}

std::expected<Tree, int> list_tree(const std::filesystem::path& directory, Findings& findings) {
    Tree tree;
    // The root itself may be a link: it is the auditor who names it.
    tree.root = store::File(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat st {};
    if (!tree.root || ::fstat(tree.root.fd(), &st) != 0) return std::unexpected(errno);
    Lister lister(tree, findings);
    lister.add("", st);
    lister.list("");
    return tree;
}

}  // namespace lethe::audit
