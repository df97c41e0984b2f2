"""Reads the JSON of a notification; nothing in it is believed before it is looked at."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from payment_gateway.application.webhooks import NotANotification
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.domain.value_objects.external_reference_number import (
    ExternalReferenceNumberVO,
)
from payment_gateway.domain.value_objects.payment_id import PaymentIdVO

_ID_LENGTH_MAX: Final = 1024
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
_EVENT_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)

Fields = Mapping[str, Any]


def read_envelope(body: bytes) -> tuple[str, str, Fields]:
    """Return the id, the event type and the resource of a notification.

    Raises:
        NotANotification: It has no id or no event type.
    """
    try:
        document = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise NotANotification("the body is not JSON") from error
    envelope = fields(document)
    event_type = envelope.get("event_type")
    if not isinstance(event_type, str) or _EVENT_TYPE.fullmatch(event_type) is None:
        raise NotANotification("the body has no event_type")
    return _delivery_id(envelope.get("id")), event_type, fields(envelope.get("resource"))


def raw_id(body: bytes) -> str:
    """Return the ``id`` of a body that ``read_envelope`` accepts, as it is written there."""
    return str(json.loads(body)["id"])


def fields(value: Any) -> Fields:
    """Return an object's fields; none where it is no object."""
    return cast("Fields", value) if isinstance(value, dict) else {}


def first(value: Any) -> Fields:
    """Return the fields of a list's first entry; none where there is none."""
    return fields(value[0]) if isinstance(value, list) and value else {}


def payment_of(*names: Any) -> PaymentIdVO | None:
    """Return the payment that the first telling name stands for: its id, or a reference number."""
    for name in names:
        if not isinstance(name, str):
            continue
        try:
            return PaymentIdVO(name)
        except InvalidValue:
            pass
        try:
            return PaymentIdVO.of(ExternalReferenceNumberVO.of_attempt(name))
        except InvalidValue:
            continue
    return None


def _delivery_id(value: Any) -> str:
    """Return what a notification is stored under: its id, or a digest of an unusual one."""
    if not isinstance(value, str) or not 1 <= len(value) <= _ID_LENGTH_MAX:
        raise NotANotification("the body has no id")
    if _PLAIN_ID.fullmatch(value):
        return value
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
