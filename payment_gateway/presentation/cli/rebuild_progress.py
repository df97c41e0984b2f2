"""How far a rebuild is: a bar in a terminal, lines elsewhere, objects with ``--json``; all on stderr."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

# A log that nobody looks at needs fewer lines than a person's eye.
LINE_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProgress:
    """How far a rebuild has come.

    Attributes:
        state: ``building``, ``paused`` or ``verifying``.
        share: Of the log that has been read, from 0 to 1.
        events: That were projected so far.
        rate: Events a second of late, ``None`` until it can be told.
        left_s: The seconds that are left at this rate.
    """

    state: str
    share: float
    position: int
    head: int
    events: int
    rate: float | None
    left_s: float | None


Show = Callable[[RebuildProgress], None]


@contextmanager
def showing_progress(name: str, *, as_json: bool) -> Generator[Show, None, None]:
    """Yield what shows progress for as long as the block lasts."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    if as_json:
        yield lambda progress: console.print(json.dumps(asdict(progress)))
    elif console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(name, total=1.0, told="")
            yield lambda progress: bar.update(task, completed=progress.share, told=_told(progress))
    else:
        yield _Lines(console, name)


class _Lines:
    """A line whenever the state changes, and every ``LINE_EVERY_S``."""

    def __init__(self, console: Console, name: str) -> None:
        self._console: Final = console
        self._name: Final = name
        self._state: str | None = None
        self._next_s = 0.0

    def __call__(self, progress: RebuildProgress) -> None:
        now_s = time.monotonic()
        if progress.state != self._state or now_s >= self._next_s:
            self._state, self._next_s = progress.state, now_s + LINE_EVERY_S
            self._console.print(f"{self._name}: {progress.share:.0%}, {_told(progress)}")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[told]}", markup=False),
        console=console,
        transient=True,
    )


def _told(progress: RebuildProgress) -> str:
    told = f"{progress.state}, {progress.events:,} events"
    if progress.state == "building" and progress.rate is not None:
        told += f", {progress.rate:,.0f} per s"
        if progress.left_s is not None:
            told += f", {timedelta(seconds=round(progress.left_s))} left"
    return told
