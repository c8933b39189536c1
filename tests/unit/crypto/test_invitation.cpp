// SPDX-License-Identifier: AGPL-3.0-or-later
#include "crypto/invitation.h"

#include "crypto/forms.h"
#include "tests/unit/crypto/fixture.h"

using namespace lethe::crypto_test;

namespace {

constexpr std::int64_t deadline = 1'700'003'600'000'000;

struct Given {
    NodeKeys keys{secret_of<NodeKey>(vectors::node_key)};
    InvitationToken token = *InvitationToken::parse(vectors::invitation_token);
    Invitation invitation{.until = 1'700'000'000'000'000, .uses = 3, .inviter = Inviter{"romeo", id_of<VaultPublicKey>(vectors::vault_public)}};
};

}  // namespace

TEST_SUITE("crypto/invitation") {
    TEST_CASE("ids and rows are as the second implementation makes them") {
        const Given known;
        CHECK(hex(invitation_id(known.keys, known.token).view()) == vectors::invitation_id);
        const auto opened = open_invitation(known.keys, known.token, deadline, sealed_of(vectors::invitation_sealed));
        REQUIRE(opened.has_value());
        CHECK(*opened == known.invitation);
    }

    TEST_CASE("every invitation has one size") {
        const Given known;
        for (const std::string& local : {std::string("a"), std::string(1023, 'x')}) {
            const Invitation invitation{.until = 1, .uses = 0xffffffff, .inviter = Inviter{local, {}}};
            const auto sealed = seal_invitation(known.keys, known.token, deadline, invitation);
            CHECK(sealed.size() == 1129);
            CHECK(looks_like(Form::invitation, sealed.view()));
            CHECK(*open_invitation(known.keys, known.token, deadline, sealed) == invitation);
        }
        const Invitation of_operator{.until = -1, .uses = 1};
        const auto sealed = seal_invitation(known.keys, known.token, deadline, of_operator);
        CHECK(sealed.size() == 1129);
        CHECK(*open_invitation(known.keys, known.token, deadline, sealed) == of_operator);
    }

    TEST_CASE("it opens with its own token, node key and deadline, and unchanged only") {
        const Given known;
        const auto sealed = seal_invitation(known.keys, known.token, deadline, known.invitation);
        CHECK_FALSE(open_invitation(known.keys, InvitationToken::generate(), deadline, sealed).has_value());
        CHECK_FALSE(open_invitation(known.keys, known.token, deadline + 1, sealed).has_value());
        CHECK_FALSE(open_invitation(NodeKeys(NodeKey::generate()), known.token, deadline, sealed).has_value());
        CHECK(invitation_id(NodeKeys(NodeKey::generate()), known.token) != invitation_id(known.keys, known.token));
        each_tampering(sealed.view(), [&](ByteView bad) {
            CHECK_FALSE(open_invitation(known.keys, known.token, deadline, Sealed::from_disk(bad)).has_value());
        });
    }

    TEST_CASE("a token has one spelling") {
        const Given known;
        CHECK(known.token.text() == vectors::invitation_token);
        CHECK(InvitationToken::generate().text() != InvitationToken::generate().text());
        const std::string good(vectors::invitation_token);
        for (const std::string& bad : {std::string(), good.substr(1), good + "0", good.substr(0, 31) + "g", good.substr(0, 31) + "\xc3", " " + good.substr(1),
                                       std::string("D") + good.substr(1), good.substr(0, 31) + '\0', good.substr(0, 16) + ":" + good.substr(17)})
            CHECK_FALSE(InvitationToken::parse(bad).has_value());
    }
}
