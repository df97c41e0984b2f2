"""What is noted of each read model's generations, and the steps from one state to the next.

``read_models`` holds one document for each read model and version of its code::

    {_id: "payment_details@1", active, previous, building, paused}

``active`` is what readers see, ``previous`` what they saw before (kept up to date, to go back to), and
``building`` what is made beside them. Every step is one conditional update of this one document: of two
who take it at once, one is refused, and nobody sees half of it. A step may be taken within a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from projections.generations import COLLECTION, Generation, next_number, registry_id
from projections.read_model import ReadModel


class StepRefused(Exception):
    """The read model is not in a state that allows this step; the message says which it is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """A generation that is being built.

    Attributes:
        rate_max: At most so many events a second, over all partitions; ``None`` for as many as can be.
        is_paused: Whether it stands still.
        sample: How many documents are verified before it is shown; ``None`` for all.
        verified: The steps that its verification has taken, as far as its overseer noted them;
            ``None`` while it is not being verified.
        failure: Why it must not be shown, as ``verify`` found; ``None`` while nothing is known
            against it.
    """

    generation: Generation
    rate_max: float | None
    is_paused: bool
    sample: int | None
    verified: int | None
    failure: Document | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A generation that workers keep up to date.

    Attributes:
        state: ``active``, ``previous`` or ``building``.
        is_paused: Whether its subscriptions stand still.
        rate_max: At most so many events a second, over all its partitions.
    """

    generation: Generation
    state: str
    is_paused: bool
    rate_max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What is noted of one read model in one version of its code."""

    model: str
    version: int
    active: Generation | None
    previous: Generation | None
    building: Building | None
    is_paused: bool

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The generations that workers of this version keep up to date."""
        found = [
            Kept(generation=one, state=state, is_paused=self.is_paused, rate_max=None)
            for state, one in (("active", self.active), ("previous", self.previous))
            if one is not None
        ]
        if self.building is not None:
            found.append(
                Kept(
                    generation=self.building.generation,
                    state="building",
                    is_paused=self.building.is_paused,
                    rate_max=self.building.rate_max,
                )
            )
        return tuple(found)


async def registered(
    database: Database, model: ReadModel, session: Session | None = None
) -> Registered:
    """Return what is noted of a read model in the version that this code has."""
    document = await database[COLLECTION].find_one({"_id": registry_id(model)}, session=session)
    return _registered(model.name, model.version, document or {})


async def all_registered(database: Database, session: Session | None = None) -> list[Registered]:
    """Return what is noted of all read models, those of other versions of the code too."""
    found = []
    noted = database[COLLECTION].find({"_id": {"$regex": "@"}}, session=session).sort("_id", 1)
    async for document in noted:
        name, _, version = document["_id"].rpartition("@")
        found.append(_registered(name, int(version), document))
    return found


async def generation_in(
    database: Database, model: ReadModel, state: str, session: Session | None = None
) -> Generation:
    """Return the generation in one of the states ``active``, ``previous`` and ``building``.

    Raises:
        StepRefused: There is none.
    """
    return (await kept_in(database, model, state, session)).generation


async def kept_in(
    database: Database, model: ReadModel, state: str, session: Session | None = None
) -> Kept:
    """Return what is noted of the generation in one of the states.

    Raises:
        StepRefused: There is none.
    """
    for kept in (await registered(database, model, session)).kept:
        if kept.state == state:
            return kept
    raise StepRefused(f"{model.name} version {model.version} has no generation that is {state}")


async def begin(
    database: Database,
    model: ReadModel,
    *,
    partitions: int,
    rate_max: float | None = None,
    sample: int | None = None,
    session: Session | None = None,
) -> Generation:
    """Begin to build the next generation.

    Raises:
        StepRefused: One is being built already.
    """
    number = await next_number(database, model.name, session)
    building = {
        "number": number,
        "partitions": partitions,
        "rate": rate_max,
        "paused": False,
        "sample": sample,
        "failure": None,
        "overseer": None,
    }
    # Where no document is, the upsert makes one; where one is that builds, it cannot be made again.
    try:
        await database[COLLECTION].update_one(
            {"_id": registry_id(model), "building": None},
            [
                {
                    "$set": {
                        "active": {"$ifNull": ["$active", None]},
                        "previous": {"$ifNull": ["$previous", None]},
                        "paused": {"$ifNull": ["$paused", False]},
                        "building": building,
                    }
                }
            ],
            upsert=True,
            session=session,
        )
    except DuplicateKeyError:
        raise StepRefused(f"{model.name} is being built already") from None
    return _generation(model.name, model.version, building)


async def show(database: Database, building: Generation, *, overseer: str) -> Registered:
    """Have readers see what was built; what they saw before is kept to go back to.

    Args:
        database: Where it is.
        building: The generation.
        overseer: Whose lease allows it; see ``oversee``.

    Raises:
        StepRefused: It is not being built any more, or someone else oversees it.
    """
    return await _step(
        database,
        building,
        when={"building.number": building.number, "building.overseer.id": overseer},
        becomes={"active": _noted(building), "previous": "$active", "building": None},
        refusal="the rebuild was cancelled, or is finished by someone else",
    )


async def fail(
    database: Database, building: Generation, failure: Document, *, overseer: str
) -> Registered:
    """Note why what was built must not be shown; it stands still from now on.

    Raises:
        StepRefused: It is not being built any more, or someone else oversees it.
    """
    return await _step(
        database,
        building,
        when={"building.number": building.number, "building.overseer.id": overseer},
        becomes={
            "building": {
                "$mergeObjects": ["$building", {"failure": {"$literal": failure}, "paused": True}]
            }
        },
        refusal="the rebuild was cancelled, or is finished by someone else",
    )


async def change_building(
    database: Database, building: Generation, session: Session | None = None, **fields: object
) -> Registered:
    """Change ``paused`` or ``rate`` of what is being built.

    Raises:
        StepRefused: It is not being built any more.
    """
    assert fields.keys() <= {"paused", "rate"}, "the rest has steps of its own"
    return await _step(
        database,
        building,
        when={"building.number": building.number},
        becomes={"building": {"$mergeObjects": ["$building", {"$literal": fields}]}},
        refusal="no rebuild is under way",
        session=session,
    )


async def cancel(
    database: Database, building: Generation, session: Session | None = None
) -> Registered:
    """Build it no further; its collections are left to ``drop_orphans``.

    Raises:
        StepRefused: It is not being built any more.
    """
    return await _step(
        database,
        building,
        when={"building.number": building.number},
        becomes={"building": None},
        refusal="no rebuild is under way",
        session=session,
    )


async def go_back(
    database: Database, active: Generation, previous: Generation, session: Session | None = None
) -> Registered:
    """Have readers see the generation before again; doing it once more goes forward.

    Raises:
        StepRefused: They are not the active and the previous one any more.
    """
    return await _step(
        database,
        active,
        when={"active.number": active.number, "previous.number": previous.number},
        becomes={"active": "$previous", "previous": "$active"},
        refusal="it was switched meanwhile; look at the status and try again",
        session=session,
    )


async def forget_previous(
    database: Database, previous: Generation, session: Session | None = None
) -> Registered:
    """Keep the generation before no longer; its collections are left to ``drop_orphans``.

    Raises:
        StepRefused: It is not the previous one any more.
    """
    return await _step(
        database,
        previous,
        when={"previous.number": previous.number},
        becomes={"previous": None},
        refusal="it was switched meanwhile; look at the status and try again",
        session=session,
    )


async def forget_older_versions(
    database: Database, model: ReadModel, session: Session | None = None
) -> int:
    """Keep nothing of what older versions of the code show; return of how many.

    Raises:
        StepRefused: This version shows nothing itself.
    """
    found = await all_registered(database, session)
    mine = [one for one in found if (one.model, one.version) == (model.name, model.version)]
    if not mine or mine[0].active is None:
        raise StepRefused(f"{model.name} version {model.version} is not built yet")
    older = [
        f"{one.model}@{one.version}"
        for one in found
        if one.model == model.name and one.version < model.version
    ]
    await database[COLLECTION].delete_many({"_id": {"$in": older}}, session=session)
    return len(older)


async def pause(
    database: Database, model: ReadModel, *, paused: bool, session: Session | None = None
) -> Registered:
    """Have the generations that are shown or were shown stand still, or go on.

    Raises:
        StepRefused: There are none.
    """
    document = await database[COLLECTION].find_one_and_update(
        {"_id": registry_id(model), "active": {"$ne": None}},
        {"$set": {"paused": paused}},
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if document is None:
        raise StepRefused(f"{model.name} version {model.version} is not built yet")
    return _registered(model.name, model.version, document)


async def oversee(
    database: Database,
    building: Generation,
    overseer: str,
    *,
    for_s: float,
    verified: int | None = None,
) -> bool:
    """Take or prolong the right to finish a rebuild; return whether it is the caller's.

    Args:
        database: Where it is.
        building: What is being built.
        overseer: Who asks.
        for_s: For how long, by the server's clock.
        verified: What is noted beside it of the steps that the verification has taken.
    """
    until = {"$add": ["$$NOW", round(1000 * for_s)]}
    taken = await database[COLLECTION].update_one(
        {
            "_id": registry_id(building),
            "building.number": building.number,
            "$expr": {
                "$or": [
                    {"$eq": ["$building.overseer.id", {"$literal": overseer}]},
                    {"$lte": [{"$ifNull": ["$building.overseer.until", "$$NOW"]}, "$$NOW"]},
                ]
            },
        },
        [
            {
                "$set": {
                    "building.overseer": {"id": {"$literal": overseer}, "until": until},
                    "building.verified": {"$literal": verified},
                }
            }
        ],
    )
    return taken.matched_count == 1


async def _step(
    database: Database,
    generation: Generation,
    *,
    when: Document,
    becomes: Mapping[str, Any],
    refusal: str,
    session: Session | None = None,
) -> Registered:
    document = await database[COLLECTION].find_one_and_update(
        {"_id": registry_id(generation), **when},
        # Not ``$set``, which would merge what it puts into what is there.
        [{"$replaceWith": {"$mergeObjects": ["$$ROOT", becomes]}}],
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    if document is None:
        raise StepRefused(f"{generation.model}: {refusal}")
    return _registered(generation.model, generation.version, document)


def _noted(generation: Generation) -> Document:
    return {"number": generation.number, "partitions": generation.partitions}


def _generation(model: str, version: int, noted: Document) -> Generation:
    number, partitions = noted["number"], noted["partitions"]
    return Generation(model=model, version=version, number=number, partitions=partitions)


def _registered(model: str, version: int, document: Document) -> Registered:
    def noted(state: str) -> Generation | None:
        found = document.get(state)
        return _generation(model, version, found) if found else None

    building = noted("building")
    details = document.get("building") or {}
    return Registered(
        model=model,
        version=version,
        active=noted("active"),
        previous=noted("previous"),
        building=Building(
            generation=building,
            rate_max=details["rate"],
            is_paused=details["paused"],
            sample=details["sample"],
            verified=details.get("verified"),
            failure=details["failure"],
        )
        if building
        else None,
        is_paused=bool(document.get("paused")),
    )
