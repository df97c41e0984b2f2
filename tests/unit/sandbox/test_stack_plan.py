"""Which programs make up an installation, and with which settings."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.addresses import addresses_of, choose_ports
from sandbox.data_folder import DataFolder, open_data_folder
from sandbox.keys import open_keys
from sandbox.part import PartSpec
from sandbox.parts import Plan, all_parts
from sandbox.ports import PortBook

OWN = {
    "GATEWAY_EVENTSTORE_URI": "esdb://events.example:2113",
    "GATEWAY_MONGODB_URI": "mongodb://gateway:hunter2@documents.example/?replicaSet=rs0",
    "GATEWAY_REDIS_URL": "redis://cache.example:6379/0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    with open_data_folder(tmp_path / "data") as opened:
        yield opened


def plan(folder: DataFolder, environ: Mapping[str, str], host: str = "127.0.0.1") -> Plan:
    ports = choose_ports(PortBook(folder.ports_file), host=host, port=None, environ=environ)
    addresses = addresses_of(ports, host=host, environ=environ)
    return Plan(folder=folder, host=host, ports=ports, addresses=addresses, environ=environ)


def parts(plan: Plan) -> dict[str, PartSpec]:
    return {part.name: part for part in all_parts(plan)}


def test_everything_runs_here_unless_told_otherwise(folder: DataFolder) -> None:
    servers = {"eventstore", "mongodb", "redis"}
    found = parts(plan(folder, {}))

    assert found.keys() == servers | {"paypal", "pagadito", "api", "reactors", "projections"}
    assert found["api"].after == servers


def test_a_server_of_ones_own_is_used_instead_of_one_started_here(folder: DataFolder) -> None:
    chosen = plan(folder, OWN)
    found = parts(chosen)

    assert found.keys() == {"paypal", "pagadito", "api", "reactors", "projections"}
    for name, uri in OWN.items():
        assert found["api"].env[name] == uri
    assert chosen.addresses.redis == OWN["GATEWAY_REDIS_URL"]


def test_a_password_in_an_address_does_not_rest_in_a_file(folder: DataFolder) -> None:
    published = plan(folder, OWN).addresses.without_passwords()

    assert "mongodb" not in published
    assert published["redis"] == OWN["GATEWAY_REDIS_URL"]


def test_only_the_workers_have_a_port_for_their_health(folder: DataFolder) -> None:
    found = parts(plan(folder, {}))
    ports = {name for name, part in found.items() if "GATEWAY_HEALTH_PORT" in part.env}

    assert ports == {"reactors", "projections"}


def test_a_proxy_does_not_get_between_the_parts(folder: DataFolder) -> None:
    found = parts(plan(folder, {"NO_PROXY": "intranet", "HTTP_PROXY": "http://proxy"}))

    assert found["api"].env["no_proxy"] == "intranet,127.0.0.1,localhost"


@pytest.mark.parametrize(
    ("environ", "host", "public_url"),
    [
        ({}, "0.0.0.0", "http://127.0.0.1:"),
        ({"GATEWAY_PUBLIC_URL": "https://pay.example/"}, "127.0.0.1", "https://pay.example"),
    ],
)
def test_where_payers_reach_the_api(
    folder: DataFolder, environ: dict[str, str], host: str, public_url: str
) -> None:
    chosen = plan(folder, environ, host)

    assert chosen.public_url.startswith(public_url)
    assert parts(chosen)["api"].env["GATEWAY_PUBLIC_URL"] == chosen.public_url
    assert chosen.addresses.api.startswith("http://127.0.0.1:"), "as reached on this machine"


class TestKeys:
    def test_the_same_after_a_restart_and_never_in_clear_in_the_folder(
        self, folder: DataFolder
    ) -> None:
        keys = open_keys(folder)

        assert open_keys(folder) == keys
        assert keys.demo != keys.admin
        stored = b"".join(path.read_bytes() for path in folder.path.iterdir())
        for secret in (keys.demo, keys.admin, keys.merchants.paypal["clientSecret"]):
            assert secret.encode() not in stored
