"""Looks for secrets in what git would hand out: ``python -m tests.secret_scanner``.

It knows the shapes of secrets that such a project could leak, and tells file and line, never the text. What
only looks like one (an example that opens nothing) says so in its line with ``not-a-secret``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
FILE_BYTES_MAX: Final = 5 * 1024 * 1024
FINDINGS_MAX: Final = 100
ALLOWED: Final = "not-a-secret"
SHAPES: Final = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*\n?[A-Za-z0-9+/=]{40}"),
    "API key of a gateway": re.compile(r"\bgw_(?:live|test)_[0-9a-f]{64}\b"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50,})"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    "JSON web token": re.compile(
        r"\bey[A-Za-z0-9_-]{20,}\.ey[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"
    ),
    "webhook secret": re.compile(r"\bwhsec_[A-Za-z0-9+/]{32,}"),
    "password in an address": re.compile(
        r"\b[a-z][a-z0-9+]*://[\w.-]+:(?!password\b)[^\s:/@'\"{}<>$]{8,}@"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Where something stands that looks like a secret."""

    path: str
    line: int
    kind: str


def scan(text: str, path: str) -> Iterator[Finding]:
    """Yield what looks like a secret in a text."""
    lines = text.splitlines()
    for kind, shape in SHAPES.items():
        for match in shape.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if ALLOWED not in lines[line - 1]:
                yield Finding(path=path, line=line, kind=kind)


def scan_repository(folder: Path = REPOSITORY) -> list[Finding]:
    """Return what looks like a secret in the files that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout.decode()
    found: list[Finding] = []
    for name in filter(None, listed.split("\0")):
        file = folder / name
        if not file.is_file() or file.stat().st_size > FILE_BYTES_MAX:
            continue
        found.extend(scan(file.read_text(encoding="utf-8", errors="replace"), name))
        if len(found) >= FINDINGS_MAX:
            break
    return found


if __name__ == "__main__":
    findings = scan_repository()
    for one in findings:
        print(f"{one.path}:{one.line}: looks like a secret: {one.kind}", file=sys.stderr)
    sys.exit(bool(findings))
