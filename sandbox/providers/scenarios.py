"""Scenarios: named lists of faults and outcomes that meet the next payments.

An outcome is fixed when a payment is created; a fault meets the next calls of its operation, whichever payment they
are for. What waits lives in memory, as faults do; a payment keeps its outcome over a restart.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.providers.bodies import json_response, read_json
from sandbox.providers.faults import DELAY_MS_MAX, Fault, FaultRefused, FaultScript
from sandbox.providers.plans import AfterMs, Plan

PAYMENTS_MAX = 1_000
WAITING_MAX = 10_000

SomePlan = TypeVar("SomePlan", bound=Plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(Generic[SomePlan]):
    """What happens. ``afterMs`` of the request takes the place of every wait in it."""

    description: str
    plan: SomePlan | None = None
    faults: tuple[Fault, ...] = ()


class ApplyScenario(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``POST /_control/scenarios``."""

    name: str
    payments: Annotated[int, msgspec.Meta(ge=1, le=PAYMENTS_MAX)] = 1
    after_ms: AfterMs | None = None


class ScenarioRefused(Exception):
    """There is no such scenario, its wait is too long, or too many wait already."""


class ScenarioScript(Generic[SomePlan]):
    """The outcomes that wait for payments, oldest first."""

    def __init__(self, scenarios: Mapping[str, Scenario[SomePlan]], faults: FaultScript) -> None:
        self.scenarios = scenarios
        self._faults = faults
        self._waiting: deque[tuple[str, SomePlan]] = deque()

    def apply(self, wanted: ApplyScenario) -> None:
        """Let the scenario meet the next payments.

        Raises:
            ScenarioRefused: See the class; the sentence says which.
        """
        scenario = self.scenarios.get(wanted.name)
        if scenario is None:
            raise ScenarioRefused(f"name is one of {', '.join(sorted(self.scenarios))}")
        if len(self._waiting) + wanted.payments > WAITING_MAX:
            raise ScenarioRefused(f"outcomes for at most {WAITING_MAX} payments wait at a time")
        try:
            for fault in scenario.faults:
                self._faults.add(_adapted(fault, wanted))
        except FaultRefused as refused:
            raise ScenarioRefused(str(refused)) from refused
        plan = scenario.plan
        if plan is not None:
            if wanted.after_ms is not None:
                plan = msgspec.structs.replace(plan, after_ms=wanted.after_ms)
            self._waiting.extend([(wanted.name, plan)] * wanted.payments)

    def next_plan(self) -> SomePlan | None:
        """Return what has been decided for the payment that is being created."""
        return self._waiting.popleft()[1] if self._waiting else None

    def waiting(self) -> list[str]:
        """Return the scenarios of the next payments, in order."""
        return [name for name, _ in self._waiting]

    def clear(self) -> None:
        """Let the next payments go as usual; faults stay scripted."""
        self._waiting.clear()


def _adapted(fault: Fault, wanted: ApplyScenario) -> Fault:
    delay_ms = fault.delay_ms
    if delay_ms is not None and wanted.after_ms is not None:
        delay_ms = max(1, wanted.after_ms)
        if delay_ms > DELAY_MS_MAX:
            raise ScenarioRefused(f"here afterMs is at most {DELAY_MS_MAX}")
    return msgspec.structs.replace(fault, times=fault.times * wanted.payments, delay_ms=delay_ms)


def scenario_routes(script: ScenarioScript[SomePlan]) -> list[Route]:
    """``GET``, ``POST`` and ``DELETE /_control/scenarios``: what there is and waits, one more, none any more."""

    def shown() -> dict[str, Any]:
        scenarios = {name: entry.description for name, entry in script.scenarios.items()}
        return {"scenarios": scenarios, "waiting": script.waiting()}

    async def show(_: Request) -> Response:
        return json_response(shown())

    async def apply(request: Request) -> Response:
        try:
            script.apply(await read_json(request, ApplyScenario))
        except ScenarioRefused as refused:
            raise HTTPException(422, str(refused)) from refused
        return json_response(shown(), 201)

    async def clear(_: Request) -> Response:
        script.clear()
        return json_response(shown())

    return [
        Route("/_control/scenarios", show, methods=["GET"]),
        Route("/_control/scenarios", apply, methods=["POST"]),
        Route("/_control/scenarios", clear, methods=["DELETE"]),
    ]
