"""The hand-written reference pages name all that there is: commands, options, routes."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Never

import pytest

from payment_gateway.asgi import application
from payment_gateway.infrastructure.security.api_keys import write_api_keys_file
from payment_gateway.infrastructure.security.key_file import read_or_create_key_file
from payment_gateway.presentation.cli.api_keys import ApiKeyOperations
from payment_gateway.presentation.cli.app import Processes, create_cli
from payment_gateway.presentation.cli.dead_letters import DeadLetterOperations
from payment_gateway.presentation.cli.events import EventOperations
from payment_gateway.presentation.cli.keys import KeyOperations
from payment_gateway.presentation.cli.payments import PaymentOperations
from payment_gateway.presentation.cli.projection_operations import ProjectionOperations
from payment_gateway.presentation.cli.subjects import SubjectOperations
from payment_gateway.settings import Settings
from tests.reference_pages import FOLDER

OPTION = re.compile(r"--[a-z][a-z-]+")
COMMANDS_MAX = 100


def not_called(*_: object, **__: object) -> Never:
    raise AssertionError("help runs nothing")


CLI = create_cli(
    Processes(
        serve=not_called,
        work=not_called,
        doctor=not_called,
        projections=lambda: nullcontext(
            ProjectionOperations(
                run=not_called,
                status=not_called,
                names=(),
                rebuild=not_called,
                migrate=not_called,
                verify=not_called,
                rollback=not_called,
                prune=not_called,
                pause=not_called,
                resume=not_called,
                cancel=not_called,
            )
        ),
        payments=lambda: nullcontext(
            PaymentOperations(
                show=not_called, explain=not_called, questions=not_called, resolve=not_called
            )
        ),
        events=lambda: nullcontext(
            EventOperations(follow=not_called, read=not_called, stream=not_called)
        ),
        for_tenant=not_called,
        keys=lambda: nullcontext(
            KeyOperations(
                create=not_called, rotate=not_called, status=not_called, retire=not_called
            )
        ),
        dead_letters=lambda: nullcontext(
            DeadLetterOperations(
                all=not_called, show=not_called, replay=not_called, discard=not_called
            )
        ),
        api_keys=ApiKeyOperations(administer=not_called, last_uses=not_called),
        audit=not_called,
        subjects=lambda: nullcontext(SubjectOperations(show=not_called, forget=not_called)),
        reconcile=not_called,
        load_settings=Settings,
        refusals=(),
    )
)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")


def help_of(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr("sys.argv", ["payment-gateway", *words, "--help"])
    with pytest.raises(SystemExit):
        CLI()
    return capsys.readouterr().out


def subcommands(text: str) -> Iterator[str]:
    _, _, listed = text.partition("Commands")
    for line in listed.splitlines()[1:]:
        if found := re.match(r"\W*([a-z][a-z-]*) {2,}", line):
            yield found[1]


@pytest.mark.usefixtures("wide")
def test_cli_page_names_every_command_and_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sections = re.split(
        r"^## ", (FOLDER / "cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    by_command = {section.split("\n", 1)[0].strip("` "): section for section in sections}
    waiting: list[tuple[str, ...]] = [()]
    seen = 0
    while waiting:
        words = waiting.pop()
        seen += 1
        assert seen < COMMANDS_MAX
        text = help_of(words, monkeypatch, capsys)
        below = [(*words, name) for name in subcommands(text)]
        waiting += below
        if words and not below:
            section = by_command.pop("payment-gateway " + " ".join(words))
            options = set(OPTION.findall(text)) - {"--help"}
            assert options == set(OPTION.findall(section)), words
    left = [name for name in by_command if name.startswith("payment-gateway ")]
    assert left == [], "these are no commands"


def test_rest_page_names_every_route(tmp_path: Path) -> None:
    read_or_create_key_file(tmp_path / "gateway.key")
    write_api_keys_file(tmp_path / "apikeys.json", [])
    settings = Settings(
        encryption_key_file=tmp_path / "gateway.key", api_keys_file=tmp_path / "apikeys.json"
    )
    text = (FOLDER / "rest-api.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`((?:GET|POST|PATCH|PUT|DELETE) /[^`?]*)`", text))

    routes = {
        f"{method.upper()} {re.sub('_([a-z])', lambda letter: letter[1].upper(), path)}"
        for path, operations in application(settings).openapi()["paths"].items()
        for method in operations
    }

    assert described == routes
