"""``payment-gateway events``: follow the log, show a stream, export it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer
from rich.console import Console

from payment_gateway.presentation.cli.given import Given
from payment_gateway.settings import Settings

COUNT_MAX: Final = 1_000_000_000

EventDocument = Mapping[str, Any]
Show = Callable[[EventDocument], None]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON for each event.")]
Categories = Annotated[
    list[str] | None,
    typer.Option("--category", help="Streams of this kind only: payment, tenant, webhook ..."),
]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Events of this stored name: PaymentCompleted.")
]
Tenant = Annotated[str | None, typer.Option(help="Events of this tenant only.")]
Position = Annotated[
    int | None, typer.Option(min=0, metavar="POSITION", help="Begin after this place in the log.")
]


class ExportFormat(StrEnum):
    """How exported events are written, one a line."""

    JSON = "json"
    CLOUDEVENTS = "cloudevents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which events are wanted; what is empty or ``None`` leaves nothing out.

    Attributes:
        after: A position in the log; 0 for its beginning, ``None`` for its end.
    """

    categories: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tenant_id: str | None = None
    after: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOperations:
    """What the composition root gives to these commands; each acts on an installation.

    An event is shown as one JSON object, the same as over HTTP, with its stream, its position and
    its tenant.

    Attributes:
        follow: Shows what is selected as it comes, until it is stopped or so many were shown.
        read: Shows what is selected so far; returns after which position it goes on, and how many
            events were shown.
        stream: Shows one stream.
    """

    follow: Callable[[Settings, Selection, int | None, Show], None]
    read: Callable[[Settings, Selection, ExportFormat, Show], tuple[int, int]]
    stream: Callable[[Settings, str, Show], None]


def events_commands(
    operations: Given[EventOperations], load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="The log of all that has happened.", no_args_is_help=True)
    _add_looking(app, operations, load_settings)
    _add_export(app, operations, load_settings)
    return app


def _add_looking(
    app: typer.Typer, operations: Given[EventOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("tail")
    def tail(
        *,
        category: Categories = None,
        type_: Types = None,
        tenant: Tenant = None,
        after: Position = None,
        limit: Annotated[
            int | None, typer.Option(min=1, max=COUNT_MAX, help="End after so many events.")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Show events as they come, from now on or after a position, until stopped by Ctrl-C."""
        wanted = Selection(
            categories=tuple(category or ()),
            types=tuple(type_ or ()),
            tenant_id=tenant,
            after=after,
        )
        with operations() as act:
            act.follow(load_settings(), wanted, limit, _printer(as_json=as_json))

    @app.command("show")
    def show(
        stream: Annotated[str, typer.Argument(metavar="STREAM", help="payment-<paymentId> ...")],
        as_json: AsJson = False,
    ) -> None:
        """Show the events of a stream, oldest first."""
        with operations() as act:
            act.stream(load_settings(), stream, _printer(as_json=as_json))


def _add_export(
    app: typer.Typer, operations: Given[EventOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("export")
    def export(
        *,
        category: Categories = None,
        type_: Types = None,
        tenant: Tenant = None,
        after: Position = None,
        format_: Annotated[
            ExportFormat, typer.Option("--format", help="Plain events, or CloudEvents 1.0.")
        ] = ExportFormat.JSON,
        output: Annotated[
            Path | None,
            typer.Option(help="A file to write; with --after it is gone on with. Default: stdout."),
        ] = None,
    ) -> None:
        """Write what has happened so far, one line of JSON for each event."""
        wanted = Selection(
            categories=tuple(category or ()),
            types=tuple(type_ or ()),
            tenant_id=tenant,
            after=after or 0,
        )
        settings = load_settings()
        with _opened(output, go_on=after is not None) as file, operations() as act:
            position, count = act.read(
                settings, wanted, format_, lambda event: print(json.dumps(event), file=file)
            )
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"{count} events; go on with --after {position}"
        )


def _opened(output: Path | None, *, go_on: bool) -> AbstractContextManager[TextIO | None]:
    """Open what is written to; a file that is there is only ever added to."""
    if output is None:
        return nullcontext(None)
    try:
        return output.open("a" if go_on else "x", encoding="utf-8")
    except FileExistsError:
        raise typer.BadParameter(
            f"{output} is there already; to go on with it, give --after", param_hint="--output"
        ) from None
    except OSError as error:
        raise typer.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from None


def _printer(*, as_json: bool) -> Show:
    def show_json(event: EventDocument) -> None:
        print(json.dumps(event), flush=True)

    def show_row(event: EventDocument) -> None:
        print(_row(event), flush=True)

    return show_json if as_json else show_row


def _row(event: EventDocument) -> str:
    """Return an event as a line of a table whose width of columns is known beforehand."""
    at = event["recordedAt"]
    when = datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M:%S") if at else "-"
    told = event.get("unreadable") or json.dumps(event["data"])
    place = f"{event['stream']}/{event['revision']}"
    cells = (f"{when:19}", f"{event['type']:24}", f"{place:46}", event["actor"] or "-", told)
    return "  ".join(_printable(cell) for cell in cells)


def _printable(text: str) -> str:
    """Return a text that moves no cursor: what others wrote is shown on an operator's terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
