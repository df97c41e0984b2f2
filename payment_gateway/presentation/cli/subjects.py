"""``payment-gateway subjects``: what is kept of a person, and forgetting it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.presentation.cli.credentials import AsJson
from payment_gateway.presentation.cli.given import Given
from payment_gateway.presentation.cli.tenants import Reason, Yes
from payment_gateway.settings import Settings

Reference = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="The customer's reference, as given with a payment; or the id of a payment without customer.",
    ),
]

Tenant = Annotated[str, typer.Option(metavar="TENANT", help="Whose customer.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKept:
    """What is kept of a person; never the data itself.

    Attributes:
        payments: How many payments name the person, whether their data is readable or not.
        readable: Whether any of it still is.
        forgotten_at: When the person was last forgotten; ``None`` for never.
    """

    payments: int
    readable: bool
    forgotten_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectOperations:
    """What the commands do.

    Attributes:
        show: Tells what is kept of a tenant's customer.
        forget: Destroys the keys to it, for a reason if there is one.
    """

    show: Callable[[Settings, str, str], SubjectKept]
    forget: Callable[[Settings, str, str, str | None], SubjectKept]


def subjects_commands(
    operations: Given[SubjectOperations], load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="The people whose data payments carry.", no_args_is_help=True)

    @app.command("show")
    def show(reference: Reference, tenant: Tenant, as_json: AsJson = False) -> None:
        """Show what is kept of a person, not the data itself."""
        with operations() as act:
            _print(act.show(load_settings(), tenant, reference), as_json=as_json)

    @app.command("forget")
    def forget(
        reference: Reference,
        tenant: Tenant,
        reason: Reason = None,
        yes: Yes = False,
        as_json: AsJson = False,
    ) -> None:
        """Make what is kept of a person unreadable for good; amounts and history stay."""
        if not yes:
            question = f"Forget the customer {reference} of {tenant} for good?"
            typer.confirm(question, abort=True, err=True)
        with operations() as act:
            _print(act.forget(load_settings(), tenant, reference, reason), as_json=as_json)

    return app


def _print(kept: SubjectKept, *, as_json: bool) -> None:
    forgotten_at = kept.forgotten_at.isoformat() if kept.forgotten_at else None
    if as_json:
        print(
            json.dumps(
                {
                    "payments": kept.payments,
                    "readable": kept.readable,
                    "forgottenAt": forgotten_at,
                }
            )
        )
        return
    table = Table("payments", "personal data", "forgotten", box=None)
    readable = "readable" if kept.readable else "erased"
    table.add_row(str(kept.payments), readable, forgotten_at or "never")
    Console(soft_wrap=True, highlight=False, markup=False).print(table)
