"""Route over ``provider_health``: how a tenant's providers fared in the last hour, minute by minute.

Annotations are evaluated here, not postponed: those of the routes name what a router was given.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from payment_gateway.infrastructure.persistence.mongodb import Document
from projections import provider_health
from projections.payment_answers import Answer
from projections.provider_health import FAILURES, LATENCY_CLASSES_MS, SUCCESSES, UNKNOWNS
from projections.provider_health_queries import find_last_hour
from projections.query_context import Dependency
from projections.reading import Asked, asking


class MinuteAnswer(Answer):
    """What a provider was asked and how that ended, in one minute."""

    at: datetime = Field(description="When the minute began.")
    successes: int = Field(description="Answered, with a yes or a no.")
    failures: int = Field(description="Not reached.")
    unknowns: int = Field(description="The answer was lost.")


class ProviderHealthAnswer(Answer):
    """How one provider fared."""

    provider_type: str = Field(examples=["PAYPAL"])
    attempts: int
    successes: int = Field(description="Answered, with a yes or a no.")
    failures: int = Field(description="Not reached.")
    unknowns: int = Field(description="The answer was lost.")
    success_rate: float = Field(examples=[0.9912])
    latency_ms_average: int | None = Field(description="Of what was answered.")
    latency_ms_p50: int | None = Field(
        description="Half of it took no longer; the next step of a fixed scale, null beyond its end."
    )
    latency_ms_p95: int | None
    minutes: list[MinuteAnswer] = Field(description="Those in which anything ended, in order.")


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
    total: Counter[str] = Counter()
    latencies: Counter[str] = Counter()
    shown: list[MinuteAnswer] = []
    for minute in minutes:
        counts = minute["providers"].get(provider)
        if counts is None:
            continue
        ended = {name: counts[name] for name in (SUCCESSES, FAILURES, UNKNOWNS)}
        total.update(ended | {"latencySumMs": counts["latencySumMs"]})
        latencies.update(counts["latencies"])
        at = datetime.fromtimestamp(minute["minute"] * 60, UTC)
        shown.append(MinuteAnswer(at=at, **ended))
    attempts = total[SUCCESSES] + total[FAILURES] + total[UNKNOWNS]
    answered = total[SUCCESSES]
    return ProviderHealthAnswer(
        provider_type=provider,
        attempts=attempts,
        successes=answered,
        failures=total[FAILURES],
        unknowns=total[UNKNOWNS],
        success_rate=round(answered / attempts, 4),
        latency_ms_average=round(total["latencySumMs"] / answered) if answered else None,
        latency_ms_p50=_percentile(latencies, 0.50),
        latency_ms_p95=_percentile(latencies, 0.95),
        minutes=shown,
    )


def _percentile(classes: Mapping[str, int], share: float) -> int | None:
    """Return the end of the class that this share took no longer than; ``None`` beyond the scale."""
    left = share * sum(classes.values())
    for end in LATENCY_CLASSES_MS:
        number = classes.get(str(end), 0)
        left -= number
        if number and left <= 0:
            return end
    return None
