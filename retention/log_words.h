// SPDX-License-Identifier: AGPL-3.0-or-later
// What this folder and the store have names for, as words of the log.
#pragma once
#include "retention/buckets.h"
#include "retention/log.h"

namespace lethe::retention {

inline Word word(crypto::ClassId cls) {
    switch (cls) {
        case crypto::ClassId::archive:
            return Word("archive");
        case crypto::ClassId::letterbox:
            return Word("letterbox");
        case crypto::ClassId::subscriptions:
            return Word("subscriptions");
        case crypto::ClassId::uploads:
            return Word("uploads");
    }
    return crypto::is_archive(cls) ? Word("archive_choice") : Word("unknown");
}

inline Word word(Buckets::Alarm alarm) {
    switch (alarm) {
        case Buckets::Alarm::create_failed:
            return Word("create_failed");
        case Buckets::Alarm::key_not_destroyed:
            return Word("key_not_destroyed");
        case Buckets::Alarm::file_not_removed:
            return Word("file_not_removed");
        case Buckets::Alarm::bucket_unreadable:
            return Word("bucket_unreadable");
        case Buckets::Alarm::bucket_without_key:
            return Word("bucket_without_key");
        case Buckets::Alarm::deadline_not_recorded:
            return Word("deadline_not_recorded");
    }
    return Word("unknown");
}

inline Word word(store::ErrorKind kind) {
    switch (kind) {
        case store::ErrorKind::full:
            return Word("full");
        case store::ErrorKind::io:
            return Word("io");
        case store::ErrorKind::damaged:
            return Word("damaged");
        case store::ErrorKind::exists:
            return Word("exists");
        case store::ErrorKind::not_found:
            return Word("not_found");
        case store::ErrorKind::closed:
            return Word("closed");
        case store::ErrorKind::not_overwritten:
            return Word("key_not_overwritten");
    }
    return Word("unknown");
}

/// What an alarm of the buckets says in the log.
inline void write_alarm(Log& log, Buckets::Alarm alarm, const store::BucketId& id) {
    log.write(Event::sweep_alarm, {word(alarm), word(id.cls), Count{id.number}});
}

}  // namespace lethe::retention
