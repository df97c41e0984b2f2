"""``payment-gateway up``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from payment_gateway.presentation.cli.sandbox_extra import (
    failures_told,
    sandbox_needed,
    tell_ready,
)

if TYPE_CHECKING:
    from sandbox.stack import Installation

NARROWEST = 100  # addresses and keys are copied from here: they are not to be cut


def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="GATEWAY_DATA_DIR",
            help="Folder that keeps all state; started again on it, everything goes on.",
            show_default="a folder in your data directory",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address the API listens on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port of the API.", show_default="that of the last run, or free"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON once all is ready.")
    ] = False,
) -> None:
    """Start everything on this machine: servers, simulated providers, API and workers. Ctrl-C stops it."""
    with sandbox_needed("up"):
        from sandbox.data_folder import default_data_dir
        from sandbox.stack import run_installation
        from sandbox.supervisor import Interrupted

    folder = data_dir or default_data_dir()

    async def until_stopped(installation: Installation) -> None:
        if as_json:
            sys.stdout.write(json.dumps(installation.as_dict()) + "\n")
            sys.stdout.flush()
        else:
            _show(installation, folder)
        await asyncio.Event().wait()

    try:
        with failures_told():
            run_installation(
                until_stopped, data_dir=folder, host=host, port=port, on_ready=tell_ready
            )
    except Interrupted:
        typer.echo("Stopped.", err=True)


def _show(installation: Installation, folder: Path) -> None:
    wide = Console(width=max(NARROWEST, Console().width))
    table = Table("part", "address", title="The payment gateway is running", title_justify="left")
    for name, address in installation.addresses.as_dict().items():
        table.add_row(name, escape(address))
    table.add_row("shop", f"{installation.shop_url} (yours; payers may be sent back to it)")
    table.add_row("data folder", escape(str(folder)))
    table.add_row("API key", installation.keys.demo)
    table.add_row("admin key", installation.keys.admin)
    wide.print(table)
    wide.print(
        "The API key is for the tenant [bold]demo[/bold], a shop at both simulated providers. Try:\n",
        highlight=False,
    )
    # Not through rich: a command that is to be copied must not be wrapped.
    sys.stdout.write(_first_command(installation) + "\n\nCtrl-C stops all of it.\n")
    sys.stdout.flush()


def _first_command(installation: Installation) -> str:
    order = {
        "tenantId": "demo",
        "providerType": "PAYPAL",
        "amount": "19.99",
        "currency": "USD",
        "orderId": "order-1",
        "details": [{"quantity": 1, "description": "Coffee beans", "price": "19.99"}],
    }
    return (
        f"curl -s {installation.addresses.api}/api/v1/payments/initiate \\\n"
        f"  -H 'Authorization: Bearer {installation.keys.demo}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d '{json.dumps(order)}'\n\n"
        "then open the checkoutUrl it answers with in a browser, and approve the payment."
    )
