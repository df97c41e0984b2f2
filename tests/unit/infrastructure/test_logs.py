"""Log lines: one form for ours and the libraries', nothing in them that nobody put there."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from typing import Literal

import pytest
import structlog

from payment_gateway.infrastructure.logs import configure_logs

FORMATS: tuple[Literal["json", "console"], ...] = ("json", "console")


@pytest.fixture(autouse=True)
def _undone() -> Generator[None, None, None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {
        name: logging.getLogger(name).level
        for name in ("httpx", "httpcore", "uvicorn.access", "uvicorn.error", "pymongo", "hpack")
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def failing(secret: str) -> None:
    """Fail with a secret in a local variable."""
    held = {"clientSecret": secret}
    raise RuntimeError(f"after {len(held)} steps")


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_failure_shows_where_but_not_what_was_held(
    capsys: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    configure_logs(log_format=log_format, level="info", process="api")
    try:
        failing("".join(["plan", "ted"]))
    except RuntimeError as error:
        structlog.get_logger().error("request.failed", exc_info=error)
        logging.getLogger("library").exception("library failed")
    written = capsys.readouterr().err
    assert "planted" not in written
    assert "failing" in written
    assert written.count("after 1 steps") == 2


def test_json_lines_of_ours_and_of_libraries_have_one_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(log_format="json", level="info", process="reactors")
    structlog.get_logger().info("payment.captured", payment_id="p-1\n{}")
    logging.getLogger("library").warning("%s is slow", "it")
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["payment_id"], ours["process"]) == (
        "payment.captured",
        "p-1\n{}",
        "reactors",
    )
    assert (theirs["event"], theirs["level"], theirs["process"]) == (
        "it is slow",
        "warning",
        "reactors",
    )
    assert ours["timestamp"].endswith("Z")


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format="json", level="warning", process="api")
    structlog.get_logger().info("payment.captured")
    logging.getLogger("library").info("hello")
    assert capsys.readouterr().err == ""


def test_what_only_their_authors_want_to_know_is_not_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(log_format="json", level="debug", process="api")
    for name in ("httpx", "httpcore.http2", "hpack.hpack", "pymongo.command"):
        logging.getLogger(name).info("Authorization: Bearer planted")
    assert "planted" not in capsys.readouterr().err
