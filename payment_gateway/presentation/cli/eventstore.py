"""``payment-gateway eventstore``: the embedded event store alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from sandbox.eventstore.verification import Verification

eventstore = typer.Typer(help="The embedded event store.", no_args_is_help=True)

DataDir = Annotated[Path, typer.Option(help="Folder that keeps the events.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@eventstore.command("serve")
def serve(
    data_dir: DataDir,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 picks a free one.")
    ] = 2113,
) -> None:
    """Serve EventStoreDB's protocol from one folder until it is stopped."""
    from sandbox.eventstore import run

    raise typer.Exit(run(data_dir, host, port))


@eventstore.command("verify")
def verify(data_dir: DataDir, as_json: AsJson = False) -> None:
    """Walk the whole log and report damage with its position; a running server goes on."""
    from sandbox.eventstore.verification import NothingToVerify, verify_data_dir

    try:
        found = verify_data_dir(data_dir)
    except NothingToVerify as error:
        _refuse(error)
    _report(found, as_json=as_json)
    if found.damages:
        raise typer.Exit(1)


@eventstore.command("backup")
def backup(
    data_dir: DataDir,
    to: Annotated[Path, typer.Option(help="File to make; it must not exist.")],
    as_json: AsJson = False,
) -> None:
    """Copy the log into one file while a server goes on writing, and verify the copy."""
    from sandbox.eventstore.backup import BackupRefused, back_up

    try:
        made = back_up(data_dir, to)
    except BackupRefused as error:
        _refuse(error)
    _report(made, as_json=as_json)
    if made.damages:
        raise typer.Exit(1)


@eventstore.command("restore")
def restore(
    data_dir: DataDir,
    source: Annotated[Path, typer.Option("--from", help="File that backup has made.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace events without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into a folder on which no server runs."""
    from sandbox.eventstore.backup import BackupRefused, WouldReplace
    from sandbox.eventstore.backup import restore as bring_back
    from sandbox.eventstore.data_dir import EventStoreCannotStart

    try:
        try:
            restored = bring_back(source, data_dir, replace=yes)
        except WouldReplace as error:
            if not typer.confirm(f"{error}. Go on?", err=True):
                raise
            restored = bring_back(source, data_dir, replace=True)
    except (BackupRefused, EventStoreCannotStart) as error:
        _refuse(error)
    _report(restored, as_json=as_json)


def _refuse(error: Exception) -> NoReturn:
    typer.secho(f"payment-gateway: {error}", fg=typer.colors.RED, err=True)
    raise typer.Exit(1)


def _report(found: Verification, *, as_json: bool) -> None:
    if as_json:
        damages = [{"position": each.position, "problem": each.problem} for each in found.damages]
        document = {
            "events": found.events,
            "lastPosition": found.last_position,
            "damages": damages,
        }
        typer.echo(json.dumps(document))
        return
    for each in found.damages:
        where = "the log" if each.position is None else f"position {each.position}"
        typer.echo(f"{where}: {each.problem}")
    typer.echo(
        f"{found.events} events up to position {found.last_position}, "
        f"{len(found.damages) or 'no'} damaged"
    )
