"""Every mistake is one problem, at the place where it was made, that says what is wrong and what would be right.

In the texts ``@@`` stands just before the place that must be reported. That exactly one problem comes is half of the
test: a mistake must not be blamed on others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from probe.model.errors import Problem

Problems = Callable[..., tuple[Problem, ...]]

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: production}
spec: {podSelector: {}}
"""


def assert_only(problems: Sequence[Problem], text: str, message: str, hint: str, file: str = "scenario.yaml") -> None:
    before = text.partition("@@")[0]
    expected = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert [str(problem) for problem in problems[1:]] == []
    problem = problems[0]
    assert (Path(problem.location.file).name, problem.location.line, problem.location.column) == (file, *expected)
    assert message in problem.message
    assert hint in problem.hint
    assert problem.field


REPLACED = [
    # structure
    ("kind: Scenario", "kind: @@Scenary", "must be 'Scenario', not the text \"Scenary\"", ""),
    ("cni-probe/v1", "@@cni-probe/v2", "must be 'cni-probe/v1'", ""),
    ("apiVersion: cni-probe/v1\n", "@@", 'missing key "apiVersion"', "write apiVersion: cni-probe/v1"),
    ("  name: example", "  @@nane: example", 'unknown key "nane"', 'did you mean "name"?'),
    ("    namespaces:", "    @@namespace:", 'unknown key "namespace"', 'did you mean "namespaces"?'),
    ("labels: {app: web}", "@@label: {app: web}", 'unknown key "label"', 'did you mean "labels"?'),
    ("labels: {app: web}", "labels: {app: @@5}", "must be a string, not the number 5", 'write "5" in quotes'),
    ("labels: {app: web}", "labels: @@[app]", "must be a mapping, not a list", ""),
    ("replicas: 2", 'replicas: @@"2"', 'must be a whole number, not the text "2"', ""),
    ("replicas: 2", "replicas: @@0", "must be greater than or equal to 1", ""),
    ("    - name: open\n", "    - @@labels: {}\n      name: open\n", 'unknown key "labels"', 'did you mean "label"?'),
    ("    - name: open\n      expect: allow\n", "    - @@name: open\n", 'missing key "expect"', "expect: unchanged"),
    ("expect: allow", "expect: @@alow", '"alow" is not a known expectation', 'did you mean "allow"?'),
    ("expect: allow", "expect: @@[allow]", "computed) or a mapping, not a list", ""),
    ("expect: allow", "@@expect: {}", "nothing is expected", "add a default"),
    ("expect: allow", "expect: @@unchanged", "no step before it", "state expectations"),
    ("    - name: open", "    - name: @@''", "must not be empty", ""),
    ("    - name: open", '    - name: @@"o\\npen"', "one line of printable text", ""),
    ("  steps:", '  description: @@"a\\e[2J"\n  steps:', "must be printable text", ""),
    ("    - name: open\n      expect: allow\n", "    - @@5\n", "must be a mapping, not the number 5", ""),
    ("  steps:\n    - name: open\n      expect: allow\n", "  @@steps: []\n", "there is no step", ""),
    # YAML
    ("  name: example", "  name: example\n  @@name: other", 'duplicate key "name"', "first written in line 4"),
    ("stage: production", "stage: @@on", "on is a boolean", 'write "on" in quotes, or true'),
    ("stage: production", "stage: @@No", "No is a boolean", 'write "No" in quotes, or false'),
    ("          client:", "          @@y:", "y is a boolean", 'write "y" in quotes'),
    ("8080/TCP", "@@080", "080 is read as octal", 'write 80, or "080"'),
    ("stage: production", "stage: @@22:22", "22:22 is a number to some", 'write "22:22" in quotes'),
    ("stage: production", "stage: @@2026-01-01", "2026-01-01 is a date to some", 'write "2026-01-01" in quotes'),
    ("stage: production", "@@1: production", "the key 1 is not a string", 'write "1"'),
    ("stage: production", "stage: @@!secret x", "the tag !secret is not supported", "remove it"),
    # names and labels
    ("name: example", "name: @@Example", '"Example" cannot be a scenario\'s name', ""),
    ("          client:", "          @@Client:", '"Client" cannot be a pod\'s name', ""),
    ("          client:", f"          @@{'c' * 52}:", "together they become a label of at most 63", "shorten"),
    ("      development:", "      @@dev_1:", '"dev_1" cannot be a namespace\'s name', ""),
    ("      development:", f"      @@{'d' * 54}:", "must be no more than 53 characters", ""),
    ("      development:", "      @@external:", 'the namespace name "external" is reserved', "spec.fleet.external"),
    ("          client:", "          @@web-1:", 'two pods would be called "development/web-1"', 'see "web"'),
    ("{app: web}", '{@@"a b": web}', '"a b" cannot be a label\'s key', ""),
    ("{app: web}", '{app: @@"a b"}', '"a b" cannot be a label\'s value', ""),
    ("{app: web}", "{@@cni-probe.dev/run: x}", 'the label "cni-probe.dev/run" is reserved', ""),
    ("replicas: 2", "node: @@a_", '"a_" cannot be a node\'s symbol', ""),
    # host network and placement
    ("      development:", "      @@cluster:", 'the namespace name "cluster" is reserved', "cluster/dns"),
    (
        "labels: {app: backend}, ports: [80/TCP]",
        "hostNetwork: true, ports: [8080, @@80/TCP]",
        "cannot serve 80/TCP",
        "1024",
    ),
    ("labels: {app: backend}, ports: [80/TCP]", "hostNetwork: @@host, ports: 8080", "must be true or false", ""),
    (
        "          client:",
        "          @@client: {ports: 8080, hostNetwork: true, replicas: 2}",
        "both serve 8080/TCP",
        "different",
    ),
    (
        "          client:",
        "          @@client: {ports: 8080, hostNetwork: true, node: a, replicas: 2}",
        "client-1",
        "node: b",
    ),
    (
        "    external:",
        "    placement: @@diferent\n    external:",
        "is not a known placement",
        'did you mean "different"?',
    ),
    ("    external:", "    placement: @@east\n    external:", '"east" is not a known placement', "{group: NAME}"),
    (
        "    external:",
        "    placement: {spread: @@east}\n    external:",
        '"east" is not a known placement',
        "{group: NAME}",
    ),
    ("    external:", "    placement: {spread: same, @@groop: a}\n    external:", 'unknown key "groop"', '"group"?'),
    ("    external:", "    placement: {group: @@a b}\n    external:", "cannot be a group's name", ""),
    ("    external:", "    @@placment: same\n    external:", 'unknown key "placment"', '"placement"?'),
    # ports and addresses
    ("8080/TCP", "@@http", '"http" is not a port', "write 80/TCP"),
    ("8080/TCP", "@@8080/TPC", '"TPC" is not a known protocol', 'did you mean "TCP"?'),
    ("8080/TCP", "@@70000", "port 70000 must be between 1 and 65535", ""),
    ("8080/TCP", "@@80/TCP", "port 80/TCP stands here twice", ""),
    ("8080/TCP", "{port: 81, name: @@80}", "must be a string, not the number 80", ""),
    ("8080/TCP", "{port: 81, name: @@Web}", '"Web" cannot be a port\'s name', ""),
    ("8080/TCP", "{port: 81, name: a}, {port: 82, name: @@a}", 'two ports are called "a"', ""),
    ("10.0.12.34", "@@10.0.12.0/24", "is not an IPv4 or IPv6 address (a single address is needed", ""),
    ("10.0.12.34", "@@127.0.0.1", "loopback", ""),
    ("10.0.12.34", "10.0.12.34, @@10.0.12.34", 'already belongs to "vault"', ""),
    ("[443/TCP]", "@@[]", "must serve a port", ""),
    # probe and timeouts
    ("  steps:", "  probe: {@@form: a/b}\n  steps:", 'unknown key "form"', 'did you mean "from"?'),
    ("  steps:", "  probe: {from: @@prod/backend}\n  steps:", 'unknown namespace "prod"', 'mean "production"?'),
    ("  steps:", "  probe: {to: @@[]}\n  steps:", "is an empty list", "leave the key out"),
    ("  steps:", "  probe: {ports: [@@81]}\n  steps:", "nobody serves 81", "80/TCP"),
    ("  steps:", "  probe: {protocols: [@@SCTP]}\n  steps:", "nobody serves SCTP", "80/TCP"),
    (
        "  steps:",
        "  probe: {paths: [pod-ip, @@cluster-pi]}\n  steps:",
        '"cluster-pi" is not a known path',
        '"cluster-ip"?',
    ),
    (
        "  steps:",
        "  probe: {paths: @@cluster-ip/otherport}\n  steps:",
        "is not a known path",
        '"cluster-ip/other-port"?',
    ),
    ("  steps:", "  probe: {paths: [@@svc/*]}\n  steps:", '"svc/*" matches no path', "known: pod-ip, cluster-ip"),
    ("  steps:", "  probe: {paths: @@[]}\n  steps:", "is an empty list", "leave the key out"),
    ("  steps:", "  probe: {paths: [pod-ip, @@node-ip]}\n  steps:", "leads nowhere: no pod has hostNetwork", "pod-ip"),
    ("  steps:", "  probe: {to: @@cluster/dns}\n  steps:", "only tried where probe.paths asks for dns", "add it there"),
    ("  steps:", "  probe: {from: @@cluster/dns, paths: dns}\n  steps:", "only pods can be sources", ""),
    (
        "  steps:",
        "  probe: {to: [@@cluster/dsn], paths: dns}\n  steps:",
        'unknown destination "cluster/dsn"',
        "cluster/dns",
    ),
    ("  steps:", "  probe: {families: [@@ipv6]}\n  steps:", '"ipv6" is not a known address', 'mean "IPv6"?'),
    ("  steps:", "  probe: {self: @@no}\n  steps:", "no is a boolean", "or false"),
    ("  steps:", "  timeouts: {ready: @@2x}\n  steps:", '"2x" is not a duration', '"1.5s"'),
    ("  steps:", "  timeouts: {ready: @@0}\n  steps:", "must be more than zero", ""),
    ("  steps:", "  @@timeouts: {confirm: 100ms}\n  steps:", "confirm (0.1s) is shorter than attempt (0.4s)", ""),
]


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"), REPLACED, ids=[f"{new.strip()}"[:40] for _, new, *_ in REPLACED]
)
def test_a_mistake_in_the_document_is_one_problem_at_its_place(
    base: str, problems_of: Problems, old: str, new: str, message: str, hint: str
) -> None:
    assert base.count(old) == 1
    text = base.replace(old, new)
    assert_only(problems_of(text.replace("@@", "")), text, message, hint)


def _cases(name: str) -> Iterator[tuple[str, str, str]]:
    """Cases of a data file: the step's text, what the message says, what the hint says."""
    text = (Path(__file__).parent / name).read_text("utf-8")
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        step = [line for line in lines if not line.startswith(("! ", "? "))]
        said = {line[0]: line[2:] for line in lines if line.startswith(("! ", "? "))}
        if step:
            yield "\n      ".join(step), said["!"], said.get("?", "")


STEPS = list(_cases("mistakes_in_steps.txt"))


@pytest.mark.parametrize(("step", "message", "hint"), STEPS, ids=[step[:60] for step, *_ in STEPS])
def test_a_mistake_in_a_step_is_one_problem_at_its_place(
    base: str, problems_of: Problems, step: str, message: str, hint: str
) -> None:
    head = "    - name: second\n      " if "@@" in step else "    - @@name: second\n      "
    text = base + head + step + "\n"
    assert_only(problems_of(text.replace("@@", "")), text, message, hint)


CLUSTER = """---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 80}}}]}]
"""
MANIFESTS = [
    (POLICY.replace("{}}", "{}, @@ingres: []}"), 'unknown field "spec.ingres"', 'did you mean "ingress"?'),
    (POLICY.replace("production", "@@staging"), 'namespace "staging" is not in the fleet at this step (applied at', ""),
    (POLICY.replace("name: deny", "name: @@Deny"), 'Invalid value: "Deny"', ""),
    (POLICY.replace("networking.k8s.io/v1", "@@networking.k8s.io/v1beta1"), "NetworkPolicy has apiVersion", ""),
    (POLICY + "@@spec: {}\n", 'duplicate key "spec"', ""),
    (POLICY.replace("spec: {", "spec: {policyTypes: [@@ingress], "), 'Unsupported value: "ingress"', ""),
    (POLICY.replace("spec: {", "spec: {ingress: [{from: [@@{}]}], "), "Required value: must specify a peer", ""),
    (POLICY.replace("spec: {", "spec: {\n\t@@"), "not valid YAML", "use spaces"),
    ("@@- 1\n", "a manifest must be a mapping", ""),
    (POLICY + "---\napiVersion: v1\nkind: @@Namespace\n", "a namespace is not created by a manifest", "spec.fleet"),
    (POLICY + CLUSTER.replace("tier: Admin", "tier: @@admin"), 'Unsupported value: "admin"', ""),
    (POLICY + CLUSTER.replace("ingress", "@@ingres"), 'unknown field "spec.ingres"', 'did you mean "ingress"?'),
    (POLICY + CLUSTER.replace("protocols", "@@protocol"), "unknown field", 'did you mean "protocols"?'),
    (POLICY + CLUSTER.replace("}\nspec", ", namespace: @@production}\nspec"), "Forbidden: not allowed", ""),
    (POLICY + CLUSTER.replace("v1alpha2", "v1alpha1").replace("policy.", "@@policy."), "ClusterNetworkPolicy has", ""),
    (POLICY + "---\napiVersion: v1\nkind: @@Node\n", "Node is cluster-scoped; of such objects only policies", ""),
]  # fmt: skip


@pytest.mark.parametrize(("manifest", "message", "hint"), MANIFESTS, ids=[message for _, message, _ in MANIFESTS])
def test_a_mistake_in_a_manifest_is_located_in_the_manifest(
    base: str, problems_of: Problems, manifest: str, message: str, hint: str
) -> None:
    step = "    - name: second\n      apply: policy.yaml\n      expect: deny\n"
    # deleting what could not be read is not a mistake of its own
    later = "    - name: third\n      delete: networkpolicy/production/deny\n      expect: allow\n"
    clean = manifest.replace("\t@@", "\t").replace("@@", "")
    problems = problems_of(base + step + later, {"policy.yaml": clean})
    assert_only(problems, manifest.replace("\t@@", "@@\t"), message, hint, "policy.yaml")


def test_a_manifest_that_two_steps_apply_is_reported_once(base: str, problems_of: Problems) -> None:
    steps = "".join(f"    - {{name: {name}, apply: policy.yaml, expect: deny}}\n" for name in ("second", "third"))
    assert len(problems_of(base + steps, {"policy.yaml": POLICY.replace("spec:", "sepc:")})) == 1


def test_two_steps_with_one_name_are_a_mistake(base: str, problems_of: Problems) -> None:
    text = base + "    - name: @@open\n      expect: deny\n"
    assert_only(problems_of(text.replace("@@", "")), text, 'two steps are called "open"', "in line 20")


def test_applying_one_object_twice_in_a_step_is_a_mistake(base: str, problems_of: Problems) -> None:
    text = base + "    - name: second\n      apply: [policy.yaml, @@policy.yaml]\n      expect: deny\n"
    problems = problems_of(text.replace("@@", ""), {"policy.yaml": POLICY})
    assert_only(problems, text, "networkpolicy/production/deny is applied twice", "")


DELETED = """\
    - name: second
      delete: [pod/production/backend, namespace/development]
      expect: allow
    - name: third
"""


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("expect: {default: allow, rules: [{to: @@production/backend, verdict: deny}]}", "unknown pod"),
        ("expect: {default: allow, rules: [{to: @@development/web-0, verdict: deny}]}", "unknown namespace"),
        ("label: {@@production/backend: {a: b}}\n      expect: allow", "does not exist at this step"),
        ("delete: @@pod/production/backend\n      expect: allow", "does not exist at this step"),
        ("delete: @@namespace/development\n      expect: allow", "does not exist at this step"),
    ],
)
def test_what_an_earlier_step_deleted_cannot_be_referred_to(
    base: str, problems_of: Problems, step: str, message: str
) -> None:
    text = base + DELETED + "      " + step + "\n"
    assert_only(problems_of(text.replace("@@", "")), text, message, 'it was deleted in step "second"')


def test_a_pod_of_the_fleet_cannot_have_anothers_address(base: str, problems_of: Problems) -> None:
    text = base.replace("backend: {", "backend: {addressOf: @@production/frontend, ")
    assert_only(problems_of(text.replace("@@", "")), text, "no pod was there before the fleet", "let a step create")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("node: @@a", "decides on the node"),
        ("replicas: 2", "several pods"),
        ("hostNetwork: true", "its node's address"),
    ],
)
def test_what_does_not_go_together_with_an_address(base: str, problems_of: Problems, more: str, message: str) -> None:
    at = "" if "@@" in more else "@@"
    text = base + "    - {name: second, delete: pod/production/backend, expect: allow}\n"
    pod = f"{{addressOf: {at}production/backend, ports: 9000, {more}}}"
    text += f"    - {{name: third, create: {{namespaces: {{production: {{pods: {{new: {pod}}}}}}}}}, expect: allow}}\n"
    assert_only(problems_of(text.replace("@@", "")), text, message, "")


ENDING = """\
    - {name: second, complete: production/backend, expect: allow}
    - name: third
      create: {namespaces: {production: {pods: {@@backend: 80}}}}
      expect: allow
"""


def test_a_completed_pod_still_has_its_name(base: str, problems_of: Problems) -> None:
    text = base + ENDING
    assert_only(problems_of(text.replace("@@", "")), text, 'pod "production/backend" exists already', "")


def test_what_a_later_step_creates_cannot_be_referred_to_yet(base: str, problems_of: Problems) -> None:
    text = base.replace("expect: allow", "expect: {default: allow, rules: [{to: @@production/new, verdict: deny}]}")
    text += "    - {name: second, create: {namespaces: {production: {pods: {new: 80}}}}, expect: allow}\n"
    assert_only(problems_of(text.replace("@@", "")), text, 'unknown pod "production/new"', "")


def test_what_a_later_step_creates_may_stand_in_the_probe_of_the_whole_scenario(
    base: str, load: Callable[..., object]
) -> None:
    text = base.replace("  steps:", "  probe: {from: [production/backend, production/new]}\n  steps:")
    assert load(text + "    - {name: second, create: {namespaces: {production: {pods: {new: 80}}}}, expect: allow}\n")


KNOCK_ON: list[Mapping[str, str]] = [
    {"backend: {labels: {app: backend}, ports: [80/TCP]}": "backend: 5.5"},
    {"ports: [80/TCP]}": "prots: [80/TCP]}"},
    {"ports: [80/TCP]}": "ports: [80/TPC]}"},
    {"      production:\n": "      production:\n        pod: {}\n"},
    {"  fleet:\n": "  flett:\n"},
    {"vault: {addresses: [10.0.12.34], ports: [443/TCP]}": "vault: {adresses: [10.0.12.34], ports: [443/TCP]}"},
    {"app: backend": "app: 1"},
]


@pytest.mark.parametrize("change", KNOCK_ON, ids=[next(iter(change.values())).strip() for change in KNOCK_ON])
def test_what_refers_to_something_mistaken_is_not_blamed(
    base: str, problems_of: Problems, change: Mapping[str, str]
) -> None:
    text = base + (
        "    - name: second\n"
        "      unlabel: {production/backend: app}\n"
        "      expect:\n"
        "        default: allow\n"
        "        rules:\n"
        "          - {from: production/backend, to: external/vault, port: 443/TCP, verdict: deny}\n"
        "          - {from: production/frontend, to: production/backend, port: 80/TCP, verdict: deny}\n"
    )
    for old, new in change.items():
        text = text.replace(old, new)
    problems = problems_of(text)
    assert len(problems) == 1, list(map(str, problems))
