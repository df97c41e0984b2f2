"""``payment-gateway audit``: who administered what, when and why."""

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
from payment_gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One administrative act.

    Attributes:
        actor: ``operator:NAME`` on the command line, else the API key or token.
        stream: What was changed: a tenant, an API key, a credential, a provider of a tenant; or whom a
            tenant forgot.
        reason: Why, where whoever did it said so.
        correlation_id: The request that it came with, as the logs have it.
    """

    at: datetime
    actor: str
    tenant_id: str
    event: str
    stream: str
    reason: str | None
    correlation_id: str


Audit = Callable[[Settings, str | None, str | None], list[AuditEntry]]


def add_audit(app: typer.Typer, audit: Audit, load_settings: Callable[[], Settings]) -> None:
    """Add the command."""

    @app.command("audit")
    def show(
        tenant: Annotated[
            str | None, typer.Option(help="Acts on this tenant only; * for those on all.")
        ] = None,
        since: Annotated[str | None, typer.Option(help="Since a date or an RFC 3339 time.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Show every administrative act: on tenants, API keys, credentials and providers."""
        entries = audit(load_settings(), tenant, since)
        if as_json:
            print(json.dumps({"data": [_document(one) for one in entries]}))
            return
        table = Table("at", "actor", "what", "of", "why", box=None)
        for one in entries:
            table.add_row(
                one.at.isoformat(timespec="seconds"),
                one.actor,
                one.event,
                one.stream,
                one.reason or "",
            )
        Console(soft_wrap=True, highlight=False, markup=False).print(table)


def _document(entry: AuditEntry) -> dict[str, str | None]:
    return {
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "tenantId": entry.tenant_id,
        "event": entry.event,
        "stream": entry.stream,
        "reason": entry.reason,
        "correlationId": entry.correlation_id,
    }
