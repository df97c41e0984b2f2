"""``payment-gateway`` and ``python -m payment_gateway``.

What a command needs is imported when it runs, so that the others start quickly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from payment_gateway.application.commands.explain_payment import Line
from payment_gateway.application.commands.resolve_payment import Finding
from payment_gateway.application.gateway import Gateway
from payment_gateway.application.ports import CommandContext
from payment_gateway.application.sagas.reconciliation import Reconciliation
from payment_gateway.command_line_refusals import CannotRun, explained
from payment_gateway.presentation.cli.api_keys import ApiKeyOperations
from payment_gateway.presentation.cli.app import Processes, create_cli
from payment_gateway.presentation.cli.audit import AuditEntry
from payment_gateway.presentation.cli.dead_letters import DeadLetterOperations
from payment_gateway.presentation.cli.events import (
    EventOperations,
    ExportFormat,
    Selection,
    Show,
)
from payment_gateway.presentation.cli.keys import KeyOperations, KeyRow, Rotation
from payment_gateway.presentation.cli.payments import PaymentOperations
from payment_gateway.presentation.cli.projection_operations import ProjectionOperations
from payment_gateway.presentation.cli.subjects import SubjectKept, SubjectOperations
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


@contextmanager
def projections() -> Iterator[ProjectionOperations]:
    """Give what the commands on read models do."""
    from payment_gateway import projection_operations

    with explained():
        yield projection_operations.OPERATIONS


def doctor(as_json: bool) -> bool:
    """Check the settings and every dependency; return whether all is well."""
    from payment_gateway.doctor import check_installation

    with explained():
        return check_installation(load_settings(), as_json=as_json)


def show_payment(settings: Settings, payment_id: str, as_of: str | None) -> dict[str, Any]:
    """Return a payment as it is, or as it was at a time."""
    from payment_gateway import operations

    with explained():
        return operations.show_payment(settings, payment_id, as_of)


def explain_payment(settings: Settings, payment_id: str) -> list[Line]:
    """Return what happened to a payment."""
    from payment_gateway import operations

    with explained():
        return operations.explain(settings, payment_id)


def list_questions(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """Return the payments that wait for a person."""
    from payment_gateway import operations

    with explained():
        return operations.list_questions(settings, limit)


def resolve_payment(settings: Settings, payment_id: str, finding: Finding) -> dict[str, Any]:
    """Record what a person found out about a payment."""
    from payment_gateway import operations

    with explained():
        return operations.resolve(settings, payment_id, finding)


def follow_events(settings: Settings, wanted: Selection, limit: int | None, show: Show) -> None:
    """Show events as they come."""
    from payment_gateway import event_operations

    with explained():
        event_operations.follow(settings, wanted, limit, show)


def read_events(
    settings: Settings, wanted: Selection, written_as: ExportFormat, show: Show
) -> tuple[int, int]:
    """Show events so far; return after which position it goes on, and how many there were."""
    from payment_gateway import event_operations

    with explained():
        return event_operations.read(settings, wanted, written_as, show)


def show_stream(settings: Settings, stream: str, show: Show) -> None:
    """Show the events of a stream."""
    from payment_gateway import event_operations

    with explained():
        event_operations.show_stream(settings, stream, show)


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


def show_subject(settings: Settings, tenant_id: str, reference: str) -> SubjectKept:
    """Return what is kept of a person."""
    from payment_gateway import subject_operations

    with explained():
        return subject_operations.show(settings, tenant_id, reference)


def forget_subject(
    settings: Settings, tenant_id: str, reference: str, reason: str | None
) -> SubjectKept:
    """Make what is kept of a person unreadable."""
    from payment_gateway import subject_operations

    with explained():
        return subject_operations.forget(settings, tenant_id, reference, reason)


def create_keys(settings: Settings) -> list[str]:
    """Make keys that are missing, or the next one."""
    from payment_gateway import key_operations

    with explained():
        return key_operations.create(settings)


def rotate_keys(settings: Settings) -> Rotation:
    """Rewrap every data key by the next or current key."""
    from payment_gateway import key_operations

    with explained():
        return key_operations.rotate(settings)


def key_status(settings: Settings) -> list[KeyRow]:
    """Return what is wrapped by which key."""
    from payment_gateway import key_operations

    with explained():
        return key_operations.status(settings)


def retire_key(settings: Settings, key_id: str) -> None:
    """Take a key that wraps nothing out of the key file."""
    from payment_gateway import key_operations

    with explained():
        key_operations.retire(settings, key_id)


def list_letters(settings: Settings) -> list[dict[str, Any]]:
    """Return all that is parked."""
    from payment_gateway import dead_letter_operations

    with explained():
        return dead_letter_operations.list_letters(settings)


def show_letter(settings: Settings, letter_id: str) -> dict[str, Any]:
    """Return something that is parked, with the documents that it concerns."""
    from payment_gateway import dead_letter_operations

    with explained():
        return dead_letter_operations.show_letter(settings, letter_id)


def replay_letter(settings: Settings, letter_id: str, dry_run: bool) -> dict[str, Any]:
    """Handle what is parked again, or say what that would change."""
    from payment_gateway import dead_letter_operations

    with explained():
        return dead_letter_operations.replay_letter(settings, letter_id, dry_run)


def discard_letter(settings: Settings, letter_id: str, reason: str) -> dict[str, Any]:
    """Decide that what is parked is never handled."""
    from payment_gateway import dead_letter_operations

    with explained():
        return dead_letter_operations.discard_letter(settings, letter_id, reason)


main = create_cli(
    Processes(
        serve=serve,
        work=work,
        doctor=doctor,
        projections=projections,
        payments=PaymentOperations(
            show=show_payment,
            explain=explain_payment,
            questions=list_questions,
            resolve=resolve_payment,
        ),
        events=EventOperations(follow=follow_events, read=read_events, stream=show_stream),
        for_tenant=for_tenant,
        keys=KeyOperations(
            create=create_keys, rotate=rotate_keys, status=key_status, retire=retire_key
        ),
        dead_letters=DeadLetterOperations(
            all=list_letters, show=show_letter, replay=replay_letter, discard=discard_letter
        ),
        api_keys=ApiKeyOperations(administer=administer, last_uses=last_uses),
        audit=audit,
        subjects=SubjectOperations(show=show_subject, forget=forget_subject),
        reconcile=reconcile,
        load_settings=load_settings,
        refusals=(BadSettings, CannotRun),
    )
)

if __name__ == "__main__":
    main()
