"""That a person was forgotten: recorded beside what is destroyed, so that it stays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectForgottenEvent:
    """A person is to be forgotten: the key of that subject's data is destroyed next, for good.

    Attributes:
        subject_id: Whose key. What comes of the same person later is sealed under another subject's.
    """

    tenant_id: str
    subject_id: str


ErasureEvent = SubjectForgottenEvent
