"""The circuit of a provider's endpoint: closed while it works, open while it does not.

Open for a while, it is then half open: a few calls at a time probe the endpoint, and close it or open
it again. It belongs to the endpoint, not to a tenant: what one account is refused for counts as an
answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, Protocol

import structlog

from payment_gateway.application.ports import ProviderOutcomeUnknown, ProviderUnavailable
from payment_gateway.infrastructure.providers.unavailable import CircuitOpen, SlowDown
from payment_gateway.settings import Settings
from payment_gateway.telemetry.metrics import CIRCUIT_CHANGES

CircuitState = Literal["closed", "open", "half_open"]

BUCKETS: Final = 6  # the window moves on by a sixth of its length
PROBES_TO_CLOSE: Final = 2
# A probe whose process died gives its place back after this; no request to a provider takes longer.
PROBE_LEASE_S: Final = 60.0
PROBE_WAIT_S: Final = 1.0

_log = structlog.get_logger(__name__)


class Verdict(Enum):
    """What a request says about the endpoint."""

    ANSWERED = "answered"
    FAILED = "failed"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitPolicy:
    """When a circuit opens, for how long, and how it is probed.

    Attributes:
        window_s: How far back requests count.
        calls_min: With fewer in the window it stays closed.
        failure_rate: From this share of failures on it opens.
        probes_max: Requests at a time while it is half open.
    """

    window_s: float
    calls_min: int
    failure_rate: float
    open_s: float
    probes_max: int
    probe_lease_s: float = PROBE_LEASE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave to send one request.

    Attributes:
        generation: Of the circuit's state; what is reported about an earlier one is ignored.
        probe: The place it takes while the circuit is half open.
        local: Whether this process gave it because Redis was away.
    """

    generation: str
    probe: str | None = None
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitStanding:
    """A circuit as it is now; ``left_s`` is how long it stays open."""

    state: CircuitState
    left_s: float | None = None


class Circuits(Protocol):
    """The circuits of all endpoints, by their addresses."""

    async def admit(self, endpoint: str) -> Permit:
        """Return leave to send a request, to be given back with ``record``.

        Raises:
            CircuitOpen: Do not send it. Says when to come back.
        """
        ...

    async def record(self, endpoint: str, permit: Permit, verdict: Verdict) -> CircuitState | None:
        """Take note of how a request ended; return the state that this led to, if to another."""
        ...

    async def look(self, endpoint: str) -> CircuitStanding:
        """Return how a circuit stands; changes nothing."""
        ...


class CircuitBreaker:
    """The circuit of one endpoint, around its requests."""

    def __init__(self, circuits: Circuits, endpoint: str, *, provider: str) -> None:
        self._circuits = circuits
        self._endpoint = endpoint
        self._provider = provider

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Send one request within this block.

        Raises:
            CircuitOpen: Nothing may be sent.
        """
        permit = await self._circuits.admit(self._endpoint)
        verdict = Verdict.NONE  # as when the caller gives up, which is no word about the endpoint
        try:
            yield
            verdict = Verdict.ANSWERED
        except SlowDown:
            raise
        except (ProviderUnavailable, ProviderOutcomeUnknown):
            verdict = Verdict.FAILED
            raise
        finally:
            became = await self._circuits.record(self._endpoint, permit, verdict)
            if became is not None:
                CIRCUIT_CHANGES.labels(self._provider, became).inc()
                _log.warning(
                    "circuit.changed",
                    provider=self._provider,
                    endpoint=self._endpoint,
                    state=became,
                )


def circuit_policy(settings: Settings) -> CircuitPolicy:
    """Return the policy that the settings name."""
    return CircuitPolicy(
        window_s=settings.circuit_window_s,
        calls_min=settings.circuit_calls_min,
        failure_rate=settings.circuit_failure_rate,
        open_s=settings.circuit_open_s,
        probes_max=settings.circuit_probes_max,
    )


def circuit_open(left_s: float) -> CircuitOpen:
    """Return the refusal of an open circuit."""
    return CircuitOpen("circuit open", retry_after_s=left_s)
