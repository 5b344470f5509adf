"""Leaving nothing behind: what a run made is removed through whatever has gone wrong, or else what is left is said."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from probe.cluster.api import Api
from probe.cluster.cleanup import Owned, owned_namespaces, owned_policies, remove
from probe.engine.options import RunOptions
from probe.model.errors import CniProbeError
from probe.model.events import CleanedUp, Event, ProblemSeen


@dataclass(slots=True)
class Leftovers:
    """What a run made. ``made``: the actual names of namespaces that may be there.

    ``kinds``: those of cluster-scoped policies that may be there.
    """

    api: Api
    options: RunOptions
    emit: Callable[[Event], None]
    made: list[str] = field(default_factory=list)
    kinds: frozenset[str] = frozenset()

    async def remove_copy(self, namespaces: Collection[str], prefix: str, *, alone: bool) -> None:
        """Remove one fleet, and the cluster-scoped policies whose names begin with its ``prefix``.

        Nobody waits for the end of the removal, but who runs alone; then there are no policies but that fleet's, and
        all go, whatever they are called. Raises ClusterError; it is tried again at the end.
        """
        if self.options.keep:
            return
        seconds = self.options.removal_seconds if alone else 0.0

        def is_its(owned: Owned) -> bool:
            return owned.name in namespaces if owned.is_namespace else alone or owned.name.startswith(prefix)

        found = [each for each in await self._found() if is_its(each)]
        await remove(self.api, tuple(found), timeout=seconds)

    async def remove(self) -> None:
        """Remove it all, and wait until it is gone.

        What is left is a problem, said with the command that removes it.
        """
        if self.options.keep:
            return
        remaining: dict[str, str] = {}
        try:
            # A request that was under way when the run was cut off may still make something: look until nothing is.
            while not remaining and (found := await self._found()):
                remaining = await remove(self.api, found, timeout=self.options.removal_seconds)
        except CniProbeError as error:
            self.emit(ProblemSeen(f"cleaning up failed: {error}; {self._suspected()}: run {self._command()}"))
            return
        self.emit(CleanedUp(tuple(remaining)))
        if remaining:
            names = ", ".join(f"{name} ({cause})" if cause else name for name, cause in remaining.items())
            self.emit(ProblemSeen(f"still terminating: {names}; run {self._command()}"))

    async def _found(self) -> tuple[Owned, ...]:
        policies = await owned_policies(self.api, self.kinds, self.options.run)
        return policies + await owned_namespaces(self.api, self.options.run)

    def _suspected(self) -> str:
        return f"{', '.join(self.made)} may be left" if self.made else "something may be left"

    def _command(self) -> str:
        """The command that removes what this run left in this cluster."""
        return f"cni-probe clean --run {self.options.run}{self.options.kubectl.removeprefix('kubectl')}"
