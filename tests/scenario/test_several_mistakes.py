"""Every mistake at once: none hides another, and none that only follows from another is reported.

In the texts ``@@`` stands just before each place that must be reported, and nowhere else may anything be.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from probe.model.errors import Problem

Problems = Callable[..., tuple[Problem, ...]]

OBJECT_CANARY = "    - {name: last, delete: @@networkpolicy/production/absent, expect: deny}\n"
POD_CANARY = "    - {name: last, label: {@@production/absent: {a: b}}, expect: deny}\n"
"""Mistakes that nothing hides but what may have made the object, or the pod."""

STEP = "    - name: open\n      expect: allow\n"
FLEET = "  fleet:\n"
PODS = "          frontend: {labels: {app: frontend}, ports: [80/TCP, {port: 53, protocol: UDP, name: dns}]}\n"
VAULT = "vault: {addresses: [10.0.12.34], ports: [443/TCP]}"


def places(text: str) -> list[tuple[int, int]]:
    """Line and column of the marks, as they are without them."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split("@@")
        found += [(number, sum(map(len, parts[:count])) + 1) for count in range(1, len(parts))]
    return found


def assert_all(problems_of: Problems, text: str) -> tuple[Problem, ...]:
    problems = problems_of(text.replace("@@", ""))
    said = [(problem.location.line, problem.location.column) for problem in problems]
    assert said == places(text), list(map(str, problems))
    for problem in problems:
        assert f'(did you mean "{problem.field.rpartition(".")[2]}"' not in str(problem)
    return problems


UNKNOWN_AND_WRONG = [
    # an unknown key, and one that is missing or of a wrong type, in one mapping
    ("  name: example\n", "  name: @@5\n  @@zzz: 1\n"),
    ("metadata:\n  name: example\n", "@@metadata:\n  @@zzz: 1\n"),
    ("spec:\n", "spec:\n  @@zzz: 1\n  description: @@5\n"),
    (FLEET, "  fleet:\n    @@zzz: 1\n    @@yyy: 1\n"),
    (FLEET, "  probe: {@@zzz: 1, self: @@5}\n  fleet:\n"),
    (FLEET, "  probe: {protocols: [@@5], families: @@{}, @@zzz: 1}\n  fleet:\n"),
    (FLEET, "  timeouts: {@@zzz: 1, ready: @@[]}\n  fleet:\n"),
    ("      development:\n", "      development:\n        @@zzz: 1\n        labels: @@[]\n"),
    ("      development:\n", "      more: {@@zzz: 1, pods: @@[]}\n      development:\n"),
    ("      development:\n", "      more: @@[]\n      other: @@5\n      development:\n"),
    (PODS, "          more: {@@zzz: 1, ports: @@{}, replicas: @@x}\n" + PODS),
    (PODS, "          more: @@5.5\n          other: {labels: {a: @@1, b: @@2}, @@zzz: 1}\n" + PODS),
    (PODS, "          more: {ports: [@@{@@zzz: 1, protocol: @@5}, @@1.5]}\n" + PODS),
    (PODS, "          more: {ports: [{@@prot: TCP, name: @@1}, 80/TCP], node: @@{}}\n" + PODS),
    (VAULT, "vault: {@@address: 1.2.3.4, ports: 443/TCP}"),
    (VAULT, "vault: {@@adresses: 1.2.3.4, @@port: 443/TCP}"),
    (VAULT, "@@vault: {@@zzz: 1, ports: 443/TCP}"),
    (VAULT, "vault: {@@zzz: 1, addresses: @@{}, ports: [@@{}]}"),
    (VAULT, "vault: {@@address: 1.2.3.4, @@addreses: 1.2.3.4, ports: 443/TCP}"),
    (VAULT, "vault: {@@address: 5, ports: 443/TCP}"),
    (VAULT, "vault: {@@address: @@saas.example.com, ports: 443/TCP}\n      other: @@[]"),
    (VAULT, "vault: {@@address: [@@saas.example.com], ports: 443/TCP}"),
    (STEP, "    - name: @@5\n      @@zzz: 1\n      description: @@[]\n      expect: allow\n"),
    (STEP, "    - @@name: open\n      @@zzz: 1\n"),
    (STEP, "    - @@expect: @@[]\n      @@zzz: 1\n"),
    (STEP, "    - name: open\n      @@expct: {@@zzz: 1, default: allow}\n"),
    (STEP, "    - name: open\n      label: {production: @@5, development: {a: @@[]}}\n      expect: allow\n"),
    (STEP, "    - name: open\n      unlabel: {production: @@{}}\n      expect: allow\n"),
    (STEP, "    - name: open\n      expect: {@@zzz: 1, rules: @@5, default: @@[]}\n"),
    (STEP, "    - name: open\n      expect: {default: deny, rules: [@@{@@zzz: 1, to: @@5.5}, @@5]}\n"),
    (STEP, "    - name: open\n      expect: {default: deny, rules: [{@@verdct: deny, port: @@{}}]}\n"),
    (STEP, "    - name: open\n      expect: {table: @@5, @@zzz: 1}\n"),
    (STEP, "    - name: open\n      probe: {from: @@{}, @@zzz: 1}\n      expect: allow\n"),
    # what would be wrong only because of a path, a placement or a node symbol that is itself wrong
    (
        STEP,
        "    - name: open\n      probe: {paths: [@@dsn]}\n"
        "      expect: {default: deny, rules: [{to: cluster/dns, verdict: deny}]}\n",
    ),
    (
        STEP,
        "    - name: open\n      probe: {paths: @@cluster-pi}\n"
        "      expect: {default: deny, rules: [{path: dns, verdict: deny}]}\n",
    ),
    (FLEET, "  probe: {paths: [@@5, node-port]}\n  fleet:\n"),
    (
        STEP,
        "    - name: open\n      probe: {paths: node-port}\n"
        "      expect:\n        default: deny\n"
        "        rules: [{path: @@nod-port, verdict: deny}, {@@paths: node-port, verdict: deny}]\n",
    ),
    (PODS, "          more: {ports: [8080, @@80], hostNetwork: true, replicas: 2, node: @@{}}\n" + PODS),
    (
        "    external:\n",
        "      more: {pods: {host: {ports: 8080, hostNetwork: true, replicas: 2}}}\n"
        "    placement: @@diferent\n    external:\n",
    ),
]


@pytest.mark.parametrize(("old", "new"), UNKNOWN_AND_WRONG, ids=[new.strip()[:60] for _, new in UNKNOWN_AND_WRONG])
def test_two_mistakes_in_one_mapping_are_both_reported_and_hide_no_other(
    base: str, problems_of: Problems, old: str, new: str
) -> None:
    assert base.count(old) == 1
    # an unknown key of the fleet may have declared anything, one of a step may have applied anything
    canary = POD_CANARY if old == STEP else OBJECT_CANARY
    assert_all(problems_of, base.replace(old, new) + canary)


@pytest.mark.parametrize(
    ("step", "damage"),
    [
        ("create: {@@zzz: 1, @@namespace: {new: {pods: @@5}}}", "names that could be created"),
        ("create: {namespaces: {production: {pods: {new: {@@zzz: 1, ports: @@5.5}}}}}", "one pod"),
        ("apply: [@@5, @@[]]", "objects"),
        ("delete: [@@5, @@[]]", "objects"),
    ],
)
def test_two_mistakes_in_what_a_step_changes_are_both_reported(
    base: str, problems_of: Problems, step: str, damage: str
) -> None:
    assert_all(problems_of, base + f"    - name: second\n      {step}\n      expect: {{default: allow, @@zzz: 1}}\n")


MEANING = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: example}
spec:
  fleet:
    namespaces:
      shop: {pods: {web: 80, api: {ports: 80/TCP, @@prots: 5}, cron: }}
    external:
      saas: {@@address: 1.2.3.4, ports: 443/TCP}
      host: {addresses: @@saas.example.com, ports: 443/TCP}
      bad: {addresses: @@10.0.0.256, ports: 443/TCP}
      none: @@{ports: 443/TCP}
  steps:
    - name: one
      label: {@@shop/wbe: {a: b}}
      delete: @@networkpolicy/shop/none
      expect:
        rules:
          - {from: @@external/saas, to: shop/web, verdict: deny}
          - {from: @@external/*, to: shop/web, verdict: deny}
          - {from: @@cron, to: external/saas, verdict: deny}
          - {from: shop/web, to: shop/web, port: @@99, verdict: allow}
          - {from: shop/web, to: external/none, port: 1, verdict: allow}
    - name: two
      label: {shop/web: {a: @@1}}
      delete: @@networkpolicy/shop/none
      @@expect: {rules: [{from: shop/web, verdict: allow}]}
    - name: three
      expect: @@[allow]
"""


def test_mistakes_of_structure_and_of_meaning_come_together(problems_of: Problems) -> None:
    text = MEANING.replace("none: @@{", "@@none: {")
    said = "\n".join(map(str, assert_all(problems_of, text)))
    assert 'external.saas.address: unknown key "address" (did you mean "addresses"?)' in said
    assert "such as shop/cron -> shop/web 80/TCP" in said


@pytest.mark.parametrize(
    ("rule", "others"),
    [
        ("{from: @@production/fronted, verdict: allow}", True),
        ("{to: @@production/fronted, verdict: allow}", True),
        ("{to: production/frontend, port: @@99, verdict: allow}", False),
        ("{from: production/frontend, to: @@production/x, verdict: allow}", False),
    ],
)
def test_cells_that_a_mistaken_rule_may_have_meant_are_not_called_open(
    base: str, problems_of: Problems, rule: str, others: bool
) -> None:
    key = "expect" if others else "@@expect"
    assert_all(problems_of, base + f"    - name: second\n      {key}:\n        rules:\n          - {rule}\n")


@pytest.mark.parametrize("probe", ["{from: @@production/x}", "{@@form: production/backend}", "{from: [@@5]}"])
def test_cells_that_a_mistaken_probe_may_leave_out_are_not_called_open(
    base: str, problems_of: Problems, probe: str
) -> None:
    rules = "{rules: [{from: production/backend, verdict: deny}]}"
    assert_all(problems_of, base + f"    - name: second\n      probe: {probe}\n      expect: {rules}\n")
    scenario = base.replace(FLEET, f"  probe: {probe}\n{FLEET}")
    assert_all(problems_of, scenario + f"    - name: second\n      expect: {rules}\n")


def test_what_a_wrong_address_leaves_untried_is_not_blamed(base: str, problems_of: Problems) -> None:
    rule = "{to: external/vault, verdict: deny}"
    step = f"    - {{name: second, probe: {{families: [IPv4]}}, expect: {{default: allow, rules: [{rule}]}}}}\n"
    assert_all(problems_of, base.replace("10.0.12.34", "@@10.0.12.256") + step)


def test_a_step_whose_change_could_not_be_read_is_not_called_unchanged(base: str, problems_of: Problems) -> None:
    assert_all(problems_of, base + "    - {name: second, label: {production: {a: @@1}}, expect: unchanged}\n")


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("expect: allow", "expect: @@[allow]", "must be a word (unchanged, allow, ", ""),
        ("  steps:", "  @@external: {}\n  steps:", 'unknown key "external"', "it belongs under spec.fleet"),
        ("      expect: allow", "      expect: allow\n      @@rules: []", 'unknown key "rules"', "steps[0].expect"),
        ("    external:", "    @@timeouts: {}\n    external:", 'unknown key "timeouts"', "belongs under spec"),
    ],
)
def test_what_is_right_instead_is_said(
    base: str, problems_of: Problems, old: str, new: str, message: str, hint: str
) -> None:
    (problem,) = assert_all(problems_of, base.replace(old, new))
    assert message in problem.message
    assert hint in problem.hint
