"""Progress: a few plain lines in a log, one living line on a terminal, and never a byte on stdout."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Self

import pytest

from probe.model.cell import Family, Verdict
from probe.model.events import (
    BaselineDone,
    CleanedUp,
    Event,
    FleetReady,
    PodReady,
    ProblemSeen,
    RoundDone,
    RunDone,
    RunStarted,
    ScenarioDone,
    ScenarioStarted,
    StepDone,
    StepStarted,
)
from probe.model.record import BaselineRecord, ClusterRecord
from probe.report.progress import Progress
from probe.report.screens import Live, fitting
from tests.report.terminal import Terminal


def events(build: Any) -> Iterator[Event]:
    yield RunStarted("ab12cd", "2026-11-20T10:00:00Z", ClusterRecord("https://api", "v1.34", ["n"], [Family.IPV4]), 1)
    yield ScenarioStarted("seeds\x1b[2J", "s.yaml", "", {}, {}, pods=2, steps=2)
    yield PodReady(build.pod("x/a"))
    yield PodReady(build.pod("x/b"))
    yield FleetReady(0.8)
    yield RoundDone("", "baseline", 4, 1)
    yield BaselineDone(BaselineRecord(4, 4, 0.1))
    yield StepStarted("open", 0, (), 4)
    for pending in range(50, 0, -1):
        yield RoundDone("open", "converge", 50, pending)
    yield StepDone(build.step([build.cell()] * 4, name="open"))
    yield StepStarted("closed", 1, ("apply networkpolicy/x/p",), 4)
    yield RoundDone("closed", "confirm", 4, 2)
    yield StepDone(build.step([build.cell(), build.cell(expected="deny", outcome="connected")], name="closed"))
    yield ProblemSeen("the node\nwent away")
    yield ScenarioDone("seeds", True)
    yield CleanedUp(())
    yield RunDone("2026-11-20T10:00:09Z", 9.0, False)


def show(build: Any, **options: Any) -> list[str]:
    stream = io.StringIO()
    with Progress(stream, **options) as progress:
        for event in events(build):
            progress.see(event)
    return stream.getvalue().splitlines()


def test_a_log_gets_one_line_for_every_phase(build: Any, capsys: pytest.CaptureFixture[str]) -> None:
    place = "[1/1] seeds\\x1b[2J"
    assert show(build) == [
        "run ab12cd: 1 scenario on https://api (v1.34, 1 node)",
        f"{place}: a fleet of 2 pods",
        f"{place}: 2 pods ready in 800 ms",
        f"{place}: baseline: 4 of 4 cells connected in 100 ms",
        f"{place}: open: 4 pass after 120 ms",
        f"{place}: closed: 1 pass, 1 leak",
        f"{place}: problem: the node went away",
        "done after 9.0 s",
    ]
    assert capsys.readouterr().out == ""


def test_quiet_leaves_only_what_went_wrong(build: Any) -> None:
    assert [line.rpartition("seeds\\x1b[2J: ")[2] for line in show(build, quiet=True)] == [
        "closed: 1 pass, 1 leak",
        "problem: the node went away",
    ]


def test_quiet_means_quiet_on_a_terminal_too(build: Any) -> None:
    assert show(build, quiet=True, live=True) == show(build, quiet=True)


def test_what_could_not_be_removed_is_said() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.see(CleanedUp(("cp-ab12cd-x",)))
    assert stream.getvalue() == "not removed yet: cp-ab12cd-x\n"


def test_the_living_line_tells_place_phase_pending_and_failures(build: Any) -> None:
    stream = io.StringIO()
    seen = []
    with Progress(stream, live=True) as progress:
        for event in events(build):
            progress.see(event)
            seen.append(progress._state.status()[0])
    assert seen[0] == "connecting"
    assert seen[2].endswith("pods 1/2 ready")
    assert seen[5].endswith("baseline, 1 of 4 cells pending")
    assert seen[8].endswith("step 1/2 open: converge, 50 of 50 cells pending")
    assert any(line.endswith("step 2/2 closed: confirm, 2 of 4 cells pending") for line in seen)
    assert seen[-4].endswith("(1 leak so far)")


def test_a_step_that_is_judged_again_replaces_its_failures(build: Any) -> None:
    doubtful = build.cell(expected="deny", verdict=Verdict.INCONCLUSIVE)
    with Progress(io.StringIO()) as progress:
        progress.see(StepDone(build.step([doubtful], name="closed")))
        assert "1 inconclusive so far" in progress._state.status()[0]
        progress.see(StepDone(build.step([build.cell(expected="deny")], name="closed")))
        assert "so far" not in progress._state.status()[0]


def test_a_terminal_keeps_only_what_lasts_and_stdout_stays_untouched(build: Any) -> None:
    master, slave = pty.openpty()
    program = (
        "import sys\n"
        "from probe.model.events import ProblemSeen, ScenarioStarted\n"
        "from probe.report.progress import Progress\n"
        "with Progress(sys.stderr) as progress:\n"
        "    progress.see(ScenarioStarted('seeds', '', '', {}, {}, 2, 1))\n"
        "    print('data', flush=True)\n"
        "    progress.see(ProblemSeen('it broke'))\n"
    )
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=slave, timeout=30, check=True, env=environment
    )
    os.close(slave)
    shown = b""
    while chunk := _read(master):
        shown += chunk
    os.close(master)
    assert done.stdout == b"data\n"
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "[1/1] seeds: problem: it broke" in text
    assert "a fleet of 2 pods" not in text
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") == 1  # the cursor is given back


@pytest.mark.parametrize(("width", "height"), [(200, 50), (80, 24), (40, 6)])
def test_a_terminal_is_never_garbled_whatever_goes_on_side_by_side(build: Any, width: int, height: int) -> None:
    """After every event its screen has the lasting lines in order, and below them the block, each line whole."""
    screen, lasting = Terminal(width, height), []
    with Shown(screen, width, height) as progress:
        progress.see(RunStarted("ab12cd", "2026-11-20T10:00:00Z", ClusterRecord("https://api", "v1.34", ["n"], []), 9))
        for number in range(9):
            progress.see(ScenarioStarted(f"策略-{number}", "", "", {}, {}, 2, 3, scenario=number))
            progress.see(StepStarted("a step of a name that no terminal is wide enough for " * 3, 0, (), 4, number))
        for number in range(9):
            progress.see(RoundDone("open", "converge", 300, number, scenario=number))
            if number % 3 == 0:
                lasting.append(f"[{number + 1}/9] 策略-{number}: problem: it broke {number}")
                progress.see(ProblemSeen(f"it broke {number}", number))
            text = [line for line in screen.text if line]
            told = "".join(text).replace(" ", "")
            assert all(line.replace(" ", "") in told for line in lasting)
            block = text[-min(10, height - 3) :]
            assert "0 of 9 scenarios done, 0 cells judged, 9 at once"[: width - 25] in block[0]
            assert sum("0 of 9 scen" in line for line in text) == 1
            assert block[-1].startswith("  [9/9]" if height > 12 else "  and 8 more")
        for number in range(9):
            progress.see(ScenarioDone(f"策略-{number}", True, number))
    assert "".join(screen.text).replace(" ", "") == "".join(lasting).replace(" ", "")


class Shown:
    """Progress on such a terminal, drawn after every event."""

    def __init__(self, screen: Terminal, width: int, height: int) -> None:
        self._stream = io.StringIO()
        self._screen = screen
        self._progress = Progress(self._stream, live=True)
        live = self._progress._screen
        assert isinstance(live, Live)
        live._console.size = (width, height)
        live._block.auto_refresh = False
        self._live = live

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)
        self._flush()

    def see(self, event: Event) -> None:
        self._progress.see(event)
        self._live._block.refresh()
        self._flush()

    def _flush(self) -> None:
        self._screen.write(self._stream.getvalue())
        self._stream.seek(0)
        self._stream.truncate()


def test_more_than_fits_is_counted() -> None:
    assert fitting(["a", "b", "c"], 80, 3) == ["a", "b", "c"]
    assert fitting(["a", "b", "c", "d"], 80, 3) == ["a", "b", "and 2 more"]
    assert fitting(["a", "b"], 80, 0) == ["and 2 more"]
    assert fitting(["x" * 90, "策" * 50], 40, 3) == ["x" * 19 + ".." + "x" * 19, "策" * 9 + ".." + "策" * 9]


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # EIO: the other side is closed
        return b""


def test_a_dumb_terminal_gets_lines(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    master, slave = pty.openpty()
    with open(master, "rb", buffering=0) as reader, open(slave, "w") as terminal:
        with Progress(terminal) as progress:
            progress.see(ProblemSeen("it broke"))
        assert reader.read(100) == b"problem: it broke\r\n"


def test_rich_is_imported_only_for_a_living_line() -> None:
    program = (
        "import io, sys; from probe.report.progress import Progress; "
        "Progress(io.StringIO()); print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "False\n"


def test_of_several_scenarios_at_once_the_living_line_tells_how_far_the_run_is(build: Any) -> None:
    started = RunStarted("ab12cd", "2026-11-20T10:00:00Z", ClusterRecord("https://api", "v1.34", ["n"], []), 9, lanes=3)
    one, two = (ScenarioStarted(name, "", "", {}, {}, 2, 1, scenario=index) for index, name in ((3, "d"), (5, "f")))
    stream = io.StringIO()
    with Progress(stream) as progress:
        for event in (started, one, two, StepDone(build.step([build.cell()] * 3, name="open"), scenario=3)):
            progress.see(event)
        assert progress._state.status() == [
            "0 of 9 scenarios done, 3 cells judged, 2 at once",
            "[4/9] d  pods 0/2 ready",
            "[6/9] f  pods 0/2 ready",
        ]
        leak = build.cell(expected="deny", outcome="connected")
        progress.see(StepDone(build.step([leak], name="open"), scenario=5))
        progress.see(ScenarioDone("d", True, scenario=3))
        assert progress._state.status() == ["[6/9] f  pods 0/2 ready  (1 leak so far)"]
        progress.see(ProblemSeen("late", scenario=3))
        progress.see(ProblemSeen("of the run"))
    assert stream.getvalue().splitlines()[0].endswith(", 3 scenarios at once")
    assert stream.getvalue().splitlines()[1:] == [
        "[4/9] d: a fleet of 2 pods",
        "[6/9] f: a fleet of 2 pods",
        "[4/9] d: open: 3 pass after 120 ms",
        "[6/9] f: open: 1 leak",
        "[4/9] d: problem: late",
        "problem: of the run",
    ]
