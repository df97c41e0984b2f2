"""``payment-gateway projections``: keep read models, look at them, build them anew, prove them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from payment_gateway.presentation.cli.projections_report import (
    fault_lines,
    status_table,
)
from payment_gateway.presentation.cli.rebuild_progress import RebuildProgress, showing_progress
from payment_gateway.presentation.cli.tenants import Reason, Yes
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
Sample = Annotated[
    int | None, typer.Option(min=1, help="Compare about so many documents, drawn at random.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildOptions:
    """How a read model is to be built; what is ``None`` is left to the gateway."""

    partitions: int | None
    workers: int | None
    rate: float | None
    sample: int | None
    detach: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionOperations:
    """What these commands do, each on an installation.

    Attributes:
        run: Runs a worker of the named read models, of all where none is named.
        status: Where each generation is.
        rebuild: Builds a read model anew, and tells how far it is.
        verify: Compares a read model with the log: its name, which generation, a sample, since when.
        rollback: Goes back to the generation before. The last argument of each step says why.
        prune: Drops it; with ``True``, what older versions show as well.
        pause: Has a read model, or with ``True`` its rebuild, stand still.
        resume: Has it go on, a rebuild at another rate if one is given.
        cancel: Gives a rebuild up.
    """

    run: Callable[[Settings, list[str]], None]
    status: Callable[[Settings], list[Answer]]
    rebuild: Callable[[Settings, str, RebuildOptions, Callable[[RebuildProgress], None]], Answer]
    verify: Callable[[Settings, str, str, int | None, str | None], Answer]
    rollback: Callable[[Settings, str, str | None], Answer]
    prune: Callable[[Settings, str, bool, str | None], Answer]
    pause: Callable[[Settings, str, bool, str | None], Answer]
    resume: Callable[[Settings, str, bool, float | None, str | None], Answer]
    cancel: Callable[[Settings, str, str | None], Answer]


Operations = Callable[[], AbstractContextManager[ProjectionOperations]]
"""Gives them for as long as a command lasts."""


def projections_commands(
    operations: Operations, load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="The read models.", no_args_is_help=True)
    _add_running(app, operations, load_settings)
    _add_building(app, operations, load_settings)
    _add_proving(app, operations, load_settings)
    _add_going_back(app, operations, load_settings)
    _add_pausing(app, operations, load_settings)
    return app


def _add_running(
    app: typer.Typer, operations: Operations, load_settings: Callable[[], Settings]
) -> None:
    @app.command("run")
    def run(
        names: Annotated[
            list[str] | None, typer.Argument(help="Read models; all where none is named.")
        ] = None,
    ) -> None:
        """Run one worker: it builds read models from the events."""
        with operations() as act:
            act.run(load_settings(), names or [])

    @app.command("status")
    def status(as_json: AsJson = False) -> None:
        """Show where each read model is, how far behind, and who keeps it."""
        with operations() as act:
            found = act.status(load_settings())
        if as_json:
            print(json.dumps({"data": found}))
        else:
            _console().print(status_table(found) if found else "Nothing is built yet.")


def _add_building(
    app: typer.Typer, operations: Operations, load_settings: Callable[[], Settings]
) -> None:
    @app.command("rebuild")
    def rebuild(
        name: Name,
        *,
        partitions: Annotated[
            int | None, typer.Option(min=1, max=16, help="Parts kept side by side: 1, 2, 4, 8, 16.")
        ] = None,
        workers: Annotated[
            int | None, typer.Option(min=0, max=16, help="Processes that are added for it.")
        ] = None,
        rate: Rate = None,
        sample: Sample = None,
        detach: Annotated[
            bool, typer.Option("--detach", help="Leave it to the workers that run.")
        ] = False,
        reason: Reason = None,
        as_json: AsJson = False,
    ) -> None:
        """Build a read model anew beside the one that is shown; verified, it takes its place.

        Given again, it joins the rebuild that is under way.
        """
        options = RebuildOptions(
            partitions=partitions,
            workers=workers,
            rate=rate,
            sample=sample,
            detach=detach,
            reason=reason,
        )
        with operations() as act, showing_progress(name, as_json=as_json) as show:
            ended = act.rebuild(load_settings(), name, options, show)
        if as_json:
            print(json.dumps(ended))
        else:
            _console().print(f"{name}: generation {ended['generation']}, {ended['end']}")
            for line in fault_lines(ended["failure"] or {}):
                _console().print(line)
        if ended["end"] in {"failed", "cancelled"}:
            raise typer.Exit(1)

    @app.command("cancel")
    def cancel(
        name: Name, *, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
    ) -> None:
        """Give the rebuild that is under way up, and drop what it built."""
        settings = load_settings()
        if not yes:
            typer.confirm(f"Give the rebuild of {name} up", abort=True, err=True)
        with operations() as act:
            _tell(act.cancel(settings, name, reason), as_json=as_json)


def _add_proving(
    app: typer.Typer, operations: Operations, load_settings: Callable[[], Settings]
) -> None:
    @app.command("verify")
    def verify(
        name: Name,
        *,
        sample: Sample = None,
        since: Annotated[
            str | None,
            typer.Option(
                metavar="TIME", help="Only what changed since: a date or an RFC 3339 time."
            ),
        ] = None,
        state: Annotated[
            str, typer.Option(help="Which generation: active, previous or building.")
        ] = "active",
        as_json: AsJson = False,
    ) -> None:
        """Fold the log again and compare: exit code 1 if a document is not as its events say."""
        with operations() as act:
            report = act.verify(load_settings(), name, state, sample, since)
        if as_json:
            print(json.dumps(report))
        else:
            for line in fault_lines(report):
                _console().print(line)
        if not report["agrees"]:
            raise typer.Exit(1)


def _add_going_back(
    app: typer.Typer, operations: Operations, load_settings: Callable[[], Settings]
) -> None:
    @app.command("rollback")
    def rollback(
        name: Name, *, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
    ) -> None:
        """Show the generation before again, at once; given twice, it goes forward again."""
        settings = load_settings()
        if not yes:
            typer.confirm(f"Show the generation of {name} before", abort=True, err=True)
        with operations() as act:
            _tell(act.rollback(settings, name, reason), as_json=as_json)

    @app.command("prune")
    def prune(
        name: Name,
        *,
        older_versions: Annotated[
            bool,
            typer.Option("--older-versions", help="Also what older releases show; none may run."),
        ] = False,
        reason: Reason = None,
        yes: Yes = False,
        as_json: AsJson = False,
    ) -> None:
        """Drop the generation before: there is nothing to go back to then."""
        settings = load_settings()
        if not yes:
            typer.confirm(f"Drop what {name} could go back to", abort=True, err=True)
        with operations() as act:
            _tell(act.prune(settings, name, older_versions, reason), as_json=as_json)


def _add_pausing(
    app: typer.Typer, operations: Operations, load_settings: Callable[[], Settings]
) -> None:
    @app.command("pause")
    def pause(
        name: Name, *, rebuild: OfRebuild = False, reason: Reason = None, as_json: AsJson = False
    ) -> None:
        """Have a read model stand still: queries show it as it is; nothing is lost."""
        with operations() as act:
            _tell(act.pause(load_settings(), name, rebuild, reason), as_json=as_json)

    @app.command("resume")
    def resume(
        name: Name,
        *,
        rebuild: OfRebuild = False,
        rate: Rate = None,
        reason: Reason = None,
        as_json: AsJson = False,
    ) -> None:
        """Have a read model go on where it stood still; a rebuild at another rate, if one is given."""
        with operations() as act:
            _tell(act.resume(load_settings(), name, rebuild, rate, reason), as_json=as_json)


def _tell(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer))
    else:
        _console().print(", ".join(f"{name} {value}" for name, value in answer.items()))


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False)
