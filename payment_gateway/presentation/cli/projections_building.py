"""``payment-gateway projections``: build read models anew, for a new release or at any other time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Final

import typer

from payment_gateway.presentation.cli.given import Given
from payment_gateway.presentation.cli.projection_operations import (
    Answer,
    AsJson,
    Name,
    ProjectionOperations,
    Rate,
    RebuildOptions,
    Sample,
    Workers,
)
from payment_gateway.presentation.cli.projections_report import console, fault_lines, tell
from payment_gateway.presentation.cli.rebuild_progress import showing_progress
from payment_gateway.presentation.cli.tenants import Reason, Yes
from payment_gateway.settings import Settings

# How a rebuild ends whose outcome readers do not see.
NOT_SHOWN: Final = frozenset({"failed", "cancelled"})


def add_building(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
) -> None:
    """Add the commands to the group."""
    _add_rebuild(app, operations, load_settings)
    _add_migrate(app, operations, load_settings)
    _add_cancel(app, operations, load_settings)


def _add_rebuild(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("rebuild")
    def rebuild(
        name: Name,
        *,
        partitions: Annotated[
            int | None, typer.Option(min=1, max=16, help="Parts kept side by side: 1, 2, 4, 8, 16.")
        ] = None,
        workers: Workers = None,
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
            _tell(ended)
        if ended["end"] in NOT_SHOWN:
            raise typer.Exit(1)


def _add_migrate(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("migrate")
    def migrate(
        *,
        workers: Workers = None,
        rate: Rate = None,
        reason: Reason = None,
        as_json: AsJson = False,
    ) -> None:
        """Build what this release shows in another version, before its processes start.

        What an older release shows stays, and goes on. Indexes are made that are not there. Given again, it
        goes on where it was; where there is nothing to do, it does nothing. Exit code 1 if a read model is
        not what the log says, and is not shown.
        """
        settings = load_settings()
        options = RebuildOptions(workers=workers, rate=rate, reason=reason)
        ended: list[Answer] = []
        with operations() as act:
            for name in act.names:
                with showing_progress(name, as_json=as_json) as show:
                    ended.append(act.migrate(settings, name, options, show))
                if not as_json:
                    _tell(ended[-1])
                if ended[-1]["end"] in NOT_SHOWN:
                    break
        if as_json:
            print(json.dumps({"data": ended}))
        if ended[-1]["end"] in NOT_SHOWN:
            raise typer.Exit(1)


def _add_cancel(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("cancel")
    def cancel(
        name: Name, *, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
    ) -> None:
        """Give the rebuild that is under way up, and drop what it built."""
        settings = load_settings()
        if not yes:
            typer.confirm(f"Give the rebuild of {name} up", abort=True, err=True)
        with operations() as act:
            tell(act.cancel(settings, name, reason), as_json=as_json)


def _tell(ended: Answer) -> None:
    """Say how a rebuild ended, and what differs where it failed."""
    console().print(f"{ended['readModel']}: generation {ended['generation']}, {ended['end']}")
    for line in fault_lines(ended["failure"] or {}):
        console().print(line)
