"""Which addresses events are sent to: none inside this network, unless a setting allows it.

A name is resolved once, every address that it has is checked, and the connection goes to one of those
that were checked: a name that answers otherwise the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import httpcore

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

ADDRESSES_TRIED_MAX: Final = 3
# Public by their number, yet services of the cloud that a machine runs in. Sources: Azure, "What is IP
# address 168.63.129.16"; the others' metadata addresses are link-local or private anyway.
_METADATA: Final = frozenset({ip_address("168.63.129.16")})
# IPv6 addresses that lead to an IPv4 address inside them, at this many bits from the right.
# Sources: RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4291 (IPv4-compatible).
_EMBEDDING: Final = (
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
    (IPv6Network("::/96"), 0),
)
_IPV4_MASK: Final = 0xFFFFFFFF
# Local-use NAT64 (RFC 8215) and Teredo (RFC 4380) reach what cannot be told from the address.
_NEVER: Final = (IPv6Network("64:ff9b:1::/48"), IPv6Network("2001::/32"))


class AddressRefused(httpcore.ConnectError):
    """The name leads to an address that nothing is sent to."""


def parse_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """Return networks, ``127.0.0.0/8``; raises ``ValueError``."""
    return tuple(ip_network(one) for one in networks)


def is_allowed(address: Address, allowed: Iterable[Network]) -> bool:
    """Tell whether events may be sent to an address.

    Args:
        address: As it was resolved.
        allowed: Networks to which they may be sent although they are not public.
    """
    effective = _effective(address)
    if any(one.version == effective.version and effective in one for one in allowed):
        return True
    if effective in _METADATA or any(
        effective.version == one.version and effective in one for one in _NEVER
    ):
        return False
    return effective.is_global and not effective.is_multicast and not effective.is_reserved


def _effective(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, shift in _EMBEDDING:
        if address in network and int(address) > 1:  # ::1 is no IPv4 address, nor is ::
            return IPv4Address((int(address) >> shift) & _IPV4_MASK)
    return address


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, as the system resolves it; raises ``OSError``."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked; names of hosts and certificates stay what they were.

    Args:
        allowed: Networks to which events may be sent although they are not public.
        allowed_only: Connect to those networks alone: for what is not encrypted.
        lookup: Resolves a name.
    """

    def __init__(
        self, allowed: Sequence[Network], *, allowed_only: bool, lookup: Resolve = resolve
    ) -> None:
        self._allowed: Final = allowed
        self._allowed_only: Final = allowed_only
        self._lookup: Final = lookup
        self._backend: Final = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a name, check what it leads to, and connect to that.

        Raises:
            AddressRefused: One of its addresses is none that events are sent to.
            httpcore.ConnectError: It has no address, or none of them answers.
            httpcore.ConnectTimeout: That takes longer than the timeout.
        """
        addresses = await self._checked(host, port, timeout)
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the base class has it
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - as above
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: events go to addresses on the network."""
        raise AddressRefused("a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)

    async def _checked(self, host: str, port: int, timeout_s: float | None) -> Sequence[str]:
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._lookup(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name has no address") from error
        for one in found:
            address = ip_address(one.partition("%")[0])  # a zone says through which interface
            known = is_allowed(address, self._allowed)
            if self._allowed_only:
                known = _is_in(_effective(address), self._allowed)
            if not known:
                raise AddressRefused("the name leads to an address that nothing is sent to")
        return found


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(one.version == address.version and address in one for one in networks)
