"""``payment-gateway webhooks``: where a tenant's events are sent, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.webhook_delivery_service import (
    ResentRange,
    delivery_id_of,
)
from payment_gateway.application.services.webhook_endpoint_service import (
    OVERLAP_S_DEFAULT,
    OVERLAP_S_MAX,
)
from payment_gateway.application.webhook_deliveries import DeliveryFilter
from payment_gateway.domain.aggregates.webhook_delivery import WebhookDeliveryStatus
from payment_gateway.presentation.cli.credentials import AsJson, ForTenant, TenantId
from payment_gateway.presentation.rest.webhook_endpoint_schemas import (
    DeliveryAnswer as Delivery,
)
from payment_gateway.presentation.rest.webhook_endpoint_schemas import (
    EndpointSecretAnswer as EndpointWithSecret,
)
from payment_gateway.presentation.rest.webhook_endpoint_schemas import (
    EndpointStatusAnswer as Endpoint,
)
from payment_gateway.presentation.rest.webhook_endpoint_schemas import (
    attempt_answer,
    delivery_fields,
    endpoint_fields,
    endpoint_status,
)
from payment_gateway.settings import Settings

DELIVERIES_MAX: Final = 100
_ENDED: Final = (WebhookDeliveryStatus.DELIVERED, WebhookDeliveryStatus.PARKED)
Result = TypeVar("Result")
Run = Callable[[str, Callable[[Gateway, CommandContext], Awaitable[Any]]], Any]

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only events of this stored name; repeatable.")
]
Status = Annotated[
    WebhookDeliveryStatus | None, typer.Option("--status", help="Only those that stand there.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=DELIVERIES_MAX)]


def webhooks_commands(for_tenant: ForTenant, load_settings: Callable[[], Settings]) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="Where tenants' events are sent.", no_args_is_help=True)

    def run(tenant: str, use: Callable[[Gateway, CommandContext], Awaitable[Result]]) -> Result:
        return for_tenant(load_settings(), tenant, use)

    _add_endpoints(app, run)
    _add_changing(app, run)
    _add_deliveries(app, run)
    _add_sending(app, run)
    return app


def _add_endpoints(app: typer.Typer, run: Run) -> None:
    @app.command("endpoints")
    def endpoints(tenant: TenantId, as_json: AsJson = False) -> None:
        """List a tenant's endpoints, and how each has fared."""

        async def use(gateway: Gateway, context: CommandContext) -> list[Endpoint]:
            found = await gateway.webhook_endpoints.list_of(context.tenant_id)
            return [endpoint_status(*one) for one in found]

        shown: list[Endpoint] = run(tenant, use)
        if as_json:
            print(
                json.dumps({"data": [one.model_dump(mode="json", by_alias=True) for one in shown]})
            )
            return
        rows = [
            (one.id, one.url, _state(one), ", ".join(one.types) or "all", str(one.failures))
            for one in shown
        ]
        _table(("endpoint", "url", "state", "types", "failures"), rows, none="No endpoints.")

    @app.command("create")
    def create(tenant: TenantId, url: str, type_: Types = None, as_json: AsJson = False) -> None:
        """Send a tenant's events to an address from here on; shows the secret this once."""

        async def use(gateway: Gateway, context: CommandContext) -> EndpointWithSecret:
            shown = await gateway.webhook_endpoints.create(
                url=url, types=type_ or (), enabled=True, context=context
            )
            fields = endpoint_fields(shown.executed.state)
            return EndpointWithSecret(**fields, secret=shown.secret)

        _print_secret(run(tenant, use), as_json=as_json)


def _add_changing(app: typer.Typer, run: Run) -> None:
    @app.command("rotate")
    def rotate(
        tenant: TenantId,
        endpoint: EndpointId,
        overlap: Annotated[
            int,
            typer.Option(
                "--overlap-seconds",
                min=0,
                max=OVERLAP_S_MAX,
                help="For how long the secret before signs too.",
            ),
        ] = OVERLAP_S_DEFAULT,
        as_json: AsJson = False,
    ) -> None:
        """Sign with a new secret; shows it this once."""

        async def use(gateway: Gateway, context: CommandContext) -> EndpointWithSecret:
            shown = await gateway.webhook_endpoints.rotate(
                endpoint, overlap_s=overlap, context=context
            )
            fields = endpoint_fields(shown.executed.state)
            return EndpointWithSecret(**fields, secret=shown.secret)

        _print_secret(run(tenant, use), as_json=as_json)

    @app.command("delete")
    def delete(
        tenant: TenantId,
        endpoint: EndpointId,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    ) -> None:
        """Stop sending to an endpoint for good."""
        if not yes:
            typer.confirm(f"Delete the endpoint {endpoint} of {tenant}?", abort=True, err=True)

        async def use(gateway: Gateway, context: CommandContext) -> None:
            await gateway.webhook_endpoints.delete(endpoint, context)

        run(tenant, use)


def _add_deliveries(app: typer.Typer, run: Run) -> None:
    @app.command("deliveries")
    def deliveries(
        tenant: TenantId,
        endpoint: EndpointId,
        status: Status = None,
        limit: Limit = 25,
        as_json: AsJson = False,
    ) -> None:
        """List an endpoint's deliveries, newest events first."""

        async def use(gateway: Gateway, context: CommandContext) -> list[Delivery]:
            await gateway.webhook_endpoints.find(endpoint, tenant_id=context.tenant_id)
            which = DeliveryFilter(endpoint_id=endpoint, statuses=(status,) if status else ())
            service = gateway.webhook_deliveries
            shown = []
            for record in await service.records.deliveries(which, limit=limit):
                last = record.attempts[-1:]
                excerpts = await service.open_excerpts(last, tenant_id=record.tenant_id)
                attempt = attempt_answer(last[0], excerpts[0]) if last else None
                shown.append(Delivery(**delivery_fields(record, attempt)))
            return shown

        shown: list[Delivery] = run(tenant, use)
        if as_json:
            print(
                json.dumps({"data": [one.model_dump(mode="json", by_alias=True) for one in shown]})
            )
            return
        rows = [(one.id, one.event_type, one.status.value, *_outcome(one)) for one in shown]
        columns = ("delivery", "event", "status", "attempts", "last", "next")
        _table(columns, rows, none="No deliveries.")


def _add_sending(app: typer.Typer, run: Run) -> None:
    @app.command("test")
    def test(tenant: TenantId, endpoint: EndpointId, as_json: AsJson = False) -> None:
        """Have a test event delivered."""

        async def use(gateway: Gateway, context: CommandContext) -> str:
            requested = await gateway.webhook_endpoints.request_test(endpoint, context)
            return requested.event_id

        event_id: str = run(tenant, use)
        shown = {"eventId": event_id, "deliveryId": delivery_id_of(endpoint, event_id)}
        print(json.dumps(shown) if as_json else shown["deliveryId"])

    @app.command("resend")
    def resend(
        tenant: TenantId,
        delivery: Annotated[str | None, typer.Argument(metavar="DELIVERY")] = None,
        *,
        endpoint: Annotated[
            str | None, typer.Option("--endpoint", help="A range of this endpoint's instead.")
        ] = None,
        since: Annotated[str | None, typer.Option("--from", help="RFC 3339; included.")] = None,
        before: Annotated[str | None, typer.Option("--to", help="RFC 3339; not included.")] = None,
        type_: Types = None,
        status: Status = WebhookDeliveryStatus.PARKED,
        as_json: AsJson = False,
    ) -> None:
        """Send a delivery again, or all of a range that have ended."""
        if (delivery is None) == (endpoint is None):
            raise typer.BadParameter("name a delivery, or an endpoint with --endpoint")
        statuses = _ENDED if status is None else (status,)
        moments = _moment(since, "from"), _moment(before, "to")

        async def use(gateway: Gateway, context: CommandContext) -> ResentRange:
            service = gateway.webhook_deliveries
            if delivery is not None:
                one = await service.resend(delivery, context)
                return ResentRange(resent=1, has_more=False, position=one.position)
            assert endpoint is not None, "one of both is named"
            await gateway.webhook_endpoints.find(endpoint, tenant_id=context.tenant_id)
            which = DeliveryFilter(
                endpoint_id=endpoint,
                types=tuple(type_ or ()),
                statuses=tuple(one for one in statuses if one in _ENDED),
                since=moments[0],
                before=moments[1],
            )
            return await service.resend_range(which, context)

        resent: ResentRange = run(tenant, use)
        shown = {"resent": resent.resent, "hasMore": resent.has_more}
        more = "; there are more, run it again" if resent.has_more else ""
        print(json.dumps(shown) if as_json else f"{resent.resent} sent again{more}")


def _moment(text: str | None, param: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("no RFC 3339 time", param_hint=f"--{param}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _state(endpoint: Endpoint) -> str:
    if endpoint.enabled:
        return "enabled"
    return f"disabled: {endpoint.disabled_reason}" if endpoint.disabled_reason else "paused"


def _outcome(delivery: Delivery) -> tuple[str, str, str]:
    last, next_at = delivery.last_attempt, delivery.next_attempt_at
    said = "-" if last is None else last.error or str(last.status)
    when = next_at.isoformat(timespec="seconds") if next_at else delivery.parked_reason or "-"
    return str(delivery.attempts), said, when


def _print_secret(endpoint: EndpointWithSecret, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(endpoint.model_dump(mode="json", by_alias=True)))
        return
    print(f"endpoint {endpoint.id}\nsecret   {endpoint.secret}")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, none: str) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table if rows else none)
