"""Documents that end by themselves: tokens, sessions and remembered requests do not pile up."""

from datetime import datetime

import msgspec

from sandbox.providers.store import Store

# More than are written at a time, so that what has ended becomes less.
REMOVED_AT_ONCE = 20

_QUEUE = "expiry"
_SEPARATOR = "\x1f"


def put_until(
    store: Store, kind: str, key: str, document: msgspec.Struct, *, now: datetime, until: datetime
) -> None:
    """Write a document that nobody needs after ``until``, and remove some that have ended."""
    for ended in store.due(_QUEUE, until=now, limit=REMOVED_AT_ONCE):
        store.take_off_queue(_QUEUE, ended)
        store.remove(*ended.split(_SEPARATOR, 1))
    store.put(kind, key, document)
    store.put_on_queue(_QUEUE, f"{kind}{_SEPARATOR}{key}", until)
