"""``payment-gateway backup`` and ``restore``: a whole installation of ``up`` in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from payment_gateway.presentation.cli.sandbox_extra import failures_told, sandbox_needed

if TYPE_CHECKING:
    from sandbox.backup import Contents

DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="GATEWAY_DATA_DIR",
        help="Folder of the installation.",
        show_default="a folder in your data directory",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def backup(
    file: Annotated[Path, typer.Argument(help="File to make; it must not exist.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy an installation of `up` into one file, keys and all, while it runs or not."""
    with sandbox_needed("backup"):
        from sandbox.backup import back_up
        from sandbox.data_folder import default_data_dir

    with failures_told():
        made = back_up(data_dir or default_data_dir(), file)
    _report(made, as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="File that backup has made.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into a folder that is empty or not there; then start `up` on it."""
    with sandbox_needed("restore"):
        from sandbox.backup import restore as bring_back
        from sandbox.data_folder import default_data_dir

    with failures_told():
        restored = bring_back(file, data_dir or default_data_dir())
    _report(restored, as_json=as_json)


def _report(contents: Contents, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(contents.as_json()))
        return
    typer.echo(
        f"{contents.events} events up to position {contents.last_position}, of {contents.made_at}"
    )
    for name in contents.files:
        typer.echo(f"  {name}")
    if "gateway.key" in contents.files:
        typer.echo("It holds the master key: keep it where nobody else reads it.")
