"""Asks a monitor's endpoint once, and says what came of it.

Each probe makes its own connection, so that name, connection and TLS are part of what is measured, and each address is
checked when it is connected to, those of redirects too (`transports/http/reach.py`). Nothing of an answer is kept but
its status: a text in it may be anybody's.
"""

import asyncio
import codecs
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from bridge import __version__
from bridge.analytics.monitoring.monitor import Monitor
from bridge.transports.http.answers import of_failure
from bridge.transports.http.lookup import Lookup
from bridge.transports.http.reach import Reach
from bridge.transports.http.shown_certificates import ShownCertificates

REASONS: Final = {
    "name": "its name was not found",
    "connection": "no connection",
    "tls": "TLS or its certificate failed",
    "timeout": "no whole answer in time",
    "status": "another status than expected",
    "text": "another text than expected",
    "redirect": "a redirect that leads nowhere",
    "bad_answer": "no HTTP answer",
    "address": "an address that may not be reached",
}
"""Why a probe fails, in the words of the status page: they tell nothing of the inside."""

# Codecs of Python's, in which no answer is. The first takes minutes for a MiB, and nobody else is served meanwhile.
_NO_CHARSETS: Final = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape"})
MOST_REDIRECTS: Final = 5
MOST_BODY_BYTES: Final = 2**20
_MOST_DETAIL: Final = 300
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGENT: Final = f"apim-bridge-monitor/{__version__}"


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """What came of one probe."""

    took_ms: int
    """How long it took, name and redirects included."""
    reason: str | None = None
    """One of REASONS; None: the endpoint answers as it should."""
    detail: str = ""
    """The reason in an operator's words."""
    status: int | None = None
    """The answer's, if there was one."""
    expires_ms: int | None = None
    """When the first of the certificates that it showed ends."""


class _Failed(Exception):  # noqa: N818 - an outcome, not a fault
    def __init__(self, reason: str, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status


@dataclass(slots=True)
class _Step:
    """How far a probe has come, for one that runs out of time."""

    words: str = "no connection"
    status: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    url: URL
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes | None = field(repr=False)


class Prober:
    """Probes from this process's own place."""

    def __init__(
        self, reach: Reach, tls: ssl.SSLContext, lookup: Lookup, monotonic: Callable[[], float]
    ) -> None:
        """`tls` checks certificates."""
        self._reach = reach
        self._tls = tls
        self._lookup = lookup
        self._monotonic = monotonic
        self._blind = ssl.create_default_context()
        self._blind.check_hostname = False
        self._blind.verify_mode = ssl.CERT_NONE

    async def probe(self, monitor: Monitor) -> ProbeOutcome:
        """Ask once; a failure is an outcome like any other."""
        shown = ShownCertificates(self._tls if monitor.verify else self._blind)
        began, step = self._monotonic(), _Step()
        reason, detail = None, ""
        try:
            async with asyncio.timeout(monitor.limit_seconds):
                await self._ask(monitor, shown, step)
        except _Failed as failed:
            reason, detail, step.status = failed.reason, str(failed), failed.status or step.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason, detail = _why(error, monitor, step)
        took_ms = round((self._monotonic() - began) * 1000)
        return ProbeOutcome(took_ms, reason, _line(detail), step.status, shown.expires_ms)

    async def _ask(self, monitor: Monitor, tls: ssl.SSLContext, step: _Step) -> None:
        """Return if the endpoint answers as it should; raises _Failed, or what aiohttp raises."""
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_say(step, "no answer"))
        async with aiohttp.ClientSession(
            connector=self._reach.connector(tls=tls, resolver=self._lookup, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trace_configs=[trace],
        ) as session:
            asked = _first(monitor)
            for _ in range(MOST_REDIRECTS + 1):
                step.words = "no connection"
                async with session.request(
                    asked.method, asked.url, data=asked.body, headers=asked.headers, allow_redirects=False
                ) as response:
                    step.words, step.status = "no whole answer", response.status
                    place = response.headers.get("Location")
                    leads = response.status in _REDIRECTS and place is not None
                    if not leads or not monitor.follow or monitor.expects(response.status):
                        await _judge(monitor, response)
                        return
                asked = _redirected(asked, step.status, place or "")
        raise _Failed("redirect", f"more than {MOST_REDIRECTS} redirects, one behind the other")


def _first(monitor: Monitor) -> _Asked:
    # What is compared is the text itself, and how long an answer takes shall not depend on packing it.
    headers = CIMultiDict({"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"})
    headers.update(monitor.headers)
    body = monitor.body.encode() if monitor.method == "POST" else None
    return _Asked(monitor.method, URL(monitor.url), headers, body)


async def _judge(monitor: Monitor, response: aiohttp.ClientResponse) -> None:
    """Return if this is the answer that is expected; raises _Failed."""
    status = response.status
    body = bytearray()
    while len(body) < MOST_BODY_BYTES and (more := await response.content.readany()):
        body += more
    if not monitor.expects(status):
        raise _Failed(
            "status", f"it answered {status}, and {' or '.join(monitor.status)} was expected", status
        )
    if not monitor.contains and not monitor.lacks:
        return
    packed = response.headers.get("Content-Encoding", "identity")
    if packed.lower() != "identity":
        raise _Failed(
            "text", f"it answered in {packed[:40]}, though it was asked not to pack its answer", status
        )
    text = _decoded(bytes(body[:MOST_BODY_BYTES]), response.charset)
    if monitor.contains and monitor.contains not in text:
        raise _Failed("text", "the text that is expected is not in the first MiB of its answer", status)
    if monitor.lacks and monitor.lacks in text:
        raise _Failed("text", "the text that must not be there is in its answer", status)


def _decoded(body: bytes, charset: str | None) -> str:
    try:
        name = codecs.lookup(charset or "utf-8").name
        return body.decode("utf-8" if name in _NO_CHARSETS else name, "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def _redirected(asked: _Asked, status: int, place: str) -> _Asked:
    """Return what is asked next, as browsers do; raises _Failed.

    What is secret stays where it was meant to go: at another origin only our own headers are sent.
    """
    try:
        url = asked.url.join(URL(place)).with_fragment(None)
        usable = (
            url.scheme in {"http", "https"} and bool(url.host) and url.user is None and url.password is None
        )
    except ValueError:
        usable = False
    if not usable:
        raise _Failed("redirect", "it leads to what is no HTTP URL", status)
    method, headers, body = asked.method, asked.headers.copy(), asked.body
    if method == "POST" and status in {301, 302, 303}:
        method, body = "GET", None
        headers.pop("Content-Type", None)
    if url.origin() != asked.url.origin():
        if body is not None:
            raise _Failed("redirect", "it leads to another place, and its body is not sent there", status)
        headers = CIMultiDict({name: asked.headers[name] for name in ("Accept", "Accept-Encoding")})
        headers["User-Agent"] = _AGENT
    return _Asked(method, url, headers, body)


def _say(step: _Step, words: str) -> Any:
    async def say(*_: Any) -> None:
        step.words = words

    return say


def _why(error: Exception, monitor: Monitor, step: _Step) -> tuple[str, str]:
    """Return the reason for an error without a whole answer, and its words."""
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
        return "timeout", f"{step.words} in {monitor.limit_seconds:g} s"
    found = getattr(error, "os_error", error)
    if getattr(found, "errno", None) == errno.EACCES:
        return "address", str(getattr(found, "strerror", found))
    if not isinstance(error, aiohttp.ClientError | OSError):
        return "bad_answer", type(error).__name__
    detail = str(of_failure(error, "")).removeprefix(": ")
    if isinstance(found, socket.gaierror):
        return "name", detail
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(found, ssl.SSLError | ssl.CertificateError):
        return "tls", detail
    garbled = isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError | aiohttp.InvalidURL)
    return "bad_answer" if garbled else "connection", detail


def _line(text: str) -> str:
    """Return a text as it may stand in a table: one line, and not too long."""
    return "".join(char if char.isprintable() else " " for char in text)[:_MOST_DETAIL]
