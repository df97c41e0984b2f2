"""``payment-gateway apikeys``: who may call the API, as what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.services.api_key_service import (
    OVERLAP_DEFAULT,
    OVERLAP_MAX,
    IssuedApiKey,
)
from payment_gateway.domain.aggregates.api_key import ApiKey
from payment_gateway.domain.value_objects.grant import ANY_TENANT, GrantVO
from payment_gateway.presentation.cli.credentials import AsJson
from payment_gateway.presentation.cli.tenants import Administer, Reason, Yes
from payment_gateway.settings import Settings

ApiKeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the list shows it.")]
LastUses = Callable[[Settings, list[str]], Mapping[str, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyOperations:
    """What the commands on API keys do.

    Attributes:
        administer: Does something with an open gateway.
        last_uses: From ids of keys to when each was last used.
    """

    administer: Administer
    last_uses: LastUses


def api_keys_commands(
    operations: ApiKeyOperations, load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="Who may call the API.", no_args_is_help=True)
    _add_issuing(app, operations.administer, load_settings)
    _add_others(app, operations, load_settings)
    return app


def _add_issuing(
    app: typer.Typer, administer: Administer, load_settings: Callable[[], Settings]
) -> None:
    @app.command("create")
    def create(
        *,
        tenant: Annotated[
            str, typer.Option(help="The tenant it speaks for; * for operator, admin and auditor.")
        ],
        role: Annotated[list[str], typer.Option(help="What it may do; repeatable.")],
        name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
        expires_at: Annotated[
            str | None, typer.Option(metavar="TIME", help="Accepted until then: RFC 3339.")
        ] = None,
        reason: Reason = None,
        as_json: AsJson = False,
    ) -> None:
        """Make an API key, and show it this once."""
        ends_at = None if expires_at is None else _moment(expires_at)

        async def use(gateway: Gateway, context: CommandContext) -> IssuedApiKey:
            grant = GrantVO.parse(tenant, role)
            if grant.tenant_id != ANY_TENANT:
                await gateway.tenants.find(grant.tenant_id)
            asked = replace(context, tenant_id=grant.tenant_id, reason=reason)
            return await gateway.api_keys.create(
                grant, name=name, expires_at=ends_at, context=asked
            )

        _print_issued(administer(load_settings(), use, with_lists=False), as_json=as_json)

    @app.command("rotate")
    def rotate(
        key: ApiKeyId,
        overlap: Annotated[
            int,
            typer.Option(
                min=0,
                max=int(OVERLAP_MAX.total_seconds()),
                help="Seconds for which the one before is accepted as well.",
            ),
        ] = int(OVERLAP_DEFAULT.total_seconds()),
        reason: Reason = None,
        as_json: AsJson = False,
    ) -> None:
        """Give a key another secret, and show it this once."""

        async def use(gateway: Gateway, context: CommandContext) -> IssuedApiKey:
            return await gateway.api_keys.rotate(
                key, overlap=timedelta(seconds=overlap), context=replace(context, reason=reason)
            )

        _print_issued(administer(load_settings(), use, with_lists=False), as_json=as_json)


def _add_others(
    app: typer.Typer, operations: ApiKeyOperations, load_settings: Callable[[], Settings]
) -> None:
    @app.command("list")
    def list_(
        tenant: Annotated[str, typer.Option(help="Keys of this tenant only.")] = ANY_TENANT,
        as_json: AsJson = False,
    ) -> None:
        """List API keys; none is shown."""
        settings = load_settings()

        async def use(gateway: Gateway, _: CommandContext) -> list[ApiKey]:
            return gateway.api_keys.every(tenant)

        keys = operations.administer(settings, use, with_lists=True)
        uses = operations.last_uses(settings, [key.api_key_id for key in keys])
        _print(keys, uses, as_json=as_json)

    @app.command("revoke")
    def revoke(
        key: ApiKeyId, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
    ) -> None:
        """Accept a key no more."""
        if not yes:
            typer.confirm(f"Revoke the API key {key} for good?", abort=True, err=True)

        async def use(gateway: Gateway, context: CommandContext) -> ApiKey:
            revoked = await gateway.api_keys.revoke(key, replace(context, reason=reason))
            return revoked.state

        revoked = operations.administer(load_settings(), use, with_lists=False)
        _print([revoked], {}, as_json=as_json)


def _moment(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--expires-at is no RFC 3339 time") from None
    if read.tzinfo is None:
        raise typer.BadParameter("--expires-at has no zone; end it with Z")
    return read


def _print_issued(issued: IssuedApiKey, *, as_json: bool) -> None:
    key = issued.api_key
    if as_json:
        print(json.dumps({**_document(key, {}), "key": issued.secret}))
        return
    print(issued.secret)
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(
        f"Key {key.api_key_id} for {key.tenant_id}: {', '.join(key.roles)}."
        " It is shown this once; keep it where your order service finds it."
    )


def _print(keys: list[ApiKey], uses: Mapping[str, datetime], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"data": [_document(key, uses) for key in keys]}))
        return
    table = Table("id", "prefix", "tenant", "roles", "name", "status", "last used", box=None)
    now = datetime.now(UTC)
    for key in keys:
        used = uses.get(key.api_key_id)
        table.add_row(
            key.api_key_id,
            key.secrets[0].prefix,
            key.tenant_id,
            ", ".join(key.roles),
            key.name or "",
            key.status(now),
            "" if used is None else used.isoformat(timespec="minutes"),
        )
    Console(soft_wrap=True, highlight=False, markup=False).print(table)


def _document(key: ApiKey, uses: Mapping[str, datetime]) -> dict[str, object]:
    used = uses.get(key.api_key_id)
    return {
        "id": key.api_key_id,
        "prefix": key.secrets[0].prefix,
        "tenantId": key.tenant_id,
        "roles": list(key.roles),
        "name": key.name,
        "status": key.status(datetime.now(UTC)),
        "createdAt": key.created_at.isoformat(),
        "expiresAt": key.expires_at and key.expires_at.isoformat(),
        "revokedAt": key.revoked_at and key.revoked_at.isoformat(),
        "lastUsedAt": used and used.isoformat(),
    }
