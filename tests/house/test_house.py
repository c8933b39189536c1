# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plants one breach of every rule in an otherwise clean tree and expects exactly that one to be found."""
import os
import tempfile
import unittest

import house
import rules

CPP = "// " + house.SPDX + "\n"
PY = "# " + house.SPDX + "\n"
CLEAN = {
    "meson.build": PY,
    "crypto/secret.h": CPP + "#include <sodium.h>\n",
    "crypto/vault.h": CPP + '#include "crypto/secret.h"\n#include "server/xmpp/jid.h"\n',
    "store/store.h": CPP + '#include <vector>\n#include "crypto/vault.h"\n',
    "store/environment.h": CPP + "#include <lmdb.h>\n",
    "store/store.cpp": CPP + '#include "store/store.h"\n#include "store/environment.h"\n#include <sys/stat.h>\n#include <fcntl.h>\n',
    "server/mbedtls_compat.h": CPP + "#include <mbedtls/md.h>\n",
    "server/xml/element.h": CPP + "#include <pugixml.hpp>\n",
    "server/xmpp/jid.h": CPP,
    "server/xmpp/scram.cpp": CPP + '#include "server/mbedtls_compat.h"\n#include <mbedtls/md.h>\n',
    "server/net/stream.cpp": CPP + "#include <asio.hpp>\n#include <mbedtls/ssl.h>\n",
    "server/core/router.h": CPP + '#include "store/store.h"\n',
    "server/main.cpp": CPP + '#include "server/core/router.h"\n#include <CLI/CLI.hpp>\n',
    "tools/status.cpp": CPP + '#include "retention/policy.h"\n',
    "retention/policy.h": CPP + '#include "store/store.h"\n// catch (...) is only spoken of here, and "catch (...)" there.\n',
    "tests/unit/store/test_store.cpp": CPP + '#include <doctest/doctest.h>\n#include <lmdb.h>\n#include "store/environment.h"\n',
    "server/admin/example.h.in": CPP,
    "server/admin/example.cpp": CPP + '#include "server/admin/example.h"\n',
    "tools/check": "#!/bin/bash\n" + PY,
    "README.md": "no licence line is asked of prose\n",
    "build/meson-private/x": "",
    "build/generated.h": "\tnobody looks into a build folder\n",
}

# name of the rule: (path, text, what the breach says)
BREACHES = {
    "xml includes nothing of ours": ("server/xml/a.cpp", CPP + '#include "crypto/secret.h"\n', "may not include"),
    "xmpp does not include crypto": ("server/xmpp/a.cpp", CPP + '#include "crypto/secret.h"\n', "may not include"),
    "crypto includes jid.h of xmpp and no other": ("crypto/a.h", CPP + '#include "server/xmpp/scram.h"\n', "may not include"),
    "crypto does not include the store": ("crypto/a.h", CPP + '#include "store/store.h"\n', "may not include"),
    "the store does not include retention": ("store/a.cpp", CPP + '#include "retention/policy.h"\n', "may not include"),
    "retention does not include the server": ("retention/a.cpp", CPP + '#include "server/core/router.h"\n', "may not include"),
    "net knows no XMPP": ("server/net/a.cpp", CPP + '#include "server/xmpp/jid.h"\n', "may not include"),
    "admin does not include core": ("server/admin/a.cpp", CPP + '#include "server/core/router.h"\n', "may not include"),
    "tools do not include core": ("tools/a.cpp", CPP + '#include "server/core/router.h"\n', "may not include"),
    "the server does not include tools": ("server/core/a.cpp", CPP + '#include "tools/a.h"\n', "may not include"),
    "an include is written from the root": ("store/a.cpp", CPP + '#include "store.h"\n', "no file of the repository"),
    "an own header is in quotes": ("store/a.cpp", CPP + "#include <crypto/secret.h>\n", "it is our own"),
    "LMDB stays in the store": ("retention/a.cpp", CPP + "#include <lmdb.h>\n", "LMDB"),
    "LMDB does not leave by way of a header": ("retention/a.cpp", CPP + '#include "store/environment.h"\n', "shows <lmdb.h>"),
    "mbedTLS stays out of core": ("server/core/a.cpp", CPP + "#include <mbedtls/ssl.h>\n", "mbedTLS"),
    "mbedTLS stays out of the headers of xmpp": ("server/xmpp/a.h", CPP + "#include <mbedtls/md.h>\n", "mbedTLS"),
    "Expat stays in xml": ("server/stream/a.cpp", CPP + "#include <expat.h>\n", "Expat"),
    "Asio stays out of crypto": ("crypto/a.cpp", CPP + "#include <asio.hpp>\n", "Asio"),
    "Asio stays out of xmpp": ("server/xmpp/a.cpp", CPP + "#include <asio/buffer.hpp>\n", "Asio"),
    "doctest stays in tests": ("crypto/a.cpp", CPP + "#include <doctest/doctest.h>\n", "doctest"),
    "a dependency is known": ("crypto/a.cpp", CPP + "#include <boost/asio.hpp>\n", "no known dependency"),
    "a source has its licence line": ("crypto/a.cpp", "#include <vector>\n", "first line"),
    "a script has its licence line": ("tools/a", "#!/bin/bash\nset -e\n", "first line"),
    "nothing catches everything": ("crypto/a.cpp", CPP + "void f() { try { } catch (...) { } }\n", "catch (...)"),
    "nothing catches everything, however it is spaced": ("crypto/a.cpp", CPP + "void f() { try { } catch( ... ){ } }\n", "catch (...)"),
    "no tabs": ("crypto/a.cpp", CPP + "void f() {\n\treturn;\n}\n", "a tab"),
    "no file past the limit": ("crypto/a.cpp", CPP + "\n" * rules.MAX_LINES, "split it"),
    "every source belongs to a layer": ("extra/a.cpp", CPP, "no layer"),
}


def breaches_in(tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return house.House(root).check()


class TheRules(unittest.TestCase):
    def test_a_clean_tree_has_no_breach(self):
        self.assertEqual(breaches_in(CLEAN), [])

    def test_each_planted_breach_is_found_alone(self):
        for rule, (path, text, says) in BREACHES.items():
            with self.subTest(rule):
                extra = {"tools/a.h": CPP, "server/xmpp/scram.h": CPP} | {path: text}
                found = breaches_in(CLEAN | extra)
                self.assertTrue(found, "not found")
                self.assertTrue(all(line.startswith(path + ":") for line in found), found)
                self.assertTrue(any(says in line for line in found), found)

    def test_a_file_of_exactly_the_limit_passes(self):
        self.assertEqual(breaches_in(CLEAN | {"crypto/a.cpp": CPP + "\n" * (rules.MAX_LINES - 1)}), [])

    def test_the_place_is_the_line(self):
        found = breaches_in(CLEAN | {"store/a.cpp": CPP + "\n\n" + '#include "server/net/stream.h"\n'})
        self.assertTrue(found[0].startswith("store/a.cpp:4:"), found)


class TheDependencyTable(unittest.TestCase):
    def test_readme_has_a_sentence_for_every_dependency(self):
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
        with open(os.path.join(root, "README.md"), encoding="utf-8") as file:
            rows = {cells[1].strip(): cells[2].strip() for cells in (line.split("|") for line in file if line.startswith("| "))
                    if len(cells) > 3}
        for name in sorted({name for name, _ in rules.FOREIGN.values()}):
            with self.subTest(name):
                self.assertGreater(len(rows.get(name, "")), 20)


if __name__ == "__main__":
    unittest.main()
