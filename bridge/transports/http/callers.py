"""Who may call a listener that asks for no token: programs and people, but no foreign web page in a browser.

Any page can make its reader's browser send requests to addresses that only that browser reaches, above all this
machine's own. The browser says so in `Origin` and `Sec-Fetch-Site` (Fetch, section 3; W3C Fetch Metadata).
A page whose own name was made to point at such an address (DNS rebinding) can even read the answers. That shows
in `Host`, because the browser still believes that it talks to that name.

Nobody can point an IP address elsewhere, nor a name that no public DNS server can answer for. All other names have to
be known: the machine's own, the one in `listen`, and those in `hosts`.
"""

import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from aiohttp import hdrs
from multidict import istr

from bridge.settings import Address

# Reserved names and those that only a cluster or a local network knows: RFC 6761, RFC 6762, RFC 8375, ICANN's
# `internal`, and Kubernetes' `svc`. Of a name without a dot no public server answers either.
_PRIVATE: Final = re.compile(
    r"[a-z0-9_-]+\.?|(?:[a-z0-9_-]+\.)+(?:localhost|local|internal|svc|home\.arpa|test)\.?"
)
_NUMBERS: Final = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|\[[0-9a-f:.]+(?:%[a-z0-9._~-]+)?\]")
_PORT: Final = re.compile(r":\d*\Z")
_RESOLVER: Final = Path("/etc/resolv.conf")
_SITE: Final = istr("Sec-Fetch-Site")
# How many names are remembered as known, with their ports, as callers write them.
_MOST_SPELLINGS: Final = 256


class Stranger(Exception):  # noqa: N818 - the caller's state, not a failure of the bridge
    """A request that a foreign web page may have made; it is answered with `status`, `error` and `cure`."""

    def __init__(self, status: int, error: str, cure: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.cure = cure


class Callers:
    """Tells strangers by the headers that no page can change."""

    def __init__(self, address: Address, hosts: Iterable[str], table: str) -> None:
        """`hosts`: further names that are ours; `table`: where the settings have them."""
        self._named = {_plain(host) for host in hosts}
        self._known = {*self._named, address.host.lower(), *own_names()}
        self._table = table
        # Names as they came: looking one up costs a tenth of reading it.
        self._spellings: set[str] = set()

    def admit(self, method: str, headers: Mapping[str, str]) -> None:
        """Return unless the request may come from a foreign page; raises Stranger."""
        host = headers.get(hdrs.HOST)
        # A caller that sends no Host (HTTP/1.0) is not a browser.
        if host is not None and host not in self._spellings:
            self._meet(host)
        # Programs send neither of the two.
        if hdrs.ORIGIN in headers or _SITE in headers:
            self._look_at_page(method, headers, host or "")

    def _meet(self, host: str) -> None:
        name = _plain(host)
        if not (name in self._known or _NUMBERS.fullmatch(name) or _PRIVATE.fullmatch(name)):
            raise Stranger(
                421,
                "the name in Host is not one of this listener's",
                f"call it by its address, add the name to hosts in {self._table}, or have callers bring a token",
            )
        if len(self._spellings) < _MOST_SPELLINGS:
            self._spellings.add(host)

    def _look_at_page(self, method: str, headers: Mapping[str, str], host: str) -> None:
        origin = headers.get(hdrs.ORIGIN)
        if origin is not None:
            _, _, its_host = origin.partition("://")
            is_ours = its_host.lower() == host.lower() or _plain(its_host) in self._named
        else:
            site = headers.get(_SITE)
            # A person who follows a link sees the answer; the page that has the link does not.
            is_link = headers.get("Sec-Fetch-Mode") == "navigate" and (
                headers.get("Sec-Fetch-Dest") == "document" and method in {"GET", "HEAD"}
            )
            is_ours = site in {"same-origin", "none"} or is_link
        if not is_ours:
            raise Stranger(
                403,
                "a web page of another origin may not call this listener",
                f"add the page's host name to hosts in {self._table}, or have callers bring a token",
            )


def own_names() -> set[str]:
    """Return what this machine is called: its host name, alone and in the domains that it searches."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return {name, *(f"{short}.{domain}" for domain in _searched())}


def _searched() -> list[str]:
    try:
        lines = _RESOLVER.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [_plain(word) for line in words if line[:1] in (["search"], ["domain"]) for word in line[1:]]


def _plain(host: str) -> str:
    """Return a host without port, in the one way to write it."""
    return _PORT.sub("", host.strip().lower()).removesuffix(".")
