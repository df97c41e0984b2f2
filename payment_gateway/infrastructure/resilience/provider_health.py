"""How a tenant's providers fare: the circuits of their endpoints and the record of its calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from payment_gateway.application.ports import CircuitReport, ProviderReport
from payment_gateway.infrastructure.providers.factory import HttpProviderFactory
from payment_gateway.infrastructure.resilience.call_records import Account, CallRecords
from payment_gateway.infrastructure.resilience.circuit import (
    Circuits,
    CircuitStanding,
    CircuitState,
)

_WORST_LAST: Final[tuple[CircuitState, ...]] = ("closed", "half_open", "open")


class RecordedProviderHealth:
    """Reads what circuits and records hold; see ``ProviderHealth``."""

    def __init__(
        self,
        factory: HttpProviderFactory,
        *,
        circuits: Circuits,
        records: CallRecords,
        now: Callable[[], datetime],
    ) -> None:
        self._factory = factory
        self._circuits = circuits
        self._records = records
        self._now = now

    @property
    def provider_types(self) -> tuple[str, ...]:
        """The providers there are."""
        return self._factory.provider_types

    async def report(self, provider_type: str, *, tenant_id: str, sandbox: bool) -> ProviderReport:
        """Return how a tenant's account fares; of several endpoints, the circuit that fares worst.

        Raises:
            UnsupportedProviderError: There is no adapter for it.
        """
        currencies = self._factory.capabilities(provider_type).currencies
        addresses = {
            self._factory.address(provider_type, sandbox=sandbox, currency=currency)
            for currency in currencies
        }
        standings = [await self._circuits.look(address) for address in sorted(addresses)]
        now = self._now()
        summary = await self._records.summary(Account(tenant_id, provider_type), now)
        return ProviderReport(
            circuit=_circuit_report(max(standings, key=_severity), now),
            last_hour=summary.last_hour,
            last_failure=summary.last_failure,
        )


def _severity(standing: CircuitStanding) -> tuple[int, float]:
    return _WORST_LAST.index(standing.state), standing.left_s or 0.0


def _circuit_report(standing: CircuitStanding, now: datetime) -> CircuitReport:
    left_s = standing.left_s
    return CircuitReport(
        state=standing.state,
        open_until=None if left_s is None else now + timedelta(seconds=left_s),
    )
