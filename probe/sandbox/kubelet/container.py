"""One container: started, probed, restarted, until its pod ends.

Its state is what core/v1 ContainerState calls it, and each change is published at once. Reason ``OOMKilled`` never
occurs: without control groups the sandbox cannot tell the kernel's SIGKILL from anyone else's.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from probe.sandbox.events import EventRecorder
from probe.sandbox.kubelet.facts import ConfigError, PodFacts
from probe.sandbox.kubelet.images import FIRST_PULL_BACK_OFF, LONGEST_PULL_BACK_OFF, is_runnable, pull_error
from probe.sandbox.kubelet.logs import LogBuffer
from probe.sandbox.kubelet.readiness import watch_readiness
from probe.sandbox.kubelet.session import Session, start_session
from probe.sandbox.kubelet.spec import container_process
from probe.sandbox.kubelet.status import ContainerState
from probe.sandbox.runtime import ContainerNotRunning
from probe.sandbox.store import Obj, timestamp
from probe.sandbox.zygote.client import Process, ProcessRefused, ZygoteClient
from probe.sandbox.zygote.protocol import ContainerProcess, ExecProcess

FIRST_BACK_OFF, LONGEST_BACK_OFF = 0.2, 5.0
"""Seconds between restarts, doubling; a kubelet's 10 s to 5 min would only make a probe wait."""

STEADY_AFTER = 10.0
"""Seconds after which a container that ends counts as fresh again."""


@dataclass(frozen=True, slots=True)
class ContainerHost:
    """What a pod lends its containers."""

    zygote: ZygoteClient
    events: EventRecorder
    pod: Callable[[], Obj]
    facts: Callable[[], PodFacts]
    netns: Callable[[], int]
    publish: Callable[[], None]


class Container:
    """One container of a pod; ``run`` is its life."""

    def __init__(self, spec: Mapping[str, Any], restart_policy: str, host: ContainerHost) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.state = ContainerState(self.name, spec["image"])
        self.log: LogBuffer | None = None
        self.previous_log: LogBuffer | None = None
        self._restart_policy = restart_policy
        self._host = host
        self._process: Process | None = None
        self._command: ContainerProcess | None = None
        self._ending = False
        self._stopping = asyncio.Event()
        self._back_off = FIRST_BACK_OFF
        self._pull_back_off = FIRST_PULL_BACK_OFF

    async def run(self) -> None:
        """Start it, and start it again as often as the restart policy says, until it is asked to end or is halted."""
        while not self._stopping.is_set():
            self._take_new_image()
            if not is_runnable(self.spec["image"]):
                await self._pull_in_vain()
            elif not await self._attempt():
                return
            elif not self._stopping.is_set():
                await self._wait_for_next()

    def terminate(self) -> None:
        """SIGTERM, and no restart."""
        self._ending = True
        self._stop(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and no restart."""
        self._ending = True
        self._stop(signal.SIGKILL)

    def halt(self) -> None:
        """End at once, as with the machine's power; ``run`` returns, and can be called again after `revive`."""
        self._stop(signal.SIGKILL)

    def revive(self) -> None:
        """Undo `halt`, unless it has ended for good."""
        if not self._ending and not self.state.finished:
            self._stopping.clear()
            if self._remember_last():
                self.state.state = {"waiting": {"reason": "ContainerCreating"}}

    def _stop(self, number: signal.Signals) -> None:
        self._stopping.set()
        if self._process is not None:
            self._process.signal(number)

    async def exec(self, argv: Sequence[str], *, stdin: bool, tty: bool) -> Session:
        """A further process in the container. Raises ContainerNotRunning."""
        if self._process is None or self._command is None or not self.state.running:
            raise ContainerNotRunning(self._not_running())
        try:
            return await start_session(self._host.zygote, self._process, self._exec_process(argv, tty), stdin=stdin)
        except (ProcessRefused, ProcessLookupError) as error:
            if self._process.exit_code is not None:
                raise ContainerNotRunning(self._not_running()) from error
            raise ContainerNotRunning(f'container "{self.name}": {error}') from error

    def _exec_process(self, argv: Sequence[str], tty: bool) -> ExecProcess:
        assert self._command is not None
        return ExecProcess(
            argv=list(argv),
            env=self._command.env | ({"TERM": "xterm"} if tty else {}),
            cwd=self._command.cwd,
            tty=tty,
            drop_capabilities=self._command.drop_capabilities,
            no_new_privileges=self._command.no_new_privileges,
        )

    def logs(self, previous: bool) -> LogBuffer:
        """Its output, or its predecessor's. Raises ContainerNotRunning when there was none."""
        log = self.previous_log if previous else self.log
        if log is None:
            what = f'previous terminated container "{self.name}" not found' if previous else self._not_running()
            raise ContainerNotRunning(what)
        return log

    def _not_running(self) -> str:
        pod = self._host.pod()["metadata"]["name"]
        waiting = self.state.state.get("waiting")
        how = f"is waiting to start: {waiting['reason']}" if waiting else "is not running"
        return f'container "{self.name}" in pod "{pod}" {how}'

    async def _attempt(self) -> bool:
        """One start to end; whether there should be another."""
        try:
            process = await self._start()
        except ConfigError as error:
            self._wait("CreateContainerConfigError", str(error))
            self._event("Failed", f"Error: {error}", warning=True)
            return True
        except ProcessRefused as error:
            self._event("Failed", f"Error: {error}", warning=True)
            return self._ended(error.exit_code, "StartError", str(error))
        started = asyncio.get_running_loop().time()
        await self._run_to_end(process)
        if asyncio.get_running_loop().time() - started > STEADY_AFTER:
            self._back_off = FIRST_BACK_OFF
        code = await process.wait()
        return self._ended(code, "Completed" if code == 0 else "Error", "")

    async def _start(self) -> Process:
        self._command = container_process(self._host.pod(), self.spec, self._host.facts())
        self._event("Pulled", f'Container image "{self.spec["image"]}" already present on machine')
        self.previous_log, self.log = self.log, LogBuffer()
        read, write = os.pipe2(os.O_CLOEXEC)
        log = self.log
        await asyncio.get_running_loop().connect_read_pipe(lambda: log, os.fdopen(read, "rb", 0))
        try:
            process = await self._host.zygote.start(self._command, netns=self._host.netns(), output=write)
        finally:
            os.close(write)
        self._event("Created", f"Created container: {self.name}")
        return process

    async def _run_to_end(self, process: Process) -> None:
        self._process = process
        self.state.restarts += bool(self.state.last_state)
        self.state.container_id = f"cni-probe://{secrets.token_hex(32)}"
        self.state.state = {"running": {"startedAt": timestamp()}}
        probe = self.spec.get("readinessProbe")
        self.state.ready = probe is None
        self._event("Started", f"Started container {self.name}")
        if self._stopping.is_set():  # while it was being started
            process.signal(signal.SIGTERM if self._ending else signal.SIGKILL)
        self._host.publish()
        async with asyncio.TaskGroup() as group:
            prober = group.create_task(watch_readiness(probe, self._probe, self._set_ready)) if probe else None
            await process.wait()
            if prober is not None:
                prober.cancel()
        self._process = None

    async def _probe(self, argv: Sequence[str], stdio: tuple[int, int, int]) -> Process:
        if self._process is None:
            raise ProcessLookupError
        return await self._host.zygote.exec(self._exec_process(argv, False), self._process, stdio)

    def _set_ready(self, ready: bool, message: str) -> None:
        if message:
            self._event("Unhealthy", f"Readiness probe failed: {message}", warning=True)
        if ready != self.state.ready:
            self.state.ready = ready
            self._host.publish()

    def _ended(self, code: int, reason: str, message: str) -> bool:
        running = self.state.state.get("running") or {}
        terminated: dict[str, Any] = {"exitCode": code, "reason": reason, "finishedAt": timestamp()}
        terminated["startedAt"] = running.get("startedAt") or terminated["finishedAt"]
        terminated["containerID"] = self.state.container_id
        if message:
            terminated["message"] = message
        if code > 128 and reason == "Error":
            terminated["signal"] = code - 128
        again = self._restart_policy == "Always" or (self._restart_policy == "OnFailure" and code != 0)
        self.state.ready = False
        self.state.state = {"terminated": terminated}
        self.state.finished = not again or self._ending
        self._host.publish()
        return again

    async def _wait_for_next(self) -> None:
        pod = self._host.pod()["metadata"]
        delay, self._back_off = self._back_off, min(self._back_off * 2, LONGEST_BACK_OFF)
        where = f"container={self.name} pod={pod['name']}_{pod['namespace']}({pod['uid']})"
        if self._remember_last():
            self._wait("CrashLoopBackOff", f"back-off {delay:g}s restarting failed {where}")
            self._event(
                "BackOff", f"Back-off restarting failed container {self.name} in pod {pod['name']}", warning=True
            )
        await self._pause(delay)

    def _remember_last(self) -> bool:
        """Whether there is something to remember: how it ended becomes how it ended the last time."""
        if "terminated" not in self.state.state:
            return False
        self.state.last_state = self.state.state
        return True

    async def _pull_in_vain(self) -> None:
        """One attempt at an image that there is not, and the time until the next."""
        image = self.spec["image"]
        if self.spec.get("imagePullPolicy") == "Never":
            said = f'Container image "{image}" is not present with pull policy of Never'
            self._event("ErrImageNeverPull", said, warning=True)
            self._wait("ErrImageNeverPull", said)
            await self._pause(LONGEST_PULL_BACK_OFF)
            return
        error = pull_error(image)
        self._event("Pulling", f'Pulling image "{image}"')
        self._event("Failed", f'Failed to pull image "{image}": {error}', warning=True)
        self._event("Failed", "Error: ErrImagePull", warning=True)
        self._wait("ErrImagePull", error)
        delay, self._pull_back_off = self._pull_back_off, min(self._pull_back_off * 2, LONGEST_PULL_BACK_OFF)
        await self._pause(delay / 2)
        self._event("BackOff", f'Back-off pulling image "{image}"')
        self._event("Failed", "Error: ImagePullBackOff", warning=True)
        self._wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {error}')
        await self._pause(delay / 2)

    def _take_new_image(self) -> None:
        """A pod's image is the one thing of a container that may be changed, and that can mend it."""
        for spec in self._host.pod()["spec"]["containers"]:
            if spec["name"] == self.name and spec["image"] != self.spec["image"]:
                self.spec = {**self.spec, "image": spec["image"]}
                self.state.image = spec["image"]
                self._pull_back_off = FIRST_PULL_BACK_OFF

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _wait(self, reason: str, message: str) -> None:
        self.state.ready = False
        self.state.state = {"waiting": {"reason": reason, "message": message}}
        self._host.publish()

    def _event(self, reason: str, message: str, *, warning: bool = False) -> None:
        self._host.events.record(self._host.pod(), reason, message, warning=warning, container=self.name)
