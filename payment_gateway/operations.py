"""What the command line does with payments, on the installation that the settings name."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from payment_gateway.application.commands.explain_payment import Line, explain_payment
from payment_gateway.application.commands.resolve_payment import Finding, resolve_payment
from payment_gateway.application.ports import CommandContext, RecordedEvent
from payment_gateway.application.sagas.reconciliation import (
    RECENT,
    Reconciliation,
    reconcile,
)
from payment_gateway.bootstrap import open_gateway, utc_now
from payment_gateway.domain.errors import PaymentNotFound
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import Document, open_mongodb
from payment_gateway.presentation.cli.payments import PaymentOperations
from payment_gateway.settings import Settings
from projections import payment_details
from projections.generations import Shown
from projections.operator_queries import find_questions, open_or_changed
from projections.payment_answers import payment_summary
from projections.query_parameters import as_of as read_moment

_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


def show_payment(settings: Settings, payment_id: str, as_of: str | None) -> dict[str, Any]:
    """Return a payment as its events tell it, now or at a time.

    Raises:
        InvalidValue: No payment id, or no time.
        PaymentNotFound: There was none.
        EventStoreUnavailable: No answer.
    """
    moment = read_moment(as_of) or _END_OF_TIME
    history = asyncio.run(_history(settings, PaymentIdVO(payment_id)))
    document = payment_details.as_of(history, moment)
    if document is None:
        raise PaymentNotFound(payment_id)
    return _shown(document)


def explain(settings: Settings, payment_id: str) -> list[Line]:
    """Return what happened to a payment and why, oldest first.

    Raises:
        InvalidValue: No payment id.
        PaymentNotFound: There is none.
        EventStoreUnavailable: No answer.
    """
    return explain_payment(asyncio.run(_history(settings, PaymentIdVO(payment_id))))


def list_questions(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """Return the payments that wait for a person, those that wait longest first.

    Raises:
        pymongo.errors.PyMongoError: MongoDB gives no answer.
    """

    async def ask() -> list[Document]:
        async with open_mongodb(settings) as database:
            collection = await Shown(database).collection(payment_details.MODEL)
            return await find_questions(collection, limit=limit)

    return [_shown(document) for document in asyncio.run(ask())]


def resolve(settings: Settings, payment_id: str, finding: Finding) -> dict[str, Any]:
    """Record what a person found out, and return the payment as it is then.

    Raises:
        DomainError: It is refused; nothing was recorded.
        EventStoreUnavailable: No answer; the same can be answered again.
    """
    identity = PaymentIdVO(payment_id)

    async def answer_it() -> None:
        async with open_gateway(settings) as opened:
            found = await opened.gateway.payments.find_of_any_tenant(identity)
            context = CommandContext(
                tenant_id=found.payment.tenant_id,
                actor=f"operator:{_person()}",
                correlation_id=str(uuid4()),
                at=opened.gateway.now(),
            )
            await resolve_payment(identity, finding, context, opened.gateway)

    asyncio.run(answer_it())
    return show_payment(settings, payment_id, None)


def reconcile_provider(settings: Settings, provider: str, since: str | None) -> Reconciliation:
    """Compare a provider's payments with its books; open ones, and those that changed since.

    Raises:
        InvalidValue: No time.
        UnsupportedProviderError: There is no adapter for the provider.
        pymongo.errors.PyMongoError: MongoDB gives no answer.
        EventStoreUnavailable: No answer.
    """
    configure_logs(log_format=settings.log_format, level=settings.log_level, process="reconcile")
    now = utc_now()
    begin = read_moment(since) or now - RECENT

    async def run() -> Reconciliation:
        async with open_gateway(settings) as opened, open_mongodb(settings) as database:
            opened.gateway.provider_factory.capabilities(provider)
            collection = await Shown(database).collection(payment_details.MODEL)
            pages = open_or_changed(collection, provider, since=begin, before=now)
            return await reconcile(pages, opened.gateway)

    return asyncio.run(run())


PAYMENTS: Final = PaymentOperations(
    show=show_payment, explain=explain, questions=list_questions, resolve=resolve
)


async def _history(settings: Settings, payment_id: PaymentIdVO) -> Sequence[RecordedEvent]:
    async with open_eventstoredb(settings) as store:
        events = (await store.read(f"payment-{payment_id}")).events
    if not events:
        raise PaymentNotFound(payment_id.value)
    return events


def _shown(document: Document) -> dict[str, Any]:
    return payment_summary(document).model_dump(mode="json", by_alias=True)


def _person() -> str:
    """Return who runs this, as the operating system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unnamed"
