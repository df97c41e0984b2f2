"""How providers have fared of late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitReport:
    """Whether calls go through: ``closed`` they do, ``open`` they do not, ``half_open`` a few do."""

    state: Literal["closed", "open", "half_open"]
    open_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastHour:
    """A tenant's calls of the last hour; ``None`` where there were none.

    Attributes:
        success_rate: The share that was answered, with a yes or a no.
        latency_ms_p50: Half of the calls took no longer than this.
    """

    calls: int
    success_rate: float | None
    latency_ms_p50: int | None
    latency_ms_p95: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFailure:
    """The last call that got no answer; ``reason`` names the operation and what went wrong."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """How a tenant's account at a provider fares."""

    circuit: CircuitReport
    last_hour: LastHour
    last_failure: LastFailure | None


class ProviderHealth(Protocol):
    """Knows how providers fare. It is told by every call, and loses little when a process ends."""

    @property
    def provider_types(self) -> tuple[str, ...]:
        """The providers there are adapters for."""
        ...

    async def report(self, provider_type: str, *, tenant_id: str, sandbox: bool) -> ProviderReport:
        """Return how a tenant's account fares, in the provider's test environment or the real one.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        ...
