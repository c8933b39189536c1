// SPDX-License-Identifier: AGPL-3.0-or-later
// The policy in force as forms of the server's disco#info (XEP-0128):
//
// - XEP-0504 (Data Policy), version 0.1.0: every field it defines, but `tos` where the operator names no terms. What it cannot express,
//   different times for different data above all, is in
// - a form of our own, FORM_TYPE urn:x-lethe:policy:0. Spans are as in policy.toml ("7d", "0", "unlimited").
//       archive, letterbox, subscriptions, log      text-single: how long each class is kept
//       archive-choices                             list-multi: what a user may pick instead of `archive`; absent if nothing
//       letterbox-max-messages, letterbox-max-bytes text-single: for each user; 0 where there is no letterbox
//       log-address, log-account, log-peer          list-single: none, network, pseudonym or full
//       log-events                                  text-multi: "EVENT KEEP ADDRESS ACCOUNT PEER" for each event with rules of its own
//       uploads, uploads-max-size, uploads-quota-per-day   text-single: "0" and 0 where none are taken
//       registration                                text-single: closed, invite or open
//       invitations                                 text-single: how long one can be used at most; absent where there are none
//       notice                                      text-single: a looser policy is announced that long before it acts
//       policy                                      text-single: BLAKE2b-256 of the policy file in force, hexadecimal
//       announced, announced-from                   text-single: the same of the policy that waits, and from when on it acts (XEP-0082)
// - XEP-0157 (Contact Addresses), version 1.1.1: the operator's contact as admin-addresses.
//
// The forms are part of the server's caps hash, so they say the same to everybody, in all languages of the policy at once.
#pragma once
#include <vector>

#include "server/core/core.h"
#include "server/xmpp/forms.h"

namespace lethe::feature {

std::vector<xmpp::Form> policy_forms(const core::Core& core);

}  // namespace lethe::feature
