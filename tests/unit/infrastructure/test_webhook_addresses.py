"""Where events are sent to: public addresses, and what a setting allows; connected to what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_gateway.infrastructure.webhook_deliveries.address import (
    AddressRefused,
    CheckedBackend,
    is_allowed,
    parse_networks,
)
from tests.http_receiver import http_receiver

LOOPBACK = parse_networks(["127.0.0.0/8", "::1/128"])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.8",
        "172.16.5.4",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.10",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.1.2.3",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_allowed(ip_address(address), ())


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_allowed(ip_address(address), ())


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_written_as_ipv6_is_judged_the_same(address: IPv4Address) -> None:
    plain = is_allowed(address, LOOPBACK)
    for prefix in (0xFFFF << 32, 0x64FF9B << 96):
        assert is_allowed(IPv6Address(prefix + int(address)), LOOPBACK) is plain
    assert is_allowed(IPv6Address((0x2002 << 112) + (int(address) << 80)), LOOPBACK) is plain


def test_a_setting_opens_a_network_and_no_other() -> None:
    allowed = parse_networks(["10.1.0.0/16", "::1/128"])
    assert is_allowed(ip_address("10.1.2.3"), allowed)
    assert is_allowed(ip_address("::ffff:10.1.2.3"), allowed)
    assert is_allowed(ip_address("::1"), allowed)
    assert not is_allowed(ip_address("10.2.0.1"), allowed)
    assert not is_allowed(ip_address("127.0.0.1"), allowed)


class Names:
    """A name server that answers each question with the next answer."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0)


class TestConnecting:
    async def test_a_name_is_resolved_once_and_connected_to_what_was_checked(self) -> None:
        """A second question would be answered with an address inside the network (DNS rebinding)."""
        async with http_receiver() as receiver:
            port = int(receiver.url.split(":")[2].partition("/")[0])
            names = Names(["127.0.0.1"], ["169.254.169.254"])
            backend = CheckedBackend(LOOPBACK, allowed_only=False, lookup=names)
            stream = await backend.connect_tcp("shop.example", port, 5)
            peer = stream.get_extra_info("server_addr")
            await stream.aclose()
        assert peer == ("127.0.0.1", port)
        assert names.asked == 1

    async def test_one_address_inside_is_enough_to_refuse_a_name(self) -> None:
        names = Names(["93.184.216.34", "10.0.0.1"])
        backend = CheckedBackend((), allowed_only=False, lookup=names)
        with pytest.raises(AddressRefused):
            await backend.connect_tcp("shop.example", 443, 5)

    async def test_what_is_not_encrypted_goes_to_allowed_networks_alone(self) -> None:
        backend = CheckedBackend(LOOPBACK, allowed_only=True, lookup=Names(["93.184.216.34"]))
        with pytest.raises(AddressRefused):
            await backend.connect_tcp("shop.example", 80, 5)

    @pytest.mark.parametrize("name", ["127.1", "2130706433", "0x7f.1", "localhost"])
    async def test_other_spellings_of_this_machine_are_seen_through(self, name: str) -> None:
        backend = CheckedBackend((), allowed_only=False)
        with pytest.raises(AddressRefused):
            await backend.connect_tcp(name, 443, 5)

    async def test_a_name_without_an_address(self) -> None:
        async def nowhere(host: str, port: int) -> Sequence[str]:
            raise OSError("no such name")

        backend = CheckedBackend((), allowed_only=False, lookup=nowhere)
        with pytest.raises(httpcore.ConnectError):
            await backend.connect_tcp("nowhere.example", 443, 5)

    async def test_sockets_of_this_machine_are_no_addresses(self) -> None:
        backend = CheckedBackend((), allowed_only=False)
        with pytest.raises(AddressRefused):
            await backend.connect_unix_socket("/run/docker.sock")
