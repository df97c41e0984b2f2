"""The documentation agrees with the code and with itself."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.markdown_pages import (
    BACKGROUND,
    NOT_RUN,
    REPOSITORY,
    SHOWN,
    anchors,
    commands,
    fences,
    links,
    name_of,
    pages,
)
from tests.reference_pages import FOLDER, RENEW, generated_pages

PAGES = pages()
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")


@pytest.mark.parametrize("name", sorted(generated_pages()))
def test_a_generated_page_is_what_the_code_gives(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")

    assert committed == generated_pages()[name], f"docs/reference/{name} is old; run: {RENEW}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} leads nowhere"
        assert linked.is_relative_to(REPOSITORY), f"{target} leads out of the repository"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{target}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_fence_says_what_it_holds(page: Path) -> None:
    for fence in fences(page):
        assert fence.language == "sh" or fence.language in SHOWN, fence.where
        if fence.language == "sh":
            known = fence.marker in {"", BACKGROUND} or fence.marker.startswith(NOT_RUN)
            assert known, f"{fence.where}: {fence.marker}"


def test_the_installation_that_commands_use_is_started_by_one_and_the_same_command() -> None:
    started = {
        fence.text for page in PAGES for fence in commands(page) if fence.marker == BACKGROUND
    }

    assert len(started) == 1


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for page in PAGES
        for code in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
        for target in MAKE.findall(code)
    } | {
        target for page in PAGES for fence in commands(page) for target in MAKE.findall(fence.text)
    }

    assert named, "the README names some"
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_one_the_shell_can_read(page: Path) -> None:
    script = "\n".join(fence.text for fence in commands(page))

    checked = subprocess.run(
        ["bash", "-n"], input=script, capture_output=True, text=True, timeout=10, check=False
    )

    assert checked.returncode == 0, checked.stderr


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [REPOSITORY / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [
            (page.parent / target.partition("#")[0]).resolve()
            for target in links(page)
            if "://" not in target and not target.startswith("#")
        ]

    assert set(PAGES) <= reached
