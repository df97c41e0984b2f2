"""Whatever batches a log comes in, MongoDB ends with the documents and sums that the log folds to."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payment_gateway.infrastructure.persistence.mongodb import (
    Database,
    Document,
    open_session,
    transaction,
)
from projections.document_writer import DocumentWriter
from projections.generations import Generation
from projections.read_model import TOTALS, Key, ReadModel, fold, has_counts, sum_totals
from projections.worker import READ_MODELS
from tests.integration.sums import without_zeros
from tests.mongodb_fixture import database, mongodb_uri
from tests.unit.projections.payment_logs import deliveries, logs

__all__ = ["database", "mongodb_uri"]


@given(st.data())
@settings(
    max_examples=4,
    deadline=timedelta(seconds=60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_batches_with_repeats_end_in_the_fold_of_the_log(
    database: Database, data: st.DataObject
) -> None:
    log = data.draw(logs())
    batches = data.draw(deliveries(log))

    for model in READ_MODELS.values():
        generation = await empty(database, model)
        writer = DocumentWriter(database, model, generation)
        async with open_session(database) as session:
            for batch in batches:
                async with transaction(session):
                    await writer(batch, session)

        folded = fold(model, log)
        assert await stored(database, model, generation) == folded, model.name
        if model.totals is not None:
            sums = {one["_id"]: one for one in await all_of(database, generation, TOTALS)}
            sums = {id_: without_zeros(one) for id_, one in sums.items() if has_counts(one)}
            assert sums == {
                id_: without_zeros(one) for id_, one in sum_totals(model, folded).items()
            }


async def empty(database: Database, model: ReadModel) -> Generation:
    generation = Generation(model=model.name, version=model.version, number=1, partitions=1)
    await DocumentWriter(database, model, generation).install()
    for part in model.parts:
        await database[generation.collection(part)].delete_many({})
    return generation


async def stored(
    database: Database, model: ReadModel, generation: Generation
) -> dict[Key, Document]:
    return {
        Key(document["_id"], part): document
        for part in model.parts
        if part != TOTALS
        for document in await all_of(database, generation, part)
    }


async def all_of(database: Database, generation: Generation, part: str) -> list[Document]:
    return await database[generation.collection(part)].find().to_list(None)
