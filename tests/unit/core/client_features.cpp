// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/core/client_features.h"

#include <doctest/doctest.h>

using namespace lethe;
using namespace lethe::core;

namespace {

std::string ver_of(const std::string& inner) {
    const auto document = xml::parse("<query xmlns='http://jabber.org/protocol/disco#info'>" + inner + "</query>");
    REQUIRE(document.root());
    return verification_string(document.root());
}

const std::string exodus = "<identity category='client' name='Exodus 0.9.1' type='pc'/><feature var='http://jabber.org/protocol/caps'/>"
                           "<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>"
                           "<feature var='http://jabber.org/protocol/muc'/>";

}  // namespace

TEST_SUITE("core/client_features") {
    TEST_CASE("the examples of XEP-0115 sections 5.2 and 5.3") {
        CHECK(ver_of(exodus) == "QgayPKawpkPSDYmwT/WM94uAlu0=");
        CHECK(ver_of("<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>"
                     "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
                     "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
                     "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
                     "<field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field><field var='os'><value>Mac</value></field>"
                     "<field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field>"
                     "<field var='software_version'><value>0.11</value></field></x>") == "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    }

    TEST_CASE("what section 5.4 calls ill-formed has no hash") {
        CHECK(ver_of(exodus + "<feature var='http://jabber.org/protocol/muc'/>").empty());
        CHECK(ver_of(exodus + "<identity category='client' name='Exodus 0.9.1' type='pc'/>").empty());
        const std::string form = "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a</value></field></x>";
        CHECK_FALSE(ver_of(exodus + form).empty());
        CHECK(ver_of(exodus + form + form).empty());
        // A form whose type is not hidden is left out.
        CHECK(ver_of(exodus + "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>a</value></field></x>") == ver_of(exodus));
    }

    TEST_CASE("what could be read as other features has no hash") {
        const std::string identity = "<identity category='client' name='c' type='pc'/>";
        CHECK_FALSE(ver_of(identity + "<feature var='urn:a'/><feature var='urn:b+notify'/>").empty());
        CHECK(ver_of(identity + "<feature var='urn:a&lt;urn:b+notify'/>").empty());
        CHECK(ver_of("<identity category='client' name='c&lt;urn:a&lt;urn:b+notify' type='pc'/>").empty());
        CHECK(ver_of("<identity category='client' name='c' type='pc&lt;'/>").empty());
        CHECK(ver_of("<identity category='http:' type='' xml:lang='a' name='b+notify'/><feature var='urn:c'/>").empty());
        const auto form = [](const std::string& type, const std::string& field) {
            return "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>" + type + "</value></field>" + field + "</x>";
        };
        CHECK_FALSE(ver_of(identity + form("urn:a", "<field var='b'><value>c</value></field>")).empty());
        CHECK(ver_of(identity + form("urn:a+notify", "")).empty());
        CHECK(ver_of(identity + form("urn:a", "<field var='urn:b+notify'/>")).empty());
        CHECK(ver_of(identity + form("urn:a", "<field var='b'><value>urn:c+notify</value></field>")).empty());
        CHECK(ver_of(identity + form("urn:a", "<field var='b'><value>c&lt;d</value></field>")).empty());
    }

    TEST_CASE("of the features only the nodes are kept, and no more than a client can mean") {
        std::string inner = "<feature var='urn:a+notify'/><feature var='urn:b'/><x xmlns='urn:x' var='urn:c+notify'/>";
        auto document = xml::parse("<query xmlns='http://jabber.org/protocol/disco#info'>" + inner + "</query>");
        CHECK(*wanted_nodes(document.root()) == std::set<std::string, std::less<>>{"urn:a"});
        for (int n = 0; n < 300; ++n) inner += "<feature var='urn:" + std::to_string(n) + "+notify'/>";
        document = xml::parse("<query xmlns='http://jabber.org/protocol/disco#info'>" + inner + "</query>");
        CHECK(wanted_nodes(document.root())->size() == 200);
    }

    TEST_CASE("a thousand kinds of clients are remembered, those used last") {
        ClientFeatures features;
        const auto nodes = std::make_shared<const std::set<std::string, std::less<>>>();
        for (int n = 0; n < 1000; ++n) features.learn(std::to_string(n), nodes);
        CHECK(features.find("0"));
        features.learn("another", nodes);
        CHECK(features.find("0"));
        CHECK_FALSE(features.find("1"));
        CHECK(features.find("another"));
    }
}
