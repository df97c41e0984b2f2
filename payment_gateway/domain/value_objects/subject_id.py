"""Whose data a key seals; a person who was forgotten and comes back is another subject.

A subject id names nobody: it is derived from the customer's reference by a secret of the installation,
or is the id of a payment without a customer. After each erasure a number is counted up behind it, so
that a destroyed key is never made again, and all keys that a person ever had can still be found.
"""

from __future__ import annotations

import re
from typing import Final

_SUCCESSOR: Final = re.compile(r"(?P<origin>.+)~(?P<number>[1-9][0-9]*)", re.ASCII)


def origin_of(subject_id: str) -> str:
    """Return the id that the same person had before any erasure."""
    match = _SUCCESSOR.fullmatch(subject_id)
    return match["origin"] if match else subject_id


def successor_of(subject_id: str) -> str:
    """Return the id that comes after this one is forgotten."""
    match = _SUCCESSOR.fullmatch(subject_id)
    return f"{match['origin']}~{int(match['number']) + 1}" if match else f"{subject_id}~2"


def key_stream(subject_id: str) -> str:
    """Return the stream that holds the key of a subject's data, and is destroyed with it."""
    return f"subject-{subject_id}"


def erasure_stream(subject_id: str) -> str:
    """Return the stream that holds every erasure of the same person."""
    return f"erasure-{origin_of(subject_id)}"
