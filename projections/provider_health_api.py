"""Route over ``provider_health``: how a tenant's providers fared in the last hour, minute by minute.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import Field

from payment_gateway.infrastructure.persistence.mongodb import Document
from projections import provider_health
from projections.payment_answers import Amount, Answer, decimal
from projections.provider_health import FAILURES, LATENCY_CLASSES_MS, SUCCESSES, UNKNOWNS
from projections.provider_health_queries import find_last_hour
from projections.provider_payments import (
    AMOUNTS,
    CAPTURED_MINOR,
    COMPLETED,
    NO_PAYMENTS,
    PAYMENTS_OF,
    REFUNDED_MINOR,
    UNPAID,
)
from projections.query_context import Dependency
from projections.reading import Asked, asking

_NUMBERS: Final = (SUCCESSES, FAILURES, UNKNOWNS, "latencySumMs")


class PaymentsAnswer(Answer):
    """What became of a provider's payments, each counted when it happened."""

    initiated: int
    completed: int = Field(description="The money was taken.")
    failed: int
    cancelled: int
    expired: int
    success_rate: float | None = Field(
        description="Of those that ended, the share that was paid; null where none did.",
        examples=[0.9375],
    )


class MoneyAnswer(Answer):
    """Money that moved, in one currency."""

    currency: str = Field(examples=["USD"])
    captured: Amount
    refunded: Amount


class HealthAnswer(Answer):
    """How a provider and its payments fared for a while."""

    successes: int = Field(description="Answered, with a yes or a no.")
    failures: int = Field(description="Not reached.")
    unknowns: int = Field(description="The answer was lost.")
    latency_ms_p50: int | None = Field(
        description="Half of what was answered took no longer; the next step of a fixed scale, null"
        " beyond its end."
    )
    latency_ms_p95: int | None
    payments: PaymentsAnswer
    amounts: list[MoneyAnswer] = Field(description="One for each currency that moved.")


class MinuteAnswer(HealthAnswer):
    """How a provider and its payments fared in one minute."""

    at: datetime = Field(description="When the minute began.")


class ProviderHealthAnswer(HealthAnswer):
    """How one provider fared."""

    provider_type: str = Field(examples=["PAYPAL"])
    attempts: int
    success_rate: float | None = Field(
        description="Of the attempts, those that were answered; null where there was none.",
        examples=[0.9912],
    )
    latency_ms_average: int | None = Field(description="Of what was answered.")
    minutes: list[MinuteAnswer] = Field(description="Those in which anything happened, in order.")


class ProvidersHealth(Answer):
    """The last hour of all providers that were asked anything."""

    tenant_id: str = Field(examples=["demo"])
    providers: list[ProviderHealthAnswer]


def add_routes(
    router: APIRouter, *, viewer: Dependency, queries: Dependency, now: Callable[[], datetime]
) -> None:
    """Add the route to a router; ``now`` is when an hour ends."""
    ask = asking(viewer=viewer, queries=queries)

    @router.get("/providers/health")
    async def show_health(*, asked: Annotated[Asked, Depends(ask)]) -> ProvidersHealth:
        """Show how the tenant's providers fared in the last hour, minute by minute."""
        collection = (await asked.read(provider_health.MODEL)).collection()
        minutes = await find_last_hour(collection, asked.tenant_id, now())
        names = sorted({name for minute in minutes for name in minute["providers"]})
        return ProvidersHealth(
            tenant_id=asked.tenant_id, providers=[_health(name, minutes) for name in names]
        )


def _health(provider: str, minutes: Sequence[Document]) -> ProviderHealthAnswer:
    counted = [
        (datetime.fromtimestamp(minute["minute"] * 60, UTC), minute["providers"][provider])
        for minute in minutes
        if provider in minute["providers"]
    ]
    total = _sum([counts for _, counts in counted])
    answered = total[SUCCESSES]
    attempts = answered + total[FAILURES] + total[UNKNOWNS]
    return ProviderHealthAnswer(
        **_fared(total),
        provider_type=provider,
        attempts=attempts,
        success_rate=round(answered / attempts, 4) if attempts else None,
        latency_ms_average=round(total["latencySumMs"] / answered) if answered else None,
        minutes=[MinuteAnswer(**_fared(counts), at=at) for at, counts in counted],
    )


def _sum(counted: Sequence[Document]) -> Document:
    """Return what is counted in several minutes, as it would be in one."""
    total: Counter[str] = Counter()
    latencies: Counter[str] = Counter()
    payments: Counter[str] = Counter()
    money: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for counts in counted:
        total.update({name: counts[name] for name in _NUMBERS})
        latencies.update(counts["latencies"])
        payments.update(counts[PAYMENTS_OF])
        for currency, moved in counts[AMOUNTS].items():
            money[currency].update(moved)
    return {
        **{name: total[name] for name in _NUMBERS},
        "latencies": latencies,
        PAYMENTS_OF: payments,
        AMOUNTS: money,
    }


def _fared(counts: Document) -> dict[str, Any]:
    payments = {name: counts[PAYMENTS_OF][name] for name in NO_PAYMENTS}
    ended = payments[COMPLETED] + sum(payments[name] for name in UNPAID)
    rate = round(payments[COMPLETED] / ended, 4) if ended else None
    return {
        **{name: counts[name] for name in (SUCCESSES, FAILURES, UNKNOWNS)},
        "latency_ms_p50": _percentile(counts["latencies"], 0.50),
        "latency_ms_p95": _percentile(counts["latencies"], 0.95),
        "payments": PaymentsAnswer(**payments, success_rate=rate),
        "amounts": [
            MoneyAnswer(
                currency=currency,
                captured=decimal(moved[CAPTURED_MINOR], currency),
                refunded=decimal(moved[REFUNDED_MINOR], currency),
            )
            for currency, moved in sorted(counts[AMOUNTS].items())
        ],
    }


def _percentile(classes: Mapping[str, int], share: float) -> int | None:
    """Return the end of the class that this share took no longer than; ``None`` beyond the scale."""
    left = share * sum(classes.values())
    for end in LATENCY_CLASSES_MS:
        number = classes.get(str(end), 0)
        left -= number
        if number and left <= 0:
            return end
    return None
