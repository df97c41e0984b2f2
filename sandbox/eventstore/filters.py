"""Which events of the log a filtered read lets through.

Source: EventStoreDB documentation, "Server-side filtering". An expression is searched for, not
matched in full; prefixes are alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sandbox.eventstore.expressions import InvalidExpression, compiled, literal_prefix

# Names whose verdict a filter remembers: events of one stream follow each other.
VERDICTS_CACHED = 1024

Matches = Callable[[str], bool]


class InvalidFilter(Exception):
    """The filter cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """Lets events through by their type."""

    matches: Matches


@dataclass(frozen=True, slots=True)
class StreamNameFilter:
    """Lets events through by the name of their stream.

    Attributes:
        prefixes: What every name that matches starts with; an empty one says nothing.
    """

    matches: Matches
    prefixes: tuple[str, ...]

    def may_match_in(self, category: str) -> bool:
        """Whether streams of a category may match (of no category: those without a dash)."""
        return any(_may_start_with(category, prefix) for prefix in self.prefixes)


EventFilter = TypeFilter | StreamNameFilter


@dataclass(frozen=True, slots=True)
class FilterExpression:
    """A filter as clients write it.

    Attributes:
        by_stream_name: Else it is about event types.
        regex: If it is empty, ``prefixes`` count.
    """

    by_stream_name: bool
    regex: str
    prefixes: tuple[str, ...]

    def event_filter(self) -> EventFilter:
        """Return the filter.

        Raises:
            InvalidFilter: There is neither expression nor prefix, or the expression is unfit.
        """
        matches = matcher(self.regex, self.prefixes)
        if not self.by_stream_name:
            return TypeFilter(matches)
        prefixes = (literal_prefix(self.regex),) if self.regex else self.prefixes
        return StreamNameFilter(matches, prefixes)


def matcher(regex: str, prefixes: Sequence[str]) -> Matches:
    """Return a test for one name.

    Raises:
        InvalidFilter: Neither is given, or the expression is unfit.
    """
    if not regex:
        if not prefixes:
            raise InvalidFilter("a filter needs a regular expression or a prefix")
        return _starts_with(tuple(prefixes))
    try:
        return _searched(compiled(regex))
    except InvalidExpression as error:
        raise InvalidFilter(str(error)) from error


def _searched(expression: re.Pattern[str]) -> Matches:
    @lru_cache(maxsize=VERDICTS_CACHED)
    def matches(name: str) -> bool:
        return expression.search(name) is not None

    return matches


def _starts_with(prefixes: tuple[str, ...]) -> Matches:
    return lambda name: name.startswith(prefixes)


def _may_start_with(category: str, prefix: str) -> bool:
    before, dash, _ = prefix.partition("-")
    if dash:
        return category == before
    return not category or category.startswith(prefix)
