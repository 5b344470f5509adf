"""Faults of the API server, and of what stands between it and us."""

from __future__ import annotations

import asyncio
from random import Random

from probe.cluster.connect import Manners
from probe.model.cell import ExitCode
from probe.model.events import BaselineDone, FleetReady, RoundDone, StepStarted
from probe.model.record import Change
from tests.sandbox.faults.stage import Row, Seen, Stage, at
from tests.sandbox.faults.wire import Answer, Request, refusal

OUTAGE = 20.0
IMPATIENT = Manners(patience=4.0)


async def away_while_converging(stage: Stage) -> Seen:
    """The server goes after the first round of a step, and comes back after 20 s: the agents have gone on."""
    seen = await stage.run(at(RoundDone, lambda: stage.wire.be_away(OUTAGE), step="closed"))
    for cell in seen.cells("closed").values():  # the others are left open as they were, and are not timed
        assert cell.matched_after is not None or cell.change is Change.NONE, cell
    return seen


async def silent_while_converging(stage: Stage) -> Seen:
    """The network swallows everything for 12 s, and no connection breaks: as with a firewall that lost its state."""

    def swallow() -> None:
        stage.wire.swallow = lambda request: True
        asyncio.get_running_loop().call_later(12, unswallow)

    def unswallow() -> None:
        stage.wire.swallow = lambda request: False

    return await stage.run(at(RoundDone, swallow, step="closed"), manners=Manners(request_timeout=10.0))


async def restarted_at_a_change(stage: Stage) -> Seen:
    """The server is restarted just when the policy is to be applied: the request is made again."""
    return await stage.run(at(StepStarted, lambda: stage.wire.be_away(2.0), name="closed"))


async def away_for_good_at_a_change(stage: Stage) -> Seen:
    """The policy is never applied: its step is not judged, what was measured is kept, what is left is said."""
    seen = await stage.run(at(StepStarted, stage.wire.go_away, name="closed"), manners=IMPATIENT)
    assert seen.verdicts("open") == {"pass"}
    assert "closed" not in seen.steps() or seen.verdicts("closed") == {"inconclusive"}
    assert [f"cp-{stage.runs[-1]}-shop"] == stage.cluster.leftovers()
    await stage.wire.restore()
    await stage.clean()
    return seen


async def watch_expired(stage: Stage) -> Seen:
    """Every watch breaks and is answered 410, once as an event and once as a status: the pods are listed again."""
    gone = {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}
    answers = [Answer(200, {"type": "ERROR", "object": gone}), refusal(410, "Expired", "too old resource version")]
    watches = 0

    def expire(request: Request) -> Answer | None:
        nonlocal watches
        watches += request.is_watch
        return answers.pop() if request.is_watch and answers else None

    def begin() -> None:
        stage.wire.answer = expire
        stage.wire.cut(lambda request: request.is_watch)

    seen = await stage.run(at(FleetReady, begin))
    assert watches > 2
    return seen


def storm(stage: Stage, answer: Answer) -> None:
    """Half of all requests are refused, as by a server that is overrun; not every other, or repetitions keep step."""
    dice = Random(1)
    stage.wire.answer = lambda request: answer if dice.random() < 0.5 else None


async def storm_of_429(stage: Stage) -> Seen:
    storm(stage, refusal(429, "TooManyRequests", "the server is too busy"))
    return await stage.run()


async def storm_of_500(stage: Stage) -> Seen:
    storm(stage, refusal(500, "InternalError", "etcdserver: leader changed"))
    return await stage.run()


async def slow(stage: Stage) -> Seen:
    """Two seconds a call."""
    stage.wire.delay = 2.0
    return await stage.run()


async def idle_proxy(stage: Stage) -> Seen:
    """A proxy drops what is quiet for three seconds; pings keep the streams while nothing is said for longer."""
    stage.wire.idle = 3.0

    def wait(event: object) -> None:
        if isinstance(event, (FleetReady, BaselineDone)):
            stage.wire.delay = 4.0  # of the next calls, the policy's among them

    seen = await stage.run(wait, manners=Manners(heartbeat=1.0))
    assert not any(request is not None and request.is_exec for request in stage.wire.dropped)
    return seen


async def idle_proxy_without_pings(stage: Stage) -> Seen:
    """The same with pings that come too late: streams break all the time, and are resumed."""
    stage.wire.idle = 1.0

    def wait(event: object) -> None:
        if isinstance(event, BaselineDone):
            stage.wire.delay = 2.5

    seen = await stage.run(wait)
    assert len(stage.wire.dropped) > 3
    return seen


async def expired_credentials(stage: Stage) -> Seen:
    """They expire in mid-run: no step without its policy, what is left is said, and a new login can remove it."""
    stage.wire.answer = lambda request: None

    def expire() -> None:
        stage.wire.answer = lambda request: refusal(401, "Unauthorized", "Unauthorized")

    seen = await stage.run(at(StepStarted, expire, name="closed"), manners=IMPATIENT)
    assert seen.verdicts("open") == {"pass"}
    assert [f"cp-{stage.runs[-1]}-shop"] == stage.cluster.leftovers()
    stage.wire.answer = lambda request: None
    await stage.clean()
    return seen


async def refused_credentials(stage: Stage) -> Seen:
    stage.wire.answer = lambda request: refusal(401, "Unauthorized", "Unauthorized")
    return await stage.command("run", str(stage.scenario()))


async def wrong_address(stage: Stage) -> Seen:
    """A kubeconfig of a server that is no more."""
    stage.wire.go_away()
    return await stage.command("run", str(stage.scenario()))


async def wrong_context(stage: Stage) -> Seen:
    return await stage.command("run", "--context", "production", str(stage.scenario()))


ALL = "closed: 12 pass"
ROWS = (
    Row("API server away for 20 s while a step converges", away_while_converging, ExitCode.PASSED, ALL, slow=True),
    Row("network to the API server silent for 12 s", silent_while_converging, ExitCode.PASSED, ALL, slow=True),
    Row("API server restarted while a policy is applied", restarted_at_a_change, ExitCode.PASSED, ALL),
    Row("API server away for good", away_for_good_at_a_change, ExitCode.HARNESS, "run cni-probe clean --run"),
    Row("watch expired (410)", watch_expired, ExitCode.PASSED, ALL),
    Row("storm of 429", storm_of_429, ExitCode.PASSED, ALL),
    Row("storm of 500", storm_of_500, ExitCode.PASSED, ALL),
    Row("slow API (2 s a call)", slow, ExitCode.PASSED, ALL, slow=True),
    Row("proxy that drops idle connections", idle_proxy, ExitCode.PASSED, ALL, slow=True),
    Row("the same, and pings too late", idle_proxy_without_pings, ExitCode.PASSED, ALL, slow=True),
    Row("credentials expired in mid-run", expired_credentials, ExitCode.HARNESS, "run cni-probe clean --run"),
    Row("credentials refused", refused_credentials, ExitCode.HARNESS, "Unauthorized"),
    Row("kubeconfig of another cluster", wrong_address, ExitCode.HARNESS, "cannot reach"),
    Row("kubeconfig without the context", wrong_context, ExitCode.USAGE, "production"),
)
