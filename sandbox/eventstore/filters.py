"""Which events of the log a filtered read lets through.

Source: EventStoreDB documentation, "Server-side filtering". An expression is searched for, not
matched in full; prefixes are alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

REGEX_LENGTH_MAX = 16 * 1024

Matches = Callable[[str], bool]


class InvalidFilter(Exception):
    """The filter cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """Lets events through by their type."""

    matches: Matches


@dataclass(frozen=True, slots=True)
class StreamNameFilter:
    """Lets events through by the name of their stream."""

    matches: Matches


EventFilter = TypeFilter | StreamNameFilter


def matcher(regex: str, prefixes: Sequence[str]) -> Matches:
    """Return a test for one name.

    Raises:
        InvalidFilter: Neither is given, or the expression is none.
    """
    if not regex:
        if not prefixes:
            raise InvalidFilter("a filter needs a regular expression or a prefix")
        return _starts_with(tuple(prefixes))
    if len(regex) > REGEX_LENGTH_MAX:
        raise InvalidFilter(f"a regular expression may have {REGEX_LENGTH_MAX} characters")
    try:
        search = re.compile(regex).search
    except re.error as error:
        raise InvalidFilter(f"not a regular expression: {error}") from error
    return lambda name: search(name) is not None


def _starts_with(prefixes: tuple[str, ...]) -> Matches:
    return lambda name: name.startswith(prefixes)
