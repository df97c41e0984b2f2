"""Which collections hold a read model: one generation is shown while the next may be built beside it.

A generation is one build of one version of a read model's code, in collections and with checkpoints of its
own. ``read_models`` holds one document for each read model and version, ``{_id: "payment_details@1",
active, previous, building}``: numbers of generations. Readers follow ``active`` of the version that
they are made for, so a switch is one write that nobody can see half of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from payment_gateway.infrastructure.persistence.event_log import StreamFilter
from payment_gateway.infrastructure.persistence.mongodb import Collection, Database, Document
from projections.read_model import ReadModel

COLLECTION: Final = "read_models"
# What a payment's id, a UUID, begins with.
DIGITS: Final = "0123456789abcdef"
PARTITIONS_MAX: Final = len(DIGITS)
# A reader may see the generation before for that long after a switch; it is still kept up to date.
SHOWN_FOR_S: Final = 1.0


class NotBuilt(Exception):
    """No generation of this version of the read model is ready to be shown."""

    def __init__(self, model: ReadModel) -> None:
        super().__init__(
            f"{model.name} version {model.version} is not built yet;"
            f" run: payment-gateway projections rebuild {model.name}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One build of a read model.

    Attributes:
        model: The name of the read model.
        version: Of the code it is built by.
        number: Counts the builds of this read model, of all versions, from 1.
        partitions: By how many subscriptions it is kept; a power of two, 16 at most.
    """

    model: str
    version: int
    number: int
    partitions: int

    @property
    def name(self) -> str:
        """What its collections and its subscriptions are called by."""
        return f"{self.model}_g{self.number}"

    def collection(self, part: str) -> str:
        """Return the name of the collection that holds a part of it."""
        return f"{self.name}_{part}" if part else self.name

    def subscription(self, partition: int) -> str:
        """Return the name under which a partition's checkpoint is kept."""
        return f"{self.name}.{partition}"


class Shown:
    """Which generation of each read model readers see, looked up anew every ``SHOWN_FOR_S``."""

    def __init__(
        self, database: Database, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database: Final = database
        self._monotonic: Final = monotonic
        self._known: Final[dict[str, tuple[float, Generation]]] = {}

    async def generation(self, model: ReadModel) -> Generation:
        """Return the generation that is shown.

        Raises:
            NotBuilt: There is none of this version of the code.
        """
        now_s = self._monotonic()
        until_s, known = self._known.get(model.name, (0.0, None))
        if known is None or now_s >= until_s:
            known = await active(self._database, model)
            self._known[model.name] = (now_s + SHOWN_FOR_S, known)
        return known

    async def collection(self, model: ReadModel, part: str = "") -> Collection:
        """Return the collection that holds a part of what is shown.

        Raises:
            NotBuilt: There is none of this version of the code.
        """
        return self._database[(await self.generation(model)).collection(part)]


def partition_of(payment_id: str, partitions: int) -> int:
    """Return which of so many partitions a payment belongs to: by the first digit of its id.

    What is no payment's id belongs to no payment; any answer is right.
    """
    return max(0, DIGITS.find(payment_id[:1])) * partitions // PARTITIONS_MAX


def matching(model: ReadModel, generation: Generation, partition: int) -> StreamFilter:
    """Return which streams a partition reads: its own payments, and all that is not a payment's."""
    digits = "".join(
        digit for digit in DIGITS if partition_of(digit, generation.partitions) == partition
    )
    names = [
        f"payment-[{digits}].*" if category == "payment" else f"{category}-.*"
        for category in model.categories
    ]
    return StreamFilter(f"(?:{'|'.join(names)})")


async def active(database: Database, model: ReadModel) -> Generation:
    """Return the generation that readers are to see.

    Raises:
        NotBuilt: There is none of this version of the code.
    """
    document = await database[COLLECTION].find_one({"_id": _id(model)})
    if document is None or document["active"] is None:
        raise NotBuilt(model)
    return generation_of(model, document["active"])


async def install(database: Database, model: ReadModel, *, partitions: int = 1) -> Generation:
    """Return the generation that is shown, the first one made where there was none.

    Made first, it is shown while it is still being filled: there is nothing older to show.
    """
    document = await database[COLLECTION].find_one({"_id": _id(model)})
    if document is None:
        first = {"number": 1, "partitions": partitions}
        await database[COLLECTION].update_one(
            {"_id": _id(model)},
            {"$setOnInsert": {"active": first, "previous": None, "building": None}},
            upsert=True,
        )
    return await active(database, model)


def _id(model: ReadModel) -> str:
    return f"{model.name}@{model.version}"


def generation_of(model: ReadModel, found: Document) -> Generation:
    """Return a generation as it is noted in ``read_models``."""
    return Generation(
        model=model.name,
        version=model.version,
        number=found["number"],
        partitions=found["partitions"],
    )
