# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writing TOML (the standard library only reads it): tables of strings, numbers, booleans, lists and tables."""
import json


def merged(base, over):
    """`base` with the values of `over`; tables are merged, None removes a key."""
    out = dict(base)
    for key, value in over.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(out[key], value)
        else:
            out[key] = value
    return out


def dumps(table, path=()):
    plain = [(k, v) for k, v in table.items() if not isinstance(v, dict)]
    tables = [(k, v) for k, v in table.items() if isinstance(v, dict)]
    lines = [f"[{'.'.join(path)}]"] if path and (plain or not tables) else []
    lines += [f"{key} = {_value(value)}" for key, value in plain]
    text = "\n".join(lines) + "\n" if lines else ""
    return text + "".join(dumps(value, (*path, key)) for key, value in tables)


def _value(value):
    # JSON's strings, numbers, booleans and lists are TOML's too; only DEL needs care and never occurs here.
    return json.dumps(value, ensure_ascii=False)
