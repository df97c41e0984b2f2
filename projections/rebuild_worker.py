"""A worker that is there for one rebuild; ends when whoever started it is gone, however they went.

``python -m projections.rebuild_worker NAME NUMBER``: started by ``projections rebuild``, which holds the
other end of its standard input.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import Final

import structlog
import uvloop

from payment_gateway.infrastructure.garbage import keep_what_is_there
from payment_gateway.infrastructure.logs import configure_logs
from payment_gateway.infrastructure.messaging.fleet import Fleet
from payment_gateway.infrastructure.persistence.eventstoredb import open_eventstoredb
from payment_gateway.infrastructure.persistence.mongodb import open_mongodb
from payment_gateway.settings import Settings
from projections.registry import registered
from projections.units import GenerationUnits
from projections.worker import READ_MODELS

# Less urgent than whatever else the machine does: it only ever takes longer (nice(2)).
NICENESS: Final = 10

_log = structlog.get_logger(__name__)


async def build(settings: Settings, name: str, number: int) -> None:
    """Work on a generation until it is not being built any more, or until cancelled."""
    model = READ_MODELS[name]
    async with open_eventstoredb(settings) as log, open_mongodb(settings) as database:
        building = (await registered(database, model)).building
        if building is None or building.generation.number != number:
            return
        units = GenerationUnits([model], database, only=building.generation)
        await Fleet(offered=units, log=log, database=database, dedicated=True).run()


async def _until_alone(name: str, number: int) -> None:
    settings = Settings()
    configure_logs(log_format=settings.log_format, level="warning", process="rebuild")
    building = asyncio.create_task(build(settings, name, number))
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), _end_with_parent, building)
    loop.add_signal_handler(signal.SIGTERM, building.cancel)
    # Ctrl-C reaches the whole group of processes; the one that started this tells it to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(asyncio.CancelledError):
        await building


def _end_with_parent(building: asyncio.Task[None]) -> None:
    if not os.read(sys.stdin.fileno(), 1):  # nothing is ever written; this is its end
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        building.cancel()


if __name__ == "__main__":
    os.nice(NICENESS)
    keep_what_is_there()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_alone(sys.argv[1], int(sys.argv[2])))
