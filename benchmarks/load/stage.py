"""Where the load is played: an installation, what is known of it, and who can make a part of it fail."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

import httpx

from benchmarks.load.http import Http
from benchmarks.load.latency import Recorder
from benchmarks.load.plan import Fault
from benchmarks.load.processes import frozen, pids_of_parts
from benchmarks.load.recovery import Lag
from benchmarks.load.shop import Shop
from benchmarks.load.told import Told
from benchmarks.whole_installation import Whole

LOOK_WITHIN_S: Final = 5.0
# The order is not made, which the gateway cannot know; the money is taken and given back, and it is not told.
PROVIDER_FAULTS: Final = (
    ("create_order", "status"),
    ("capture", "status_after"),
    ("refund", "status_after"),
)
CALLS_MAX: Final = 1_000_000
FROZEN: Final = {
    Fault.EVENT_STORE: "eventstore",
    Fault.MONGODB: "mongodb",
    Fault.REDIS: "redis",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One installation under load.

    Attributes:
        pids: Of its parts.
        api: Takes the load.
        watcher: Of the same address, less patient.
        providers: The simulators, by the name of the provider.
        random: Decides about arrivals and customers.
        told: What it has promised since it began.
    """

    whole: Whole
    pids: dict[str, int]
    api: Http
    watcher: Http
    providers: dict[str, Http]
    random: Random
    told: Told

    def shop(self, recorder: Recorder) -> Shop:
        """Return who sends the requests of one phase."""
        return Shop(
            api=self.api,
            providers=self.providers,
            tenant=self.whole.said["tenant"],
            key=self.whole.said["apiKey"],
            random=self.random,
            recorder=recorder,
            told=self.told,
        )

    async def lag(self, at_s: float) -> Lag:
        """Ask how far the read models are behind."""
        answer = await self.watcher.send("GET", "/readyz")
        return Lag(at_s, answer.json()["lagSeconds"] if answer.status == 200 else None)

    @asynccontextmanager
    async def failing(self, fault: Fault) -> AsyncGenerator[None, None]:
        """Have something fail while the block runs."""
        if fault is Fault.PROVIDER:
            async with self._provider_fails():
                yield
        else:
            with frozen(self.pids[FROZEN[fault]]):
                yield

    @asynccontextmanager
    async def _provider_fails(self) -> AsyncGenerator[None, None]:
        url = self.whole.said["paypal"]
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as paypal:
            for operation, kind in PROVIDER_FAULTS:
                script = {"operation": operation, "kind": kind, "status": 503, "times": CALLS_MAX}
                (await paypal.post("/_control/faults", json=script)).raise_for_status()
            try:
                yield
            finally:
                (await paypal.delete("/_control/faults")).raise_for_status()


@asynccontextmanager
async def open_stage(whole: Whole, seed: int) -> AsyncGenerator[Stage, None]:
    """Yield the stage of a running installation.

    Raises:
        ProcessesMissing: It is not whole.
    """
    said = whole.said
    stage = Stage(
        whole=whole,
        pids=pids_of_parts(whole.pid),
        api=Http(said["api"]),
        watcher=Http(said["api"], within_s=LOOK_WITHIN_S),
        providers={"PAYPAL": Http(said["paypal"]), "PAGADITO": Http(said["pagadito"])},
        random=Random(seed),
        told=Told(),
    )
    try:
        yield stage
    finally:
        for one in (stage.api, stage.watcher, *stage.providers.values()):
            await one.close()
