"""What namespaces use of their quotas, counted again whenever something changes, for the quotas' status."""

from __future__ import annotations

from probe.sandbox.api.admission.quota import used_of
from probe.sandbox.api.resources import NAMESPACED
from probe.sandbox.store import Obj, Store


async def run_quotas(store: Store) -> None:
    """Until cancelled."""
    async with store.subscribe(*(resource.plural for resource in NAMESPACED)) as changes:
        while True:
            for namespace in {event.obj["metadata"]["namespace"] for event in await changes.batch()}:
                for quota in store.list("resourcequotas", namespace):
                    _count(store, quota)


def _count(store: Store, quota: Obj) -> None:
    used = {name: str(amount) for name, amount in used_of(store, quota).items()}
    status = {"hard": dict(quota["spec"].get("hard") or {}), "used": used}
    meta = quota["metadata"]
    store.modify("resourcequotas", meta["namespace"], meta["name"], lambda draft: draft.update(status=status))
