"""How far a rebuild is, as metrics: its verification too, which is the last and can be the longest part."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from payment_gateway.infrastructure.persistence.mongodb import Database
from payment_gateway.telemetry.metrics import REGISTRY
from projections import registry
from projections.overseer import End, Ended, Overseer
from projections.payment_details import MODEL
from projections.rebuild_progress import rebuilds
from projections.verify import verify
from projections.verify_report import Report
from tests.event_store_fixture import embedded_server
from tests.integration.read_model_world import opened_world, until
from tests.mongodb_fixture import database, mongodb_uri

__all__ = ["database", "mongodb_uri"]

STATE: Final = "gateway_rebuild_state"
VERIFIED: Final = "gateway_rebuild_verified"


def told(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"model": MODEL.name, **labels})


async def test_a_verification_tells_how_much_it_has_compared_for_as_long_as_it_lasts(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
    may_end = asyncio.Event()

    async def hanging(*rest: Any, **named: Any) -> Report:
        report = await verify(*rest, **named)
        compared.set_result(report)
        await may_end.wait()
        return report

    monkeypatch.setattr("projections.overseer.verify", hanging)
    with embedded_server(tmp_path / "events") as uri:
        async with opened_world(uri, database) as world:
            await world.pay_many(2)
            built = await registry.begin(database, MODEL, partitions=1)
            async with world.keeping(MODEL, built):
                pass
            measure = rebuilds([MODEL], database, world.store)
            overseeing = asyncio.create_task(Overseer(database, world.store, MODEL, built).run())
            report = await compared

            async def is_told() -> bool:
                await measure()
                return (told(VERIFIED) or 0) >= report.events + report.documents

            await until(is_told)
            states = (told(STATE, state="building"), told(STATE, state="verifying"))
            may_end.set()
            ended = await overseeing
            await measure()

    assert report.documents == 2
    assert list(states) == [None, 1]
    assert ended == Ended(end=End.SHOWN)
    assert [told(VERIFIED), told(STATE, state="verifying")] == [None, None]
