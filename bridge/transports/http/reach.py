"""What may be connected to, where the address comes from people: monitors, and the webhooks of alerts.

A name is looked up by whoever connects, so a check of the URL alone is no check: the name may lead elsewhere a moment
later, and a redirect may lead anywhere. Here each address is looked at when its socket is made, which all connections
of aiohttp pass, the first and those of redirects, whether a name or an address stands in the URL.

Refused are this machine itself, its own link, what no connection can be made to, and the services in which clouds keep
their machines' credentials; an address that carries another one (mapped, NAT64, 6to4, Teredo) is as good as that one.
Private networks are where an operator's gateways are, so they may be reached; not by callers that may be anybody.
"""

import errno
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Any, Final

import aiohttp
from yarl import URL

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds answer their machines: AWS, Google, Azure and most others share the link-local one.
_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",  # AWS: credentials of a container
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS: credentials of a pod
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "168.63.129.16",  # Azure's agent
        ),
    )
)
_NAT64: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
# Addresses that carriers give to many customers, and clusters to pods (RFC 6598); Python's is_private leaves them out.
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")
# A host that does not know its own address yet (RFC 1122): nobody answers there.
_NO_HOST: Final = ipaddress.IPv4Network("0.0.0.0/8")
_CURE: Final = "reachable_networks in [bridge.analytics] may allow it"


class AddressRefused(OSError):  # noqa: N818 - says what was done
    """An address may not be connected to. To aiohttp it is a connection that failed: another address is tried."""

    def __init__(self, why: str) -> None:
        # One of several addresses may be refused: errors with the same number are kept together.
        super().__init__(errno.EACCES, f"the address is {why}; {_CURE}")


class Reach:
    """Says which addresses may be connected to, and makes connections to no others."""

    def __init__(self, networks: Iterable[str] = (), *, private: bool = True) -> None:
        """`networks` may be reached whatever they are, `private` ones where that is said."""
        self._networks = tuple(map(ipaddress.ip_network, networks))
        self._private = private

    def refusal(self, host: str) -> str | None:
        """Return what an address is that may not be connected to, None for one that may."""
        address = ipaddress.ip_address(host.partition("%")[0])
        if self._allows(address):
            return None
        for one in _carried(address) or (address,):
            if not self._allows(one) and (why := self._why(one)) is not None:
                return why
        return None

    def connector(self, *, tls: ssl.SSLContext | bool = True, **options: Any) -> aiohttp.TCPConnector:
        """Return what makes connections for a client session; each of them is checked as it is made.

        A session must be told to use no proxy, which would connect for it: `trust_env` stays False.
        """
        return aiohttp.TCPConnector(ssl=tls, socket_factory=self._socket, **options)

    def _socket(self, found: tuple[Any, ...]) -> socket.socket:
        """Return the socket for an address that was found; raises AddressRefused."""
        family, kind, protocol, _, address = found
        if why := self.refusal(address[0]):
            raise AddressRefused(why)
        return socket.socket(family, kind, protocol)

    def _allows(self, address: _Ip) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)

    def _why(self, address: _Ip) -> str | None:
        if address in _METADATA:
            return "a cloud's metadata service"
        if address.is_loopback or address.is_unspecified:
            return "this machine itself"
        if address.is_link_local:
            return "link-local"
        if address.is_multicast or address.is_reserved or address in _NO_HOST:
            return "not of one machine"
        if not self._private and (
            address.is_private or address in _SHARED or getattr(address, "is_site_local", False)
        ):
            return "private"
        return None


def outward_url(text: str) -> URL:
    """Return the URL that people have given; raises ValueError with what is wrong and the cure."""
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.port != 0
    except ValueError:
        usable = False
    if not usable or any(not char.isprintable() or char.isspace() for char in text):
        raise ValueError('it is not a URL; write it like "https://gateway.example.com:8243/health"')
    if url.user is not None or url.password is not None:
        raise ValueError("it has a user or password in it; send them in the header Authorization")
    return url.with_fragment(None)


def _carried(address: _Ip) -> tuple[_Ip, ...]:
    """Return the IPv4 addresses that an IPv6 address leads to, or may lead to."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        return (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF),)
    return ()
