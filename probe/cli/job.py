"""``cni-probe job``: manifests that run scenarios inside the cluster, for ``kubectl apply -f -`` or for Sonobuoy."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from probe.cli.pod_arguments import run_config
from probe.cli.rbac import access_of, add_access_arguments
from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.model.syntax import dns_subdomain_error

if TYPE_CHECKING:
    from probe.cluster.job import Runner

_PVC = "pvc="


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="scenario files or directories")
    parser.add_argument("--runner-image", metavar="NAME", help="image with cni-probe (default: cni-probe:VERSION)")
    parser.add_argument("--runner-pull-policy", choices=("Always", "IfNotPresent", "Never"), default="IfNotPresent")
    parser.add_argument(
        "--runner-pull-secret", action="append", default=[], metavar="NAME",
        help="pull secret of the Job's namespace; may be repeated",
    )  # fmt: skip
    parser.add_argument("--image", metavar="NAME", help="image of the agents, for the run")
    parser.add_argument(
        "--results", default="stdout", metavar="WHERE",
        help="stdout (default), configmap (also to the ConfigMap cni-probe-results), or pvc=NAME (also to that claim)",
    )  # fmt: skip
    parser.add_argument(
        "--run-args", default="", metavar="TEXT",
        help="more arguments of `cni-probe run`, quoted as for a shell: --run-args='--allow-host-network --nodes 5'",
    )  # fmt: skip
    parser.add_argument("--sonobuoy", action="store_true", help="print a Sonobuoy plugin instead")
    add_access_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the manifests. Raises UsageError, and ScenarioError as ``validate`` does."""
    from probe.cluster.bundle import bundle
    from probe.cluster.job import RESULTS_CONFIGMAP, job_manifests, sonobuoy_plugin
    from probe.cluster.rbac import as_yaml, dump
    from probe.engine.options import RunOptions
    from probe.engine.preconditions import check_scenarios
    from probe.scenario import load_scenarios

    runner = _runner(args)
    scenarios = load_scenarios(args.paths)
    told = _as_run_reads_them(args.paths, runner.arguments)
    if not told.config:  # a file that only the Job has may allow more
        agent = run_config(told).agent
        allowed = RunOptions(
            agent=agent, allow_host_network=told.allow_host_network, allow_cluster_scoped=told.allow_cluster_scoped
        )
        check_scenarios(scenarios, allowed)
    files = bundle(scenarios)
    if args.sonobuoy:
        if args.results != "stdout":
            raise UsageError("--sonobuoy collects the results itself: leave out --results")
        sys.stdout.write(dump(sonobuoy_plugin(files, runner)))
    else:
        access = access_of(args, results=RESULTS_CONFIGMAP if args.results == "configmap" else None)
        sys.stdout.write(as_yaml(job_manifests(access, files, runner), access.rules))
    return int(ExitCode.PASSED)


def _runner(args: argparse.Namespace) -> Runner:
    from probe.cluster.job import RUNNER_IMAGE, Runner

    return Runner(
        image=args.runner_image or RUNNER_IMAGE,
        pull_policy=args.runner_pull_policy,
        pull_secrets=tuple(args.runner_pull_secret),
        arguments=tuple(_run_arguments(args)),
        claim=_claim(args.results),
    )


def _run_arguments(args: argparse.Namespace) -> list[str]:
    words = ["--image", args.image] if args.image else []
    words += ["--agent-from-configmap"] if args.agent_from_configmap else []
    words += [word for secret in args.image_pull_secret for word in ("--image-pull-secret", secret)]
    try:
        return words + shlex.split(args.run_args)
    except ValueError as error:
        raise UsageError(f"--run-args {args.run_args!r}: {error}") from None


class _Words(argparse.ArgumentParser):
    """Reads words that another program is to be called with."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"--run-args: {message}")


def _as_run_reads_them(paths: Sequence[str], words: Sequence[str]) -> argparse.Namespace:
    """What `cni-probe run` is going to make of its arguments: a mistake is better told here than by a Job's log."""
    from probe.cli import run

    parser = _Words(add_help=False)
    run.add_arguments(parser)
    return parser.parse_args([*paths, *words])


def _claim(results: str) -> str | None:
    if results in ("stdout", "configmap"):
        return None
    name = results.removeprefix(_PVC)
    if name == results:
        raise UsageError(f"--results {results}: known are stdout, configmap and pvc=NAME")
    if error := dns_subdomain_error(name):
        raise UsageError(f"--results {results}: {name!r} cannot be a claim's name: {error}")
    return name
