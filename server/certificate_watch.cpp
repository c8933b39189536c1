// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/certificate_watch.h"

#include <chrono>

#include "server/xmpp/datetime.h"
#include "server/xmpp/precis.h"

namespace lethe::server {
namespace {

using retention::Event;
using retention::Time;
using retention::Word;

constexpr Time second = 1'000'000;
/// Enough to act in. Who renews by a program does it well before: certbot a month, and of certificates that live for six days half of that.
constexpr Time notice = 14 * 86'400 * second;
constexpr std::chrono::hours between_looks{1};

std::string host_of(const std::string& domain) {
    if (domain.starts_with('[') && domain.ends_with(']')) return domain.substr(1, domain.size() - 2);
    return xmpp::precis::dns_name(domain).value_or(domain);
}

}  // namespace

CertificateWatch::CertificateWatch(asio::io_context& io, const retention::Clock& clock, retention::Log& log, const std::string& domain, std::string path)
    : timer_(io), clock_(clock), log_(log), subject_{domain, host_of(domain)}, path_(std::move(path)) {}

void CertificateWatch::use(net::TlsContext& context) {
    terms_ = net::certificate_terms(context, subject_);
    said_ = Doubt::none;
    look();
}

CertificateWatch::Doubt CertificateWatch::doubt() const {
    const Time now = clock_.now(), until = terms_.until * second;
    if (until <= now) return Doubt::expired;
    if (!terms_.names_subject) return Doubt::other_name;
    return until - now < notice ? Doubt::expires_soon : Doubt::none;
}

void CertificateWatch::look() {
    const auto found = doubt();
    if (found != said_ && found == Doubt::other_name) log_.write(Event::certificate_problem, {Word("other_name")});
    if (found != said_ && found == Doubt::expires_soon) log_.write(Event::certificate_problem, {Word("expires_soon")});
    if (found != said_ && found == Doubt::expired) log_.write(Event::certificate_problem, {Word("expired")});
    said_ = found;
    timer_.expires_after(between_looks);
    timer_.async_wait([this](std::error_code error) {
        if (!error) look();
    });
}

std::string CertificateWatch::trouble() const {
    const std::string renew = ": renew it, put the new one in its place and send SIGHUP";
    const auto date = [this] { return xmpp::format_datetime(terms_.until * second).substr(0, 10); };
    switch (doubt()) {
        case Doubt::none:
            return {};
        case Doubt::other_name:
            return path_ + " is not for " + subject_.domain + ", so clients warn or refuse: get one that names it, put it in its place and send SIGHUP";
        case Doubt::expires_soon:
            return path_ + " expires on " + date() + renew;
        case Doubt::expired:
            return path_ + " expired on " + date() + ", so clients warn or refuse" + renew;
    }
    return {};
}

}  // namespace lethe::server
