"""Cluster roles that are put together from others (aggregationRule), kept up to date."""

from __future__ import annotations

from probe.sandbox.api.auth.bootstrap import aggregate
from probe.sandbox.store import Store


async def run_roles(store: Store) -> None:
    """Until cancelled."""
    async with store.subscribe("clusterroles") as changes:
        while True:
            await changes.batch()
            aggregate(store)
