"""Uptime checks and alert policies, of which python-digitalocean knows nothing."""

from __future__ import annotations

from bootstrap.adapters.digitalocean import convert
from bootstrap.adapters.digitalocean.resources import Resources
from bootstrap.ports.cloud import AlertPolicy, UptimeCheck

# two, so that one region's own trouble wakes nobody
REGIONS = ("us_east", "eu_west")
DOWN = "down_global"
PERIOD = "2m"
WINDOW = "10m"
_CHECKS, _POLICIES = "uptime/checks", "monitoring/alerts"


class MonitoringResources(Resources):
    def uptime_checks(self) -> list[UptimeCheck]:
        return [convert.uptime_check(item) for item in self._api.get(_CHECKS)["checks"]]

    def put_uptime_check(self, name: str, target: str, email: str) -> UptimeCheck:
        body = {"name": name, "type": "https", "target": target, "regions": list(REGIONS), "enabled": True}
        check = self._uptime_check(name)
        if check is None:
            check = self._api.create(
                lambda: convert.uptime_check(self._api.post(_CHECKS, body)["check"]), lambda: self._uptime_check(name)
            )
            alerted = False
        else:
            if check.target != target:
                check = convert.uptime_check(self._api.put(f"{_CHECKS}/{check.id}", body)["check"])
            alerted = self._has_alert(check.id)
        if not alerted:
            self._create_alert(check, email)
        return check

    def _uptime_check(self, name: str) -> UptimeCheck | None:
        return next((check for check in self.uptime_checks() if check.name == name), None)

    def _has_alert(self, check_id: str) -> bool:
        return any(alert["type"] == DOWN for alert in self._api.get(f"{_CHECKS}/{check_id}/alerts")["alerts"])

    def _create_alert(self, check: UptimeCheck, email: str) -> None:
        to = {"email": [email], "slack": []}
        body = {"name": f"{check.name} is down", "type": DOWN, "period": PERIOD, "notifications": to}
        self._api.create(
            lambda: self._api.post(f"{_CHECKS}/{check.id}/alerts", body),
            lambda: {} if self._has_alert(check.id) else None,
        )

    def delete_uptime_check(self, check_id: str) -> None:
        self._api.delete(f"{_CHECKS}/{check_id}")

    def alert_policies(self) -> list[AlertPolicy]:
        found = map(convert.alert_policy, self._api.get(_POLICIES)["policies"])
        return [policy for policy in found if policy is not None]

    def create_alert_policy(self, name: str, metric: str, percent: int, tag: str, email: str) -> AlertPolicy:
        body = convert.alert_policy_body(name, metric, percent, tag, email, WINDOW)
        made = self._api.create(
            lambda: convert.alert_policy(self._api.post(_POLICIES, body)["policy"]),
            lambda: next((p for p in self.alert_policies() if (p.name, p.metric) == (name, metric)), None),
        )
        assert made is not None, "it says what was asked for"
        return made

    def delete_alert_policy(self, policy_id: str) -> None:
        self._api.delete(f"{_POLICIES}/{policy_id}")
