"""End-to-end tests against whatever cluster ``KUBECONFIG`` names: `make e2e IMAGE=...`.

They are the product, run as a user runs it, and ask for nothing but a cluster and an image that its nodes get. Plain
`pytest` leaves them out, since it must not touch the cluster that a developer happens to be connected to.

IMAGE                 the agents' image; not needed on the embedded cluster
ENFORCEMENT=none      the cluster's network plugin enforces nothing: every denial must leak (the negative control)
FAMILY=dual           the cluster has IPv4 and IPv6: both must have been tried (ipv4: only that)
E2E_ARGUMENTS         more arguments of `cni-probe run` (--external vault=192.0.2.10, --toleration ...)
REPORTS=DIR           where tables, records, JUnit files and journals go
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

collect_ignore_glob = [] if os.environ.get("CNI_PROBE_E2E") else ["test_*.py"]

Command: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
Run: TypeAlias = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="session")
def command() -> Command:
    """Run a command of cni-probe; what it says on stderr goes to the test's own."""

    def call(*words: str, timeout: float = 900.0) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "probe", *words]
        return subprocess.run(line, stdout=subprocess.PIPE, text=True, timeout=timeout, check=False)

    return call


@pytest.fixture(scope="session")
def image() -> list[str]:
    """Arguments that name the agents' image."""
    return ["--image", os.environ["IMAGE"]] if os.environ.get("IMAGE") else []


@pytest.fixture(scope="session")
def enforces() -> bool:
    """Whether the cluster is meant to enforce NetworkPolicies."""
    return os.environ.get("ENFORCEMENT", "yes") != "none"


@pytest.fixture(scope="session")
def families() -> set[str]:
    """Address families that must have been tried; empty where FAMILY says nothing of them."""
    return {"": set(), "ipv4": {"IPv4"}, "dual": {"IPv4", "IPv6"}}[os.environ.get("FAMILY", "")]


@pytest.fixture(scope="session")
def externals() -> set[str]:
    """Destinations outside of the cluster that E2E_ARGUMENTS says agents run at, such as ``external/vault``."""
    return {f"external/{name}" for name in re.findall(r"--external[ =]([\w-]+)=", os.environ.get("E2E_ARGUMENTS", ""))}


@pytest.fixture
def run(command: Command, image: list[str], tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    """Run scenarios; the exit code and the record."""
    reports = Path(os.environ.get("REPORTS", str(tmp_path)))
    reports.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", request.node.name).strip("-")

    def go(*words: str) -> tuple[int, dict[str, Any]]:
        record = reports / f"{name}.json"
        outputs = [f"json={record}", f"junit={reports / f'{name}.xml'}", f"table={reports / f'{name}.txt'}", "table"]
        line = [*words, *image, "--journal", str(reports / f"{name}.journal")]
        line += [word for output in outputs for word in ("-o", output)]
        done = command("run", *line, *shlex.split(os.environ.get("E2E_ARGUMENTS", "")))
        print(done.stdout)
        data: dict[str, Any] = json.loads(record.read_text())
        return done.returncode, data

    return go
