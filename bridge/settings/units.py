"""Durations, sizes, addresses and URLs in the models of the settings."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from bridge.document.units import parse_duration, parse_size


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError('not a URL; write it like "https://host:8243"')
    return value.rstrip("/")


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, never negative."""

Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes, never negative."""

Url = Annotated[str, AfterValidator(_check_url)]
"""An http or https URL, without a slash at its end."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener listens; with port 0 the system chooses one."""

    host: str
    port: int

    @classmethod
    def parse(cls, value: Any) -> "Address":
        """Return the address that "127.0.0.1:9880" or "[::1]:9880" stands for.

        Raises ValueError with the cure.
        """
        if isinstance(value, Address):
            return value
        match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:\s]+)):([0-9]{1,5})", str(value).strip())
        if match is None or int(match[3]) > 65535:
            raise ValueError(f'"{value}" is not an address; write it like "127.0.0.1:9880" or "[::1]:9880"')
        if match[1] and not _is_ipv6(match[1]):
            raise ValueError(f'"{match[1]}" is not an IPv6 address; write it like "[::1]:9880"')
        return cls(match[1] or match[2], int(match[3]))

    @property
    def url(self) -> str:
        """Where it is reached from this machine, over HTTP."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - what stands there
        return f"http://{Address(host, self.port)}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.host)

    def answers(self, host: str, port: int) -> bool:
        """Return whether a connection to that host and port would reach this listener.

        All loopback names count as one, and a listener on every interface listens on loopback too.
        """
        if not self.port or port != self.port:
            return False
        ours, theirs = self.host.lower(), host.lower().strip("[]")
        here = _is_loopback(theirs) or _is_wildcard(theirs)
        return ours == theirs or (here and (self.is_loopback or _is_wildcard(ours)))

    def clashes(self, other: "Address") -> bool:
        """Return whether only one of them can be had."""
        if not self.port or self.port != other.port:
            return False
        ours, theirs = self.host.lower(), other.host.lower()
        of_one_family = (":" in ours) == (":" in theirs)
        return ours == theirs or (of_one_family and (_is_wildcard(ours) or _is_wildcard(theirs)))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
