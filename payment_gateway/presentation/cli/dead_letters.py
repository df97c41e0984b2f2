"""``payment-gateway deadletters``: what could not be handled, and what is to become of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from payment_gateway.presentation.cli.given import Given
from payment_gateway.settings import Settings

LetterId = Annotated[str, typer.Argument(metavar="ID", help="As list shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterOperations:
    """What the composition root gives to these commands; each acts on an installation.

    Attributes:
        all: All that is parked, oldest first.
        show: One of them, with the documents that it concerns.
        replay: Handles it again, or says what that would change.
        discard: Decides, with a reason, that it is never handled.
    """

    all: Callable[[Settings], list[dict[str, Any]]]
    show: Callable[[Settings, str], dict[str, Any]]
    replay: Callable[[Settings, str, bool], dict[str, Any]]
    discard: Callable[[Settings, str, str], dict[str, Any]]


def dead_letter_commands(
    operations: Given[DeadLetterOperations], load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(
        help="Events and notifications that could not be handled.", no_args_is_help=True
    )
    _add_looking(app, operations, load_settings)
    _add_deciding(app, operations, load_settings)
    return app


def _add_looking(
    app: typer.Typer, operations: Given[DeadLetterOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("list")
    def list_(as_json: AsJson = False) -> None:
        """List what is parked: the events of a stream together, and notifications of providers."""
        with operations() as act:
            letters = act.all(load_settings())
        if as_json:
            print(json.dumps({"data": letters}))
            return
        table = Table(Column("id", no_wrap=True), "stream", "type", "events", "cause", box=None)
        for letter in letters:
            events = str(letter["events"])
            table.add_row(letter["id"], letter["stream"], letter["type"], events, letter["cause"])
        _console().print(table if letters else "Nothing is parked.")

    @app.command("show")
    def show(letter_id: LetterId, as_json: AsJson = False) -> None:
        """Show why something is parked, and the documents that it concerns as they are."""
        with operations() as act:
            letter = act.show(load_settings(), letter_id)
        if as_json:
            print(json.dumps(letter))
            return
        documents = letter.pop("documents")
        table = Table(show_header=False, box=None, pad_edge=False)
        for name, value in letter.items():
            table.add_row(name, "" if value is None else str(value))
        _console().print(table)
        for name, document in documents.items():
            _console().print(f"\n{name}\n{json.dumps(document, indent=2)}")


def _add_deciding(
    app: typer.Typer, operations: Given[DeadLetterOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("replay")
    def replay(
        letter_id: LetterId,
        *,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only say what it would change.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Handle what is parked again, in order: all of it, or where that fails, nothing."""
        with operations() as act:
            replayed = act.replay(load_settings(), letter_id, dry_run)
        if as_json:
            print(json.dumps(replayed))
            return
        table = Table("document", "field", "before", "after", box=None, pad_edge=False)
        for change in replayed["changes"]:
            before, after = json.dumps(change["before"]), json.dumps(change["after"])
            table.add_row(change["document"], change["field"], before, after)
        done = "would be handled" if dry_run else "handled"
        _console().print(f"{replayed['events']} {done}")
        if replayed["changes"]:
            _console().print(table)

    @app.command("discard")
    def discard(
        letter_id: LetterId,
        *,
        reason: Annotated[str, typer.Option(help="Why; kept as an event.")],
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Decide that what is parked is never handled. It is final; the events stay in the log."""
        settings = load_settings()
        if not yes:
            with operations() as act:
                letter = act.show(settings, letter_id)
            typer.confirm(
                f"Discard {letter_id} ({letter['cause']})? It is final", abort=True, err=True
            )
        with operations() as act:
            discarded = act.discard(settings, letter_id, reason)
        print(json.dumps(discarded) if as_json else f"{discarded['events']} discarded")


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False)
