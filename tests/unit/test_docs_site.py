"""The documentation as a site: it builds without a warning, whole, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.docs_site import FOLDER, prepare
from tests.markdown_pages import REPOSITORY, pages

SITE = REPOSITORY / "site"
LOADED = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"?(?P<url>https?://[^\s\">]+)"
)
# Said of the page, not loaded by it.
SAID = re.compile(r"rel=\"?canonical")


@pytest.fixture(scope="module")
def site() -> Path:
    prepare()
    built = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "zensical", "build", "--strict", "--clean"],
        env={**os.environ, "NO_COLOR": "1"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return SITE


def test_every_page_is_on_it(site: Path) -> None:
    wanted = {page.relative_to(FOLDER).with_suffix(".html") for page in FOLDER.rglob("*.md")}

    # Of a folder's README the site makes its index.
    wanted = {path.with_name("index.html") if path.stem == "README" else path for path in wanted}
    assert wanted <= {page.relative_to(site) for page in site.rglob("*.html")}
    assert len(wanted) == len(pages())


def test_commands_are_shown_as_commands(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert "```" not in page.read_text(encoding="utf-8"), page


def test_nothing_is_loaded_from_other_hosts(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = [found["url"] for found in LOADED.finditer(text) if not SAID.search(found[0])]
        assert loaded == [], page
