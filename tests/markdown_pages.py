"""The documentation as its tests read it: pages, the commands on them, the links between them.

A command stands in a fence that begins with ``sh``. What follows on that line says how a test treats it:
nothing, it is run; ``background``, it starts the installation that the other commands use;
``not-run: reason``, it is not run here, for that reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
BACKGROUND: Final = "background"
NOT_RUN: Final = "not-run: "
# Languages of fences that show something and are not commands.
SHOWN: Final = frozenset({"text", "json", "mermaid", "yaml", "graphql"})

# One in a list is indented.
_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} +(?P<text>.+?) *$", re.MULTILINE)
_ANCHOR: Final = re.compile(r"<a id=\"(?P<id>[^\"]+)\">")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One fenced block: its language, what else is said of it, its text."""

    page: str
    line: int
    language: str
    marker: str
    text: str

    @property
    def where(self) -> str:
        """Page and line, as a person looks for it."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return all pages, the README first."""
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return the page's path in the repository."""
    return page.relative_to(REPOSITORY).as_posix()


def fences(page: Path) -> list[Fence]:
    """Return the fenced blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, _, marker = match["info"].strip().partition(" ")
        found.append(
            Fence(
                page=name_of(page),
                line=text.count("\n", 0, match.start()) + 1,
                language=language,
                marker=marker.strip(),
                text=dedent(match["text"]),
            )
        )
    return found


def commands(page: Path) -> list[Fence]:
    """Return the blocks of a page that hold commands."""
    return [fence for fence in fences(page) if fence.language == "sh"]


def links(page: Path) -> list[str]:
    """Return the targets of a page's links."""
    return [match["target"] for match in _LINK.finditer(_prose(page))]


def anchors(page: Path) -> set[str]:
    """Return what a link to this page may name after ``#``, by GitHub's rules for headings."""
    prose = _prose(page)
    headings = {_slug(match["text"]) for match in _HEADING.finditer(prose)}
    return headings | {match["id"] for match in _ANCHOR.finditer(prose)}


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")
