"""Tolerations: how they are written, and which taints they bear (the scheduler's own rules)."""

from __future__ import annotations

import pytest

from probe.model.toleration import Toleration, parse_toleration, tolerates

DEDICATED = {"key": "dedicated", "value": "probe", "effect": "NoSchedule"}
CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
EVICTING = {"key": "dedicated", "value": "probe", "effect": "NoExecute"}
SHY = {"key": "busy", "effect": "PreferNoSchedule"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("dedicated=probe:NoSchedule", Toleration("dedicated", "Equal", "probe", "NoSchedule")),
        ("dedicated:NoExecute", Toleration("dedicated", "Exists", "", "NoExecute")),
        ("dedicated=probe", Toleration("dedicated", "Equal", "probe")),
        ("dedicated=:NoSchedule", Toleration("dedicated", "Equal", "", "NoSchedule")),
        ("dedicated", Toleration("dedicated")),
        ("node-role.kubernetes.io/control-plane", Toleration("node-role.kubernetes.io/control-plane")),
        ("*:NoSchedule", Toleration(effect="NoSchedule")),
        ("*", Toleration()),
    ],
)
def test_a_toleration_is_written_like_a_taint_of_kubectl(text: str, meant: Toleration) -> None:
    assert parse_toleration(text) == meant


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "there is no key"),
        (":NoSchedule", "there is no key"),
        ("dedicated:", "nothing follows the colon"),
        ("dedicated:NoShedule", 'the effect "NoShedule" is none of NoSchedule, PreferNoSchedule, NoExecute'),
        ("*=probe", "a value needs a key"),
        ("-x:NoSchedule", "cannot be a taint's key"),
        ("a=b c", "cannot be a taint's value"),
    ],
)
def test_what_is_no_toleration_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong.replace("*", r"\*")):
        parse_toleration(text)


@pytest.mark.parametrize(
    ("taints", "tolerations", "borne"),
    [
        ([], [], True),
        ([DEDICATED], [], False),
        ([SHY], [], True),
        ([DEDICATED], ["dedicated=probe:NoSchedule"], True),
        ([DEDICATED], ["dedicated=other:NoSchedule"], False),
        ([DEDICATED], ["dedicated=probe"], True),
        ([DEDICATED], ["dedicated"], True),
        ([DEDICATED], ["dedicated:NoExecute"], False),
        ([CONTROL_PLANE], ["node-role.kubernetes.io/control-plane="], True),
        ([DEDICATED, CONTROL_PLANE], ["dedicated"], False),
        ([DEDICATED, CONTROL_PLANE], ["*:NoSchedule"], True),
        ([DEDICATED, EVICTING], ["*:NoSchedule"], False),
        ([DEDICATED, EVICTING, CONTROL_PLANE], ["*"], True),
    ],
)
def test_a_node_is_open_when_each_of_its_taints_is_borne(
    taints: list[dict[str, str]], tolerations: list[str], borne: bool
) -> None:
    assert tolerates(taints, map(parse_toleration, tolerations)) is borne


def test_an_object_of_kubernetes_comes_out() -> None:
    assert parse_toleration("a=b:NoSchedule").manifest() == {
        "key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule",
    }  # fmt: skip
    assert parse_toleration("*").manifest() == {"operator": "Exists"}
    assert Toleration("a", effect="NoExecute", seconds=0).manifest()["tolerationSeconds"] == 0
