"""What the commands on read models do, and the options that several of them take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from payment_gateway.presentation.cli.rebuild_progress import Show
from payment_gateway.settings import Settings

Answer = Mapping[str, Any]
"""What ``--json`` prints."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="The read model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
OfRebuild = Annotated[
    bool, typer.Option("--rebuild", help="The rebuild that is under way, not what is shown.")
]
Rate = Annotated[
    float | None, typer.Option("--rate", min=0.1, help="At most so many events a second.")
]
Workers = Annotated[
    int | None, typer.Option(min=0, max=16, help="Processes that are added for it.")
]
Sample = Annotated[
    int | None, typer.Option(min=1, help="Compare about so many documents, drawn at random.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildOptions:
    """How a read model is to be built; what is ``None`` is left to the gateway."""

    workers: int | None
    rate: float | None
    partitions: int | None = None
    sample: int | None = None
    detach: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionOperations:
    """What these commands do, each on an installation.

    Attributes:
        run: Runs a worker of the named read models, of all where none is named.
        status: Where each generation is.
        names: The read models of this release.
        rebuild: Builds a read model anew, and tells how far it is.
        migrate: Builds it only where it is not there in this release's version; makes its indexes.
        verify: Compares a read model with the log: its name, which generation, a sample, since when.
        rollback: Goes back to the generation before. The last argument of each step says why.
        prune: Drops it; with ``True``, what older versions show as well.
        pause: Has a read model, or with ``True`` its rebuild, stand still.
        resume: Has it go on, a rebuild at another rate if one is given.
        cancel: Gives a rebuild up.
    """

    run: Callable[[Settings, list[str]], None]
    status: Callable[[Settings], list[Answer]]
    names: tuple[str, ...]
    rebuild: Callable[[Settings, str, RebuildOptions, Show], Answer]
    migrate: Callable[[Settings, str, RebuildOptions, Show], Answer]
    verify: Callable[[Settings, str, str, int | None, str | None], Answer]
    rollback: Callable[[Settings, str, str | None], Answer]
    prune: Callable[[Settings, str, bool, str | None], Answer]
    pause: Callable[[Settings, str, bool, str | None], Answer]
    resume: Callable[[Settings, str, bool, float | None, str | None], Answer]
    cancel: Callable[[Settings, str, str | None], Answer]
