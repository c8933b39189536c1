// SPDX-License-Identifier: AGPL-3.0-or-later
// What a client that checks certificates (RFC 6125) will make of one that could be loaded. Who signed it is not looked at: that is for
// the client's own list of authorities to say.
#pragma once
#include <cstdint>
#include <string>

#include "server/net/stream.h"

namespace lethe::net {

/// One domain, as the two kinds of names in a certificate write it.
struct CertificateSubject {
    std::string domain;  ///< as in addresses
    std::string host;    ///< as DNS writes it; an IP address without brackets
};
struct CertificateTerms {
    /// It names the domain: as a DNS name (in whole, or with `*` in the place of its first label), as an IP address, as the domain of XMPP
    /// addresses or as a service of it (RFC 6120 section 13.7.1.2). A common name does not count: clients stopped looking at it.
    bool names_subject = false;
    std::int64_t until = 0;  ///< seconds since 1970
};

CertificateTerms certificate_terms(TlsContext& context, const CertificateSubject& subject);

}  // namespace lethe::net
