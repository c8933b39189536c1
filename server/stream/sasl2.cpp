// SPDX-License-Identifier: AGPL-3.0-or-later
// XEP-0388 Extensible SASL Profile, version 1.0.1, with XEP-0386 Bind 2, version 1.0.1, and resumption inside it (XEP-0198 section 9): login, and a
// session or the one before, in one exchange.
//
// Path: <authenticate/> is kept until the login has succeeded → <resume/> is tried first → else <bind/> begins a session, with what it wants
// turned on → <success/> holds the answers to both, and stream features follow without a restart, except after a resumption. A failed login forgets all of it.
//
// What differs here: what waits in the letterbox is not cleared unseen, as Bind 2 has it, but only what the archive will give out (core/letterbox.h):
// a policy, or the user, may keep no archive. The user agent's id is held in memory with its session, so that the next session of the same
// client ends it; its software and device are not looked at. Tasks are not offered.
#include "server/stream/sasl2.h"

#include "server/core/async.h"
#include "server/core/random_hex.h"
#include "server/feature/archive_query.h"
#include "server/stream/client_stream.h"
#include "server/xmpp/boolean.h"
#include "server/xmpp/datetime.h"
#include "server/xmpp/ns.h"

namespace lethe::stream {
namespace {
namespace ns = xmpp::ns;
using xmpp::StreamCondition;

constexpr std::size_t longest_tag = 64, longest_agent = 64;

/// What a client's installation calls itself.
std::string agent_of(const xml::Element& request) { return std::string(request.child("user-agent", ns::sasl2).attr("id").substr(0, longest_agent)); }

}  // namespace

std::string sasl2_feature(const std::string& mechanisms, const std::vector<std::string>& token_mechanisms) {
    std::string tokens;
    for (const auto& name : token_mechanisms) tokens += "<mechanism>" + name + "</mechanism>";
    if (!tokens.empty()) tokens = "<fast xmlns='urn:xmpp:fast:0'>" + tokens + "</fast>";
    return "<authentication xmlns='urn:xmpp:sasl:2'>" + mechanisms +
           "<inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/>"
           "<feature var='urn:xmpp:sm:3'/></inline></bind><sm xmlns='urn:xmpp:sm:3'/>" + tokens + "</inline></authentication>";
}

void ClientStream::on_sasl2(const xml::Element& element) {
    if (element.name() == "authenticate" && !login_->under_way()) {
        const auto initial = element.child("initial-response", ns::sasl2);
        const auto text = initial.text();
        inline_ = xml::Document::copy_of(element);
        if (element.child("fast", ns::fast)) return login_reply(login_->with_token(element.attr("mechanism"), text, agent_of(element), service_.core.env.clock.now()));
        return login_reply(login_->begin(element.attr("mechanism"), initial && text.empty() ? "=" : text));
    }
    // Nothing else may come meanwhile (section 2.4); of the other profile neither.
    if (!inline_) return finish(StreamCondition::not_authorized);
    if (element.name() == "response") return login_reply(login_->respond(element.text()));
    if (element.name() == "abort") return login_reply(login_->abort());
    login_reply(login_->malformed());
}

asio::awaitable<void> ClientStream::answer_sasl2() {
    const auto request = std::move(*inline_);
    inline_.reset();
    const auto additional = std::exchange(additional_, std::nullopt);
    auto about_tokens = tokens(xml::Document::copy_of(request.root()));
    const auto token = co_await std::move(about_tokens);
    if (state_ == State::closing) co_return;
    std::string answers;
    const auto resumption = request.root().child("resume", ns::sm);
    if (resumption) {
        auto operation = resume(xml::Document::copy_of(resumption));
        answers = co_await std::move(operation);
        if (state_ == State::closing) co_return;
    }
    const bool resumed = state_ == State::bound;
    if (const auto wanted = request.root().child("bind", ns::bind2); wanted && !resumed) {
        auto operation = bind2(xml::Document::copy_of(wanted), agent_of(request.root()));
        const auto bound = co_await std::move(operation);
        if (state_ != State::bound) co_return;
        answers += bound;
    }
    const auto identity = session_ ? session_->jid().to_string() : proof_->account.to_string();
    push("<success xmlns='urn:xmpp:sasl:2'><additional-data>" + *additional + "</additional-data><authorization-identifier>" +
         xml::escape(identity) + "</authorization-identifier>" + answers + token + "</success>");
    // XEP-0198 section 9.2: a resumed stream is established with <success/>.
    if (resumed) session_->resend();
    else push(features());
    if (session_) service_.core.features.connected(service_.core, session_);
}

/// Ends the token that this login was made with, if the client wants that; the <token/> for one that it asked for.
asio::awaitable<std::string> ClientStream::tokens(xml::Document request) {
    auto& core = service_.core;
    const auto used = std::exchange(token_, std::nullopt);
    const auto done = std::make_shared<bool>(false);
    const auto note = [done](const std::function<void()>& go_on) {
        return [done, go_on](admin::Outcome outcome) {
            *done = admin::happened(outcome);
            go_on();
        };
    };
    if (used && xmpp::is_true(request.root().child("fast", ns::fast).attr("invalidate"))) {
        std::function<void(std::function<void()>)> end = [&core, note, account = proof_->account, check = used->check](std::function<void()> go_on) {
            core.env.operations.end_token(account, check, note(go_on));
        };
        auto ending = core::wait_for(core.env.io, std::move(end));
        co_await std::move(ending);
        if (!*done) finish(StreamCondition::internal_server_error, "The token could not be ended");
        co_return "";
    }
    const auto wanted = request.root().child("request-token", ns::fast);
    if (!wanted || used || !vault_) co_return "";
    const auto now = core.env.clock.now();
    auto issued = service_.authenticator.issue_token(*vault_, channel_binding(), {std::string(wanted.attr("mechanism")), agent_of(request.root()), now});
    if (!issued) co_return "";
    std::function<void(std::function<void()>)> add = [&core, note, proof = *proof_, token = issued->token, now](std::function<void()> go_on) {
        core.env.operations.add_token(proof.account, token, proof.mechanism, proof.stored_key, now, note(go_on));
    };
    auto adding = core::wait_for(core.env.io, std::move(add));
    co_await std::move(adding);
    if (!*done) co_return "";  // the client goes on with its password
    co_return "<token xmlns='urn:xmpp:fast:0' expiry='" + xmpp::format_datetime(issued->token.expiry) + "' token='" + issued->text + "'/>";
}

/// The <bound/>; without a session the stream is closing.
asio::awaitable<std::string> ClientStream::bind2(xml::Document request, std::string agent) {
    const auto wanted = request.root();
    const auto tag = wanted.child("tag", ns::bind2).text();
    auto resource = core::random_hex(8);
    if (!tag.empty() && tag.size() <= longest_tag) resource = tag + "/" + resource;
    auto jid = xmpp::FullJid::make(proof_->account, resource);
    if (!jid) jid = xmpp::FullJid::make(proof_->account, core::random_hex(8));  // a tag that no resource can hold
    const bool carbons = bool(wanted.child("enable", ns::carbons));
    const bool inactive = bool(wanted.child("inactive", ns::csi));
    const auto management = wanted.child("enable", ns::sm);

    auto opening = open_for_session();
    const auto account = co_await std::move(opening);
    if (!account) co_return "";
    auto reading = feature::archive_metadata(service_.core, account);
    const auto metadata = co_await std::move(reading);
    if (state_ == State::closing) {
        service_.core.close_if_unused(account);
        co_return "";
    }
    if (!begin(account, *jid)) {
        service_.core.close_if_unused(account);
        finish(StreamCondition::resource_constraint, "Too many sessions of this account");
        co_return "";
    }
    end_former(*account, agent);
    session_->agent = std::move(agent);
    session_->carbons = carbons;
    session_->archive_covers = service_.core.env.clock.now();
    if (inactive) session_->set_inactive(true);
    co_return "<bound xmlns='urn:xmpp:bind:0'>" + metadata + (management ? enable(management) : std::string()) + "</bound>";
}

/// Sessions that the same installation of a client had before (section 2.2).
void ClientStream::end_former(core::Account& account, std::string_view agent) {
    if (agent.empty()) return;
    const auto sessions = account.sessions;
    for (const auto& [_, session] : sessions) {
        if (session == session_ || session->agent != agent) continue;
        session->kick(StreamCondition::conflict, "Replaced by a new session of the same client");
        service_.core.end_session(session);
    }
}

}  // namespace lethe::stream
