"""``payment-gateway providers``: whether and for what a tenant uses each provider."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.application.commands.ask_exchange_rate import ask_exchange_rate
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.provider_service import Bounds
from payment_gateway.domain.aggregates.provider import Provider
from payment_gateway.domain.events.provider import ProviderCurrency
from payment_gateway.domain.value_objects.payment_amount import PaymentAmountVO
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.presentation.cli.credentials import (
    AsJson,
    ForTenant,
    ProviderType,
    TenantId,
)
from payment_gateway.settings import Settings

Use = Callable[[Gateway, CommandContext], Awaitable[list[Provider]]]


def providers_commands(for_tenant: ForTenant, load_settings: Callable[[], Settings]) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="What tenants use providers for.", no_args_is_help=True)

    def run(tenant: str, use: Use, *, as_json: bool) -> None:
        _print(for_tenant(load_settings(), tenant, use), as_json=as_json)

    @app.command("list")
    def list_(tenant: TenantId, as_json: AsJson = False) -> None:
        """List how a tenant uses each provider."""

        async def use(gateway: Gateway, context: CommandContext) -> list[Provider]:
            return [
                await gateway.providers.find(one, tenant_id=context.tenant_id)
                for one in gateway.provider_health.provider_types
            ]

        run(tenant, use, as_json=as_json)

    @app.command("enable")
    def enable(tenant: TenantId, provider: ProviderType, as_json: AsJson = False) -> None:
        """Let new payments go to a provider again."""

        async def use(gateway: Gateway, context: CommandContext) -> list[Provider]:
            return [await gateway.providers.enable(ProviderTypeVO(provider).value, context)]

        run(tenant, use, as_json=as_json)

    @app.command("disable")
    def disable(
        tenant: TenantId,
        provider: ProviderType,
        reason: Annotated[str | None, typer.Option(help="Kept with it.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Let no new payment go to a provider; those that are open are finished."""

        async def use(gateway: Gateway, context: CommandContext) -> list[Provider]:
            type_ = ProviderTypeVO(provider).value
            return [await gateway.providers.disable(type_, context, reason=reason)]

        run(tenant, use, as_json=as_json)

    _add_configure(app, run)
    _add_exchange_rate(app, for_tenant, load_settings)
    return app


def _add_exchange_rate(
    app: typer.Typer, for_tenant: ForTenant, load_settings: Callable[[], Settings]
) -> None:
    @app.command("exchange-rate")
    def exchange_rate(
        tenant: TenantId,
        provider: ProviderType,
        currency: Annotated[str, typer.Argument(metavar="CURRENCY", help="An ISO 4217 code.")],
        as_json: AsJson = False,
    ) -> None:
        """Ask a provider, with the tenant's account, for its rate between a currency and the US dollar."""

        async def use(gateway: Gateway, context: CommandContext) -> Decimal:
            type_ = ProviderTypeVO(provider).value
            return await ask_exchange_rate(
                gateway.credentials, type_, currency, tenant_id=context.tenant_id
            )

        rate = for_tenant(load_settings(), tenant, use)
        if as_json:
            document = {"tenantId": tenant, "providerType": provider, "currency": currency}
            print(json.dumps({**document, "rate": f"{rate:f}"}))
        else:
            print(f"One USD is {rate:f} {currency}, says {provider}.")


def _add_configure(app: typer.Typer, run: Callable[..., None]) -> None:
    @app.command("configure")
    def configure(
        tenant: TenantId,
        provider: ProviderType,
        *,
        currency: Annotated[
            list[str] | None,
            typer.Option(
                metavar="CODE[:LEAST[:MOST]]",
                help="Use it for this currency only, and for amounts within bounds; repeatable.",
            ),
        ] = None,
        all_currencies: Annotated[
            bool, typer.Option("--all-currencies", help="Use it for all that it takes.")
        ] = False,
        fallback: Annotated[
            list[str] | None,
            typer.Option(help="Tried next, where a payment names none; repeatable, in order."),
        ] = None,
        no_fallback: Annotated[
            bool, typer.Option("--no-fallback", help="Try no other provider.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Set what a provider is used for; what is left out stays as it is."""
        if (currency and all_currencies) or (fallback and no_fallback):
            raise typer.BadParameter("these two options exclude each other")
        currencies = dict(_bounds(one) for one in currency or ())
        chosen = currencies if currency or all_currencies else None
        fallbacks = tuple(fallback or ()) if fallback or no_fallback else None

        async def use(gateway: Gateway, context: CommandContext) -> list[Provider]:
            return [
                await gateway.providers.configure(
                    ProviderTypeVO(provider).value,
                    context,
                    currencies=chosen,
                    fallback_providers=fallbacks,
                )
            ]

        run(tenant, use, as_json=as_json)


def _bounds(text: str) -> tuple[str, Bounds]:
    code, _, bounds = text.partition(":")
    least, _, most = bounds.partition(":")
    try:
        return code, (Decimal(least) if least else None, Decimal(most) if most else None)
    except InvalidOperation:
        raise typer.BadParameter(f"{text} is not CODE[:LEAST[:MOST]]") from None


def _print(providers: list[Provider], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"data": [_document(one) for one in providers]}))
        return
    table = Table("provider", "new payments", "currencies", "fallbacks", box=None)
    for one in providers:
        currencies = ", ".join(_text(currency) for currency in one.currencies) or "all it takes"
        table.add_row(
            one.provider,
            "enabled" if one.enabled else "disabled",
            currencies,
            ", ".join(one.fallback_providers) or "none",
        )
    Console(soft_wrap=True, highlight=False, markup=False).print(table)


def _document(one: Provider) -> dict[str, object]:
    return {
        "tenantId": one.tenant_id,
        "providerType": one.provider,
        "enabled": one.enabled,
        "currencies": [
            {
                "currency": currency.currency,
                "least": _amount(currency.amount_min_minor, currency),
                "most": _amount(currency.amount_max_minor, currency),
            }
            for currency in one.currencies
        ],
        "fallbackProviders": list(one.fallback_providers),
    }


def _amount(minor: int | None, currency: ProviderCurrency) -> str | None:
    return None if minor is None else PaymentAmountVO(minor, currency.currency).decimal


def _text(currency: ProviderCurrency) -> str:
    least = _amount(currency.amount_min_minor, currency)
    most = _amount(currency.amount_max_minor, currency)
    bounds = [f"from {least}"] if least else []
    bounds += [f"up to {most}"] if most else []
    return " ".join([currency.currency, *bounds])
