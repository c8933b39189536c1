// SPDX-License-Identifier: AGPL-3.0-or-later
// systemd's readiness protocol (sd_notify(3)): one datagram to NOTIFY_SOCKET, if there is one.
#pragma once

namespace lethe::server {
void notify_service_manager(const char* state);
}
