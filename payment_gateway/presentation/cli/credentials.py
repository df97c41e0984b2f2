"""``payment-gateway credentials``: tenants' accounts at providers, without showing a secret."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, TypeVar

import click
import typer
from rich.console import Console
from rich.table import Table

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.domain.aggregates.credential import Credential, CredentialVersion
from payment_gateway.domain.value_objects.provider_type import ProviderTypeVO
from payment_gateway.settings import Settings

INPUT_BYTES_MAX: Final = 16 * 1024
Result = TypeVar("Result")

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]
ProviderType = Annotated[str, typer.Argument(metavar="PROVIDER", help="PAYPAL or PAGADITO.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Fields = Annotated[
    Path,
    typer.Option(
        "--file", help="JSON object with the credentials; - is standard input.", allow_dash=True
    ),
]


class ForTenant(Protocol):
    """Does something for a tenant with an open gateway."""

    def __call__(
        self,
        settings: Settings,
        tenant_id: str,
        use: Callable[[Gateway, CommandContext], Awaitable[Result]],
    ) -> Result:
        """Return what ``use`` returns."""
        ...


@dataclass(frozen=True, slots=True)
class _Commands:
    for_tenant: ForTenant
    load_settings: Callable[[], Settings]

    def save(self, tenant_id: str, provider: str, file: Path, *, replacing: bool) -> Credential:
        fields = _read(file)

        async def use(gateway: Gateway, context: CommandContext) -> Credential:
            executed = await gateway.credentials.save(
                ProviderTypeVO(provider).value, fields, context, replacing=replacing
            )
            return executed.state

        return self.for_tenant(self.load_settings(), tenant_id, use)


def credentials_commands(
    for_tenant: ForTenant, load_settings: Callable[[], Settings]
) -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(help="Tenants' accounts at providers.", no_args_is_help=True)
    commands = _Commands(for_tenant, load_settings)
    _add_storing(app, commands)
    _add_others(app, commands)
    return app


def _add_storing(app: typer.Typer, commands: _Commands) -> None:
    @app.command("set")
    def set_(
        tenant: TenantId, provider: ProviderType, file: Fields = Path("-"), as_json: AsJson = False
    ) -> None:
        """Store credentials; the same set again changes nothing, another one is the next version."""
        _print([commands.save(tenant, provider, file, replacing=False)], as_json=as_json)

    @app.command("rotate")
    def rotate(
        tenant: TenantId, provider: ProviderType, file: Fields = Path("-"), as_json: AsJson = False
    ) -> None:
        """Replace credentials that are in use; refused where there are none."""
        _print([commands.save(tenant, provider, file, replacing=True)], as_json=as_json)


def _add_others(app: typer.Typer, commands: _Commands) -> None:
    @app.command("revoke")
    def revoke(
        tenant: TenantId,
        provider: ProviderType,
        reason: Annotated[str | None, typer.Option(help="Kept with it; nothing secret.")] = None,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Let no version be used any more, not even for payments that are open."""
        if not yes:
            typer.confirm(
                f"Revoke the credentials of {tenant} for {provider}? Open payments cannot be"
                " finished before others are stored",
                abort=True,
                err=True,
            )

        async def use(gateway: Gateway, context: CommandContext) -> Credential:
            type_ = ProviderTypeVO(provider).value
            return (await gateway.credentials.revoke(type_, context, reason=reason)).state

        _print(
            [commands.for_tenant(commands.load_settings(), tenant, use)],
            as_json=as_json,
        )

    @app.command("list")
    def list_(tenant: TenantId, as_json: AsJson = False) -> None:
        """List a tenant's credentials in all their versions; no secret is shown."""

        async def use(gateway: Gateway, context: CommandContext) -> list[Credential]:
            found = [
                await gateway.credentials.find(one, tenant_id=context.tenant_id)
                for one in gateway.provider_health.provider_types
            ]
            return [one for one in found if one is not None]

        _print(commands.for_tenant(commands.load_settings(), tenant, use), as_json=as_json)


def _read(file: Path) -> Mapping[str, object]:
    """Return the credentials; what is wrong with them is told without repeating them."""
    try:
        with click.open_file(str(file), encoding="utf-8") as source:
            text = source.read(INPUT_BYTES_MAX + 1)
        fields: Any = json.loads(text) if len(text) <= INPUT_BYTES_MAX else None
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {type(error).__name__}") from error
    except ValueError:
        raise typer.BadParameter(f"{file} is not JSON") from None
    if not isinstance(fields, dict):
        raise typer.BadParameter(f"{file} must be one JSON object of {INPUT_BYTES_MAX} bytes")
    return fields


def _print(credentials: list[Credential], *, as_json: bool) -> None:
    if as_json:
        data = [
            _document(credential, one) for credential in credentials for one in credential.versions
        ]
        print(json.dumps({"data": data}))
        return
    table = Table("provider", "version", "state", "fingerprint", "environment", box=None)
    for credential in credentials:
        for one in credential.versions:
            environment = "sandbox" if one.sandbox else "live"
            state = _state(credential, one)
            table.add_row(
                credential.provider, str(one.version), state, one.fingerprint, environment
            )
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(table if credentials else "No credentials are stored.")


def _document(credential: Credential, one: CredentialVersion) -> dict[str, object]:
    return {
        "tenantId": credential.tenant_id,
        "providerType": credential.provider,
        "version": one.version,
        "state": _state(credential, one),
        "fingerprint": one.fingerprint,
        "sandbox": one.sandbox,
    }


def _state(credential: Credential, one: CredentialVersion) -> str:
    if one.revoked:
        return "revoked"
    return "current" if one.version == credential.version else "replaced"
