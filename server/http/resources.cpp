// SPDX-License-Identifier: AGPL-3.0-or-later
#include "server/http/resources.h"

namespace lethe::http {

Router resources(core::Core& core, stream::Connections& clients, stream::RegistrationLimits& registrations, const retention::Ledger& ledger, Status status) {
    Router router;
    router.add("/", read_only(front_page()));
    router.add("/policy", read_only(policy_page(core, ledger, std::nullopt)));
    router.add("/policy/en", read_only(policy_page(core, ledger, retention::Language::en)));
    router.add("/policy/de", read_only(policy_page(core, ledger, retention::Language::de)));
    router.add("/policy/ledger", read_only(http::ledger(core)));
    router.add("/policy.toml", read_only(policy_file(core)));
    router.add("/health", read_only(health(core)));
    router.add("/metrics", read_only(metrics(core, ledger, std::move(status))));
    router.add(std::string(websocket_path), websocket(clients));
    if (const auto& url = core.env.config.http.url; !url.empty()) {
        router.add("/.well-known/host-meta", read_by_any_page(host_meta_xml(url)));
        router.add("/.well-known/host-meta.json", read_by_any_page(host_meta_json(url)));
    }
    router.add("/u/", upload_put(core));
    router.add("/f/", upload_get(core));
    router.add("/i/", invitation_page(core, registrations));
    return router;
}

}  // namespace lethe::http
