"""How a query's parameters are read."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from payment_gateway.domain.errors import InvalidValue

_TEXT_LENGTH_MAX: Final = 40
_TICK: Final = timedelta(milliseconds=1)  # MongoDB keeps times to the millisecond


def created_from(text: str | None) -> datetime | None:
    """Return the earliest creation time wanted; a date begins with its first moment in UTC.

    Raises:
        InvalidValue: Neither a date nor an RFC 3339 time.
    """
    if text is None:
        return None
    moment = _read(text, param="from")
    return moment if isinstance(moment, datetime) else _midnight(moment)


def created_before(text: str | None) -> datetime | None:
    """Return the first creation time that is too late; a date, and a time, are themselves included.

    Raises:
        InvalidValue: Neither a date nor an RFC 3339 time, or the end of all time.
    """
    if text is None:
        return None
    moment = _read(text, param="to")
    try:
        if isinstance(moment, datetime):
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000) + _TICK
        return _midnight(moment + timedelta(days=1))
    except OverflowError as error:
        raise _refusal("to") from error


def day_of(text: str | None, *, param: str) -> date | None:
    """Return the day in UTC that a date is, or that a time lies in.

    Raises:
        InvalidValue: Neither a date nor an RFC 3339 time.
    """
    if text is None:
        return None
    moment = _read(text, param=param)
    return moment.date() if isinstance(moment, datetime) else moment


def as_of(text: str | None) -> datetime | None:
    """Return the moment as of which a payment is wanted; a date is its first moment in UTC.

    Raises:
        InvalidValue: Neither a date nor an RFC 3339 time.
    """
    if text is None:
        return None
    moment = _read(text, param="as_of")
    return moment if isinstance(moment, datetime) else _midnight(moment)


def _read(text: str, *, param: str) -> datetime | date:
    try:
        if len(text) > _TEXT_LENGTH_MAX:
            raise _refusal(param)
        if len(text) == len("2026-02-03"):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise _refusal(param)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _refusal(param) from error


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _refusal(param: str) -> InvalidValue:
    return InvalidValue("a date such as 2026-02-03, or an RFC 3339 time", param=param)
