"""Faults of the cluster's admission, scheduling and images: it does not take what a run asks for."""

from __future__ import annotations

from probe.model.agent_options import AgentOptions
from probe.model.cell import ExitCode
from tests.sandbox.faults.stage import Row, Seen, Stage
from tests.sandbox.faults.webhook import MESSAGE, refusing_policies
from tests.sandbox.faults.wire import Answer, Request, refusal

DENIED = 'admission webhook "policy.example.com" denied the request: ' + MESSAGE


async def policy_refused(stage: Stage) -> Seen:
    """A webhook refuses the policy: no verdict of its step, and the steps before keep theirs."""

    async with refusing_policies(stage.cluster, stage.sandbox_pid):
        seen = await stage.run()
    assert seen.verdicts("open") == {"pass"}
    assert seen.steps() == ["open"]
    return seen


async def second_policy_refused(stage: Stage) -> Seen:
    """The same at the last step: the denials of an earlier one still get their control."""
    asked = 0

    def refuse(request: Request) -> Answer | None:
        nonlocal asked
        asked += request.method == "PATCH" and "/networkpolicies/closed" in request.path
        return refusal(403, "Forbidden", DENIED) if asked == 2 else None

    def stop(request: Request) -> Answer | None:
        answer = refuse(request)
        return answer if request.method == "PATCH" else None

    stage.wire.answer = stop
    seen = await stage.run()
    assert seen.steps() == ["open", "closed", "open again"]
    assert seen.verdicts("closed") == {"pass"}
    return seen


async def policies_cannot_be_lifted(stage: Stage) -> Seen:
    """The control at the end cannot be made: the denials that wait for it are not proven."""

    def refuse(request: Request) -> Answer | None:
        last = stage.wire.count("PATCH", "/networkpolicies/closed") == 2
        deletes = request.method == "DELETE" and "/networkpolicies/" in request.path
        return refusal(403, "Forbidden", "policies stay") if last and deletes else None

    stage.wire.answer = refuse
    seen = await stage.run()
    assert seen.verdicts("closed") == {"pass"}
    assert seen.verdicts("closed again") == {"pass", "inconclusive"}
    return seen


async def image_not_pulled(stage: Stage) -> Seen:
    return await stage.run(agent=AgentOptions(image="registry.example.com/no-such-image:1"))


async def unschedulable(stage: Stage) -> Seen:
    """The nodes are cordoned between the look at them and the pods."""

    def cordon(request: Request) -> None:
        if request.method == "POST" and request.path.partition("?")[0].endswith("/pods"):
            stage.cordon(True)

    stage.wire.before = cordon
    try:
        return await stage.run(ready="2s")
    finally:
        stage.cordon(False)


ROWS = (
    Row("webhook refuses the policy", policy_refused, ExitCode.HARNESS, DENIED),
    Row("webhook refuses a later policy", second_policy_refused, ExitCode.HARNESS, DENIED),
    Row("policies cannot be lifted at the end", policies_cannot_be_lifted, ExitCode.HARNESS, "policies stay"),
    Row("image cannot be pulled", image_not_pulled, ExitCode.HARNESS, "ImagePullBackOff"),
    Row("pods cannot be scheduled", unschedulable, ExitCode.HARNESS, "Unschedulable"),
)
