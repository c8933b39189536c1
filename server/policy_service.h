// SPDX-License-Identifier: AGPL-3.0-or-later
// The policy of a running server: what is in force, kept in state.mdb; the file at start and at SIGHUP; the moment at which an
// announced policy takes effect.
//
// `obeyed` is the one Policy that everything in the server looks at; it changes in place. A looser policy is obeyed, and users are told of
// one, only after it is on stable storage; what is tighter is obeyed even if the disk refuses to hold it, and tried again every minute.
// A file that is wrong changes nothing: the log gets a line, and until a good one is read `trouble` says so to whoever asks for the status; what
// is wrong in it goes to nobody but `lethectl policy check`.
// Lifetime: what is in Parts outlives it. Thread: core.
#pragma once
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "retention/clock.h"
#include "retention/policy_change.h"
#include "store/store.h"

namespace lethe::server {

class PolicyService {
public:
    struct Parts {
        asio::io_context& io;
        store::Store& store;
        const retention::Clock& clock;
        std::string file;
        /// Whether the clock may be believed: while it is in doubt nothing announced takes effect.
        std::function<bool()> trusted = [] { return true; };
    };
    struct Hooks {
        std::function<void(const retention::Policy&)> in_force;               ///< `obeyed` means something else now; not called for the first
        std::function<void(const retention::Announcement&)> announced;        ///< durable; a new one, or another text or date of the one that stands
        std::function<void()> news;                                           ///< somebody may have to be told of something
        std::function<void()> kept;                                           ///< what is in force is on stable storage
        std::function<void()> trouble;                                        ///< the file is wrong, or the disk takes no change
        std::function<void()> published;                                      ///< what service discovery says of the policy is another now
    };
    /// Compares the file, which was read already, with what is stored. The error is a sentence: the stored row cannot be used.
    static std::expected<std::unique_ptr<PolicyService>, std::string> open(Parts parts, retention::Policy file);
    ~PolicyService();

    enum class Trouble { none, file, disk };
    /// Whether the file was wrong when it was last read, or the disk does not hold what it led to.
    Trouble trouble() const { return trouble_; }

    const retention::Policy& obeyed() const { return obeyed_; }
    const retention::PolicyStanding& standing() const { return standing_; }
    /// From here on hooks are called and time passes. Once.
    void start(Hooks hooks);
    /// Reads the file again.
    void reload();
    void stop();

private:
    PolicyService(Parts parts, retention::PolicyStanding standing);
    void settle(retention::PolicyStanding next);
    void stored(store::Result result);
    void obey(const retention::Policy& policy);
    void schedule();

    Parts parts_;
    Hooks hooks_;
    retention::PolicyStanding standing_;
    retention::Policy obeyed_;
    std::optional<retention::PolicyStanding> pending_;  ///< on its way to the disk
    Trouble trouble_ = Trouble::none;
    bool writing_ = false, again_ = false, retry_ = false, stopped_ = false;
    asio::steady_timer timer_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  ///< completions that come after our end find it gone
};

}  // namespace lethe::server
