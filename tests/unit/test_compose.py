"""The container files agree with the code: no Docker is needed to tell."""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from payment_gateway.processes.api import STOP_WITHIN_S
from payment_gateway.settings import Settings
from tests.markdown_pages import REPOSITORY

GATEWAY_SERVICES = ("api", "reactors", "projections")
SIMULATORS = {"paypal", "pagadito"}
# Each has a page of its own, for whoever is at this machine.
WATCHING = {"prometheus": 9090, "grafana": 3000, "traces": 16_686}
FILES = ("docker-compose.yml", "docker-compose.cluster.yml")
OURS = re.compile(r"payment-gateway(-sandbox)?:local")
PINNED = re.compile(r"[a-z-]+(/[a-z-]+)?:v?\d+\.\d+[\w.-]*")
PROXY = REPOSITORY / "deploy" / "proxy" / "haproxy.cfg"
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
SUBSTITUTED = re.compile(r"\$\{\w+(?::-(?P<default>[^}]*)|:\?)?\}")


@pytest.fixture(scope="module", params=FILES)
def compose(request: pytest.FixtureRequest) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(REPOSITORY / request.param)
    return document


def servers(compose: dict[str, Any]) -> set[str]:
    """Return the names of what the gateway needs, and of what they need in turn."""
    return set(compose["services"]) - {
        *GATEWAY_SERVICES,
        *SIMULATORS,
        *WATCHING,
        "proxy",
        "certificates",
    }


def test_the_compose_files_are_some() -> None:
    checker = Path(sysconfig.get_path("scripts")) / "check-jsonschema"
    checked = subprocess.run(
        [
            checker,
            *("--builtin-schema", "vendor.compose-spec"),
            *(REPOSITORY / name for name in FILES),
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
            given = SUBSTITUTED.sub(lambda found: found["default"] or "", value)
            monkeypatch.setenv(variable, given)

        assert Settings().log_format == "json"


def test_the_processes_are_those_that_there_are(compose: dict[str, Any]) -> None:
    started = {name: compose["services"][name]["command"][0] for name in GATEWAY_SERVICES}

    assert started == {"api": "serve", "reactors": "work", "projections": "projections"}
    assert compose["services"]["api"]["command"] == image_command()


def test_the_proxy_hears_of_a_process_that_stops_before_it_does(compose: dict[str, Any]) -> None:
    api = compose["services"]["api"]
    drain_s = int(api["environment"]["GATEWAY_DRAIN_S"])
    looks = re.search(r"inter (\d+)s fall (\d+)", PROXY.read_text())

    assert looks is not None
    assert drain_s > int(looks[1]) * int(looks[2])
    assert int(api["stop_grace_period"].removesuffix("s")) > STOP_WITHIN_S + drain_s


def test_the_health_checks_ask_the_port_that_answers(compose: dict[str, Any]) -> None:
    for name in ("reactors", "projections"):
        service = compose["services"][name]
        port = service["environment"]["GATEWAY_HEALTH_PORT"]

        assert f"127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
    for name in (*GATEWAY_SERVICES, *servers(compose), *WATCHING, "proxy"):
        assert compose["services"][name]["healthcheck"]["test"]


def test_the_gateway_waits_for_healthy_servers(compose: dict[str, Any]) -> None:
    for name in GATEWAY_SERVICES:
        waits = compose["services"][name]["depends_on"]

        assert set(waits) <= servers(compose)
        assert {"eventstoredb", "mongodb", "redis"} == {one.split("-")[0] for one in waits}
        assert {one["condition"] for one in waits.values()} == {"service_healthy"}


def test_there_are_two_of_each_process(compose: dict[str, Any]) -> None:
    for name in GATEWAY_SERVICES:
        assert compose["services"][name]["deploy"] == {"replicas": 2}


def test_every_image_of_others_is_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        image = service["image"]

        assert PINNED.fullmatch(image) or OURS.fullmatch(image), f"{name}: {image}"


def test_nothing_but_the_proxy_and_what_watches_can_be_reached_and_that_from_this_machine_alone(
    compose: dict[str, Any],
) -> None:
    published = {
        name: service.get("ports")
        for name, service in compose["services"].items()
        if service.get("profiles") != ["development"]
    }

    assert published.pop("proxy") == ["127.0.0.1:8000:8000"]
    for name, port in WATCHING.items():
        assert published.pop(name) == [f"127.0.0.1:{port}:{port}"]
    assert set(published.values()) == {None}


def test_the_simulators_run_in_the_profile_for_development_alone() -> None:
    services = YAML(typ="safe").load(REPOSITORY / "docker-compose.yml")["services"]
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")

    assert {name for name, one in services.items() if "profiles" in one} == SIMULATORS
    for name in SIMULATORS:
        provider, *options = services[name]["command"]
        port = options[options.index("--port") + 1]
        assert provider == name
        assert services[name]["profiles"] == ["development"]
        assert services[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert f"GATEWAY_{name.upper()}_BASE_URL=http://{name}:{port}\n" in example


def test_the_proxy_is_configured_for_the_api() -> None:
    text = PROXY.read_text(encoding="utf-8")

    assert "option httpchk GET /readyz" in text
    assert "server-template api 1-10 api:8000 check" in text
    haproxy = shutil.which("haproxy")
    if haproxy is not None:
        checked = subprocess.run(
            [haproxy, "-c", "-f", PROXY], capture_output=True, text=True, timeout=30, check=False
        )
        assert checked.returncode == 0, checked.stderr


def test_all_that_is_mounted_is_declared(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    mounts = {mount.split(":")[0] for one in services for mount in one.get("volumes", [])}
    files = {mount for mount in mounts if mount.startswith("./")}
    volumes = mounts - files
    secrets = {name for one in services for name in one.get("secrets", [])}

    assert all((REPOSITORY / file).exists() for file in files)
    assert volumes == set(compose["volumes"])
    assert secrets == set(compose["secrets"])


def test_the_example_of_an_env_file_names_what_the_compose_files_read() -> None:
    texts = [(REPOSITORY / name).read_text(encoding="utf-8") for name in FILES]
    read = {name for text in texts for name in re.findall(r"(?<!\$)\$\{(\w+)", text)}
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))

    assert read == named


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
    pythons = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - {"build"}
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)

    assert pythons == {"python:3.11-slim-bookworm"}
    assert 'requires-python = ">=3.11' in (REPOSITORY / "pyproject.toml").read_text()
    assert len(users) == 2, "the image of the simulators, and the gateway's"
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)


def test_the_image_takes_its_packages_by_hash_and_without_the_sandbox() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert "[sandbox]" not in DOCKERFILE
    # The last stage is what is built unless another is named: it takes nothing of the sandbox's.
    assert "sandbox" not in DOCKERFILE.rpartition("FROM ")[2]
