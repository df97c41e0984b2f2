"""Where the parts of one installation are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from sandbox.mongo import mongodb_uri
from sandbox.ports import LOOPBACK, PortBook, http_url
from sandbox.redis import redis_url

# The setting that points at a server of one's own, for each server that is otherwise started here.
OWN_SERVER_SETTINGS = {
    "eventstore": "GATEWAY_EVENTSTORE_URI",
    "mongodb": "GATEWAY_MONGODB_URI",
    "redis": "GATEWAY_REDIS_URL",
}
ANY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised here, never bound by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """One address a part, as clients use it."""

    api: str
    eventstore: str
    mongodb: str
    redis: str
    paypal: str
    pagadito: str

    def as_dict(self) -> dict[str, str]:
        """The addresses by part."""
        return asdict(self)

    def without_passwords(self) -> dict[str, str]:
        """Those that may rest in a file: a server of one's own may have its password in its URI."""
        return {part: uri for part, uri in asdict(self).items() if not urlsplit(uri).password}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port a part; those of servers of one's own are ``None``."""

    api: int
    eventstore: int | None
    mongodb: int | None
    redis: int | None
    paypal: int
    pagadito: int
    reactors: int
    projections: int
    shop: int


def choose_ports(
    book: PortBook, *, host: str, port: int | None, environ: Mapping[str, str]
) -> Ports:
    """Give every part a port, and remember them.

    Args:
        book: The ports of the last run.
        host: Where the API listens; all else listens on the loopback address.
        port: The API's port, or ``None`` for a free one.
        environ: A server whose setting is in it needs no port.

    Raises:
        PortTaken: ``port`` is not free, or ``host`` is not an address of this machine.
    """

    def unless_own(name: str) -> int | None:
        return None if environ.get(OWN_SERVER_SETTINGS[name]) else book.port(name)

    ports = Ports(
        api=book.claim("api", port, host=host) if port else book.port("api", host=host),
        eventstore=unless_own("eventstore"),
        mongodb=unless_own("mongodb"),
        redis=unless_own("redis"),
        paypal=book.port("paypal"),
        pagadito=book.port("pagadito"),
        reactors=book.port("reactors"),
        projections=book.port("projections"),
        shop=book.reserve("shop"),
    )
    book.save()
    return ports


def addresses_of(ports: Ports, *, host: str, environ: Mapping[str, str]) -> Addresses:
    """The addresses that follow from the ports and from the servers that are there already."""

    def own(name: str) -> str:
        return environ[OWN_SERVER_SETTINGS[name]]

    return Addresses(
        api=http_url(reachable(host), ports.api),
        eventstore=f"esdb://{LOOPBACK}:{ports.eventstore}?Tls=false"
        if ports.eventstore
        else own("eventstore"),
        mongodb=mongodb_uri(ports.mongodb) if ports.mongodb else own("mongodb"),
        redis=redis_url(ports.redis) if ports.redis else own("redis"),
        paypal=http_url(LOOPBACK, ports.paypal),
        pagadito=http_url(LOOPBACK, ports.pagadito),
    )


def reachable(host: str) -> str:
    """An address that leads to a server bound to the host, from this machine."""
    return LOOPBACK if host in ANY_HOST else host
