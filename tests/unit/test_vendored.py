"""What others wrote and lies here: it is what its makers published, with its licence, and it is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.markdown_pages import REPOSITORY

FOLDERS: Final = (
    REPOSITORY / "payment_gateway" / "dashboard" / "static" / "vendor",
    REPOSITORY / "tests" / "vendor",
)
NOTICES: Final = REPOSITORY / "THIRD_PARTY_NOTICES.md"


def listed(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "vendor.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
class TestVendored:
    def test_files_are_those_that_were_taken_over(self, folder: Path) -> None:
        for library in listed(folder):
            for name, sha256 in library["files"].items():
                assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256, name

    def test_no_file_is_left_out(self, folder: Path) -> None:
        names = {name for library in listed(folder) for name in library["files"]}
        there = {str(path.relative_to(folder)) for path in folder.glob("*/*")}
        assert {name for name in there if Path(name).name != "LICENSE"} == names

    def test_each_has_its_licence_beside_it_and_is_named(self, folder: Path) -> None:
        notices = NOTICES.read_text(encoding="utf-8")
        for library in listed(folder):
            beside = {folder / Path(name).parent / "LICENSE" for name in library["files"]}
            assert all(path.is_file() for path in beside), library["name"]
            row = f"| {library['name']} | {library['version']} | {library['licence']} |"
            assert row in notices, row
