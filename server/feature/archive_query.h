// SPDX-License-Identifier: AGPL-3.0-or-later
// What an archive query (XEP-0313) asks for, turned into a query of the sealed logs. Thread: core.
#pragma once
#include <asio/awaitable.hpp>
#include <expected>
#include <memory>
#include <string>

#include "server/core/log_reader.h"
#include "server/xml/element.h"
#include "server/xmpp/error.h"

namespace lethe::core {
class Account;
class Core;
}

namespace lethe::feature {

struct ArchiveQuery {
    core::LogQuery log;
    std::size_t max = 0;   ///< entries of a page
    std::size_t ids = 0;   ///< so many single entries were asked for, all of which must be there; 0: a range
    bool flipped = false;  ///< the newest of the page is sent first
};

/// Reads the <query/> of an account's owner. The error is the answer.
std::expected<ArchiveQuery, xmpp::StanzaError> read_archive_query(const core::Core& core, const core::Account& account, const xml::Element& query);

/// All that may be served to the owner now.
core::LogQuery whole_archive(const core::Core& core, const core::Account& account);

/// `<metadata/>`: the ends of what may be served, empty if there is nothing or it cannot be read. Resumes at once or soon; the account may have
/// no session meanwhile.
asio::awaitable<std::string> archive_metadata(core::Core& core, std::shared_ptr<core::Account> account);

}  // namespace lethe::feature
