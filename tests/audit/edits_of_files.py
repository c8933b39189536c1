# SPDX-License-Identifier: AGPL-3.0-or-later
"""Edits of the plain files of a data directory: the ledger, the log, what does not belong there, permissions (see edits.py)."""
import os
import pathlib
import re
import shutil

from edits import HOUR, edit, place, some_bucket, some_log

# Ledger ---------------------------------------------------------------------------------------------------------------

def change_lines(data, change):
    file = data / "ledger.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    change(lines)
    file.write_text("".join(lines))
    return {"ledger.jsonl"}


@edit
def a_ledger_line_dropped(data, random, base):
    return change_lines(data, lambda lines: lines.pop(random.randrange(len(lines) - 1)))


@edit
def a_ledger_line_edited(data, random, base):
    def change(lines):
        n = random.randrange(len(lines))
        at = random.choice([m.start() for m in re.finditer(r"[0-9]", lines[n])])
        lines[n] = lines[n][:at] + str((int(lines[n][at]) + random.randrange(1, 10)) % 10) + lines[n][at + 1:]
    return change_lines(data, change)


@edit
def ledger_lines_in_another_order(data, random, base):
    def change(lines):
        one, other = random.sample(range(len(lines)), 2)
        lines[one], lines[other] = lines[other], lines[one]
    return change_lines(data, change)


@edit
def a_ledger_line_twice(data, random, base):
    return change_lines(data, lambda lines: lines.insert(random.randrange(len(lines)), random.choice(lines)))


@edit
def a_ledger_cut_inside_a_line(data, random, base):
    file = data / "ledger.jsonl"
    text = file.read_bytes()
    cut = random.randrange(1, len(text))
    os.truncate(file, cut - 1 if text[cut - 1:cut] == b"\n" else cut)
    return {"ledger.jsonl"}


@edit
def a_ledger_cut_at_the_end_of_a_line(data, random, base):
    def change(lines):
        in_force = max(n for n, line in enumerate(lines) if '"event":"policy_in_force"' in line)
        del lines[random.randrange(1, in_force + 1):]
    return change_lines(data, change)


@edit
def a_ledger_signed_with_another_key(data, random, base):
    shutil.copy2(base.other.data / "ledger.jsonl", data / "ledger.jsonl")
    return {"ledger.jsonl"}


@edit
def a_ledger_that_is_missing(data, random, base):
    (data / "ledger.jsonl").unlink()
    return {"ledger.jsonl"}


@edit
def a_ledger_emptied(data, random, base):
    (data / "ledger.jsonl").write_bytes(b"")
    return {"ledger.jsonl"}


# Clock and log --------------------------------------------------------------------------------------------------------

@edit
def a_clock_record_that_is_missing(data, random, base):
    (data / "clock").unlink()
    return {"clock"}


@edit
def a_clock_record_without_a_time(data, random, base):
    text = (data / "clock").read_text()
    (data / "clock").write_text(random.choice(["", text[:random.randrange(1, len(text))], text[::-1], text.replace("0", "-", 1)]))
    return {"clock"}


@edit
def a_log_directory_that_is_missing(data, random, base):
    shutil.rmtree(data / "log")
    return {"log"}


# Lines of the log ------------------------------------------------------------------------------------------------------

def add_line(data, random, make):
    file = some_log(data, random)
    lines = file.read_text().splitlines()
    time = random.choice(lines).split(" ", 1)[0]
    lines.insert(random.randrange(len(lines) + 1), make(time))
    file.write_text("".join(line + "\n" for line in lines))
    return {place(data, file)}


@edit
def a_log_line_with_an_address(data, random, base):
    address = random.choice(["192.0.2.7", "2001:db8::7", "192.0.2.0/24"])
    return add_line(data, random, lambda time: f"{time} login address={address} mechanism=SCRAM-SHA-256")


@edit
def a_log_line_with_an_account(data, random, base):
    return add_line(data, random, lambda time: f"{time} login account=alice@localhost.example mechanism=SCRAM-SHA-256")


@edit
def a_log_line_of_unknown_form(data, random, base):
    line = random.choice(["alice logged in", "{} login!", "{} login mechanism = x", "{} login mechanism=PLAIN account=~0123456789abcdef", "",
                          "{} alice_was_here", "{}  login", "\t", "{} login mechanism=\x1b[2J"])
    return add_line(data, random, lambda time: line.format(time))


@edit
def a_log_line_of_another_time(data, random, base):
    year = random.randrange(1990, 2020)
    return add_line(data, random, lambda time: f"{year}{time[4:]} server_stopped")


@edit
def a_name_in_the_place_of_a_time(data, random, base):
    return add_line(data, random, lambda time: "alice@chat.example.x server_stopped")


@edit
def an_address_in_the_place_of_a_word_or_a_count(data, random, base):
    line = random.choice(["{} login mechanism=192.0.2.7", "{} bucket_destroyed buckets=alice", "{} session_closed reason=alice@chat.example",
                          "{} bucket_destroyed buckets=1 undeclared=alice"])
    return add_line(data, random, lambda time: line.format(time))


@edit
def an_address_in_a_line_cut_short(data, random, base):
    file = some_log(data, random)
    time = file.read_text().split(" ", 1)[0]
    end = random.choice(["{} login address=192.0.2.7", "{} login addr 192.0.2.7", "192.0.2.7", "{}alice", "{} alice@"])
    with open(file, "a") as out:
        out.write(end.format(time))
    return {place(data, file)}


def rename_log(data, random, change):
    file = some_log(data, random)
    start, end, deadline, number = file.stem.split("-")
    other = file.with_name("-".join(map(str, change(int(start), int(end), int(deadline), number))) + ".log")
    file.rename(other)
    return {place(data, other)}


@edit
def a_log_file_past_its_deadline(data, random, base):
    by = random.randrange(100, 1000) * HOUR
    return rename_log(data, random, lambda s, e, d, n: (s, e, max(s, d - by), n) if d - by > s else (s - by, e, d - by, n))


@edit
def a_log_file_put_back_after_its_end(data, random, base):
    """As a copy that somebody had kept: its name says until when it was to be there."""
    file = some_log(data, random)
    start, end, deadline, number = file.stem.split("-")
    by = random.randrange(48, 1000) * HOUR
    other = file.with_name(f"{int(start) - by}-{int(end) - by}-{int(deadline) - by}-{int(number) + 1000}.log")
    other.touch(0o600)
    return {place(data, other)}


@edit
def a_log_file_with_a_later_deadline(data, random, base):
    by = random.randrange(2, 1000) * HOUR
    return rename_log(data, random, lambda s, e, d, n: (s, e, random.choice([d + by, "never"]), n))


# Files and permissions --------------------------------------------------------------------------------------------------

FOREIGN = ["notes.txt", ".hidden", "state.mdb.bak", "buckets/archive/1.mdb.bak", "buckets/archive/1.MDB", "buckets/readme", "log/access.log",
           "log/1-2-3-4.log.1", "buckets/archive/-1.mdb", "log/\n\x1b[31mname", "buckets/letterbox/<img src=x>", "keyring~", "run"]


@edit
def a_foreign_file(data, random, base):
    name = random.choice(FOREIGN)
    (data / name).write_bytes(random.randbytes(random.randrange(100)))
    os.chmod(data / name, 0o600)
    return {name}


@edit
def a_foreign_directory(data, random, base):
    name = random.choice(["backup", "buckets/archive/old", "log/old", "buckets/Archive", "buckets/upload"])
    (data / name).mkdir(mode=0o700)
    (data / name / "copy.mdb").write_bytes(b"x")
    (data / name / "loop").symlink_to("..")
    return {name}


def escaped(name):
    return "".join(c if " " <= c < "\x7f" and c != "\\" else f"\\x{ord(c):02x}" for c in name)


def every_path(data):
    return [data] + sorted(data.rglob("*"))


@edit
def other_permissions_of_a_file(data, random, base):
    file = random.choice([path for path in every_path(data) if path.is_file()])
    file.chmod(random.choice([0o640, 0o644, 0o660, 0o666, 0o700, 0o4600, 0o400]))
    return {place(data, file)}


@edit
def other_permissions_of_a_directory(data, random, base):
    directory = random.choice([path for path in every_path(data) if path.is_dir()])
    directory.chmod(random.choice([0o750, 0o755, 0o777, 0o1700, 0o711]))
    return {"" if directory == data else place(data, directory)}


@edit
def a_file_of_another_user(data, random, base):
    file = random.choice([path for path in every_path(data)[1:] if path.is_file()])
    os.chown(file, 65534, -1)
    return {place(data, file)}


@edit
def a_file_with_a_second_name_elsewhere(data, random, base):
    file = some_bucket(data, random)
    os.link(file, data.parent / f"{data.name}-kept")
    return {place(data, file)}


def some_file(data, random):
    return random.choice([some_bucket(data, random), data / "state.mdb", data / "keyring", data / "ledger.jsonl", some_log(data, random)])


@edit
def a_link_in_the_place_of_a_file(data, random, base):
    file = some_file(data, random)
    target = random.choice([file.with_name("gone"), pathlib.Path("/dev/zero"), pathlib.Path("/etc/passwd"), file])
    elsewhere = data.parent / f"{data.name}-elsewhere"
    if target.name == "gone":
        shutil.copy2(file, elsewhere)
        target = elsewhere
    file.unlink()
    file.symlink_to(target)
    return {place(data, file)}


@edit
def a_pipe_or_socket_in_the_place_of_a_file(data, random, base):
    file = some_file(data, random)
    file.unlink()
    os.mkfifo(file, 0o600) if random.random() < 0.5 else os.mknod(file, 0o140600)
    return {place(data, file)}


@edit
def a_directory_in_the_place_of_a_file(data, random, base):
    file = some_file(data, random)
    file.unlink()
    file.mkdir(mode=0o700)
    return {place(data, file)}


@edit
def a_vast_sparse_file(data, random, base):
    name = random.choice(["log", "empty bucket", "bucket", "state", "ledger", "keyring"])
    file = {"log": some_log(data, random), "empty bucket": some_bucket(data, random), "bucket": some_bucket(data, random),
            "state": data / "state.mdb", "ledger": data / "ledger.jsonl", "keyring": data / "keyring"}[name]
    if name == "empty bucket":
        file.write_bytes(b"")
    os.truncate(file, (random.choice([1, 4]) << 40) + (1 if name == "keyring" else 0))
    return {place(data, file)}


@edit
def a_lock_that_holds_something_else(data, random, base):
    file = random.choice([data / "lock", data / "state.mdb-lock"])
    file.write_bytes(b"alice@chat.example was last seen at noon on Monday, with bob\n")
    return {place(data, file)}
