"""All controllers, for as long as the sandbox lives."""

from __future__ import annotations

import asyncio

from probe.sandbox.controllers.jobs import run_jobs
from probe.sandbox.controllers.namespaces import create_first_namespaces, run_namespaces
from probe.sandbox.controllers.nodes import run_nodes
from probe.sandbox.controllers.quotas import run_quotas
from probe.sandbox.controllers.roles import run_roles
from probe.sandbox.controllers.scheduler import run_scheduler
from probe.sandbox.controllers.serviceaccounts import run_service_accounts
from probe.sandbox.controllers.services import run_services
from probe.sandbox.store import Store


async def run_controllers(store: Store, *, ca: str) -> None:
    """Run until cancelled; an error in one ends all. ``ca`` is the cluster's root certificate as PEM."""
    create_first_namespaces(store)
    async with asyncio.TaskGroup() as group:
        group.create_task(run_namespaces(store), name="namespaces")
        group.create_task(run_nodes(store), name="nodes")
        group.create_task(run_service_accounts(store, ca), name="service accounts")
        group.create_task(run_jobs(store), name="jobs")
        group.create_task(run_quotas(store), name="quotas")
        group.create_task(run_roles(store), name="roles")
        group.create_task(run_services(store), name="services")
        group.create_task(run_scheduler(store), name="scheduler")
