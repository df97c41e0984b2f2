"""``payment-gateway tenants``: who may use the gateway."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Protocol, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.aggregates.tenant import Tenant
from payment_gateway.domain.value_objects.tenant_id import TenantIdVO
from payment_gateway.presentation.cli.credentials import AsJson, TenantId
from payment_gateway.settings import Settings

Result = TypeVar("Result")
Reason = Annotated[str | None, typer.Option(help="Why; kept with it, for the audit.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Name = Annotated[str | None, typer.Option(help="What people call it.")]
ReturnUrls = Annotated[
    list[str] | None,
    typer.Option(
        "--return-url",
        metavar="URL",
        help="An origin that payers may be sent back to; repeatable.",
    ),
]


class Administer(Protocol):
    """Does something with an open gateway, for all tenants."""

    def __call__(
        self,
        settings: Settings,
        use: Callable[[Gateway, CommandContext], Awaitable[Result]],
        *,
        with_lists: bool,
    ) -> Result:
        """Return what ``use`` returns; ``with_lists`` reads tenants and API keys first."""
        ...


def tenants_commands(administer: Administer, load_settings: Callable[[], Settings]) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="Who may use the gateway.", no_args_is_help=True)

    def run(
        use: Callable[[Gateway, CommandContext], Awaitable[Tenant]],
        *,
        tenant_id: str,
        reason: str | None,
        as_json: bool,
    ) -> None:
        async def act(gateway: Gateway, context: CommandContext) -> Tenant:
            return await use(gateway, replace(context, tenant_id=tenant_id, reason=reason))

        tenant = administer(load_settings(), act, with_lists=False)
        _print([tenant], as_json=as_json, one=True)

    _add_reading(app, administer, load_settings)
    _add_properties(app, run)
    _add_status(app, run)
    return app


def _add_reading(
    app: typer.Typer, administer: Administer, load_settings: Callable[[], Settings]
) -> None:
    @app.command("list")
    def list_(as_json: AsJson = False) -> None:
        """List all tenants; deleted ones too."""

        async def use(gateway: Gateway, _: CommandContext) -> list[Tenant]:
            return gateway.tenants.every()

        _print(administer(load_settings(), use, with_lists=True), as_json=as_json, one=False)

    @app.command("show")
    def show(tenant: TenantId, as_json: AsJson = False) -> None:
        """Show a tenant."""

        async def use(gateway: Gateway, _: CommandContext) -> Tenant:
            return await gateway.tenants.find(TenantIdVO(tenant).value)

        _print([administer(load_settings(), use, with_lists=False)], as_json=as_json, one=True)


def _add_properties(app: typer.Typer, run: Callable[..., None]) -> None:
    @app.command("create")
    def create(
        tenant: TenantId,
        name: Name = None,
        return_url: ReturnUrls = None,
        reason: Reason = None,
        as_json: AsJson = False,
    ) -> None:
        """Let a tenant use the gateway; the same again changes nothing."""

        async def use(gateway: Gateway, context: CommandContext) -> Tenant:
            urls = tuple(return_url or ())
            executed = await gateway.tenants.create(
                TenantIdVO(tenant), name=name, return_urls=urls, context=context
            )
            return executed.state

        run(use, tenant_id=tenant, reason=reason, as_json=as_json)

    @app.command("update")
    def update(
        tenant: TenantId,
        *,
        name: Name = None,
        return_url: ReturnUrls = None,
        no_return_urls: Annotated[
            bool, typer.Option("--no-return-urls", help="Send payers back nowhere.")
        ] = False,
        reason: Reason = None,
        as_json: AsJson = False,
    ) -> None:
        """Give a tenant another name or other return URLs; what is left out stays as it is."""
        urls = tuple(return_url) if return_url else () if no_return_urls else None

        async def use(gateway: Gateway, context: CommandContext) -> Tenant:
            executed = await gateway.tenants.change(
                TenantIdVO(tenant), name=name, return_urls=urls, context=context
            )
            return executed.state

        run(use, tenant_id=tenant, reason=reason, as_json=as_json)


def _add_status(app: typer.Typer, run: Callable[..., None]) -> None:
    @app.command("suspend")
    def suspend(tenant: TenantId, reason: Reason = None, as_json: AsJson = False) -> None:
        """Take no commands of a tenant for now; what is open is finished."""
        _suspend(run, tenant, suspended=True, reason=reason, as_json=as_json)

    @app.command("resume")
    def resume(tenant: TenantId, reason: Reason = None, as_json: AsJson = False) -> None:
        """Take the commands of a suspended tenant again."""
        _suspend(run, tenant, suspended=False, reason=reason, as_json=as_json)

    @app.command("delete")
    def delete(
        tenant: TenantId, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
    ) -> None:
        """Take no commands of a tenant any more; its payments stay. This is for good."""
        if not yes:
            typer.confirm(f"Delete the tenant {tenant} for good?", abort=True, err=True)

        async def use(gateway: Gateway, context: CommandContext) -> Tenant:
            return (await gateway.tenants.delete(TenantIdVO(tenant), context)).state

        run(use, tenant_id=tenant, reason=reason, as_json=as_json)


def _suspend(
    run: Callable[..., None], tenant: str, *, suspended: bool, reason: str | None, as_json: bool
) -> None:
    async def use(gateway: Gateway, context: CommandContext) -> Tenant:
        executed = await gateway.tenants.change(
            TenantIdVO(tenant), suspended=suspended, context=context
        )
        return executed.state

    run(use, tenant_id=tenant, reason=reason, as_json=as_json)


def _print(tenants: list[Tenant], *, as_json: bool, one: bool) -> None:
    documents = [
        {
            "tenantId": tenant.tenant_id,
            "name": tenant.name,
            "returnUrls": list(tenant.return_origins),
            "status": tenant.status.value,
        }
        for tenant in tenants
    ]
    if as_json:
        print(json.dumps(documents[0] if one else {"data": documents}))
        return
    table = Table("tenant", "name", "status", "return URLs", box=None)
    for tenant in tenants:
        table.add_row(
            tenant.tenant_id, tenant.name or "", tenant.status, " ".join(tenant.return_origins)
        )
    Console(soft_wrap=True, highlight=False, markup=False).print(table)
