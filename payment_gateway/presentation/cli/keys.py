"""``payment-gateway keys``: what is wrapped by which key, and bringing all of it under another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.presentation.cli.given import Given
from payment_gateway.settings import Settings

# unnamed: wrapped before keys had ids. missing: wrapped by a key that is not there.
KeyRole = Literal["current", "accepted", "next", "unnamed", "missing"]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key encryption key and how many data keys it wraps."""

    key_id: str | None
    role: KeyRole
    credentials: int
    subjects: int
    webhook_secrets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What rotating did: data keys rewrapped by ``key_id``, and those that no known key opens."""

    key_id: str
    rewrapped: int
    unreadable: int
    unreadable_streams: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOperations:
    """What the composition root gives to these commands.

    Attributes:
        create: Makes what is missing, or the next key; returns what was made.
        rotate: Puts the next key to use and rewraps every data key.
        status: Every key, the current one first.
        retire: Takes a key that wraps nothing out of the key file.
    """

    create: Callable[[Settings], list[str]]
    rotate: Callable[[Settings], Rotation]
    status: Callable[[Settings], list[KeyRow]]
    retire: Callable[[Settings, str], None]


def keys_commands(
    operations: Given[KeyOperations], load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="The keys that wrap data keys.", no_args_is_help=True)
    _add_looking(app, operations, load_settings)
    _add_changing(app, operations, load_settings)
    return app


def _add_looking(
    app: typer.Typer, operations: Given[KeyOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("status")
    def status(as_json: AsJson = False) -> None:
        """Say what is wrapped by which key."""
        with operations() as act:
            rows = act.status(load_settings())
        if as_json:
            data = [
                {
                    "keyId": row.key_id,
                    "role": row.role,
                    "credentials": row.credentials,
                    "subjects": row.subjects,
                    "webhookSecrets": row.webhook_secrets,
                }
                for row in rows
            ]
            print(json.dumps({"data": data}))
            return
        columns = ("key", "role", "credentials", "persons", "webhook secrets")
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            counts = (row.credentials, row.subjects, row.webhook_secrets)
            table.add_row(row.key_id or "-", row.role, *map(str, counts))
        _console().print(table)


def _add_changing(
    app: typer.Typer, operations: Given[KeyOperations], load_settings: Callable[[], Settings]
) -> None:
    @app.command("create")
    def create(as_json: AsJson = False) -> None:
        """Make the keys that are missing; in a key file, the next key, which does not wrap yet."""
        with operations() as act:
            made = act.create(load_settings())
        print(json.dumps({"created": made}) if as_json else f"Made {', '.join(made)}.")

    @app.command("rotate")
    def rotate(as_json: AsJson = False) -> None:
        """Put the next key to use and rewrap every data key; run again, it goes on."""
        with operations() as act:
            rotation = act.rotate(load_settings())
        if as_json:
            document = {
                "keyId": rotation.key_id,
                "rewrapped": rotation.rewrapped,
                "unreadable": rotation.unreadable,
                "unreadableStreams": list(rotation.unreadable_streams),
            }
            print(json.dumps(document))
        else:
            print(f"{rotation.rewrapped} data keys were rewrapped by {rotation.key_id}.")
        if rotation.unreadable:
            shown = ", ".join(rotation.unreadable_streams)
            print_error = _console(stderr=True).print
            print_error(f"{rotation.unreadable} cannot be opened by any key that is known: {shown}")
            raise typer.Exit(1)

    @app.command("retire")
    def retire(
        key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")],
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ) -> None:
        """Take a key that wraps nothing any more out of the key file."""
        if not yes:
            typer.confirm(
                f"Take {key_id} out of the key file? A backup from before needs it",
                abort=True,
                err=True,
            )
        with operations() as act:
            act.retire(load_settings(), key_id)
        print(f"{key_id} is retired.")


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False)
