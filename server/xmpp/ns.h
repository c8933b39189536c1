// SPDX-License-Identifier: AGPL-3.0-or-later
// Namespace names, each with its source. One place, so that a typo cannot make a feature silently unreachable.
#pragma once
#include <string_view>

namespace lethe::xmpp::ns {
inline constexpr std::string_view client = "jabber:client";                                        // RFC 6120
inline constexpr std::string_view server = "jabber:server";                                        // RFC 6120
inline constexpr std::string_view streams = "http://etherx.jabber.org/streams";                    // RFC 6120
inline constexpr std::string_view stream_errors = "urn:ietf:params:xml:ns:xmpp-streams";           // RFC 6120 4.9
inline constexpr std::string_view stanza_errors = "urn:ietf:params:xml:ns:xmpp-stanzas";           // RFC 6120 8.3
inline constexpr std::string_view tls = "urn:ietf:params:xml:ns:xmpp-tls";                         // RFC 6120 5
inline constexpr std::string_view sasl = "urn:ietf:params:xml:ns:xmpp-sasl";                       // RFC 6120 6
inline constexpr std::string_view sasl2 = "urn:xmpp:sasl:2";                                        // XEP-0388
inline constexpr std::string_view bind2 = "urn:xmpp:bind:0";                                        // XEP-0386
inline constexpr std::string_view fast = "urn:xmpp:fast:0";                                         // XEP-0484
inline constexpr std::string_view sasl_cb = "urn:xmpp:sasl-cb:0";                                  // XEP-0440
inline constexpr std::string_view bind = "urn:ietf:params:xml:ns:xmpp-bind";                       // RFC 6120 7
inline constexpr std::string_view session = "urn:ietf:params:xml:ns:xmpp-session";                 // RFC 3921, optional
inline constexpr std::string_view roster = "jabber:iq:roster";                                     // RFC 6121 2
inline constexpr std::string_view roster_ver = "urn:xmpp:features:rosterver";                      // RFC 6121 2.6
inline constexpr std::string_view pre_approval = "urn:xmpp:features:pre-approval";                 // RFC 6121 3.4
inline constexpr std::string_view data_form = "jabber:x:data";                                     // XEP-0004
inline constexpr std::string_view disco_info = "http://jabber.org/protocol/disco#info";            // XEP-0030
inline constexpr std::string_view last = "jabber:iq:last";                                         // XEP-0012
inline constexpr std::string_view disco_items = "http://jabber.org/protocol/disco#items";          // XEP-0030
inline constexpr std::string_view rsm = "http://jabber.org/protocol/rsm";                          // XEP-0059
inline constexpr std::string_view commands = "http://jabber.org/protocol/commands";                // XEP-0050
inline constexpr std::string_view bookmarks_storage = "storage:bookmarks";                         // XEP-0048
inline constexpr std::string_view private_xml = "jabber:iq:private";                               // XEP-0049
inline constexpr std::string_view vcard = "vcard-temp";                                            // XEP-0054
inline constexpr std::string_view vcard_update = "vcard-temp:x:update";                            // XEP-0153
inline constexpr std::string_view pubsub = "http://jabber.org/protocol/pubsub";                    // XEP-0060
inline constexpr std::string_view pubsub_owner = "http://jabber.org/protocol/pubsub#owner";        // XEP-0060
inline constexpr std::string_view pubsub_event = "http://jabber.org/protocol/pubsub#event";        // XEP-0060
inline constexpr std::string_view pubsub_errors = "http://jabber.org/protocol/pubsub#errors";      // XEP-0060
inline constexpr std::string_view pubsub_node_config = "http://jabber.org/protocol/pubsub#node_config";          // XEP-0060
inline constexpr std::string_view pubsub_publish_options = "http://jabber.org/protocol/pubsub#publish-options";  // XEP-0060
inline constexpr std::string_view pubsub_meta_data = "http://jabber.org/protocol/pubsub#meta-data";              // XEP-0060
inline constexpr std::string_view avatar_data = "urn:xmpp:avatar:data";                            // XEP-0084
inline constexpr std::string_view avatar_metadata = "urn:xmpp:avatar:metadata";                    // XEP-0084
inline constexpr std::string_view bookmarks = "urn:xmpp:bookmarks:1";                              // XEP-0402
inline constexpr std::string_view muc_user = "http://jabber.org/protocol/muc#user";                // XEP-0045
inline constexpr std::string_view conference = "jabber:x:conference";                              // XEP-0249
inline constexpr std::string_view preauth = "urn:xmpp:pars:0";                                      // XEP-0379
inline constexpr std::string_view reg = "jabber:iq:register";                                      // XEP-0077
inline constexpr std::string_view chatstates = "http://jabber.org/protocol/chatstates";            // XEP-0085
inline constexpr std::string_view xdata_validate = "http://jabber.org/protocol/xdata-validate";    // XEP-0122
inline constexpr std::string_view version = "jabber:iq:version";                                   // XEP-0092
inline constexpr std::string_view caps = "http://jabber.org/protocol/caps";                        // XEP-0115
inline constexpr std::string_view receipts = "urn:xmpp:receipts";                                  // XEP-0184
inline constexpr std::string_view blocking = "urn:xmpp:blocking";                                  // XEP-0191
inline constexpr std::string_view blocking_errors = "urn:xmpp:blocking:errors";                    // XEP-0191
inline constexpr std::string_view sm = "urn:xmpp:sm:3";                                            // XEP-0198
inline constexpr std::string_view ping = "urn:xmpp:ping";                                          // XEP-0199
inline constexpr std::string_view time = "urn:xmpp:time";                                          // XEP-0202
inline constexpr std::string_view delay = "urn:xmpp:delay";                                        // XEP-0203
inline constexpr std::string_view carbons = "urn:xmpp:carbons:2";                                  // XEP-0280
inline constexpr std::string_view forward = "urn:xmpp:forward:0";                                  // XEP-0297
inline constexpr std::string_view mam = "urn:xmpp:mam:2";                                          // XEP-0313
inline constexpr std::string_view mam_extended = "urn:xmpp:mam:2#extended";                        // XEP-0313
inline constexpr std::string_view markers = "urn:xmpp:chat-markers:0";                             // XEP-0333
inline constexpr std::string_view hints = "urn:xmpp:hints";                                        // XEP-0334
inline constexpr std::string_view csi = "urn:xmpp:csi:0";                                          // XEP-0352
inline constexpr std::string_view sid = "urn:xmpp:sid:0";                                          // XEP-0359
inline constexpr std::string_view reporting = "urn:xmpp:reporting:1";                              // XEP-0377
inline constexpr std::string_view eme = "urn:xmpp:eme:0";                                          // XEP-0380
inline constexpr std::string_view push = "urn:xmpp:push:0";                                        // XEP-0357
inline constexpr std::string_view data_policy = "urn:xmpp:data-policy:0";                          // XEP-0504
inline constexpr std::string_view http_upload = "urn:xmpp:http:upload:0";                            // XEP-0363
inline constexpr std::string_view server_info = "http://jabber.org/network/serverinfo";            // XEP-0157
inline constexpr std::string_view stream_limits = "urn:xmpp:stream-limits:0";                      // XEP-0478
}  // namespace lethe::xmpp::ns
