"""``payment-gateway reconcile``: our payments beside a provider's books."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.application.sagas.reconciliation import Reconciliation
from payment_gateway.presentation.cli.payments import payment_id_column
from payment_gateway.settings import Settings

Reconcile = Callable[[Settings, str, str | None], Reconciliation]


def add_reconcile(app: typer.Typer, run: Reconcile, load_settings: Callable[[], Settings]) -> None:
    """Add the command."""

    @app.command("reconcile")
    def reconcile(
        provider: Annotated[str, typer.Option(help="Whose books: PAYPAL or PAGADITO.")],
        since: Annotated[
            str | None,
            typer.Option(
                metavar="TIME",
                help="Beside the open ones, those that changed since then; two days if left out.",
            ),
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Compare payments with a provider's books, record each difference, print them."""
        found = run(load_settings(), provider.upper(), since)
        if as_json:
            print(json.dumps(_document(found)))
        else:
            _print(found)
        if not found.agrees:
            raise typer.Exit(1)


def _document(found: Reconciliation) -> dict[str, object]:
    rows = []
    for one in found.differences:
        row = asdict(one)
        rows.append({"paymentId": row.pop("payment_id"), "tenantId": row.pop("tenant_id"), **row})
    return {
        "compared": found.compared,
        "nothingToCompare": found.nothing_to_compare,
        "failed": found.failed,
        "complete": found.complete,
        "differences": rows,
    }


def _print(found: Reconciliation) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if found.differences:
        table = Table(
            payment_id_column(), "tenant", "what", "ours", "theirs", box=None, pad_edge=False
        )
        for one in found.differences:
            table.add_row(one.payment_id, one.tenant_id, one.subject, one.ours, one.theirs)
        console.print(table)
    told = f"{found.compared} compared, {len(found.differences)} differences"
    if found.failed:
        told += f", {found.failed} could not be asked about"
    if not found.complete:
        told += "; stopped before the end"
    console.print(told)
