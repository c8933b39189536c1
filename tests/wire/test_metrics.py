#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""/health and /metrics: what they say to anybody, what they never say, and that the policy decides. Read with Prometheus' own parser."""
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from lethe_test import main
from lethe_test.http import HttpCase
from lethe_test.waiting import until


class NotPublic(HttpCase):
    def test_health_is_one_word_and_metrics_are_not_there(self):
        for tls in (False, True):
            answer = self.get("/health", tls)
            self.assertEqual((200, b"ok\n", "no-store"), (answer.status, answer.body, answer["cache-control"]))
        self.assertEqual(404, self.get("/metrics").status)
        self.assertNotIn(b"/metrics", self.get("/policy").body)


class Public(HttpCase):
    policy = {"metrics": {"public": True}, "change": {"notice": "14d"}}

    def metrics(self):
        answer = self.get("/metrics")
        self.assertEqual((200, "application/openmetrics-text; version=1.0.0; charset=utf-8"), (answer.status, answer["content-type"]))
        families = list(text_string_to_metric_families(answer.body.decode()))
        self.assertTrue(all(family.type == "gauge" and family.documentation for family in families), families)
        return {(sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples}

    def test_they_are_aggregates_that_show_nobody(self):
        before = self.metrics()
        self.assertEqual({"lethe_accounts", "lethe_accounts_online", "lethe_sessions", "lethe_buckets", "lethe_buckets_overdue", "lethe_buckets_quarantined", "lethe_alarms",
                          "lethe_swept_to_timestamp_seconds"}, {name for name, _ in before} | {"lethe_swept_to_timestamp_seconds"})
        self.assertEqual(0, before["lethe_sessions", ()])
        self.assertIn(("lethe_buckets", ("archive",)), before)
        client = self.online(self.account(), "r")
        client.asks_ok("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.assertEqual(0, self.metrics()["lethe_sessions", ()], "one person who comes does not show")
        self.assertIn(b"/metrics", self.get("/policy").body)


class TakenAway(HttpCase):
    policy = Public.policy

    def test_the_policy_takes_them_away_at_once(self):
        self.assertEqual(200, self.get("/metrics").status)
        self.server.set_policy({"metrics": {"public": False}})
        self.server.process.send_signal(1)
        until(lambda: self.get("/metrics").status == 404, "the metrics to be gone")
        # Showing them again is looser: announced, and not before its time.
        self.server.set_policy({"metrics": {"public": True}})
        self.server.process.send_signal(1)
        until(lambda: b"Announced changes" in self.get("/policy").body, "the announcement")
        self.assertEqual(404, self.get("/metrics").status)


if __name__ == "__main__":
    main()
