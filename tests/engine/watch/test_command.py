"""The command that runs meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from pathlib import Path

import pytest

from probe.engine.watch.command import Command
from tests.agent.support import wait_for


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and not only what is left of it."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def command(text: str, said: list[str] | None = None) -> Command:
    ticks = itertools.count()
    return Command(text, {**os.environ, "WHERE": "here"}, lambda: float(next(ticks)), (said or []).append)


async def test_output_is_passed_on_and_kept_with_its_instants() -> None:
    said: list[str] = []
    ticks = itertools.count()
    running = Command("echo one; echo two >&2; echo $WHERE", {"WHERE": "here"}, lambda: float(next(ticks)), said.append)
    assert await running.run() == 0
    assert sorted(said) == ["here", "one", "two"]
    record = running.record()
    assert {(line.stream, line.text) for line in record.lines} == {
        ("stdout", "one"), ("stderr", "two"), ("stdout", "here"),
    }  # fmt: skip
    assert record.ended is not None
    assert all(record.started < line.at for line in record.lines)


@pytest.mark.parametrize(("text", "code"), [("exit 7", 7), ("kill -9 $$", -9), ("no-such-command-here", 127)])
async def test_the_exit_code_is_kept(text: str, code: int) -> None:
    running = command(text)
    assert await running.run() == code
    assert running.record().exit_code == code


async def test_of_much_output_the_beginning_and_the_end_are_kept() -> None:
    running = command("seq 3000; printf 'no newline'")
    await running.run()
    record = running.record()
    assert record.lines[0].text == "1"
    assert record.lines[-1].text == "no newline"
    assert len(record.lines) + record.left_out == 3001


async def test_what_is_no_text_and_lines_without_an_end_do_no_harm() -> None:
    running = command(r"printf '\377\376\n'; head -c 9000 /dev/zero | tr '\0' x")
    await running.run()
    texts = [line.text for line in running.record().lines]
    assert texts[0] == "��"
    assert max(map(len, texts)) <= 2000


async def test_a_cancelled_command_ends_with_all_that_it_started() -> None:
    begun: asyncio.Queue[str] = asyncio.Queue()
    running = Command("sleep 300 & echo $!; wait", os.environ, time.monotonic, begun.put_nowait)
    task = asyncio.create_task(running.run())
    child = int(await begun.get())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running.record().exit_code is None
    wait_for(lambda: not is_alive(child), "the end of the child")


async def test_who_is_left_running_in_the_background_is_not_waited_for() -> None:
    begun = time.monotonic()
    assert await command("sleep 30 & exit 0").run() == 0
    assert time.monotonic() - begun < 20
