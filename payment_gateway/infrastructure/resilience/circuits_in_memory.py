"""Circuits that one process keeps for itself: where there is no Redis, or while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from payment_gateway.infrastructure.resilience.circuit import (
    BUCKETS,
    PROBE_WAIT_S,
    PROBES_TO_CLOSE,
    CircuitPolicy,
    CircuitStanding,
    CircuitState,
    Permit,
    Verdict,
    circuit_open,
)


@dataclass(slots=True)
class _Circuit:
    """One circuit; closed while ``open_until_s`` is ``None``.

    Attributes:
        tallies: Requests answered and failed, by bucket.
        probes: When the lease of each probe under way ends.
    """

    generation: str = "0"
    open_until_s: float | None = None
    tallies: dict[int, dict[Verdict, int]] = field(default_factory=dict)
    probes: dict[str, float] = field(default_factory=dict)
    answered_probes: int = 0


class InMemoryCircuits:
    """Keeps circuits; there are as many as providers have endpoints, a handful."""

    def __init__(
        self, policy: CircuitPolicy, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._monotonic = monotonic
        self._circuits: dict[str, _Circuit] = {}
        self._numbers = count(1)

    async def admit(self, endpoint: str) -> Permit:
        """Return leave to send a request; see ``Circuits``."""
        circuit, now_s = self._circuit(endpoint), self._monotonic()
        if circuit.open_until_s is None:
            return Permit(generation=circuit.generation, local=True)
        if now_s < circuit.open_until_s:
            raise circuit_open(circuit.open_until_s - now_s)
        circuit.probes = {name: end for name, end in circuit.probes.items() if end > now_s}
        if len(circuit.probes) >= self._policy.probes_max:
            raise circuit_open(PROBE_WAIT_S)
        probe = str(next(self._numbers))
        circuit.probes[probe] = now_s + self._policy.probe_lease_s
        return Permit(generation=circuit.generation, probe=probe, local=True)

    async def record(self, endpoint: str, permit: Permit, verdict: Verdict) -> CircuitState | None:
        """Take note of how a request ended; see ``Circuits``."""
        circuit = self._circuit(endpoint)
        if permit.generation != circuit.generation:
            return None
        if permit.probe is not None:
            return self._record_probe(endpoint, circuit, permit.probe, verdict)
        if verdict is Verdict.NONE:
            return None
        bucket = int(self._monotonic() / (self._policy.window_s / BUCKETS))
        circuit.tallies = {n: t for n, t in circuit.tallies.items() if n > bucket - BUCKETS}
        tally = circuit.tallies.setdefault(bucket, dict.fromkeys(Verdict, 0))
        tally[verdict] += 1
        failed = sum(tally[Verdict.FAILED] for tally in circuit.tallies.values())
        calls = failed + sum(tally[Verdict.ANSWERED] for tally in circuit.tallies.values())
        if calls < self._policy.calls_min or failed < self._policy.failure_rate * calls:
            return None
        return self._open(endpoint)

    async def look(self, endpoint: str) -> CircuitStanding:
        """Return how a circuit stands; see ``Circuits``."""
        until_s = self._circuit(endpoint).open_until_s
        if until_s is None:
            return CircuitStanding(state="closed")
        left_s = until_s - self._monotonic()
        if left_s > 0:
            return CircuitStanding(state="open", left_s=left_s)
        return CircuitStanding(state="half_open")

    def _record_probe(
        self, endpoint: str, circuit: _Circuit, probe: str, verdict: Verdict
    ) -> CircuitState | None:
        if circuit.probes.pop(probe, None) is None:
            return None  # its lease ended, another has its place
        match verdict:
            case Verdict.NONE:
                return None
            case Verdict.FAILED:
                return self._open(endpoint)
            case Verdict.ANSWERED:
                circuit.answered_probes += 1
                if circuit.answered_probes < PROBES_TO_CLOSE:
                    return None
                self._circuits[endpoint] = _Circuit(generation=str(next(self._numbers)))
                return "closed"

    def _open(self, endpoint: str) -> CircuitState:
        self._circuits[endpoint] = _Circuit(
            generation=str(next(self._numbers)),
            open_until_s=self._monotonic() + self._policy.open_s,
        )
        return "open"

    def _circuit(self, endpoint: str) -> _Circuit:
        return self._circuits.setdefault(endpoint, _Circuit())
