"""The container files agree with the code: no Docker is needed to tell."""

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from payment_gateway.settings import Settings
from tests.markdown_pages import REPOSITORY

GATEWAY_SERVICES = ("api", "reactors", "projections")
SERVERS = ("eventstoredb", "mongodb", "redis")
PINNED = re.compile(r"[a-z]+(/[a-z]+)?:\d+\.\d+[\w.-]*")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
# Of the file itself, not read by the gateway.
OF_COMPOSE = {"GATEWAY_UID", "GATEWAY_GID", "GATEWAY_SECRETS_DIR", "GATEWAY_PUBLIC_URL"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / "docker-compose.yml")
    return document


def test_the_compose_file_is_one() -> None:
    checker = Path(sysconfig.get_path("scripts")) / "check-jsonschema"
    checked = subprocess.run(
        [
            checker,
            *("--builtin-schema", "vendor.compose-spec"),
            REPOSITORY / "docker-compose.yml",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_every_setting_in_it_is_a_setting_of_the_gateway(compose: dict[str, Any]) -> None:
    known = {f"GATEWAY_{name.upper()}" for name in Settings.model_fields}
    for name in GATEWAY_SERVICES:
        environment = compose["services"][name]["environment"]

        assert set(environment) <= known
        assert {"GATEWAY_ENCRYPTION_KEY_FILE", "GATEWAY_API_KEYS_FILE"} <= set(environment)


def test_its_settings_are_accepted(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in GATEWAY_SERVICES:
        for variable, value in compose["services"][name]["environment"].items():
            monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))

        assert Settings().log_format == "json"


def test_the_processes_are_those_that_there_are(compose: dict[str, Any]) -> None:
    started = {name: compose["services"][name]["command"][0] for name in GATEWAY_SERVICES}

    assert started == {"api": "serve", "reactors": "work", "projections": "projections"}
    assert compose["services"]["api"]["command"] == image_command()


def test_the_health_checks_ask_the_port_that_answers(compose: dict[str, Any]) -> None:
    for name in ("reactors", "projections"):
        service = compose["services"][name]
        port = service["environment"]["GATEWAY_HEALTH_PORT"]

        assert f"127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
    for name in (*GATEWAY_SERVICES, *SERVERS):
        assert compose["services"][name]["healthcheck"]["test"]


def test_the_gateway_waits_until_every_server_is_healthy(compose: dict[str, Any]) -> None:
    for name in GATEWAY_SERVICES:
        waits = compose["services"][name]["depends_on"]

        assert waits == {server: {"condition": "service_healthy"} for server in SERVERS}


def test_every_image_of_a_server_is_pinned(compose: dict[str, Any]) -> None:
    for name in SERVERS:
        assert PINNED.fullmatch(compose["services"][name]["image"])


def test_nothing_but_the_api_can_be_reached_and_that_from_this_machine_alone(
    compose: dict[str, Any],
) -> None:
    published = {name: service.get("ports") for name, service in compose["services"].items()}

    assert published.pop("api") == ["127.0.0.1:8000:8000"]
    assert set(published.values()) == {None}


def test_all_that_is_mounted_is_declared(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    volumes = {mount.split(":")[0] for one in services for mount in one.get("volumes", [])}
    secrets = {name for one in services for name in one.get("secrets", [])}

    assert volumes == set(compose["volumes"])
    assert secrets == set(compose["secrets"])


def test_the_example_of_an_env_file_names_what_the_compose_file_reads() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{(\w+)", text))
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(\w+)=", example, re.MULTILINE))

    assert read == named == OF_COMPOSE


def image_command() -> list[str]:
    (command,) = re.findall(r"^CMD \[(.+)\]$", DOCKERFILE, re.MULTILINE)
    return [word.strip(' "') for word in command.split(",")]


def test_the_image_is_built_from_what_the_repository_has_and_the_context_lets_in() -> None:
    context = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]

    assert copied
    for source in copied:
        assert (REPOSITORY / source).exists()
        assert f"!{source}" in context


def test_the_image_has_a_pinned_python_that_the_package_allows_and_is_not_run_by_root() -> None:
    pythons = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    (user,) = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)

    assert pythons == {"python:3.11-slim-bookworm"}
    assert 'requires-python = ">=3.11' in (REPOSITORY / "pyproject.toml").read_text()
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_image_takes_its_packages_by_hash_and_without_the_sandbox() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert "[sandbox]" not in DOCKERFILE
