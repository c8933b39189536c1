#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Holds every file of the repository against rules.py; prints each breach with its place, exit status 1 if there is one.

Usage: house.py [ROOT]
"""
import fnmatch
import os
import re
import statistics
import sys

import rules

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
# Strings and comments, so that what only talks about code is not taken for code.
NOT_CODE = re.compile(r'R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.S)
CATCH_ALL = re.compile(r"\bcatch\s*\(\s*\.\.\.\s*\)")
SPDX = "SPDX-License-Identifier: AGPL-3.0-or-later"
SOURCE = (".cpp", ".h")
MEASURED = (".cpp", ".h", ".py")


def files(root):
    """Every file by its path from the root; what version control or a build made for itself is left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in (".git", ".cache", "__pycache__") and
                            not os.path.exists(os.path.join(folder, f, "meson-private")))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def layer_of(path):
    fits = [name for name in rules.LAYERS if path == name or path.startswith(name + "/")]
    return max(fits, key=len, default=None)


def covers(allowed, path):
    """Whether `allowed` (a layer or one file) is what `path` belongs to; a folder does not lend out a layer nested in it."""
    return path == allowed or layer_of(path) == allowed


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def is_system(header):
    return "." not in header and "/" not in header or header in rules.SYSTEM_NAMES or matches(header, rules.SYSTEM)


def is_script(path, text):
    return path.endswith((".py", ".sh", "meson.build")) or text.startswith("#!")


class House:
    def __init__(self, root):
        self.root = root
        self.breaches = []
        self.text = {}
        for path in files(root):
            with open(os.path.join(root, path), "rb") as file:
                data = file.read()
            try:
                self.text[path] = data.decode()
            except UnicodeDecodeError:
                continue  # not a text: nothing of it is compiled or run here
        self.includes = {path: [(self.line(text, m), m[1], m[2]) for m in INCLUDE.finditer(text)]
                         for path, text in self.text.items() if path.endswith(SOURCE)}

    @staticmethod
    def line(text, match):
        return text.count("\n", 0, match.start()) + 1

    def breach(self, path, line, what):
        self.breaches.append(f"{path}:{line}: {what}")

    def check(self):
        for path, text in self.text.items():
            self.check_form(path, text)
        for path in self.includes:
            self.check_includes(path)
        for header, home in rules.CONFINED.items():
            self.check_confined(header, home)
        return self.breaches

    def check_form(self, path, text):
        source = path.endswith(SOURCE)
        script = is_script(path, text)
        lines = text.split("\n")
        if source or script:
            first = lines[1] if text.startswith("#!") and len(lines) > 1 else lines[0]
            if first != ("// " if source else "# ") + SPDX:
                self.breach(path, 1, f"the first line must be the comment '{SPDX}' (second line after #!)")
        if source or script or path.endswith((".md", ".toml")):
            for number, line in enumerate(lines, 1):
                if "\t" in line:
                    self.breach(path, number, "a tab; indent with spaces")
        if source:
            code = NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
            for match in CATCH_ALL.finditer(code):
                self.breach(path, self.line(code, match), "'catch (...)' hides what went wrong; name what is caught")
        if path.endswith(MEASURED) and text.count("\n") > rules.MAX_LINES:
            self.breach(path, rules.MAX_LINES + 1, f"{text.count(chr(10))} lines; past {rules.MAX_LINES} a file is two things: split it")

    def check_includes(self, path):
        layer = layer_of(path)
        if layer is None:
            self.breach(path, 1, "belongs to no layer of tests/house/rules.py")
            return
        for line, mark, header in self.includes[path]:
            if mark == '"':
                self.check_own(path, layer, line, header)
            elif header in self.text:
                self.breach(path, line, f'write "{header}", not <{header}>: it is our own')
            elif not is_system(header):
                self.check_foreign(path, line, header)

    def check_own(self, path, layer, line, header):
        if header not in self.text and header + ".in" not in self.text:  # .in: made while configuring
            self.breach(path, line, f'"{header}" is no file of the repository; includes are written from its root')
        elif not any(covers(allowed, header) for allowed in [layer] + rules.LAYERS[layer]):
            self.breach(path, line, f'{layer} may not include "{header}"')

    def check_foreign(self, path, line, header):
        known = [prefix for prefix in rules.FOREIGN if header.startswith(prefix)]
        if not known:
            self.breach(path, line, f"<{header}> is of no known dependency; a new one needs a line in tests/house/rules.py "
                                    "and a sentence in README.md")
            return
        for prefix in known:
            name, places = rules.FOREIGN[prefix]
            if path.startswith("tests/"):
                continue
            if not matches(path, places) or matches(path, rules.NEVER.get(prefix, [])):
                self.breach(path, line, f"<{header}> ({name}) has no place here; it may stand in: {', '.join(places) or 'tests'}")

    def check_confined(self, prefix, home):
        """Follows includes upwards from the foreign header; nobody outside `home` (tests aside) may be reached."""
        showing = {p for p, list_ in self.includes.items() if any(h.startswith(prefix) for _, m, h in list_ if m == "<")}
        pending = [p for p in showing if p.endswith(".h")]
        while pending:
            header = pending.pop()
            for path, list_ in self.includes.items():
                hit = [line for line, mark, h in list_ if mark == '"' and h == header]
                if not hit or path in showing:
                    continue
                if layer_of(path) != home and not path.startswith("tests/"):
                    self.breach(path, hit[0], f'"{header}" shows <{prefix}> outside {home}/')
                showing.add(path)
                if path.endswith(".h"):
                    pending.append(path)

    def statistics(self):
        counts = sorted((text.count("\n"), path) for path, text in self.text.items() if path.endswith(MEASURED))
        if not counts:
            return "no source files"
        sizes = [size for size, _ in counts]
        p90 = sizes[min(len(sizes) - 1, int(len(sizes) * 0.9))]
        longest = f"{counts[-1][1]} ({counts[-1][0]})"
        return (f"{len(sizes)} source files, {sum(sizes)} lines; length: median {statistics.median_low(sizes)}, "
                f"p90 {p90}, longest {longest}")


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    house = House(os.path.abspath(root))
    breaches = house.check()
    for line in breaches:
        print(line)
    print(house.statistics())
    print(f"{len(breaches)} breach(es) of the house rules" if breaches else "The house rules hold.")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
