"""The decision about an append, compared with a model that spells the rules out over plain lists."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sandbox.eventstore.decision import StoredId, WriteNow, decide
from sandbox.eventstore.stream_state import SOFT_DELETED, StreamState
from sandbox.eventstore.writes import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Outcome,
    StreamIsDeleted,
    Written,
    WrongRevision,
)

# So few ids that repetitions, whole and half, are common.
EVENT_IDS = st.sampled_from([bytes([n]) * 16 for n in range(1, 5)])
EXPECTED = st.sampled_from([ANY, NO_STREAM, STREAM_EXISTS, 0, 1, 2, 3, 4, 2**63])
POSITION_STEP = 10


@dataclass(frozen=True)
class Stream:
    """A stream as the model sees it: the ids of its events, and what was done to it."""

    ids: list[bytes]
    soft_deleted: bool = False
    tombstoned: bool = False
    has_metadata: bool = False

    @property
    def last(self) -> int:
        return len(self.ids) - 1

    def state(self) -> StreamState:
        metadata = b'{"$tb":%d}' % SOFT_DELETED if self.soft_deleted else b"{}"
        described = self.soft_deleted or self.has_metadata
        return StreamState(
            "s",
            stream_id=1,
            last=self.last,
            tombstoned=self.tombstoned,
            metadata=metadata if described else None,
        )

    def at(self, number: int) -> StoredId | None:
        if not 0 <= number <= self.last:
            return None
        return StoredId(self.ids[number], number, (number + 1) * POSITION_STEP)

    def with_id(self, event_id: bytes) -> StoredId | None:
        numbers = [number for number, known in enumerate(self.ids) if known == event_id]
        return self.at(numbers[-1]) if numbers else None

    def written(self, number: int) -> Written:
        return Written(number, (number + 1) * POSITION_STEP)


STREAMS = st.builds(
    Stream, st.lists(EVENT_IDS, max_size=5), st.booleans(), st.booleans(), st.booleans()
)


def model(stream: Stream, expected: int, ids: list[bytes]) -> Outcome | type[WriteNow]:
    """Say the same as ``decide``, by comparing lists."""
    if stream.tombstoned or (expected == STREAM_EXISTS and stream.soft_deleted):
        return StreamIsDeleted()
    if expected == STREAM_EXISTS and not stream.ids and not stream.has_metadata:
        return WrongRevision(-1)
    if expected in {ANY, STREAM_EXISTS}:
        known = [event_id in stream.ids for event_id in ids]
        if not known or not known[0]:
            return WriteNow
        if not all(known):
            return WrongRevision(stream.last)
        return stream.written(max(n for n, stored in enumerate(stream.ids) if stored == ids[-1]))
    if expected == stream.last:
        return WriteNow
    behind = stream.ids[expected + 1 : expected + 1 + len(ids)]
    if ids and behind == ids:
        return stream.written(expected + len(ids))
    another_first = bool(ids) and behind[:1] != ids[:1]
    if expected == NO_STREAM and stream.soft_deleted and another_first:
        return WriteNow
    return WrongRevision(stream.last)


@given(STREAMS, EXPECTED, st.lists(EVENT_IDS, max_size=4))
def test_is_what_the_model_says(stream: Stream, expected: int, ids: list[bytes]) -> None:
    decided = decide(stream.state(), stream, expected, ids)
    wanted = model(stream, expected, ids)
    assert (type(decided) if wanted is WriteNow else decided) == wanted


@given(STREAMS, EXPECTED, st.lists(EVENT_IDS, min_size=1, max_size=4, unique=True))
def test_what_was_written_is_a_repetition_when_it_is_sent_again(
    stream: Stream, expected: int, ids: list[bytes]
) -> None:
    if not isinstance(decide(stream.state(), stream, expected, ids), WriteNow):
        return
    after = Stream([*stream.ids, *ids], has_metadata=stream.has_metadata)
    repeated = decide(after.state(), after, expected, ids)
    written = after.written(after.last)
    starts_again = expected == NO_STREAM and stream.soft_deleted and bool(stream.ids)
    # A deleted stream that was begun anew with NO_STREAM has other events at its numbers 0 and on.
    assert repeated == (WrongRevision(after.last) if starts_again else written)


@given(STREAMS, st.integers(0, 5), st.lists(EVENT_IDS, min_size=1, max_size=4))
def test_a_revision_that_is_not_the_last_never_writes(
    stream: Stream, expected: int, ids: list[bytes]
) -> None:
    if expected != stream.last:
        assert not isinstance(decide(stream.state(), stream, expected, ids), WriteNow)
