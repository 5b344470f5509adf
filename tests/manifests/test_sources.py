"""What lies in directories beside manifests, and what is said of files that cannot be read."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from probe.manifests import load_manifests, read_manifests
from probe.model.errors import ManifestError
from tests.manifests.conftest import Read

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"
TEMPLATE = """\
{{- if .Values.networkPolicy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "shop.fullname" . }}
spec:
  podSelector: {}
{{- end }}
"""
NAME_IN_QUOTES = POD.replace("name: web", 'name: "{{ .Release.Name }}-web"')


def test_a_chart_beside_manifests_is_left_out_with_warnings(read: Read) -> None:
    found = read(
        files={
            "pod.yaml": POD,
            "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 0.1.0\n",
            "chart/values.yaml": "replicas: 3\nimage: {tag: 1.27}\n",
            "chart/templates/policy.yaml": TEMPLATE,
            "chart/templates/pod.yaml": NAME_IN_QUOTES,
            "chart/templates/_helpers.tpl": '{{- define "shop.fullname" -}}shop{{- end }}\n',
            "kustomization.yaml": "resources: [pod.yaml]\n",
            "README.md": "# Shop\n",
            "off.yaml": "# apiVersion: v1\n---\n",
            ".github/workflows/ci.yaml": "on: push\n",
        }
    )
    assert (found.unreadable, found.invalid) == ((), ())
    assert [pod.id for pod in found.snapshot.pods] == ["shop/web"]
    assert [str(warning) for warning in found.warnings] == [
        "dir/chart/Chart.yaml:1:1: document: no Kubernetes object, left out "
        "(render it and give the result: helm template CHART)",
        "dir/chart/templates/pod.yaml:3:18: a template, left out: what stands in {{ }} is not known "
        "(render it first, for instance with: helm template CHART)",
        "dir/chart/templates/policy.yaml:1:3: a template, left out: what stands in {{ }} is not known "
        "(render it first, for instance with: helm template CHART)",
        "dir/chart/values.yaml:1:1: document: no Kubernetes object, left out "
        "(render it and give the result: helm template CHART)",
        "dir/kustomization.yaml:1:1: document: no Kubernetes object, left out "
        "(render it and give the result: kubectl kustomize DIRECTORY)",
    ]


def test_a_template_that_is_named_is_an_error(read: Read) -> None:
    assert read(TEMPLATE).unreadable


def test_braces_that_are_only_text_make_no_template(read: Read) -> None:
    alert = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: "{{ $labels.pod }}"}\n---\n'
    found = read(files={"a.yaml": alert + POD})
    assert (found.warnings, len(found.objects)) == ((), 1)
    broken = read(files={"a.yaml": alert + POD.replace("name: web", "name: WEB")})
    assert (broken.warnings, len(broken.invalid)) == ((), 1)


def test_a_broken_file_in_a_directory_is_an_error_since_it_may_have_held_a_policy(read: Read) -> None:
    found = read(
        files={"a.yaml": POD, "b.yaml": "kind: NetworkPolicy\n\tspec: {}\n", "c.yaml": "metadata: {name: x}\n"}
    )
    assert [str(problem) for problem in found.unreadable] == [
        "dir/b.yaml:2:1: document: not valid YAML: a tab cannot indent or separate (use spaces)",
        "dir/c.yaml:1:1: document: a manifest must have apiVersion and kind",
    ]


def test_a_directory_without_a_manifest_is_an_error_since_nothing_was_looked_at(read: Read, tmp_path: Path) -> None:
    assert [str(problem) for problem in read(files={"values.yaml": "a: 1\n"}).unreadable] == [
        "dir: no Kubernetes object in this directory"
    ]
    Path("empty").mkdir()
    assert [str(problem) for problem in read_manifests(["empty"]).unreadable] == [
        "empty: no manifest in this directory (it holds no *.yaml, *.yml or *.json file)"
    ]


def test_a_path_that_is_not_there_is_an_error_with_a_suggestion(read: Read) -> None:
    read(POD)
    with pytest.raises(ManifestError, match=r'^al.yaml: no such file or directory \(did you mean "all.yaml"\?\)$'):
        load_manifests(["al.yaml"])


def test_a_named_file_without_a_document_is_an_error(read: Read) -> None:
    assert [str(problem) for problem in read("# nothing\n").unreadable] == ["all.yaml:1:1: document: holds no document"]


def test_stdin_is_read_once_however_often_it_is_named() -> None:
    calls: list[int] = []

    def stdin() -> bytes:
        calls.append(1)
        return POD.encode()

    found = read_manifests(["-", "-"], read_stdin=stdin)
    assert (calls, [str(each.place.location) for each in found.objects]) == ([1], ["<stdin>:1:1"])


def test_stdin_is_the_commands_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(POD.encode())))
    assert [pod.id for pod in load_manifests(["-"]).snapshot.pods] == ["shop/web"]
