"""The secret scanner finds what it is for, and says only where it stands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.secret_scanner import SHAPES, Finding, scan, scan_repository

# Put together here, so that the scanner does not find this file.
SECRETS = {
    "private key": "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 2,
    "API key of a gateway": "gw_" + "live_" + "0f" * 32,
    "AWS access key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "GitHub token": "ghp_" + "a1" * 18,
    "Slack token": "xoxb-" + "1234567890-abcdefghij",
    "Stripe key": "sk_" + "live_" + "a1" * 12,
    "JSON web token": ".".join(("ey" + "Ab1" * 8, "ey" + "Cd2" * 8, "Ef3" * 8)),
    "webhook secret": "whsec_" + "Ab1+" * 8,
    "password in an address": "mongodb://root:" + "hunter2hunter2@db.example/",
}


def test_every_shape_has_an_example() -> None:
    assert set(SECRETS) == set(SHAPES)


@pytest.mark.parametrize("kind", sorted(SECRETS))
def test_finds_each_kind_and_its_line(kind: str) -> None:
    text = f"first\nvalue = '{SECRETS[kind]}'\nlast"
    assert list(scan(text, "some.py")) == [Finding(path="some.py", line=2, kind=kind)]


@pytest.mark.parametrize(
    "text",
    [
        "gw_test_0000",
        "esdb://user:password@host:2113",
        "mongodb://{user}:{password}@host",
        "https://login.example/realms/shop",
        "sha256:" + "0f" * 32,
        "-----BEGIN " + "PUBLIC KEY-----\n" + "MIIB" * 20,
    ],
)
def test_leaves_what_is_none_alone(text: str) -> None:
    assert list(scan(text, "some.py")) == []


def test_what_is_said_to_be_none_is_none() -> None:
    line = f"KEY = '{SECRETS['API key of a gateway']}'  # not-a-secret: it opens nothing"
    assert list(scan(line, "some.py")) == []


def test_looks_into_what_git_would_hand_out_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("ignored\n")
    for name in ("ignored", "new"):
        (tmp_path / name).write_text(SECRETS["API key of a gateway"])
    assert scan_repository(tmp_path) == [Finding(path="new", line=1, kind="API key of a gateway")]


def test_this_repository_holds_no_secret() -> None:
    assert scan_repository() == []


def test_every_locked_package_has_its_hash() -> None:
    """So that what is installed is what was looked at."""
    folder = Path(__file__).parents[2]
    for lock in sorted(folder.glob("requirements*.lock")):
        packages = lock.read_text().replace("\\\n", "").splitlines()
        named = [line for line in packages if line and not line.startswith(("#", " "))]
        assert named, lock.name
        assert [line for line in named if "--hash=sha256:" not in line] == [], lock.name
