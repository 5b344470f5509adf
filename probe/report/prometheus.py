"""The ``prometheus`` format: a file for node_exporter's textfile collector, or to be pushed to a gateway.

Labels are few and the same in each run, so that runs become time series: no run's id, no cell. The collector refuses
timestamps beside values, so when the run was is a metric of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from probe.model.cell import Verdict
from probe.model.enforcement import QUANTILES
from probe.model.record import RunRecord, ScenarioRecord
from probe.report.fold import count_cells
from probe.report.latency import Latency, latencies
from probe.report.problems import scenario_troubles, troubles
from probe.report.render import RenderOptions
from probe.report.text import safe

_PREFIX = "cni_probe_"
_LATENCY = "enforcement_latency_seconds"


@dataclass(frozen=True, slots=True)
class _Metric:
    """A family of samples: their suffixes, labels and values."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, Mapping[str, str], float]] = field(default_factory=list)

    def add(self, value: float, labels: Mapping[str, str] | None = None, suffix: str = "") -> None:
        self.samples.append((suffix, labels or {}, value))

    def text(self) -> str:
        name = _PREFIX + self.name
        lines = [f"# HELP {name} {self.help}", f"# TYPE {name} {self.kind}"]
        lines += [f"{name}{suffix}{_labels(labels)} {value:.12g}" for suffix, labels, value in self.samples]
        return "\n".join(lines) + "\n"


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """All metrics; families without a sample are left out."""
    for metric in (*_run(record), *_scenarios(record.scenarios), *_latency(latencies(record))):
        if metric.samples:
            yield metric.text()


def _run(record: RunRecord) -> Iterator[_Metric]:
    info = _Metric("info", "gauge", "What was run, and where; always 1.")
    info.add(1, {"tool": record.tool, "cluster": record.cluster.server, "kubernetes_version": record.cluster.version})
    yield info
    yield _gauge(
        "exit_code", "Exit code of the run: 0 passed, 1 mismatch, 3 not proven, 130 interrupted.", record.exit_code
    )
    yield _gauge("duration_seconds", "How long the run took.", record.seconds)
    if (finished := _seconds(record.finished)) is not None:
        yield _gauge("finished_timestamp_seconds", "When the run ended, in seconds since 1970.", finished)
    yield _gauge("problems", "What went wrong beside the cells.", sum(1 for _ in troubles(record)))
    cells = _Metric("cells", "gauge", "Cells by verdict.")
    for verdict in Verdict:
        cells.add(record.counts.get(verdict, 0), {"verdict": verdict.value})
    yield cells


def _gauge(name: str, text: str, value: float) -> _Metric:
    metric = _Metric(name, "gauge", text)
    metric.add(value)
    return metric


def _seconds(time: str) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


@dataclass(slots=True)
class _Result:
    """A scenario's, of all its repetitions."""

    passed: bool = True
    cells: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))

    def see(self, scenario: ScenarioRecord) -> None:
        for step in scenario.steps:
            for verdict, number in count_cells(step.cells).items():
                self.cells[verdict] += number
        doubtful = any(number and not _is_fine(verdict) for verdict, number in self.cells.items())
        self.passed &= not doubtful and not scenario_troubles(scenario)


def _is_fine(verdict: Verdict) -> bool:
    return not verdict.is_mismatch and verdict is not Verdict.INCONCLUSIVE


def _scenarios(scenarios: Iterable[ScenarioRecord]) -> Iterator[_Metric]:
    results: dict[tuple[str, str], _Result] = {}
    for scenario in scenarios:
        results.setdefault((safe(scenario.name), safe(scenario.file)), _Result()).see(scenario)
    success = _Metric(
        "scenario_success",
        "gauge",
        "1 if the scenario was completed, something passed, and nothing failed or is unproven.",
    )
    cells = _Metric("scenario_cells", "gauge", "Cells of a scenario by verdict.")
    for (name, file), result in results.items():
        labels = {"scenario": name, "file": file}
        success.add(int(result.passed and result.cells[Verdict.PASS] > 0), labels)
        for verdict, number in result.cells.items():
            cells.add(number, {**labels, "verdict": verdict.value})
    yield from (success, cells)


def _latency(found: Iterable[Latency]) -> Iterator[_Metric]:
    times = _Metric(
        _LATENCY, "summary", "From the acknowledged change to the first attempt as expected, over its cells."
    )
    untimed = _Metric(
        "enforcement_untimed", "gauge", "Changed cells without a time: agents starved of CPU, or inconclusive."
    )
    never = _Metric("enforcement_never", "gauge", "Cells that were never as expected after the change.")
    for each in found:
        labels = {"change": each.kind}
        never.add(each.times.never, labels)
        untimed.add(each.times.untimed, labels)
        for _, share in QUANTILES:
            if (seconds := each.times.quantile(share)) is not None:
                times.add(seconds, {**labels, "quantile": f"{share:g}"})
        if each.times.seconds:
            times.add(sum(each.times.seconds), labels, "_sum")
            times.add(len(each.times.seconds), labels, "_count")
    yield from (times, never, untimed)


def _labels(labels: Mapping[str, str]) -> str:
    written = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{written}}}" if written else ""


def _escaped(value: str) -> str:
    """A label's value, whose ends of lines ``safe`` has spelt out."""
    return safe(value).replace("\\", "\\\\").replace('"', '\\"')
