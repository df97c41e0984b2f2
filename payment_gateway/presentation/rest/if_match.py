"""``If-Match`` (RFC 9110, section 13.1.1): the revisions at which a command is to be carried out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from payment_gateway.domain.errors import InvalidValue

TAGS_MAX: Final = 20
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_REVISION: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def revisions_of(sent: Sequence[str]) -> frozenset[int] | None:
    """Return the revisions that a request names, ``None`` for any: without the header, and for ``*``.

    A weak tag, or one that this gateway never gave out, names none. What a command is for is there
    or answered 404, so ``*`` says nothing.

    Raises:
        InvalidValue: No list of entity tags.
    """
    if not sent:
        return None
    text = ",".join(sent).strip()
    if text == "*":
        return None
    tags = [tag.strip() for tag in text.split(",")]
    matches = [_TAG.fullmatch(tag) for tag in tags]
    if len(tags) > TAGS_MAX or not all(matches):
        raise InvalidValue(
            f'a comma-separated list of at most {TAGS_MAX} entity tags such as "3", or *',
            param="If-Match",
        )
    return frozenset(
        int(match[2])
        for match in matches
        if match and match[1] is None and _REVISION.fullmatch(match[2])
    )
