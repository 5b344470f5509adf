"""Where a run leaves its results for those who come for them later: a directory, a ConfigMap.

The directory is as Sonobuoy wants it of a plugin: the results, and last of all the file ``done``, which names them. It
is written whatever happens, since nobody there reads an exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from probe.cli.cluster_arguments import connection
from probe.model.cell import ExitCode
from probe.model.errors import ClusterError, CniProbeError, UsageError
from probe.model.events import ProblemSeen, RunDone
from probe.model.record import RunRecord

_FILES = {"junit": "junit.xml", "json": "run.json", "table": "table.txt"}
_DONE = "done"


def add_result_arguments(parser: argparse._ActionsContainer) -> None:
    """``--results-dir`` and ``--results-configmap``."""
    parser.add_argument(
        "--results-dir", type=Path, metavar="DIR",
        help=f"write {', '.join(_FILES.values())} there, and at the very end the file {_DONE} (as Sonobuoy waits for)",
    )  # fmt: skip
    parser.add_argument(
        "--results-configmap", metavar="[NAMESPACE/]NAME",
        help="leave the record in a ConfigMap, compressed or in part if it is too large; in a pod: of its namespace",
    )  # fmt: skip


@contextmanager
def delivery(args: argparse.Namespace) -> Iterator[Delivery]:
    """Everything about the results of one run; the directory is complete at the end of the block, also of a failed one.

    Adds the directory's files to ``args.output``. Raises UsageError, ClusterError when results could not be left.
    """
    directory: Path | None = args.results_dir
    if directory is None:
        with _delivered(args) as results:
            yield results
        return
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / _DONE).unlink(missing_ok=True)
        (directory / _FILES["junit"]).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"--results-dir {directory}: {error.strerror or error}") from None
    args.output += [f"{format}={directory / name}" for format, name in _FILES.items()]
    try:
        with _delivered(args) as results:
            yield results
    except BaseException as error:
        _explain(directory, error)
        raise
    finally:
        (directory / _DONE).write_text(str(directory / _FILES["junit"]))


@contextmanager
def _delivered(args: argparse.Namespace) -> Iterator[Delivery]:
    results = Delivery(args)
    try:
        yield results
    except BaseException as error:
        results.give_up(error)
        raise


class Delivery:
    """The ConfigMap of one run, if it is to have one. Raises UsageError for a name that cannot be."""

    def __init__(self, args: argparse.Namespace) -> None:
        from probe.cluster.results import parse_configmap

        self._args = args
        self._place = parse_configmap(args.results_configmap) if args.results_configmap else None
        if self._place and args.sandbox:
            raise UsageError("--results-configmap needs a cluster that stays: leave out --sandbox")
        self._announced = False

    def announce(self) -> None:
        """Write that the run is under way: whether results can be left is found before anything is measured."""
        if self._place:
            asyncio.run(self._write(self._place, {"contents": "nothing yet: the run is under way"}, {}))
            self._announced = True

    def give_up(self, error: BaseException) -> None:
        """Say where the run was announced that it came to nothing: nobody there is to wait for it."""
        if self._place and self._announced:
            code = error.exit_code if isinstance(error, CniProbeError) else int(ExitCode.HARNESS)
            told = {"exit-code": str(code), "contents": f"nothing: {str(error) or type(error).__name__}"}
            with suppress(ClusterError):  # the run's own error is told anyway
                asyncio.run(self._write(self._place, told, {}))

    def deliver(self, record: RunRecord) -> int:
        """Leave the record; the exit code. That it could not be left is said, and hides no mismatch."""
        if self._place is None:
            return record.exit_code
        from probe.report.parcel import pack

        parcel = pack(record)
        try:
            asyncio.run(self._write(self._place, dict(parcel.text), dict(parcel.binary)))
        except ClusterError as error:
            print(f"cni-probe: the results could not be left: {error}", file=sys.stderr)
            return record.exit_code or int(ExitCode.HARNESS)
        if not self._args.quiet:
            namespace, name = self._place
            print(f"results: configmap {name} in {namespace} ({parcel.text['contents']})", file=sys.stderr)
        return record.exit_code

    async def _write(self, place: tuple[str, str], text: dict[str, str], binary: dict[str, bytes]) -> None:
        from probe.cluster.results import write_configmap

        async with connection(self._args, lambda said: print(f"cni-probe: {said}", file=sys.stderr)) as api:
            await write_configmap(api, *place, text, binary)


def _explain(directory: Path, error: BaseException) -> None:
    """JUnit of a run that came to nothing, unless there is one: its one case has the error."""
    from probe.report import junit
    from probe.report.fold import Recorder
    from probe.report.render import RenderOptions

    path = directory / _FILES["junit"]
    if path.exists():
        return
    recorder = Recorder()
    recorder.see(ProblemSeen(str(error) or type(error).__name__))
    recorder.see(RunDone(datetime.now(UTC).isoformat(), 0.0, isinstance(error, KeyboardInterrupt)))
    path.write_text(junit.render(recorder.record(), RenderOptions()))
