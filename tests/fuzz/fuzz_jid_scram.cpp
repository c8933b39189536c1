// SPDX-License-Identifier: AGPL-3.0-or-later
// The small parsers of network text: addresses, SCRAM, base64, date-times, forms and result sets.
#include "server/xmpp/base64.h"
#include "server/xmpp/datetime.h"
#include "server/xmpp/forms.h"
#include "server/xmpp/jid.h"
#include "server/xmpp/precis.h"
#include "server/xmpp/scram.h"
#include "tests/fuzz/driver.h"

namespace lethe::fuzz {
namespace {

using namespace xmpp;

void try_jid(std::string_view text) {
    require(precis::username_case_mapped(text) == precis::username_case_mapped_slow(text),
            "short and long way agree on localparts");
    require(precis::opaque_string(text) == precis::opaque_string_slow(text),
            "short and long way agree on resources");
    require(precis::domain(text) == precis::domain_slow(text), "short and long way agree on domains");
    const auto jid = Jid::parse(text);
    if (!jid) return;
    const auto again = Jid::parse(jid->to_string());
    require(again && *again == *jid, "a JID's own text is that JID");
    for (const std::string* part : {&jid->local(), &jid->domain(), &jid->resource()})
        require(part->size() <= 1023, "parts are short");
    require(!jid->domain().empty(), "a JID has a domain");
    require(jid->local().find_first_of("\"&'/:<>@") == std::string::npos,
            "localparts have no excluded character");
    if (const auto full = jid->full())
        require(FullJid::make(full->bare(), full->resource()) == full, "a resource prepares to itself");
}

void try_scram(std::string_view text, scram::Hash hash, bool plus) {
    const std::vector<std::uint8_t> data(8, 'x');
    const scram::ChannelBinding binding{.tls_server_end_point = data,
                                        .tls_exporter = plus ? std::optional(data) : std::nullopt};
    {
        scram::Exchange exchange(hash, plus, plus ? binding : scram::ChannelBinding{}, "server");
        if (const auto first = exchange.client_first(text))
            require(!first->username.empty(), "a user has a name");
    }
    scram::Exchange exchange(hash, plus, binding, "server");
    if (!exchange.client_first(plus ? "p=tls-exporter,,n=user,r=client" : "n,,n=user,r=client")) std::abort();
    const std::vector<std::uint8_t> key(scram::size_of(hash), 7);
    exchange.server_first(
        {.hash = hash, .iterations = 4096, .salt = data, .stored_key = key, .server_key = key});
    require(!exchange.client_final(text), "nobody gets in without the password");
}

void try_xml(std::string_view text) {
    const xml::Document d = xml::parse(text);
    if (!d.root()) return;
    (void)parse_rsm(d.root());
    const auto form = parse_form(d.root());
    if (!form) return;
    xml::Document parent("iq", xml::ns::content);
    add_form(parent.root(), *form);
    const auto again = parse_form(parent.root().first_child());
    require(again && again->fields.size() == form->fields.size() && again->form_type() == form->form_type(),
            "forms are written as they are read");
}

}  // namespace

void run(std::string_view input) {
    if (input.empty()) return;
    const auto how = static_cast<unsigned char>(input[0]);
    input.remove_prefix(1);
    try_jid(input);
    try_scram(input, how & 1 ? scram::Hash::sha_1 : scram::Hash::sha_256, how & 2);
    try_xml(input);
    (void)scram::saslprep(input);
    (void)scram::saslprep(input, scram::Unassigned::allowed);
    if (const auto bytes = base64::decode(input))
        require(base64::encode(*bytes) == input, "base64 has one spelling");
    if (const auto time = parse_datetime(input)) {
        // An offset can push the first and last hours of the calendar over its edge.
        const std::string text = format_datetime(*time);
        if (!text.starts_with("0001") && !text.starts_with("9999"))
            require(parse_datetime(text) == time, "times read back");
    }
}

std::vector<std::string> seeds() {
    std::vector<std::string> out;
    for (char how = 0; how < 4; ++how) {
        for (const char* text :
             {"juliet@example.com/balcony", "\u03A3\u00DF\u0130@b\u00FCcher.example./\u265A \u00A0",
              "a@[2001:db8::1]/r", "192.0.2.1", "\u05D0\u05D11@\u05D0.example",
              "\uFF21\uFF76\uFF9E@xn--bcher-kva.example", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
              "p=tls-exporter,a=x=2Cy,n=us=3Der,r=abc,x=y",
              "c=biws,r=clientserver,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
              "c=cD10bHMtZXhwb3J0ZXIsLA==,r=clientserver,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
              "2026-01-02T03:04:05.678+01:00",
              "<x xmlns='jabber:x:data' type='submit'><field "
              "var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field></x>",
              "<query><set "
              "xmlns='http://jabber.org/protocol/rsm'><max>10</max><after>x</after></set></query>"}) {
            out.push_back(std::string(1, how) + text);
        }
    }
    return out;
}

std::vector<std::string> words() {
    return {"@",
            "/",
            ".",
            "-",
            "xn--",
            "[",
            "]",
            ":",
            "=2C",
            "=3D",
            ",",
            "=",
            "n,,",
            "y,,",
            "m=",
            ",p=",
            ",r=",
            "c=",
            "\u3002",
            "\uFF20",
            "\u0301",
            "\u00B7",
            "\u200D",
            "\u0660",
            "\u06F0",
            "\u05D0",
            "\u00AD",
            "\u3000",
            "\u1E9E",
            "\u0130",
            "\U0001F600",
            "\xC0\x80",
            "\xED\xA0\x80",
            "Z",
            "+14:00",
            ".5",
            "T",
            "<max>",
            "</max>",
            "<before/>",
            "==",
            std::string(1, '\0'),
            std::string(300, 'a')};
}

}  // namespace lethe::fuzz
