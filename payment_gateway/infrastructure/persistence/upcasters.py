"""How an older version of a stored event becomes the next one, on reading.

What is stored is never rewritten. An entry stays for as long as there may be a stream that holds such
an event, which is for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

Fields = dict[str, object]
Upcaster = Callable[[Fields], Fields]


def _attempt_started_2(fields: Fields) -> Fields:
    """Say that it was not kept which version of the credentials an attempt was made with."""
    return {**fields, "credentialVersion": None}


# (stored name, version) -> what makes version + 1 of it, working on the stored camelCase fields.
UPCASTERS: Final[Mapping[tuple[str, int], Upcaster]] = {
    ("ProviderAttemptStarted", 1): _attempt_started_2,
}


def upcast(
    upcasters: Mapping[tuple[str, int], Upcaster],
    name: str,
    version: int,
    wanted: int,
    fields: Fields,
) -> Fields:
    """Return the fields as of the wanted version, one step after the other.

    Raises:
        LookupError: A step is missing from the registry.
    """
    for step in range(version, wanted):
        fields = upcasters[name, step](fields)
    return fields
