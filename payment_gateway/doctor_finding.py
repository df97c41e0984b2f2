"""What ``doctor`` finds of one thing that it looks at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a check says.

    Attributes:
        problem: What is not well; ``None`` where all that is needed is there.
        detail: What is worth to know either way: a version, an exception that was allowed.
    """

    problem: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked; ``advice`` says what to do where it is not well."""

    name: str
    ok: bool
    advice: str
    detail: str
