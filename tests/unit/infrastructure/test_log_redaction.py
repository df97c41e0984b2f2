"""What must not be seen is in no log line, whatever it was handed over as."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from payment_gateway.domain.value_objects.provider_credentials import PagaditoCredentialsVO
from payment_gateway.domain.value_objects.secret_text import SecretText
from payment_gateway.infrastructure.log_redaction import HIDDEN, masked, redact
from payment_gateway.infrastructure.logs import configure_logs
from tests.unit.infrastructure.test_logs import FORMATS, _undone

__all__ = ["_undone"]

PLANTED = "planted5b1f77c1"
SEEN_AS = {
    "an API key": f"gw_live_{PLANTED * 4}",
    "a header": f"Authorization: Bearer {PLANTED}",
    "a basic header": f"basic {PLANTED}==",
    "a token": f"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.{PLANTED}",
    "a webhook secret": f"whsec_{PLANTED}{PLANTED}",
    "an address": f"no answer of mongodb://gateway:{PLANTED}@mongo:27017/?replicaSet=rs0",
    "an address without a user": f"redis://:{PLANTED}@redis:6379",
    "an e-mail address": f"mail to {PLANTED}@shop.example was refused",
    "a private key": f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----",
}
CARDS = ("4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005")
NO_CARDS = (
    "4111111111111112",
    "ERN-4111111111111111",
    "75b66fb9-4111-4111-8111-111111111111",
    "2026-11-23T07:21:06.101034Z",
    "29.99",
)


@pytest.mark.parametrize("text", SEEN_AS.values(), ids=SEEN_AS.keys())
def test_what_looks_like_a_secret_is_hidden_and_the_rest_is_not(text: str) -> None:
    assert PLANTED not in masked(text)
    assert HIDDEN in masked(f"before {text} after")
    assert masked(f"before {text}").startswith("before ")


@pytest.mark.parametrize("number", CARDS)
def test_a_card_number_is_hidden(number: str) -> None:
    assert masked(f"card {number} declined") == f"card {HIDDEN} declined"


@pytest.mark.parametrize("text", NO_CARDS)
def test_ids_times_and_amounts_are_left_as_they_are(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "value",
    [
        SecretText(PLANTED),
        SecretStr(PLANTED),
        PLANTED.encode(),
        PagaditoCredentialsVO(uid="u", wsk=SecretText(PLANTED), sandbox=True),
        RuntimeError(SEEN_AS["an address"]),
    ],
)
def test_what_is_secret_by_its_type_is_hidden_however_deep(value: object) -> None:
    line = redact(None, "info", {"event": "x", "told": {"list": [{"one": value}], "plain": value}})

    assert PLANTED not in repr(line)


@pytest.mark.parametrize("name", ["client_secret", "clientSecret", "Authorization", "Set-Cookie"])
def test_what_is_called_a_secret_is_hidden_whatever_it_looks_like(name: str) -> None:
    line = redact(None, "info", {"event": "x", name: "abc", "details": {name: ["abc"]}})

    assert line == {"event": "x", name: HIDDEN, "details": {name: HIDDEN}}


def fail(told: str) -> None:
    raise RuntimeError(told)


@pytest.mark.parametrize("log_format", FORMATS)
def test_no_line_of_a_process_shows_one_in_its_fields_or_its_traceback(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    configure_logs(log_format=log_format, level="info", process="api")
    log = structlog.get_logger()
    for told in SEEN_AS.values():
        log.info("something.happened", cause=told, details={"deep": [told]})
        try:
            fail(told)
        except RuntimeError:
            log.exception("request.failed")
    written = capsys.readouterr().err

    assert written.count("something.happened") == len(SEEN_AS)
    assert written.count("RuntimeError") >= len(SEEN_AS)
    assert PLANTED not in written


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(list(SEEN_AS.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_a_line_stays_one_object_and_shows_none_wherever_it_stands(value: Any) -> None:
    line = redact(None, "info", {"event": "x", "told": value})

    assert PLANTED not in json.dumps(json.loads(json.dumps(line)))
    assert redact(None, "info", dict(line)) == line
