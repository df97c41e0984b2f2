"""What metadata means; anybody may have written any bytes there."""

from __future__ import annotations

import pytest

from sandbox.eventstore.stream_state import NUMBER_MAX, StreamState

LAST = 9


def stream(metadata: bytes | None, name: str = "s") -> StreamState:
    return StreamState(name, stream_id=1, last=LAST, metadata=metadata)


@pytest.mark.parametrize(
    ("metadata", "first_visible"),
    [
        (None, 0),
        (b"{}", 0),
        (b'{"$tb":4}', 4),
        (b'{"$maxCount":3}', 7),
        (b'{"$maxCount":30}', 0),
        (b'{"$tb":4,"$maxCount":3}', 7),
        (b'{"$tb":8,"$maxCount":3}', 8),
        (b'{"$tb":-1,"$maxCount":0}', 0),
        (b'{"$tb":"4","$maxCount":true}', 0),
        (b'{"$tb":1.5}', 0),
        (b'{"$tb":%d}' % (10**30), NUMBER_MAX),
        (b'["$tb"]', 0),
        (b"\xff\x00", 0),
        (b"[" * 100_000, 0),
    ],
)
def test_the_first_visible_event(metadata: bytes | None, first_visible: int) -> None:
    assert stream(metadata).first_visible == first_visible


def test_a_metadata_stream_shows_its_newest_event() -> None:
    assert stream(None, "$$s").first_visible == LAST


def test_a_stream_is_soft_deleted_when_everything_is_truncated() -> None:
    assert stream(b'{"$tb":%d}' % NUMBER_MAX).soft_deleted
    assert not stream(b'{"$tb":%d}' % (NUMBER_MAX - 1)).soft_deleted


@pytest.mark.parametrize(
    ("metadata", "max_age_s"), [(b'{"$maxAge":60}', 60), (b'{"$maxAge":0}', None), (b"{}", None)]
)
def test_the_greatest_age(metadata: bytes, max_age_s: int | None) -> None:
    assert stream(metadata).max_age_s == max_age_s
