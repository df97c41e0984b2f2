"""Verifications that somebody asked for over the API: workers do them, and what they found is kept.

``verifications`` holds the last one of each read model: ``{_id: name, sample, askedAt, state, report}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from pymongo import ReturnDocument
from pymongo.errors import PyMongoError

from payment_gateway.domain.events.read_model import (
    ReadModelEvent,
    ReadModelVerificationRequestedEvent,
)
from payment_gateway.infrastructure.messaging.log_reading import LogNotRead
from payment_gateway.infrastructure.messaging.unit import Job
from payment_gateway.infrastructure.persistence.event_log import EventLog
from payment_gateway.infrastructure.persistence.mongodb import Database, Document, Session
from projections.decisions import Step
from projections.generations import NotBuilt, active
from projections.read_model import ReadModel
from projections.verify import Extent, verify

COLLECTION: Final = "verifications"
ASKED: Final = "asked"
DONE: Final = "done"
FAILED: Final = "failed"

_log = structlog.get_logger(__name__)


async def ask(database: Database, model: ReadModel, step: Step, *, sample: int | None) -> Document:
    """Ask for a verification in place of the last one; return what is noted of it, as ``as_json`` does.

    Raises:
        NotBuilt: There is nothing to verify.
    """
    await active(database, model)

    async def note(session: Session) -> tuple[ReadModelEvent, Document]:
        noted = await database[COLLECTION].find_one_and_update(
            {"_id": model.name},
            [
                {
                    "$set": {
                        "state": ASKED,
                        "sample": sample,
                        "askedAt": "$$NOW",
                        "doneAt": None,
                        "report": None,
                    }
                }
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        event = ReadModelVerificationRequestedEvent(
            read_model=model.name, version=model.version, sample=sample
        )
        return event, as_json(model.name, noted)

    return await step.take(note)


async def last(database: Database, name: str) -> Document | None:
    """Return what is noted of the last verification of a read model; ``None`` where none was asked for."""
    return await database[COLLECTION].find_one({"_id": name})


def as_json(name: str, noted: Document | None) -> dict[str, Any]:
    """Return the last verification of a read model as the API answers it."""
    known: Mapping[str, Any] = noted or {}
    return {
        "readModel": name,
        "state": known.get("state", "never"),
        "sample": known.get("sample"),
        "askedAt": _time(known.get("askedAt")),
        "doneAt": _time(known.get("doneAt")),
        "report": known.get("report"),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


async def verification_jobs(
    models: Iterable[ReadModel], database: Database, log: EventLog
) -> list[Job]:
    """Return the verifications that were asked for and are not done, for workers in general."""
    by_name = {model.name: model for model in models}
    wanted = database[COLLECTION].find({"state": ASKED, "_id": {"$in": list(by_name)}})
    return [_job(by_name[noted["_id"]], noted, database, log) async for noted in wanted]


def _job(model: ReadModel, noted: Document, database: Database, log: EventLog) -> Job:
    async def run() -> None:
        try:
            generation = await active(database, model)
            extent = Extent(sample=noted["sample"])
            report = await verify(database, log, model, generation, extent)
        except (NotBuilt, LogNotRead, PyMongoError) as error:
            _log.warning("verification.not_done", read_model=model.name, error=str(error))
            await _note(database, noted, FAILED, {"cause": type(error).__name__})
        else:
            await _note(database, noted, DONE, report.as_json())

    name = f"verify.{model.name}"
    return Job(name=name, group=name, run=run)


async def _note(database: Database, noted: Document, state: str, report: dict[str, Any]) -> None:
    """Note an end, unless it was asked for again meanwhile."""
    await database[COLLECTION].update_one(
        {"_id": noted["_id"], "askedAt": noted["askedAt"]},
        [{"$set": {"state": state, "doneAt": "$$NOW", "report": {"$literal": report}}}],
    )
