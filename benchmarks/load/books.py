"""The gateway's events beside the providers' books: the same money, and none of it moved twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import httpx

from benchmarks.load.told import Told
from payment_gateway.application.ports import RecordedEvent
from payment_gateway.domain.events.payment import (
    PaymentCompletedEvent,
    PaymentInitiatedEvent,
    ProviderAttemptStartedEvent,
    RefundCompletedEvent,
)
from payment_gateway.infrastructure.persistence.event_log import CaughtUp, EventLog, TypeFilter

READ: Final = (
    "PaymentInitiated",
    "ProviderAttemptStarted",
    "PaymentCompleted",
    "RefundCompleted",
)
READ_WITHIN_S: Final = 60.0
PAGES_MAX: Final = 1_000
# A refund at the provider that gave nothing back.
NOT_GIVEN: Final = frozenset({"FAILED", "CANCELLED", "PENDING"})


@dataclass(frozen=True, slots=True, order=True)
class Moved:
    """Money that went one way: a ``capture`` or a ``refund``, with the provider's id of it."""

    what: str
    payment_id: str
    reference: str
    amount_minor: int


@dataclass
class Events:
    """What the log says.

    Attributes:
        payments: All that were begun.
        moved: Counted, for an event may be there twice.
        refunds: The ids of the refunds that were carried out.
        numbers: From what a provider knows a payment by, to its id.
    """

    payments: set[str] = field(default_factory=set)
    moved: Counter[Moved] = field(default_factory=Counter)
    refunds: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)


async def events_of(log: EventLog) -> Events:
    """Read the whole log up to now.

    Raises:
        TimeoutError: It took more than ``READ_WITHIN_S``.
        EventStoreUnavailable: It could not be read to its end.
    """
    found = Events()
    async with asyncio.timeout(READ_WITHIN_S):
        async with aclosing(log.subscribe(TypeFilter(READ), after=0)) as items:
            async for item in items:
                if isinstance(item, RecordedEvent):
                    _take(found, item)
                elif isinstance(item, CaughtUp):
                    break
    return found


def _take(found: Events, recorded: RecordedEvent) -> None:
    match recorded.event:
        case PaymentInitiatedEvent() as event:
            found.payments.add(event.payment_id)
        case ProviderAttemptStartedEvent() as event:
            found.numbers[event.provider_reference_number] = event.payment_id
        case PaymentCompletedEvent() as event:
            reference, minor = event.provider_reference, event.captured_minor
            found.moved[Moved("capture", event.payment_id, reference, minor)] += 1
        case RefundCompletedEvent() as event:
            reference, minor = event.provider_reference, event.amount_minor
            found.moved[Moved("refund", event.payment_id, reference, minor)] += 1
            found.refunds.add(event.refund_id)
        case _:
            pass


async def books_of(paypal: str, pagadito: str, numbers: Mapping[str, str]) -> Counter[Moved]:
    """Return what the simulators have on their books.

    Args:
        paypal: The address of PayPal's.
        pagadito: The address of Pagadito's.
        numbers: From the number that Pagadito was given, to the payment.
    """
    books: Counter[Moved] = Counter()
    async for page in _pages(paypal):
        for what, kind in (("capture", "captures"), ("refund", "refunds")):
            books.update(
                Moved(what, one["customId"] or "", one["id"], _minor(one["amount"]))
                for one in page[kind]
                if one["status"] not in NOT_GIVEN
            )
    async for page in _pages(pagadito):
        books.update(
            Moved("capture", numbers.get(one["ern"], ""), one["reference"], _minor(one["amount"]))
            for one in page["transactions"]
            if one["status"] == "COMPLETED"
        )
    return books


@dataclass(frozen=True, slots=True)
class Compared:
    """Both sides at one time, and what is not the same; see ``differences``."""

    events: Events
    books: Counter[Moved]
    differences: list[str]


async def compared(log: EventLog, paypal: str, pagadito: str, told: Told) -> Compared:
    """Read both sides. While payments go on, what one has and the other not yet is a difference.

    Raises:
        TimeoutError: The log could not be read in time.
        EventStoreUnavailable: It could not be read to its end.
        httpx.HTTPError: A simulator did not show its books.
    """
    # Pagadito's books know payments by their number alone.
    numbers = (await events_of(log)).numbers
    books = await books_of(paypal, pagadito, numbers)
    events = await events_of(log)
    return Compared(events, books, differences(events, books, told))


async def _pages(url: str) -> Any:
    async with httpx.AsyncClient(base_url=url, timeout=READ_WITHIN_S, trust_env=False) as http:
        cursor = 0
        for _ in range(PAGES_MAX):
            answer = await http.get("/_control/ledger", params={"cursor": cursor})
            page = answer.raise_for_status().json()
            yield page
            if page["nextCursor"] is None:
                return
            cursor = page["nextCursor"]
    raise RuntimeError(f"the books at {url} have more than {PAGES_MAX} pages")


def _minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


def differences(events: Events, books: Counter[Moved], told: Told) -> list[str]:
    """Return what is lost or was moved twice, one sentence each; nothing where all is well."""
    return sorted(
        [*_twice(books), *_unknown(events.moved, books), *_forgotten(events, told)],
    )


def _twice(books: Counter[Moved]) -> Iterator[str]:
    captures = Counter(one.payment_id for one in books.elements() if one.what == "capture")
    for payment_id, count in captures.items():
        if count > 1:
            yield f"payment {payment_id}: taken {count} times"
    balance: Counter[str] = Counter()
    for one in books.elements():
        balance[one.payment_id] += one.amount_minor * (1 if one.what == "capture" else -1)
    for payment_id, minor in balance.items():
        if minor < 0:
            yield f"payment {payment_id}: {-minor} minor units more given back than taken"


def _unknown(moved: Counter[Moved], books: Counter[Moved]) -> Iterator[str]:
    for one in (moved - books).elements():
        yield f"payment {one.payment_id}: {one.what} {one.reference} is in no provider's books"
    for one in (books - moved).elements():
        yield f"payment {one.payment_id}: {one.what} {one.reference} at the provider is in no event"


def _forgotten(events: Events, told: Told) -> Iterator[str]:
    captured = {one.payment_id for one in events.moved if one.what == "capture"}
    for payment_id in told.initiated - events.payments:
        yield f"payment {payment_id}: answered as begun, in no event"
    for payment_id in told.completed - captured:
        yield f"payment {payment_id}: answered as completed, in no event"
    for refund_id in told.refunds.keys() - events.refunds:
        yield f"payment {told.refunds[refund_id]}: refund {refund_id} answered as given, in no event"
