"""A PKCS#11 token in software, made anew for a test: SoftHSM2, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

# Where Debian, Fedora and Homebrew put it.
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
TOKEN = "gateway-test"
PIN = "1234"
LABEL = "payment-gateway"
UTILITY_WITHIN_S = 10.0


@dataclass(frozen=True)
class SoftToken:
    """A token with no keys; ``environment`` is what a process needs to use it."""

    module: str
    environment: Mapping[str, str]


def new_soft_token(folder: Path) -> SoftToken:
    """Make a token that lives in a folder.

    SoftHSM reads where its tokens are when a process first loads it, and never again.
    """
    module = next((path for path in MODULES if Path(path).exists()), None)
    utility = shutil.which("softhsm2-util")
    if module is None or utility is None:
        pytest.skip("SoftHSM2 is not installed (apt-get install softhsm2)")
    (folder / "tokens").mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    environment = {"SOFTHSM2_CONF": str(config)}
    subprocess.run(
        [utility, "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", PIN],
        env=environment,
        check=True,
        capture_output=True,
        timeout=UTILITY_WITHIN_S,
    )
    return SoftToken(module=module, environment=environment)
