"""Tables of what limits others: quotas, ranges, classes and webhooks."""

from __future__ import annotations

from probe.sandbox.api.columns import AGE, CREATED, NAME, Column
from probe.sandbox.store import Obj


def limit_tables() -> dict[str, tuple[Column, ...]]:
    """By plural."""
    return {
        "resourcequotas": (
            NAME,
            Column("Request", lambda quota: _used(quota, limits=False)),
            Column("Limit", lambda quota: _used(quota, limits=True)),
            AGE,
        ),
        "limitranges": (NAME, CREATED),
        "priorityclasses": (
            NAME,
            Column("Value", lambda obj: obj["value"], type="integer"),
            Column("Global-Default", lambda obj: str(bool(obj.get("globalDefault"))).lower()),
            AGE,
            Column("PreemptionPolicy", lambda obj: obj.get("preemptionPolicy", "")),
        ),
        "validatingwebhookconfigurations": (
            NAME,
            Column("Webhooks", lambda obj: len(obj.get("webhooks") or ()), type="integer"),
            AGE,
        ),
        "runtimeclasses": (NAME, Column("Handler", lambda obj: obj["handler"]), AGE),
    }


def _used(quota: Obj, *, limits: bool) -> str:
    """``pods: 1/2, requests.cpu: 0/1``."""
    status = quota.get("status") or {}
    used = status.get("used") or {}
    return ", ".join(
        f"{name}: {used.get(name, '0')}/{amount}"
        for name, amount in sorted((status.get("hard") or {}).items())
        if name.startswith("limits") is limits
    )
