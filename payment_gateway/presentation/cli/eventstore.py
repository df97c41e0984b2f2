"""``payment-gateway eventstore``: the embedded event store alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

eventstore = typer.Typer(help="The embedded event store.", no_args_is_help=True)


@eventstore.callback()
def group() -> None:
    """Keep ``serve`` a command of its own though it is the only one."""


@eventstore.command("serve")
def serve(
    data_dir: Annotated[Path, typer.Option(help="Folder that keeps the events.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 picks a free one.")
    ] = 2113,
) -> None:
    """Serve EventStoreDB's protocol from one folder until it is stopped."""
    from sandbox.eventstore import run

    raise typer.Exit(run(data_dir, host, port))
