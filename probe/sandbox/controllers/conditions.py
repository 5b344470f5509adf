"""Status conditions, as Kubernetes keeps them: one a type, stamped when its status changes."""

from __future__ import annotations

from probe.sandbox.store import Obj, timestamp


def set_condition(obj: Obj, kind: str, status: str, reason: str = "", message: str = "") -> None:
    """Set a condition in place; ``lastTransitionTime`` moves only with ``status``."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    known = next((item for item in conditions if item["type"] == kind), None)
    moved = known is None or known["status"] != status
    wanted = {
        "type": kind,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": timestamp() if moved or known is None else known["lastTransitionTime"],
        **({"reason": reason} if reason else {}),
        **({"message": message} if message else {}),
    }
    if known is None:
        conditions.append(wanted)
    else:
        conditions[conditions.index(known)] = wanted


def condition(obj: Obj, kind: str) -> Obj | None:
    """A condition, or None."""
    conditions: list[Obj] = (obj.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item["type"] == kind), None)
