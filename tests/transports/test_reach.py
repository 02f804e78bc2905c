"""What may be connected to where people give the address: not this machine, its link, or a cloud's metadata."""

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from fakes.http_server import HttpServer

from bridge.settings import AnalyticsSettings
from bridge.transports.http.reach import Reach, outward_url

REFUSED = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    # Teredo's client, 127.0.0.1, with its bits turned round.
    "2001:0:808:808::80ff:fffe",
]
PRIVATE = [
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
    "fec0::1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
]
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14", "64:ff9b::93.184.215.14"]


@pytest.mark.parametrize("address", REFUSED)
def test_nobody_reaches_this_machine_or_its_credentials(address: str) -> None:
    """Loopback, link-local and metadata addresses are refused, in every form that carries them."""
    assert Reach().refusal(address)
    assert Reach(private=False).refusal(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_are_for_operators(address: str) -> None:
    """Private addresses are reached where that is said, and only there."""
    assert Reach().refusal(address) is None
    assert Reach(private=False).refusal(address) == "private"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    """Public addresses are reached by everybody."""
    assert Reach(private=False).refusal(address) is None


def test_what_is_allowed_is_reached_in_every_form() -> None:
    """A network that the settings name is reached, also where an IPv6 address carries it; its neighbour is not."""
    reach = Reach(["127.0.0.0/30", "169.254.169.254/32"])
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "64:ff9b::169.254.169.254"):
        assert reach.refusal(address) is None
    for address in ("127.0.0.4", "::1", "169.254.169.253", "2001:0:808:808::80ff:fffb"):
        assert reach.refusal(address)


class Named(AbstractResolver):
    """Looks names up in a list of answers, one for each time that it is asked."""

    def __init__(self, *answers: str) -> None:
        self._answers = [*answers]

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's own form
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in self._answers.pop(0).split()
        ]

    async def close(self) -> None:
        pass


class Place(HttpServer):
    """Answers, or redirects to where it is told."""

    redirect: str | None = None
    asked = 0

    async def take(self, _request: web.BaseRequest) -> web.Response:
        self.asked += 1
        return (
            web.Response(status=302, headers={"Location": self.redirect}) if self.redirect else web.Response()
        )


async def answer(reach: Reach, url: str, **options: Any) -> int:
    """Ask for a URL, and return the status."""
    async with (
        aiohttp.ClientSession(connector=reach.connector(**options)) as session,
        session.get(url) as response,
    ):
        return response.status


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"]
)
async def test_a_connection_to_this_machine_is_not_made(host: str) -> None:
    """However this machine is written, by address or by name, nothing comes to its port."""
    async with Place().running() as place:
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
            await answer(Reach(), place.address.replace("127.0.0.1", host))
        assert place.asked == 0


async def test_a_name_that_moves_to_this_machine_is_not_followed() -> None:
    """The address that is connected to is checked, not one that the name had before."""
    async with Place().running() as place:
        url = place.address.replace("127.0.0.1", "gateway.example.com")
        resolver = Named("127.0.0.1", "127.0.0.1")
        reach = Reach(["127.0.0.1/32"])
        assert await answer(reach, url, resolver=resolver) == 200
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await answer(Reach(), url, resolver=resolver)
        assert "the address is this machine itself; reachable_networks" in str(failed.value.os_error)
        assert place.asked == 1


async def test_another_address_of_the_name_is_tried() -> None:
    """Of a name with a refused and an allowed address the allowed one is used."""
    async with Place().running() as place:
        url = place.address.replace("127.0.0.1", "gateway.example.com")
        resolver = Named("169.254.169.254 127.0.0.1")
        assert await answer(Reach(["127.0.0.0/8"]), url, resolver=resolver) == 200


async def test_a_redirect_is_checked_as_well() -> None:
    """A place that may be reached cannot lead to one that may not."""
    async with Place().running() as place, Place().running() as secret:
        place.redirect = secret.address.replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(aiohttp.ClientConnectorError):
            await answer(Reach(["127.0.0.1/32"]), place.address)
        assert (place.asked, secret.asked) == (1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "gateway",
        "ftp://gateway/",
        "file:///etc/passwd",
        "http://",
        "http://user:word@gateway/",
        "http://gateway:99999/",
        "http://gate way/",
        "http://gateway/\r\nX: y",
    ],
)
def test_what_is_no_url_to_call_is_refused(text: str) -> None:
    """Other schemes, passwords in a URL and broken URLs are refused with a cure."""
    with pytest.raises(ValueError, match=r"write it like|send them in"):
        outward_url(text)


def test_networks_are_checked_with_the_settings() -> None:
    """What is no network is refused with how one is written."""
    with pytest.raises(ValueError, match=r'not a network: "10\.0\.0\.1/8"; write it like'):
        AnalyticsSettings.model_validate({"reachable_networks": ["10.0.0.1/8"]})
