"""Documents on disk while a log is folded again: as many as there are, in little memory.

They are kept as MongoDB keeps them, in BSON, so that both sides are compared in one form: times in
milliseconds, whole numbers, lists. The file has no name and is gone with the process.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import bson
from bson.codec_options import CodecOptions

from payment_gateway.infrastructure.persistence.event_log import RecordedEvent
from payment_gateway.infrastructure.persistence.mongodb import Document
from projections.read_model import Key
from projections.verify_report import EventPlace, first_difference

# What SQLite keeps in memory before it writes to its file, in KiB.
CACHE_KIB_MAX: Final = 65_536
_OPTIONS: Final[CodecOptions[Document]] = CodecOptions(tz_aware=True)
_TABLES: Final = """
CREATE TABLE expected (part TEXT, id TEXT, document BLOB, stream TEXT, at REAL, event TEXT,
    PRIMARY KEY (part, id)) WITHOUT ROWID;
CREATE TABLE found (part TEXT, id TEXT, document BLOB, PRIMARY KEY (part, id)) WITHOUT ROWID;
CREATE TABLE ids (id TEXT PRIMARY KEY, position INTEGER) WITHOUT ROWID;
"""
# The bytes differ where only the order of the fields does; so this finds all differences, and more.
_CANDIDATES: Final = """
SELECT e.part, e.id, e.document, f.document, e.stream FROM expected e
    LEFT JOIN found f ON f.part = e.part AND f.id = e.id
    WHERE (f.document IS NULL OR f.document != e.document) AND e.at >= :since
UNION ALL
SELECT f.part, f.id, NULL, f.document, NULL FROM found f
    LEFT JOIN expected e ON e.part = f.part AND e.id = f.id WHERE e.id IS NULL
ORDER BY 1, 2
"""
_CHOOSE: Final = """
CREATE TEMP TABLE chosen AS SELECT part, id FROM
    (SELECT part, id FROM expected UNION SELECT part, id FROM found) ORDER BY random() LIMIT ?
"""
_FORGET: Final = """
DELETE FROM expected WHERE (part, id) NOT IN (SELECT part, id FROM chosen);
DELETE FROM found WHERE (part, id) NOT IN (SELECT part, id FROM chosen);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A document as the log says and as it is; one of the two may be missing.

    Attributes:
        stream: Of the last event that changed what is expected.
    """

    key: Key
    expected: Document | None
    found: Document | None
    stream: str | None


class Shelf:
    """Two sets of documents, what is expected and what was found, and the ids of events.

    Use it in a ``with`` block; the end of the block removes it.
    """

    def __init__(self) -> None:
        self._connection: Final = sqlite3.connect("", isolation_level=None)

    def __enter__(self) -> Self:
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB_MAX}")
        self._connection.executescript(f"PRAGMA journal_mode = OFF; {_TABLES}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get(self, key: Key) -> Document | None:
        """Return a document that is expected so far."""
        row = self._connection.execute(
            "SELECT document FROM expected WHERE part = ? AND id = ?", (key.part, key.id)
        ).fetchone()
        return None if row is None else _decoded(row[0])

    def put(self, key: Key, document: Document, after: RecordedEvent) -> None:
        """Keep a document as it is expected after an event."""
        at = _seconds(after.context.at)
        event = json.dumps(EventPlace.of(after).as_json())
        self._insert(key, document, after.stream, at, event)

    def put_total(self, part: str, total: Document) -> None:
        """Keep a sum as it is expected; no one event made it."""
        self._insert(Key(total["_id"], part), total, None, float("inf"), None)

    def place(self, key: Key) -> EventPlace | None:
        """Return the last event that changed what is expected of a document."""
        row = self._connection.execute(
            "SELECT event FROM expected WHERE part = ? AND id = ?", (key.part, key.id)
        ).fetchone()
        return EventPlace(**json.loads(row[0])) if row and row[0] else None

    def found(self, part: str, documents: Iterable[tuple[str, bytes]]) -> None:
        """Keep documents as they were found, in BSON."""
        rows = ((part, id_, raw) for id_, raw in documents)
        self._connection.executemany("INSERT INTO found VALUES (?, ?, ?)", rows)

    def clear(self) -> None:
        """Forget everything."""
        self._connection.executescript("DELETE FROM expected; DELETE FROM found; DELETE FROM ids")

    def forget_found(self) -> None:
        """Forget what was found so far."""
        self._connection.execute("DELETE FROM found")

    def is_new_id(self, event_id: str, position: int) -> bool:
        """Note the id of an event; return whether no other event had it."""
        done = self._connection.execute(
            "INSERT OR IGNORE INTO ids VALUES (?, ?)", (event_id, position)
        )
        return done.rowcount == 1

    def expected_keys(self) -> Iterator[Key]:
        """Yield which documents are expected."""
        for part, id_ in self._connection.execute("SELECT part, id FROM expected"):
            yield Key(id_, part)

    def expected_documents(self, part: str) -> Iterator[Document]:
        """Yield what is expected in one part."""
        query = "SELECT document FROM expected WHERE part = ?"
        for (raw,) in self._connection.execute(query, (part,)):
            yield _decoded(raw)

    def found_documents(self, part: str) -> Iterator[Document]:
        """Yield what was found in one part."""
        query = "SELECT document FROM found WHERE part = ?"
        for (raw,) in self._connection.execute(query, (part,)):
            yield _decoded(raw)

    def keep_some(self, limit: int) -> None:
        """Forget all of what is expected and was found but some documents, chosen at random."""
        self._connection.execute(_CHOOSE, (limit,))
        self._connection.executescript(_FORGET)

    def count(self) -> int:
        """Return how many documents are expected."""
        return int(self._connection.execute("SELECT count(*) FROM expected").fetchone()[0])

    def _insert(
        self, key: Key, document: Document, stream: str | None, at: float, event: str | None
    ) -> None:
        row = (key.part, key.id, bson.encode(document), stream, at, event)
        self._connection.execute("INSERT OR REPLACE INTO expected VALUES (?, ?, ?, ?, ?, ?)", row)

    def differences(self, since: datetime | None = None) -> Iterator[Pair]:
        """Yield the documents that differ, in the order of their names.

        Args:
            since: Only those that an event changed since then.
        """
        bound = {"since": _seconds(since) if since else float("-inf")}
        for part, id_, expected, found, stream in self._connection.execute(_CANDIDATES, bound):
            pair = Pair(
                key=Key(id_, part),
                expected=None if expected is None else _decoded(expected),
                found=None if found is None else _decoded(found),
                stream=stream,
            )
            if first_difference(pair.expected, pair.found) is not None:
                yield pair


def canonical(document: Document) -> Document:
    """Return a document as it is once it was stored."""
    return _decoded(bson.encode(document))


def _decoded(raw: bytes) -> Document:
    return bson.decode(raw, _OPTIONS)


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
