// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/credentials.h"

#include "server/core/async.h"

namespace lethe::core {

asio::awaitable<Prepared> prepare_credentials(Core& core, std::shared_ptr<const admin::Password> password) {
    std::function<Prepared()> job = [password, sha_1 = core.env.config.sasl.scram_sha_1] {
        return std::make_shared<Prepared::element_type>(admin::prepare_credentials(*password, sha_1));
    };
    const auto turns = core.password_changes;
    auto entering = turns->enter();
    co_await std::move(entering);
    const Turn turn(turns);
    auto preparing = on_pool(core.env.io, core.env.pool, std::move(job));
    co_return co_await std::move(preparing);
}

}  // namespace lethe::core
