"""``payment-gateway projections``: keep read models, look at them, build them anew, prove them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer

from payment_gateway.presentation.cli.given import Given
from payment_gateway.presentation.cli.projection_operations import (
    AsJson,
    Name,
    OfRebuild,
    ProjectionOperations,
    Rate,
    Sample,
)
from payment_gateway.presentation.cli.projections_building import add_building
from payment_gateway.presentation.cli.projections_report import (
    console,
    fault_lines,
    status_table,
    tell,
)
from payment_gateway.presentation.cli.tenants import Reason, Yes
from payment_gateway.settings import Settings


def projections_commands(
    operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="The read models.", no_args_is_help=True)
    _add_running(app, operations, load_settings)
    add_building(app, operations, load_settings)
    _add_proving(app, operations, load_settings)
    _add_going_back(app, operations, load_settings)
    _add_pausing(app, operations, load_settings)
    return app


def _add_running(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
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
            console().print(status_table(found) if found else "Nothing is built yet.")


def _add_proving(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
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
                console().print(line)
        if not report["agrees"]:
            raise typer.Exit(1)


def _add_going_back(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
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
            tell(act.rollback(settings, name, reason), as_json=as_json)

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
            tell(act.prune(settings, name, older_versions, reason), as_json=as_json)


def _add_pausing(
    app: typer.Typer, operations: Given[ProjectionOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("pause")
    def pause(
        name: Name, *, rebuild: OfRebuild = False, reason: Reason = None, as_json: AsJson = False
    ) -> None:
        """Have a read model stand still: queries show it as it is; nothing is lost."""
        with operations() as act:
            tell(act.pause(load_settings(), name, rebuild, reason), as_json=as_json)

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
            tell(act.resume(load_settings(), name, rebuild, rate, reason), as_json=as_json)
