"""Looks for texts in all places where something may have been left, as they are and in other writing."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import redis
from pymongo import MongoClient

_SCAN_COUNT: Final = 500
_BASE64_GROUP: Final = 3


def writings(text: str) -> set[bytes]:
    """Return a text as it may stand in a file: in clear, in hex, and in base64 wherever it begins."""
    plain = text.encode()
    found = {plain, plain.hex().encode()}
    for before in range(_BASE64_GROUP):
        # Only the groups that hold nothing but the text look the same whatever stands around it.
        shifted = plain[(_BASE64_GROUP - before) % _BASE64_GROUP :]
        whole = shifted[: len(shifted) // _BASE64_GROUP * _BASE64_GROUP]
        found |= {base64.b64encode(whole), base64.urlsafe_b64encode(whole)}
    return found


@dataclass
class Places:
    """What was found where: names of places and their bytes."""

    contents: dict[str, bytes] = field(default_factory=dict)

    def add(self, place: str, content: bytes) -> None:
        self.contents[place] = self.contents.get(place, b"") + b"\n" + content

    def with_text(self, text: str) -> list[str]:
        """Return the places that hold a text, in any writing."""
        sought = writings(text)
        return [
            place
            for place, content in self.contents.items()
            if any(one in content for one in sought)
        ]

    def leaks(self, texts: Mapping[str, str]) -> dict[str, list[str]]:
        """Return where each of the named texts is; nothing of one that is nowhere."""
        found = {name: self.with_text(text) for name, text in texts.items()}
        return {name: places for name, places in found.items() if places}


def files_below(folder: Path, *, apart_from: Iterable[Path] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield every file: its path below the folder and its bytes."""
    left_out = tuple(apart_from)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(one) for one in left_out):
            yield str(path.relative_to(folder)), path.read_bytes()


def documents_of(uri: str) -> Iterator[tuple[str, bytes]]:
    """Yield every document of every database, the server's own log of writes among them."""
    client: MongoClient[dict[str, Any]] = MongoClient(uri)
    with client:
        for database in client.list_database_names():
            for name in client[database].list_collection_names():
                for document in client[database][name].find():
                    yield f"mongodb {database}.{name}", repr(document).encode()


def values_of(url: str) -> Iterator[tuple[str, bytes]]:
    """Yield every key of a Redis server with all that it holds."""
    with redis.Redis.from_url(url) as server:
        for key in server.scan_iter(count=_SCAN_COUNT):
            kind = server.type(key)
            match kind:
                case b"string":
                    held: object = server.get(key)
                case b"hash":
                    held = server.hgetall(key)
                case b"set":
                    held = server.smembers(key)
                case b"zset":
                    held = server.zrange(key, 0, -1, withscores=True)
                case b"list":
                    held = server.lrange(key, 0, -1)
                case b"stream":
                    held = server.xrange(key)
                case b"none":  # it ended since it was listed
                    continue
                case _:
                    raise AssertionError(f"a kind of value that is not read here: {kind!r}")
            yield f"redis {kind.decode()}", key + b" " + repr(held).encode()
