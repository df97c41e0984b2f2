"""Whatever the page on security names as shown by something, there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from payment_gateway.settings import Settings
from tests.markdown_pages import REPOSITORY

PAGE: Final = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
CODE: Final = re.findall(r"`([^`\n]+)`", PAGE)
FILE: Final = re.compile(r"[\w./-]+\.(?:py|lock|md)\b")
COMMAND: Final = re.compile(r"payment-gateway ((?:[a-z]+ ?)+)")
LOOKED_IN: Final = ("payment_gateway", "projections", "tests", "docs")
STANDARDS: Final = ("PCI DSS", "GDPR", "SOX", "SOC 2")


def files() -> list[str]:
    return sorted({name for code in CODE for name in FILE.findall(code)})


def there_is(name: str) -> bool:
    """Whether a file of the repository is called so, with as much of its path as is given."""
    if (REPOSITORY / name).is_file():
        return True
    found = (path for folder in LOOKED_IN for path in (REPOSITORY / folder).rglob(Path(name).name))
    return any(path.as_posix().endswith(f"/{name}") for path in found)


def proofs() -> list[tuple[str, str]]:
    """Return each point of a standard, and what shows it."""
    table = PAGE.partition("\n## Standards\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [(point, shown) for point, shown in rows if point != "point"]


@pytest.mark.parametrize("name", files())
def test_every_file_that_it_names_exists(name: str) -> None:
    assert there_is(name)


def test_every_command_that_it_names_exists() -> None:
    known = (REPOSITORY / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    commands = {found.strip() for code in CODE for found in COMMAND.findall(code)}
    assert commands
    assert [one for one in sorted(commands) if f"## `payment-gateway {one}" not in known] == []


def test_every_setting_that_it_names_exists() -> None:
    named = {name for code in CODE for name in re.findall(r"GATEWAY_([A-Z][A-Z0-9_]*)", code)}
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_standard_has_its_points() -> None:
    points = [point for point, _ in proofs()]
    assert [one for one in STANDARDS if not any(point.startswith(one) for point in points)] == []


@pytest.mark.parametrize(("point", "shown"), proofs(), ids=[point for point, _ in proofs()])
def test_every_point_of_a_standard_is_shown_by_a_file_or_a_command(point: str, shown: str) -> None:
    code = re.findall(r"`([^`]+)`", shown)
    commands = [one for one in code if one.startswith(("payment-gateway ", "make "))]
    assert commands or [name for one in code for name in FILE.findall(one)], point
