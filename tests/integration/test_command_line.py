"""What ``payment-gateway`` says of itself."""

from __future__ import annotations

import tomllib

from tests.command_line import run_command
from tests.markdown_pages import REPOSITORY


def test_it_tells_its_version() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    told = run_command("--version", env={})
    assert (told.returncode, told.stdout) == (0, f"{project['version']}\n")


def test_what_it_does_not_know_is_told_with_where_to_look() -> None:
    told = run_command("payment", env={})
    assert told.returncode == 2
    assert "--help" in told.stderr
