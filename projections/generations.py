"""Which collections hold a read model: one generation is shown while the next may be built beside it.

A generation is one build of one version of a read model's code, in collections and with checkpoints of its
own. ``read_models`` says which generations there are, see ``registry``. Readers follow ``active`` of the
version that they are made for, so a switch is one write that nobody can see half of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from payment_gateway.infrastructure.persistence.event_log import StreamFilter
from payment_gateway.infrastructure.persistence.mongodb import (
    Collection,
    Database,
    Document,
    Session,
)
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
    document = await database[COLLECTION].find_one({"_id": registry_id(model)})
    if document is None or document["active"] is None:
        raise NotBuilt(model)
    return generation_of(model, document["active"])


async def install(database: Database, model: ReadModel, *, partitions: int = 1) -> Generation:
    """Return the generation that is shown, the first one made where no version was ever built.

    Made first, it is shown while it is still being filled: there is nothing older to show.

    Raises:
        NotBuilt: Only other versions of the code have been built; this one takes a rebuild.
    """
    collection = database[COLLECTION]
    if await collection.find_one({"_id": {"$regex": f"^{model.name}@"}}, {"_id": 1}) is None:
        number = await next_number(database, model.name)
        first = {"number": number, "partitions": partitions}
        with suppress(DuplicateKeyError):  # another worker was first
            await collection.update_one(
                {"_id": registry_id(model)},
                {
                    "$setOnInsert": {
                        "active": first,
                        "previous": None,
                        "building": None,
                        "paused": False,
                    }
                },
                upsert=True,
            )
    return await active(database, model)


async def next_number(database: Database, model: str, session: Session | None = None) -> int:
    """Return a number that no generation of a read model has or had, in any version of its code."""
    document = await database[COLLECTION].find_one_and_update(
        {"_id": model},
        {"$inc": {"numbers": 1}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    assert document is not None, "an upsert returns what it wrote"
    return int(document["numbers"])


def registry_id(of: ReadModel | Generation) -> str:
    """Return under which id a read model in one version of its code is noted."""
    name = of.model if isinstance(of, Generation) else of.name
    return f"{name}@{of.version}"


def generation_of(model: ReadModel, noted: Document) -> Generation:
    """Return a generation as it is noted in ``read_models``."""
    return Generation(
        model=model.name,
        version=model.version,
        number=noted["number"],
        partitions=noted["partitions"],
    )
