// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/feature/push_store.h"

namespace lethe::feature {
namespace {

std::optional<core::Shelves> shelves_of(const core::Core& core, const xmpp::BareJid& owner) {
    return core::Shelves::of(core.env.store, core.env.keys, core.env.keys.account_id(owner));
}

}  // namespace

std::optional<PushStore::Registrations> PushStore::read(const core::Core& core,
                                                        const xmpp::BareJid& owner) const {
    if (const auto found = on_their_way_.find(owner); found != on_their_way_.end())
        return found->second.registrations;
    const auto shelves = shelves_of(core, owner);
    if (!shelves) return std::nullopt;
    const auto row = shelves->read(core::AccessModel::open, core::push_row);
    if (!row) return Registrations();
    return core::decode_push(*row);
}

void PushStore::write(core::Core& core, const xmpp::BareJid& owner, Registrations registrations,
                      std::function<void(bool)> done) {
    const auto shelves = shelves_of(core, owner);
    if (!shelves) return done(false);
    core::Change change;
    if (registrations.empty())
        shelves->erase(change.batch, core::AccessModel::open, core::push_row);
    else
        shelves->put(change.batch, core::AccessModel::open, core::push_row, core::encode(registrations));
    auto& waiting = on_their_way_[owner];
    waiting.registrations = std::move(registrations);
    ++waiting.writes;
    core.write(std::move(change),
               [self = shared_from_this(), owner, done = std::move(done)](store::Result result) {
                   const auto found = self->on_their_way_.find(owner);
                   if (--found->second.writes == 0) self->on_their_way_.erase(found);
                   done(bool(result));
               });
}

}  // namespace lethe::feature
