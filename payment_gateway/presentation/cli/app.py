"""``payment-gateway``: which commands there are, and how what goes wrong is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated

import typer
from rich.console import Console

from payment_gateway.presentation.cli.api_keys import ApiKeyOperations, api_keys_commands
from payment_gateway.presentation.cli.audit import Audit, add_audit
from payment_gateway.presentation.cli.backup import backup, restore
from payment_gateway.presentation.cli.credentials import ForTenant, credentials_commands
from payment_gateway.presentation.cli.dead_letters import DeadLetterOperations, dead_letter_commands
from payment_gateway.presentation.cli.demo import demo
from payment_gateway.presentation.cli.events import EventOperations, events_commands
from payment_gateway.presentation.cli.eventstore import eventstore
from payment_gateway.presentation.cli.given import Given
from payment_gateway.presentation.cli.keys import KeyOperations, keys_commands
from payment_gateway.presentation.cli.payments import PaymentOperations, payments_commands
from payment_gateway.presentation.cli.projection_operations import ProjectionOperations
from payment_gateway.presentation.cli.projections import projections_commands
from payment_gateway.presentation.cli.providers import providers_commands
from payment_gateway.presentation.cli.reconcile import Reconcile, add_reconcile
from payment_gateway.presentation.cli.subjects import SubjectOperations, subjects_commands
from payment_gateway.presentation.cli.tenants import tenants_commands
from payment_gateway.presentation.cli.up import up
from payment_gateway.presentation.cli.webhooks import webhooks_commands
from payment_gateway.settings import Settings

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[
    int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 picks a free one.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The processes and checks that the composition root gives to the command line.

    Attributes:
        serve: Runs the API on a host and a port until it is stopped.
        work: Runs the reactors until they are stopped.
        doctor: Checks settings and every dependency; prints; returns whether all is well.
        projections: What the commands on read models do.
        payments: What the commands on payments do.
        events: What the commands on events do.
        for_tenant: Does something for a tenant with an open gateway.
        keys: What the commands on keys do.
        dead_letters: What the commands on what is parked do.
        api_keys: What the commands on API keys and tenants do.
        audit: Lists administrative acts, of a tenant and since a time where they are named.
        subjects: What the commands on people do.
        reconcile: Compares a provider's payments with its books.
        refusals: Exceptions whose message is for the person at the terminal.
    """

    serve: Callable[[Settings, str, int], None]
    work: Callable[[Settings], None]
    doctor: Callable[[bool], bool]
    projections: Given[ProjectionOperations]
    payments: Given[PaymentOperations]
    events: Given[EventOperations]
    for_tenant: ForTenant
    keys: Given[KeyOperations]
    dead_letters: Given[DeadLetterOperations]
    api_keys: ApiKeyOperations
    audit: Audit
    subjects: Given[SubjectOperations]
    reconcile: Reconcile
    load_settings: Callable[[], Settings]
    refusals: tuple[type[Exception], ...]


def create_cli(processes: Processes) -> Callable[[], None]:
    """Return the command line's entry point."""
    app = typer.Typer(
        name="payment-gateway",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.command("up")(up)
    app.command("demo")(demo)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.add_typer(eventstore, name="eventstore")
    app.add_typer(
        projections_commands(processes.projections, processes.load_settings), name="projections"
    )
    app.add_typer(payments_commands(processes.payments, processes.load_settings), name="payments")
    app.add_typer(events_commands(processes.events, processes.load_settings), name="events")
    for name, commands in (
        ("deadletters", dead_letter_commands(processes.dead_letters, processes.load_settings)),
        ("credentials", credentials_commands(processes.for_tenant, processes.load_settings)),
        ("providers", providers_commands(processes.for_tenant, processes.load_settings)),
        ("webhooks", webhooks_commands(processes.for_tenant, processes.load_settings)),
        ("keys", keys_commands(processes.keys, processes.load_settings)),
        ("tenants", tenants_commands(processes.api_keys.administer, processes.load_settings)),
        ("subjects", subjects_commands(processes.subjects, processes.load_settings)),
        ("apikeys", api_keys_commands(processes.api_keys, processes.load_settings)),
    ):
        app.add_typer(commands, name=name)
    add_reconcile(app, processes.reconcile, processes.load_settings)
    add_audit(app, processes.audit, processes.load_settings)

    @app.callback()
    def common(
        version: Annotated[
            bool,
            typer.Option(
                "--version",
                callback=_tell_version,
                is_eager=True,
                help="Print the version and end.",
            ),
        ] = False,
    ) -> None:
        """A multi-tenant payment gateway. Start with: payment-gateway demo."""

    @app.command("serve")
    def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
        """Run one API process: commands and queries."""
        processes.serve(processes.load_settings(), host, port)

    @app.command("work")
    def work() -> None:
        """Run one reactor process: it finishes what was left open."""
        processes.work(processes.load_settings())

    @app.command("doctor")
    def doctor(
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ) -> None:
        """Check the settings and every dependency, and say what to do."""
        if not processes.doctor(as_json):
            raise typer.Exit(1)

    def run() -> None:
        try:
            app()
        except processes.refusals as error:
            Console(stderr=True, soft_wrap=True).print(
                f"payment-gateway: {error}", style="red", markup=False
            )
            raise SystemExit(1) from None

    return run


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("payment-gateway"))
        raise typer.Exit
