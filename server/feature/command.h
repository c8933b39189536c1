// SPDX-License-Identifier: AGPL-3.0-or-later
// What one ad-hoc command (XEP-0050) of a single stage brings with it; commands.cpp speaks the protocol for all of them.
//
// A command: a form, and what becomes of it when it is filled in. One more: a file with a function like those at the end, and its line in
// commands.cpp.
// Thread: core.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "retention/render.h"
#include "server/core/core.h"
#include "server/xmpp/forms.h"

namespace lethe::feature {

/// One that is under way.
struct CommandRun {
    std::string_view node;
    std::string id;
    retention::Language language;
    /// "completed", with a sentence for its user.
    void finish(const core::Responder& responder, const std::string& note) const { responder.result(answer(note)); }
    /// The same, for who answers on their own.
    std::function<void(xml::Element)> answer(const std::string& note) const;
    /// "completed", with what came of it as a form.
    std::function<void(xml::Element)> result(xmpp::Form form) const;
};

struct Command {
    std::string_view node;
    std::function<std::string(retention::Language)> name;
    /// Whether there is this command for whoever asks.
    std::function<bool(const core::Request&)> offered;
    std::function<xmpp::Form(const core::Request&, retention::Language)> form;
    /// Does it, and answers by finish() or with an error. Instead: a sentence why what was filled in cannot be taken; the command stays open.
    std::function<std::optional<std::string>(core::Request&, const CommandRun&, const xmpp::Form& filled_in)> complete;
    /// In the place of both: done without a form, when it is executed.
    std::function<void(core::Request&, const CommandRun&)> at_once = {};
    std::function<void(core::Core&, const std::shared_ptr<core::Session>&)> session_connected = {};  ///< as in core::Feature
};

inline std::string in(retention::Language language, std::string_view english, std::string_view german) {
    return std::string(language == retention::Language::de ? german : english);
}

Command invite_command();
Command retention_command();
Command sessions_command();
Command erasure_command();

}  // namespace lethe::feature
