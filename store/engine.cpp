// SPDX-License-Identifier: AGPL-3.0-or-later
#include "store/engine.h"

#include <future>

#include "store/group.h"
#include "store/lock.h"

namespace lethe::store {

Engine::Engine(Store::Options given)
    : options(std::move(given)), registry(std::make_unique<Registry>(open_limit())) {}

void Engine::start() {
    started_ = true;
    reaper_ = std::make_unique<Reaper>();
    writer = std::make_unique<Writer>([this](std::deque<Op> ops) { run(std::move(ops)); });
}

Engine::~Engine() {
    if (writer) {
        std::promise<void> drained;
        writer->enqueue({Notify{[&] { drained.set_value(); }}, {}});
        drained.get_future().wait();
        reaper_->finish();
        writer.reset();
        // What could not be overwritten earlier gets one more chance; the next open has the one after that.
        if (keyring->needs_flush()) static_cast<void>(keyring->flush());
    }
    registry.reset();
    // A store that was opened has looked at what a crash left; one that was refused has not.
    if (started_ || ended_cleanly) note_clean_end(lock);
}

void Engine::run(std::deque<Op> ops) {
    Group group(*this);
    for (auto& op : ops) {
        if (auto* change = std::get_if<Change>(&op.what)) {
            if (!group.takes(*change)) group.commit();
            group.add(std::move(*change), std::move(op.done));
            continue;
        }
        // The life of buckets cuts a group: it is rare, and what was queued before must be in the bucket
        // before it dies.
        group.commit();
        run_bucket_op(std::move(op));
    }
    group.commit();
}

void Engine::run_bucket_op(Op op) {
    Result result;
    if (auto* create = std::get_if<CreateBucket>(&op.what)) {
        result = create_bucket(*create);
    } else if (auto* shorten = std::get_if<ShortenBucket>(&op.what)) {
        result = shorten_bucket(*shorten);
    } else if (auto* destroy = std::get_if<DestroyBucket>(&op.what)) {
        result = kill_bucket_key(destroy->id);
    } else if (std::holds_alternative<OverwriteAgain>(op.what)) {
        if (keyring->needs_flush()) result = keyring->flush();
    } else if (auto* reaped = std::get_if<Reaped>(&op.what)) {
        result = reaped->result;
        if (result) registry->forget(path_of(reaped->id));
    } else if (auto* notify = std::get_if<Notify>(&op.what)) {
        notify->run();
    }
    std::vector<std::pair<Completion, Result>> completions;
    completions.emplace_back(std::move(op.done), result);
    auto* destroy = std::get_if<DestroyBucket>(&op.what);
    // A number that nobody has used yet may be taken at any moment: its file is not for the reaper.
    const bool file_left = destroy && result && was_ever_used(destroy->id);
    if (destroy && !file_left) completions.emplace_back(std::move(destroy->gone), result);
    hand_over(std::move(completions));
    if (file_left) reap(destroy->id, std::move(destroy->gone));
}

void Engine::hand_over(std::vector<std::pair<Completion, Result>> completions) {
    keys_left_over = keyring->doomed();
    std::vector<std::move_only_function<void()>> calls;
    for (auto& [done, result] : completions) {
        if (done) calls.emplace_back([d = std::move(done), r = result]() mutable { d(r); });
    }
    if (calls.empty()) return;
    if (options.deliver) {
        options.deliver(std::move(calls));
        return;
    }
    for (auto& call : calls) call();
}

std::expected<std::optional<AccountState>, Error> Engine::account(const AccountId& id) {
    auto pin = state();
    if (!pin) return std::unexpected(to_error(pin.error()));
    const ReadTransaction txn(**pin);
    if (txn.code() != 0) return std::unexpected(to_error(txn.code()));
    const auto value = txn.get(format::accounts, id.view());
    if (!value) return std::unexpected(to_error(value.error()));
    if (!*value) return std::nullopt;
    const auto decoded = format::decode_account(**value);
    if (!decoded) return std::unexpected(Error{ErrorKind::damaged, 0});
    return AccountState{decoded->slot, Sealed::from_disk(decoded->record)};
}

}  // namespace lethe::store
