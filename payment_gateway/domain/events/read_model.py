"""What operators have decided about read models. Each is kept before it has any effect.

A step that is not possible, or changes nothing, leaves no event; nor does one that is taken again under its key.
What holds is what the read model's registry says: a process that dies right after the event leaves its step undone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelRebuildRequestedEvent:
    """A read model is to be built anew, or what is being built is to go at another rate.

    Attributes:
        read_model: Its name.
        version: Of its code.
        partitions: By how many subscriptions.
        rate_max: At most so many events a second, a decimal; ``None`` for no limit.
        sample: About how many documents are verified before it is shown; ``None`` for all.
    """

    read_model: str
    version: int
    partitions: int
    rate_max: str | None
    sample: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelRebuildCancelledEvent:
    """What is being built, or did not pass its verification, is given up.

    Attributes:
        read_model: Its name.
        version: Of its code.
        generation: That is given up.
    """

    read_model: str
    version: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelRolledBackEvent:
    """Readers are to see the generation before again.

    Attributes:
        read_model: Its name.
        version: Of its code.
        active: The generation that is shown from now on.
        previous: The one that was shown.
    """

    read_model: str
    version: int
    active: int
    previous: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelPrunedEvent:
    """The generation before is dropped, and whatever else nobody keeps.

    Attributes:
        read_model: Its name.
        version: Of its code.
        generation: The one before; ``None`` where there is none.
        older_versions: Whether what older versions of the code show is dropped as well.
    """

    read_model: str
    version: int
    generation: int | None
    older_versions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelPausedEvent:
    """A read model, or its rebuild, is to stand still.

    Attributes:
        read_model: Its name.
        version: Of its code.
        is_rebuild: Whether the rebuild is meant, not what is shown.
    """

    read_model: str
    version: int
    is_rebuild: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelResumedEvent:
    """A read model, or its rebuild, is to go on.

    Attributes:
        read_model: Its name.
        version: Of its code.
        is_rebuild: Whether the rebuild is meant, not what is shown.
        rate_max: Its new limit in events a second, a decimal; ``None`` where it stays as it is.
    """

    read_model: str
    version: int
    is_rebuild: bool
    rate_max: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModelVerificationRequestedEvent:
    """A worker is to compare what is shown with the log.

    Attributes:
        read_model: Its name.
        version: Of its code.
        sample: About how many documents are compared; ``None`` for all.
    """

    read_model: str
    version: int
    sample: int | None


ReadModelEvent = (
    ReadModelRebuildRequestedEvent
    | ReadModelRebuildCancelledEvent
    | ReadModelRolledBackEvent
    | ReadModelPrunedEvent
    | ReadModelPausedEvent
    | ReadModelResumedEvent
    | ReadModelVerificationRequestedEvent
)
