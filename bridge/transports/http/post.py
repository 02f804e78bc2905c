"""One POST to a destination, and what its answer means: the part that all HTTP sinks share."""

import asyncio
import base64
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from bridge.errors import NeedsOperator
from bridge.settings import NO_PROXY, ConnectionSettings, HttpSinkSettings
from bridge.transports.http.answers import Cures, of_answer, of_failure, of_proxys_answer
from bridge.transports.tls import client_context

# Enough for any error message; a longer answer is not read to its end.
_ANSWER_BYTES: Final = 4096
_ANSWER_SECONDS: Final = 5
_CONNECT_SECONDS: Final = 10
# A connection that is always busy would stay at the address where it was made, wherever the destination has moved
# meanwhile: an old address may answer for long. A handshake in five minutes costs nothing that can be measured.
_GREATEST_AGE_SECONDS: Final = 300
_PIECE_BYTES: Final = 2**20
_NO_HEADERS: Final[Mapping[str, str]] = {}
# What is sent with a request and may be shown; all other headers are keys, or may be.
_OPEN: Final = frozenset({"accept", "accept-encoding", "content-type", "content-encoding"})
# A shorter value might occur in other words.
_LEAST_SECRET: Final = 4
_OF_A_BODY: Final = frozenset({"content-type", "content-encoding"})


@dataclass(slots=True)
class _Pool:
    """Connections that were made within the same few minutes, and how many requests use them now."""

    session: aiohttp.ClientSession
    ends: float
    """After this time it gets no new requests."""
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a destination said with its 2xx."""

    headers: Mapping[str, str]
    body: bytes
    """Its first part."""


class Poster:
    """A pool of connections to one URL."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        settings: HttpSinkSettings,
        *,
        sink: str,
        logger: Any,
        cure: str,
        spare_connections: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`sink` is the sink's name, `logger` its own; `cure` names the settings that an operator has to look at.

        `spare_connections`: how many beside those of the lane. `monotonic`: what connections age by. Raises
        SettingsError for a certificate or an authority that cannot be read.
        """
        self._url = URL(url)
        # Answers are shown to operators as they come: nobody needs them compressed.
        self._headers = CIMultiDict({"Accept-Encoding": "identity"})
        self._headers.update(headers)
        self._bodiless = CIMultiDict(
            (name, value) for name, value in self._headers.items() if name.lower() not in _OF_A_BODY
        )
        self._proxy, self._proxy_headers = proxy_of(settings)
        self._timeout = aiohttp.ClientTimeout(total=settings.request_timeout, sock_connect=_CONNECT_SECONDS)
        self._connections = settings.concurrency + spare_connections
        self._tls = client_context(settings, f"[bridge.sinks.{sink}]", logger)
        self._cures = Cures(cure, sink)
        self._monotonic = monotonic
        self._pool: _Pool | None = None

    async def post(
        self, body: bytes, url: URL | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> Reply:
        """Return when the destination has answered 2xx; `headers` are sent beside the usual ones.

        Raises RetryLater, Refused, TooLarge or NeedsOperator.
        """
        return await self._ask("POST", url or self._url, body, headers)

    async def ask(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str] = _NO_HEADERS,
        *,
        most_bytes: int = _ANSWER_BYTES,
    ) -> Reply:
        """Send one request without a body and classify its answer, as `post`."""
        return await self._ask(method, url, None, headers, most_bytes)

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.session.close()

    async def _ask(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        more: Mapping[str, str],
        most_bytes: int = _ANSWER_BYTES,
    ) -> Reply:
        headers = self._headers if body is not None else self._bodiless
        if more:
            headers = headers.copy()
            headers.update(more)
        if self._proxy is not None and url.scheme == "http":
            # Through a tunnel the proxy gets them by CONNECT alone, and the destination never sees them.
            headers = CIMultiDict([*headers.items(), *self._proxy_headers.items()])
        pool = await self._fresh()
        pool.requests += 1
        try:
            # Redirects are not followed: they would carry the key to somewhere else.
            async with pool.session.request(
                method,
                url,
                # aiohttp writes bytes in one go, however many, but a file object in pieces.
                data=body if body is None or len(body) <= _PIECE_BYTES else io.BytesIO(body),
                headers=headers,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            ) as response:
                status, retry_after = response.status, response.headers.get("Retry-After")
                answer = await _read_answer(response, most_bytes)
                said = Reply(response.headers, answer)
        except aiohttp.ClientHttpProxyError as error:
            raise of_proxys_answer(error.status, f"the proxy {self._proxy}", self._cures) from None
        except (aiohttp.ClientError, OSError) as error:
            way = f" through {self._proxy}" if self._proxy is not None else ""
            raise of_failure(error, f"{url.origin()}{way}") from error
        except ValueError as error:
            # Before anything was sent; the text might hold the value.
            raise NeedsOperator(
                f"{url.origin()}: the request's headers cannot be sent; look at {self._cures.settings}",
                reason="configuration",
            ) from error
        finally:
            pool.requests -= 1
            if pool is not self._pool and not pool.requests:
                await pool.session.close()
        if not 200 <= status < 300:
            text = answer[:_ANSWER_BYTES].decode("utf-8", "replace").strip()
            raise of_answer(status, _blanked(text, _secrets(headers, url)), retry_after, self._cures)
        return said

    async def _fresh(self) -> _Pool:
        """Return the pool, a new one when its connections are old; the last request on the old one closes that."""
        pool, now = self._pool, self._monotonic()
        if pool is not None and now < pool.ends:
            return pool
        session = aiohttp.ClientSession(
            timeout=self._timeout,
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            # An answer that cannot be unpacked must not make a taken batch look refused.
            auto_decompress=False,
        )
        self._pool = new = _Pool(session, now + _GREATEST_AGE_SECONDS)
        if pool is not None and not pool.requests:
            await pool.session.close()
        return new


def proxy_of(settings: ConnectionSettings) -> tuple[URL | None, Mapping[str, str]]:
    """Return the proxy's URL without its secrets, and the headers that it wants."""
    written = settings.proxy.get_secret_value() if settings.proxy is not None else NO_PROXY
    if written == NO_PROXY:
        return None, {}
    url = URL(written)
    if url.raw_user is None:
        return url.origin(), {}
    # RFC 7617 wants UTF-8; aiohttp would take Latin-1.
    pair = f"{url.user or ''}:{url.password or ''}"
    return url.origin(), {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _secrets(headers: Mapping[str, str], url: URL) -> Iterator[str]:
    """Yield the secrets that a request held."""
    for name, value in headers.items():
        scheme, _, credentials = value.partition(" ")
        match name.lower():
            case "authorization" | "proxy-authorization":
                yield credentials
                if scheme == "Basic":
                    yield base64.b64decode(credentials).decode().partition(":")[2]
            case open_name if open_name not in _OPEN:
                yield value
    yield from url.query.values()
    yield from (pair.partition("=")[2] for pair in url.raw_query_string.split("&"))


def _blanked(text: str, secrets: Iterable[str]) -> str:
    """Return a destination's answer, which is kept with dead letters, without the keys that it may repeat."""
    for secret in secrets:
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "***")
            # Only the first part of an answer is read, which may end within a key.
            cut = next((n for n in range(len(secret) - 1, _LEAST_SECRET, -1) if text.endswith(secret[:n])), 0)
            text = text[: len(text) - cut]
    return text


async def _read_answer(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """Return the first part of an answer's body.

    A short one is read to its end, so that its connection can be used again. One that is long or does not
    come is left alone: the status is known, and it alone decides.
    """
    answer = b""
    try:
        if response.content.is_eof():
            # It usually comes with its head, and then needs no timer.
            return await response.content.read(most_bytes)
        async with asyncio.timeout(_ANSWER_SECONDS):
            while len(answer) < most_bytes and (piece := await response.content.read(most_bytes)):
                answer += piece
    except (aiohttp.ClientError, OSError):
        pass
    return answer
