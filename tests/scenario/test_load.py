"""Paths to scenarios: files, directories, several at once; and what a scenario is once it is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from probe.model.actions import Apply, Label
from probe.model.errors import ScenarioError
from probe.model.fleet import Port
from probe.model.manifest import ObjectRef
from probe.model.scenario import Scenario, Timeouts
from probe.scenario import load_scenarios

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME, namespace: production}
spec: {podSelector: {}}
"""

Write = Callable[[Mapping[str, str]], Path]
Load = Callable[..., Scenario]


def messages(*paths: Path) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenarios(paths)
    assert caught.value.exit_code == 2
    return [problem.message for problem in caught.value.problems]


def test_directories_are_searched_for_scenarios_and_manifests_in_them_are_left_alone(base: str, write: Write) -> None:
    directory = write(
        {
            "b.yaml": base.replace("name: example", "name: b"),
            "deep/er/a.yml": base.replace("name: example", "name: a") + "---\n" + base.replace("example", "c"),
            "policies/deny.yaml": POLICY,
            "broken-but-not-ours.yaml": POLICY.replace("spec:", "spce:"),
            "notes.txt": "nothing",
            ".hidden/x.yaml": "- nothing",
        }
    )
    assert [scenario.name for scenario in load_scenarios([directory])] == ["b", "a", "c"]


def test_a_file_that_is_given_twice_is_loaded_once(base: str, write: Write) -> None:
    directory = write({"a.yaml": base})
    assert len(load_scenarios([directory, directory / "a.yaml", str(directory / "a.yaml")])) == 1


def test_files_call_themselves_as_the_user_did(base: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    step = "    - {name: second, apply: ../p.yaml, expect: deny}\n"
    monkeypatch.chdir(write({"sub/a.yaml": base + step, "p.yaml": POLICY.replace("NAME", "p")}))
    (scenario,) = load_scenarios(["sub"])
    assert scenario.file == "sub/a.yaml"
    (apply,) = scenario.steps[1].actions
    assert isinstance(apply, Apply)
    assert apply.origin == "p.yaml"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.yaml", "- a\n", "a scenario must be a mapping"),
        ("other.yaml", "a: b\n", "not a scenario"),
        ("typo.yaml", "apiVersion: cni-probe/v1\nkind: Scenaro\nmetadata: {}\nspec: {}\n", "must be 'Scenario'"),
        ("cut.yaml", POLICY + "---\nkind: [\n", "not valid YAML"),
    ],
)
def test_whatever_might_have_been_meant_as_a_scenario_is_not_skipped_silently(
    base: str, write: Write, name: str, text: str, message: str
) -> None:
    directory = write({"good.yaml": base, name: text})
    assert any(message in said for said in messages(directory))


def test_a_manifest_that_is_given_as_a_scenario_is_a_mistake(write: Write) -> None:
    directory = write({"p.yaml": POLICY})
    assert messages(directory / "p.yaml") == ["kind is NetworkPolicy, not Scenario"]


def test_paths_without_a_scenario_are_mistakes(write: Write) -> None:
    directory = write({"policies/p.yaml": POLICY, "empty/readme.txt": ""})
    assert messages(directory / "policies") == ["no scenario in this directory"]
    assert messages(directory / "empty") == ["no scenario in this directory"]
    assert messages(directory / "none.yaml") == ["no such file or directory"]
    with pytest.raises(ScenarioError, match="no path"):
        load_scenarios([])


def test_scenarios_that_run_together_must_have_different_names(base: str, write: Write) -> None:
    directory = write({"a.yaml": base, "b.yaml": base})
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([directory])
    (problem,) = caught.value.problems
    assert str(problem.location) == f"{directory / 'b.yaml'}:4:9"
    assert problem.hint == f"the other one is at {directory / 'a.yaml'}:4:9"


def test_problems_of_all_files_come_together_in_order(base: str, write: Write) -> None:
    other = base.replace("name: example", "name: other").replace("8080/TCP", "8080/TPC")
    directory = write({"a.yaml": base.replace("allow", "alow"), "b.yaml": other})
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([directory / "b.yaml", directory / "a.yaml"])
    assert [Path(problem.location.file).name for problem in caught.value.problems] == ["a.yaml", "b.yaml"]


# --- what is in a scenario -----------------------------------------------------------------------------------------


def test_replicas_are_pods_of_their_own_that_share_a_group(base: str, load: Load) -> None:
    text = base.replace("replicas: 2", "replicas: 3, node: [a, b]")
    web = [pod for pod in load(text).fleet.pods if pod.group == "web"]
    assert [pod.id for pod in web] == ["development/web-0", "development/web-1", "development/web-2"]
    assert [pod.node for pod in web] == ["a", "b", "a"]
    assert {pod.labels["app"] for pod in web} == {"web"}


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        ("", ()),
        ("80", (Port(80),)),
        ("80/TCP", (Port(80),)),
        ("[80, 53/UDP, {port: 8080, name: http}]", ("80/TCP", "53/UDP", "8080/TCP")),
        ("{ports: 9/SCTP}", ("9/SCTP",)),
        ("{}", ()),
    ],
)
def test_a_pod_may_be_written_as_its_ports_alone(
    base: str, load: Load, written: str, ports: tuple[object, ...]
) -> None:
    client = next(pod for pod in load(base.replace("client:", f"client: {written}")).fleet.pods if pod.name == "client")
    assert tuple(map(str, client.ports)) == tuple(map(str, ports))


def test_addresses_come_in_canonical_form(base: str, load: Load) -> None:
    text = base.replace("10.0.12.34", '"2001:DB8:0::1"')
    assert load(text).fleet.externals[0].addresses == ("2001:db8::1",)


def test_manifests_come_from_paths_globs_in_place_and_lists(base: str, write: Write) -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
        f"  - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: production}}}}\n" for name in "ef"
    )
    directory = write(
        {
            "scenario.yaml": base
            + "    - name: second\n"
            + "      apply:\n"
            + "        - one.yaml\n"
            + "        - more/*.yaml\n"
            + "        - {apiVersion: v1, kind: Service, metadata: {name: d, namespace: development}, spec: {}}\n"
            + "        - list.yaml\n"
            + "      expect: deny\n",
            "one.yaml": POLICY.replace("NAME", "a"),
            "more/2.yaml": POLICY.replace("NAME", "c"),
            "more/1.yaml": POLICY.replace("NAME", "b"),
            "list.yaml": listed,
        }
    )
    (scenario,) = load_scenarios([directory / "scenario.yaml"])
    assert [str(action) for action in scenario.steps[1].actions] == [
        "apply networkpolicy/production/a",
        "apply networkpolicy/production/b",
        "apply networkpolicy/production/c",
        "apply service/development/d",
        "apply configmap/production/e",
        "apply configmap/production/f",
    ]


def test_actions_of_a_step_have_a_fixed_order(base: str, load: Load) -> None:
    scenario = load(
        base
        + "    - {name: second, apply: policy.yaml, expect: deny}\n"
        + "    - name: third\n"
        + "      delete: [netpol/production/a, pod/development/web]\n"
        + "      apply: {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: new}}\n"
        + "      unlabel: {production: stage}\n"
        + "      label: {development/web: {tier: front, app: null}, new/pod: {a: b}}\n"
        + "      create: {namespaces: {new: {pods: {pod: }}}}\n"
        + "      expect: allow\n",
        policy=POLICY.replace("NAME", "a"),
    )
    assert [str(action) for action in scenario.steps[2].actions] == [
        "create namespace/new",
        "create pod/new/pod",
        "label pod/development/web-0 tier=front app-",
        "label pod/development/web-1 tier=front app-",
        "label pod/new/pod a=b",
        "label namespace/production stage-",
        "apply configmap/new/c",
        "delete networkpolicy/production/a",
        "delete pod/development/web-0",
        "delete pod/development/web-1",
    ]
    assert isinstance(scenario.steps[2].actions[2], Label)
    assert scenario.steps[2].actions[2].ref == ObjectRef("pod", "development", "web-0")


def test_unchanged_repeats_what_the_step_before_expects(base: str, load: Load) -> None:
    rule = "{from: production/backend, to: production/frontend, verdict: deny}"
    text = base.replace("expect: allow", f"expect: {{default: allow, rules: [{rule}]}}")
    scenario = load(text + "    - {name: second, delete: pod/production/backend, expect: unchanged}\n")
    assert scenario.steps[1].rules == scenario.steps[0].rules
    assert scenario.steps[1].default == scenario.steps[0].default


def test_durations_are_seconds_or_have_a_unit(base: str, load: Load) -> None:
    text = base.replace("  steps:", "  timeouts: {ready: 2m, attempt: 250ms, confirm: 2, converge: 1.5s}\n  steps:")
    assert load(text).timeouts == Timeouts(ready=120.0, attempt=0.25, confirm=2.0, converge=1.5)


def test_what_the_cluster_may_take_has_no_limit_unless_it_is_given(base: str, load: Load) -> None:
    assert (load(base).timeouts.enforcement, load(base).timeouts.grace) == (None, None)
    timeouts = load(base.replace("  steps:", "  timeouts: {enforcement: 5s, grace: 300ms}\n  steps:")).timeouts
    assert (timeouts.enforcement, timeouts.grace) == (5.0, 0.3)


def test_a_key_with_nothing_behind_it_counts_as_absent(base: str, load: Load) -> None:
    text = base.replace("  steps:", "  probe:\n  timeouts:\n  description:\n  steps:").replace(
        "labels: {app: web}", "labels: "
    )
    assert load(text).timeouts == Timeouts()


def test_a_scenario_knows_the_files_that_it_was_read_from_by_their_digests(write: Write, base: str) -> None:
    step = "    - name: closed\n      apply: [policies/*.yaml]\n      expect: {default: either}\n"
    home = write({"a.yaml": base + step, "policies/web.yaml": POLICY.replace("NAME", "web")})
    (scenario,) = load_scenarios([home / "a.yaml"])
    assert scenario.sources == {
        path: hashlib.sha256(Path(path).read_bytes()).hexdigest()
        for path in (str(home / "a.yaml"), str(home / "policies/web.yaml"))
    }
