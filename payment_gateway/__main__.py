"""``payment-gateway`` and ``python -m payment_gateway``.

What a command needs is imported when it runs, so that the others start quickly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.sagas.reconciliation import Reconciliation
from payment_gateway.command_line_refusals import CannotRun, explained
from payment_gateway.presentation.cli.api_keys import ApiKeyOperations
from payment_gateway.presentation.cli.app import Processes, create_cli
from payment_gateway.presentation.cli.audit import AuditEntry
from payment_gateway.presentation.cli.dead_letters import DeadLetterOperations
from payment_gateway.presentation.cli.events import EventOperations
from payment_gateway.presentation.cli.keys import KeyOperations
from payment_gateway.presentation.cli.payments import PaymentOperations
from payment_gateway.presentation.cli.projection_operations import ProjectionOperations
from payment_gateway.presentation.cli.subjects import SubjectOperations
from payment_gateway.settings import Settings

Result = TypeVar("Result")


class BadSettings(Exception):
    """The environment has settings that are none; the message names each."""


def load_settings() -> Settings:
    """Return the settings of the environment.

    Raises:
        BadSettings: One of them is wrong; no value is repeated, it may be a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{_variable(one['loc'])}{one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise BadSettings(f"wrong settings: {wrong}") from None
    except SettingsError as error:
        raise BadSettings(f"wrong settings: {error}") from None


def _variable(where: tuple[str | int, ...]) -> str:
    """Return the variable at fault; what is wrong with several together names them itself."""
    return f"GATEWAY_{'_'.join(str(part) for part in where).upper()}: " if where else ""


def serve(settings: Settings, host: str, port: int) -> None:
    """Run the API."""
    from payment_gateway.processes import api

    with explained():
        api.serve(settings, host, port)


def work(settings: Settings) -> None:
    """Run the reactors."""
    from payment_gateway.processes import reactors

    with explained():
        reactors.work(settings)


def doctor(as_json: bool) -> bool:
    """Check the settings and every dependency; return whether all is well."""
    from payment_gateway.doctor import check_installation

    with explained():
        return check_installation(load_settings(), as_json=as_json)


@contextmanager
def payments() -> Iterator[PaymentOperations]:
    """Give what the commands on payments do."""
    from payment_gateway import operations

    with explained():
        yield operations.PAYMENTS


@contextmanager
def events() -> Iterator[EventOperations]:
    """Give what the commands on events do."""
    from payment_gateway import event_operations

    with explained():
        yield event_operations.OPERATIONS


@contextmanager
def projections() -> Iterator[ProjectionOperations]:
    """Give what the commands on read models do."""
    from payment_gateway import projection_operations

    with explained():
        yield projection_operations.OPERATIONS


@contextmanager
def dead_letters() -> Iterator[DeadLetterOperations]:
    """Give what the commands on what is parked do."""
    from payment_gateway import dead_letter_operations

    with explained():
        yield dead_letter_operations.OPERATIONS


@contextmanager
def keys() -> Iterator[KeyOperations]:
    """Give what the commands on keys do."""
    from payment_gateway import key_operations

    with explained():
        yield key_operations.OPERATIONS


@contextmanager
def subjects() -> Iterator[SubjectOperations]:
    """Give what the commands on people do."""
    from payment_gateway import subject_operations

    with explained():
        yield subject_operations.OPERATIONS


def reconcile(settings: Settings, provider: str, since: str | None) -> Reconciliation:
    """Compare a provider's payments with its books."""
    from payment_gateway import operations

    with explained():
        return operations.reconcile_provider(settings, provider, since)


def for_tenant(
    settings: Settings,
    tenant_id: str,
    use: Callable[[Gateway, CommandContext], Awaitable[Result]],
) -> Result:
    """Do something for a tenant with an open gateway."""
    from payment_gateway import credential_operations

    with explained():
        return credential_operations.for_tenant(settings, tenant_id, use)


def administer(
    settings: Settings,
    use: Callable[[Gateway, CommandContext], Awaitable[Result]],
    *,
    with_lists: bool,
) -> Result:
    """Do something for all tenants with an open gateway."""
    from payment_gateway import access_operations

    with explained():
        return access_operations.administer(settings, use, with_lists=with_lists)


def last_uses(settings: Settings, api_key_ids: list[str]) -> Mapping[str, datetime]:
    """Return when API keys were last used."""
    from payment_gateway import access_operations

    with explained():
        return access_operations.last_uses(settings, api_key_ids)


def audit(settings: Settings, tenant_id: str | None, since: str | None) -> list[AuditEntry]:
    """Return administrative acts."""
    from payment_gateway import access_operations

    with explained():
        return access_operations.audit(settings, tenant_id, since)


main = create_cli(
    Processes(
        serve=serve,
        work=work,
        doctor=doctor,
        payments=payments,
        events=events,
        projections=projections,
        dead_letters=dead_letters,
        keys=keys,
        subjects=subjects,
        for_tenant=for_tenant,
        api_keys=ApiKeyOperations(administer=administer, last_uses=last_uses),
        audit=audit,
        reconcile=reconcile,
        load_settings=load_settings,
        refusals=(BadSettings, CannotRun),
    )
)

if __name__ == "__main__":
    main()
