"""The programs that make up an installation, and the settings they are started with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.addresses import Addresses, Ports, reachable
from sandbox.data_folder import DataFolder
from sandbox.mongo import mongod
from sandbox.part import PartSpec, Poll, ReadyLine
from sandbox.ports import LOOPBACK
from sandbox.readiness import answers_200
from sandbox.redis import valkey

DEFAULT_DATABASE = "payment_gateway"
NO_PROXY_HOSTS = f"{LOOPBACK},localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides which programs run, and how."""

    folder: DataFolder
    host: str
    ports: Ports
    addresses: Addresses
    environ: Mapping[str, str]

    @property
    def database(self) -> str:
        """The MongoDB database of the read models."""
        return self.environ.get("GATEWAY_MONGODB_DATABASE") or DEFAULT_DATABASE

    @property
    def public_url(self) -> str:
        """Where payers and providers reach the API; it may be behind a proxy of one's own."""
        return self.environ.get("GATEWAY_PUBLIC_URL", "").rstrip("/") or self.addresses.api


def all_parts(plan: Plan) -> list[PartSpec]:
    """Every program of the installation.

    Raises:
        ServerMissing: A server is neither carried by a wheel here nor named in the environment.
    """
    servers = _servers(plan)
    needed = frozenset(part.name for part in servers)
    return [*servers, *_simulators(plan), *_gateway(plan, after=needed)]


def _servers(plan: Plan) -> list[PartSpec]:
    ports, folder = plan.ports, plan.folder
    parts = []
    if ports.eventstore:
        arguments = ["sandbox.eventstore", "--data-dir", str(folder.folder("eventstore"))]
        arguments += ["--host", LOOPBACK, "--port", str(ports.eventstore)]
        parts.append(_python(plan, "eventstore", *arguments, ready=ReadyLine("eventstore")))
    if ports.mongodb:
        parts.append(mongod(folder.folder("mongodb"), ports.mongodb))
    if ports.redis:
        parts.append(valkey(folder.folder("redis"), ports.redis))
    return parts


def _simulators(plan: Plan) -> list[PartSpec]:
    def simulator(name: str, port: int) -> PartSpec:
        arguments = ["sandbox.providers", name, "--data-dir", str(plan.folder.folder(name))]
        arguments += ["--host", LOOPBACK, "--port", str(port)]
        return _python(plan, name, *arguments, ready=ReadyLine(name))

    return [simulator("paypal", plan.ports.paypal), simulator("pagadito", plan.ports.pagadito)]


def _gateway(plan: Plan, *, after: frozenset[str]) -> list[PartSpec]:
    ports = plan.ports
    serve = ("payment_gateway", "serve", "--host", plan.host, "--port", str(ports.api))
    return [
        _python(
            plan, "api", *serve, ready=_http_ready(reachable(plan.host), ports.api), after=after
        ),
        _worker(plan, "reactors", "work", port=ports.reactors, after=after),
        _worker(plan, "projections", "projections", "run", port=ports.projections, after=after),
    ]


def _worker(plan: Plan, name: str, *command: str, port: int, after: frozenset[str]) -> PartSpec:
    health = {"GATEWAY_HEALTH_PORT": str(port)}
    ready = _http_ready(LOOPBACK, port)
    return _python(plan, name, "payment_gateway", *command, ready=ready, after=after, also=health)


def _http_ready(host: str, port: int) -> Poll:
    async def ready() -> bool:
        return await answers_200(host, port, "/readyz")

    return Poll(ready)


def _python(
    plan: Plan,
    name: str,
    module: str,
    *arguments: str,
    ready: ReadyLine | Poll,
    after: frozenset[str] = frozenset(),
    also: Mapping[str, str] | None = None,
) -> PartSpec:
    return PartSpec(
        name=name,
        argv=(sys.executable, "-m", module, *arguments),
        env={**plan.environ, **settings(plan), **(also or {})},
        ready=ready,
        after=after,
    )


def settings(plan: Plan) -> dict[str, str]:
    """The environment that makes a gateway process part of this installation."""
    addresses, folder = plan.addresses, plan.folder
    inherited = plan.environ.get("no_proxy") or plan.environ.get("NO_PROXY")
    # A proxy for the outside world must not get between parts on one machine.
    no_proxy = f"{inherited},{NO_PROXY_HOSTS}" if inherited else NO_PROXY_HOSTS
    return {
        "GATEWAY_EVENTSTORE_URI": addresses.eventstore,
        "GATEWAY_MONGODB_URI": addresses.mongodb,
        "GATEWAY_MONGODB_DATABASE": plan.database,
        "GATEWAY_REDIS_URL": addresses.redis,
        "GATEWAY_PUBLIC_URL": plan.public_url,
        "GATEWAY_PAYPAL_BASE_URL": addresses.paypal,
        "GATEWAY_PAGADITO_BASE_URL": addresses.pagadito,
        "GATEWAY_ENCRYPTION_KEY_FILE": str(folder.key_file),
        "GATEWAY_API_KEYS_FILE": str(folder.api_keys_file),
        "GATEWAY_DATA_DIR": str(folder.path),
        # Whoever tries this out has their receiver on the same machine.
        "GATEWAY_WEBHOOK_NETWORKS_ALLOWED": "127.0.0.0/8,::1/128",
        "GATEWAY_LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }
