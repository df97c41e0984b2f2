"""Prepares the documentation for the site: ``python -m tests.docs_site``, then zensical.

The README is the site's first page. What a fence says to the tests, behind its language, is left out: the site's
Markdown would take such a fence for text.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from tests.markdown_pages import REPOSITORY, pages

FOLDER: Final = REPOSITORY / "build" / "docs"
_MARKED_FENCE: Final = re.compile(r"^```(?P<language>\w+) +[^\n`]+$", re.MULTILINE)
_LINK_FROM_README: Final = re.compile(r"(?<=\]\()docs/")


def prepare(folder: Path = FOLDER) -> None:
    """Write the pages as the site wants them; what was in the folder before is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    readme, *others = pages()
    for page in others:
        text = page.read_text(encoding="utf-8").replace("../README.md", "index.md")
        _write(folder / page.relative_to(REPOSITORY / "docs"), text)
    for picture in (REPOSITORY / "docs").rglob("*.svg"):
        copy = folder / picture.relative_to(REPOSITORY / "docs")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, copy)
    text = _LINK_FROM_README.sub("", readme.read_text(encoding="utf-8"))
    _write(folder / "index.md", text)


def _write(page: Path, text: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(_MARKED_FENCE.sub(r"```\g<language>", text), encoding="utf-8")


if __name__ == "__main__":
    prepare()
