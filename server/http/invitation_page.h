// SPDX-License-Identifier: AGPL-3.0-or-later
// What the link of an invitation shows, in words: the invitation with its form, the account that was made, and that there is nothing to be had. Values.
//
// No script, nothing from elsewhere, and one style, which content_security_policy() allows by its hash.
#pragma once
#include "retention/render.h"
#include "server/admin/invitations.h"
#include "server/core/core.h"
#include "server/stream/new_account.h"

namespace lethe::http {

class InvitationPage {
public:
    InvitationPage(const core::Core& core, retention::Language language);

    /// `refused`: why the form that was sent made no account, above it; with `name`, what was typed there.
    std::string invitation(const admin::Invitations::Found& found, const std::optional<stream::NotMade>& refused = {}, std::string_view name = {});
    std::string made(const xmpp::BareJid& account, const std::optional<xmpp::BareJid>& inviter);
    std::string nothing();

    static const std::string& content_security_policy();

private:
    std::string say(std::string_view english, std::string_view german) const { return std::string(language_ == retention::Language::de ? german : english); }
    void paragraph(const std::string& html) { out_ += "<p>" + html + "</p>\n"; }
    void heading(const std::string& text) { out_ += "<h2>" + text + "</h2>\n"; }
    void begin(const std::string& title);
    std::string end() { return std::move(out_) + "</main>\n</body>\n</html>\n"; }
    void form(const std::optional<stream::NotMade>& refused, std::string_view name);
    std::string reason(const stream::NotMade& refused) const;
    void clients(bool with_link);
    void about();
    void code(const std::string& uri);

    const retention::Policy& policy_;
    const std::string &url_, &web_client_;
    const std::string domain_;
    const retention::Language language_;
    std::string out_;
};

}  // namespace lethe::http
