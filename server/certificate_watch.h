// SPDX-License-Identifier: AGPL-3.0-or-later
// Says what clients will not accept of the certificate in use, or soon will not: another name than the domain, an end that is near.
//
// Neither is a reason not to serve: whoever is online stays, and a certificate of another name is still better than none. Both are alarms, in the log when
// they are found (at a start, at a reload, or as time passes) and in `lethectl status` as long as they last.
// Thread: the core's. Lifetime: everything it is given outlives it.
#pragma once
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <string>

#include "retention/clock.h"
#include "retention/log.h"
#include "server/net/certificate_terms.h"

namespace lethe::server {

class CertificateWatch {
public:
    CertificateWatch(asio::io_context& io, const retention::Clock& clock, retention::Log& log, const std::string& domain, std::string path);

    /// Looks at the one that is in use from now on.
    void use(net::TlsContext& context);
    void stop() { timer_.cancel(); }
    /// A sentence with the remedy; empty: nothing is wrong.
    std::string trouble() const;

private:
    enum class Doubt { none, other_name, expires_soon, expired };
    Doubt doubt() const;
    void look();

    asio::steady_timer timer_;
    const retention::Clock& clock_;
    retention::Log& log_;
    const net::CertificateSubject subject_;
    const std::string path_;
    net::CertificateTerms terms_;
    Doubt said_ = Doubt::none;
};

}  // namespace lethe::server
