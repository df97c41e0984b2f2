"""What can have happened to the key under which one person's data is sealed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKeyCreatedEvent:
    """A key was made for one person's data; deleting its stream makes that data unreadable.

    Attributes:
        wrapped_key: The data key, encrypted under a key of the installation and bound to tenant and subject.
    """

    tenant_id: str
    subject_id: str
    wrapped_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKeyRewrappedEvent:
    """The key of a person's data was wrapped by another key; the data is as readable as before.

    Attributes:
        wrapped_key: Replaces the one before.
    """

    tenant_id: str
    subject_id: str
    wrapped_key: str


SubjectEvent = SubjectKeyCreatedEvent | SubjectKeyRewrappedEvent
