"""What workers of read models do: a subscription for each partition of each generation.

Of every read model the generations of this code's version: the one that is shown, the one before it, so
that going back needs no catching up, and the one that is being built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from payment_gateway.infrastructure.messaging.unit import Unit
from payment_gateway.infrastructure.persistence.mongodb import Database
from projections.document_writer import DocumentWriter
from projections.generations import Generation, NotBuilt, install, matching
from projections.read_model import ReadModel
from projections.registry import Kept, registered


class GenerationUnits:
    """The units of some read models as the registry has them at the moment; what a ``Fleet`` is offered.

    Args:
        models: Of which read models.
        database: Where they are.
        only: Nothing but this generation, for workers that are there to build it.
    """

    def __init__(
        self, models: Iterable[ReadModel], database: Database, *, only: Generation | None = None
    ) -> None:
        self._models: Final = tuple(models)
        self._database: Final = database
        self._only: Final = only
        self._writers: Final[dict[str, DocumentWriter]] = {}

    async def __call__(self) -> list[Unit]:
        """Return what there is to do now; makes collections and indexes that are not there yet.

        Raises:
            pymongo.errors.PyMongoError: No answer.
        """
        units: list[Unit] = []
        for model in self._models:
            with suppress(NotBuilt):  # this version of the code takes a rebuild
                await install(self._database, model)
            for kept in (await registered(self._database, model)).kept:
                if self._only in (None, kept.generation):
                    writer = await self._writer(model, kept.generation)
                    units.extend(units_of(model, kept, writer))
        return units

    async def _writer(self, model: ReadModel, generation: Generation) -> DocumentWriter:
        writer = self._writers.get(generation.name)
        if writer is None:
            writer = DocumentWriter(self._database, model, generation)
            await writer.install()
            self._writers[generation.name] = writer
        return writer


def units_of(model: ReadModel, kept: Kept, writer: DocumentWriter) -> Iterator[Unit]:
    """Yield the units of one generation, one for each of its partitions."""
    generation = kept.generation
    for partition in range(generation.partitions):
        yield Unit(
            name=generation.subscription(partition),
            group=generation.name,
            matching=matching(model, generation, partition),
            handler=writer,
            types=model.events,
            documents=writer.documents,
            gathers_s=model.gathers_s,
            rate=None if kept.rate_max is None else kept.rate_max / generation.partitions,
            paused=kept.is_paused,
        )
