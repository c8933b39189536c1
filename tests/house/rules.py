# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rules of the house, as data: who may include whom, and where a foreign header may stand.

A layer is a folder (or one file); a file belongs to the longest prefix that fits. Every layer may include itself.
`house.py` holds every file of the repository against these tables.
"""

SERVER_LOW = ["server/xml", "server/xmpp", "crypto", "store", "retention", "server/net", "server/mbedtls_compat.h"]
SERVER_ALL = SERVER_LOW + ["server/admin", "server/core", "server/feature", "server/stream", "server/http", "server"]

LAYERS = {
    "server/mbedtls_compat.h": [],
    "server/xml": [],
    "server/xmpp": ["server/xml", "server/mbedtls_compat.h"],
    "crypto": ["server/xmpp/jid.h"],
    "store": ["crypto", "server/xmpp/jid.h"],
    "retention": ["store", "crypto", "server/xmpp/jid.h"],
    "server/net": ["crypto/regular_file.h", "server/mbedtls_compat.h"],
    "server/admin": ["server/xml", "server/xmpp", "store", "retention", "crypto", "server/mbedtls_compat.h"],
    "server/core": SERVER_ALL,
    "server/feature": SERVER_ALL,
    "server/stream": SERVER_ALL,
    "server/http": SERVER_ALL,
    "server": SERVER_ALL,
    "tools": ["server/admin", "retention", "store", "crypto", "server/xmpp", "server/xml", "server/net", "server/mbedtls_compat.h"],
    "tests": SERVER_ALL + ["tools"],
}

# header prefix: (dependency, files that may include it). Tests may include anything that is listed here.
FOREIGN = {
    "lmdb.h": ("LMDB", ["store/*"]),
    "mbedtls/": ("mbedTLS", ["server/net/*", "server/xmpp/*.cpp", "server/mbedtls_compat.h", "tools/*cert*.cpp"]),
    "psa/": ("mbedTLS", ["server/net/*", "server/xmpp/*.cpp", "server/mbedtls_compat.h"]),
    "expat": ("Expat", ["server/xml/*"]),
    "pugixml.hpp": ("pugixml", ["server/xml/*"]),
    "asio": ("Asio", ["server/*", "tools/*control*"]),
    "sodium": ("libsodium", ["crypto/*", "store/*.cpp", "retention/*.cpp", "server/*.cpp"]),
    "unicode/": ("ICU", ["server/xmpp/*.cpp"]),
    "toml++/": ("toml++", ["retention/*.cpp", "server/*.cpp", "tools/*.cpp"]),
    "CLI/": ("CLI11", ["tools/*", "server/main.cpp"]),
    "nlohmann/": ("nlohmann-json", ["retention/*.cpp", "server/admin/*.cpp", "tools/*"]),
    "seccomp.h": ("libseccomp", ["store/*.cpp", "server/*.cpp", "tools/*"]),
    "qrencode.h": ("libqrencode", ["server/admin/*.cpp"]),
    "http_parser.h": ("http-parser", ["server/http/*.cpp"]),
    "wslay/": ("wslay", ["server/stream/*.cpp"]),
    "curl/": ("libcurl", ["tools/lethectl/fetch.cpp"]),
    "doctest/": ("doctest", []),
}
# The pure folders: protocol without I/O, so no sockets there even though the rest of server/ has them.
NEVER = {"asio": ["server/xml/*", "server/xmpp/*"], "sodium": ["server/xml/*"]}

# A header that shows one of these stays inside its own layer, however indirectly it would leave it.
CONFINED = {"lmdb.h": "store", "expat": "server/xml"}

# What comes with the compiler and the C library: no dependency of the project.
SYSTEM = ["sys/*", "netinet/*", "arpa/*", "net/*", "linux/*", "bits/*", "sanitizer/*"]
SYSTEM_NAMES = {
    "fcntl.h", "unistd.h", "poll.h", "signal.h", "termios.h", "pwd.h", "grp.h", "dirent.h", "netdb.h", "pthread.h", "time.h",
    "errno.h", "limits.h", "string.h", "stdlib.h", "stdio.h", "stdint.h", "stddef.h", "malloc.h", "sched.h", "dlfcn.h", "spawn.h",
    "syslog.h", "ftw.h", "fnmatch.h", "getopt.h", "math.h", "ucontext.h", "execinfo.h", "locale.h",
}

MAX_LINES = 500
