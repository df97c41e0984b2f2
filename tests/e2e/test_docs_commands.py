"""Every command of the documentation, run as it stands there, against one installation.

The blocks of a page are one shell session; no page needs another one to have been run. What it calls
``payment-gateway`` is at work at once, as ``command_door`` says; the one that runs the installation is as it is
installed.
"""

import os
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.child_process import launch, stop
from tests.command_door import command_door
from tests.markdown_pages import BACKGROUND, REPOSITORY, commands, name_of, pages

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

READY_WITHIN_S = 120.0
PAGE_WITHIN_S = 60.0
POLL_S = 0.05
# What somebody who follows the page gets to see.
SHOWS = {
    "README.md": '"status": "COMPLETED"',
    "docs/tutorial.md": "6 RefundCompleted apikey:demo",
    "docs/how-to/follow-events.md": " events; go on with --after",
    "docs/how-to/read-your-writes.md": "status 304",
    "docs/how-to/look-at-events.md": "tenant-demo TenantCreated",
    "docs/how-to/own-servers.md": "GATEWAY_EVENTSTORE_URI",
    "docs/how-to/provider-credentials.md": '"version":1',
    "docs/how-to/read-logs.md": "my-request-0001",
    "docs/how-to/api-keys.md": "ApiKeyRevoked",
    "docs/how-to/tenants.md": "SUSPENDED",
    "docs/how-to/dashboard.md": "/dashboard",
    "docs/how-to/forget-a-person.md": '"customer": null',
    "docs/how-to/outgoing-webhooks.md": "WebhookTestRequested None",
}


def to_run(page: Path) -> str:
    return "".join(fence.text for fence in commands(page) if not fence.marker)


PAGES = [page for page in pages() if to_run(page)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a newcomer's terminal, while the installation of the pages runs."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        "HOME": str(home),
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "no_proxy": "127.0.0.1",
    }
    # So that a signal reaches the installation, not a shell around it.
    start = background_command().replace("payment-gateway up", "exec payment-gateway up")
    ready, log = home / "first-payment" / "up.json", home / "up.log"
    process = launch(
        [
            *("/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items())),
            *("bash", "-euc", f"cd {REPOSITORY}\n{start}"),
        ],
        log=log,
    )
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while not (ready.exists() and ready.read_text().endswith("\n")):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(POLL_S)
        with command_door(tmp_path_factory.mktemp("bin")) as folder:
            yield {**environment, "PATH": f"{folder}:{environment['PATH']}"}
    finally:
        stop(process)


def background_command() -> str:
    found = {f.text for page in pages() for f in commands(page) if f.marker == BACKGROUND}
    assert len(found) == 1, "the pages start one and the same installation"
    return found.pop()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page: Path, shell: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", to_run(page)],
        cwd=REPOSITORY,
        env=shell,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PAGE_WITHIN_S,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert SHOWS.get(name_of(page), "") in done.stdout


def test_every_page_whose_output_is_looked_at_is_run() -> None:
    assert set(SHOWS) <= {name_of(page) for page in PAGES}
