"""When a filtered subscription says how far it has come."""

from __future__ import annotations

from itertools import pairwise

from esdbclient.protos.Grpc import streams_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.eventstore.page import Page
from sandbox.eventstore.subscriptions import _Checkpoints


def event(position: int) -> bytes:
    read = streams_pb2.ReadResp.ReadEvent(commit_position=position)
    serialized: bytes = streams_pb2.ReadResp(event=read).SerializeToString()
    return serialized


@given(
    start=st.integers(0, 50),
    interval=st.integers(1, 20),
    sizes=st.lists(st.integers(1, 40), max_size=6),
    matching=st.sets(st.integers(1, 300)),
)
def test_come_often_enough_and_never_ahead_of_what_was_sent(
    start: int, interval: int, sizes: list[int], matching: set[int]
) -> None:
    checkpoints, sent, seen = _Checkpoints(start, interval), [], start
    for size in sizes:
        events = [(p, event(p)) for p in range(seen + 1, seen + size + 1) if p in matching]
        seen += size
        sent += checkpoints.among(Page(events, seen))
    sent += checkpoints.at_end(seen)
    responses = [streams_pb2.ReadResp.FromString(response) for response in sent]
    reached = [r.checkpoint.commit_position for r in responses if r.HasField("checkpoint")]
    assert reached == sorted(set(reached))
    assert all(later - earlier <= interval for earlier, later in pairwise([start, *reached]))
    assert reached[-1:] == ([seen] if seen else [])
    last = 0
    for response in responses:
        if response.HasField("checkpoint"):
            last = response.checkpoint.commit_position
        else:
            assert response.event.commit_position > last


def test_are_not_sent_twice_for_one_position() -> None:
    checkpoints = _Checkpoints(0, 5)
    assert len(checkpoints.among(Page([], 5))) == 1
    assert checkpoints.at_end(5) == []
