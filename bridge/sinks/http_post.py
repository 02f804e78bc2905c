"""One POST to a destination, and what its answer means: the part that all HTTP sinks share."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from bridge.errors import NeedsOperator, Refused, RetryLater, TooLarge

# Enough for any error message; an answer without end is not read to its end.
_ANSWER_BYTES: Final = 4096
_ANSWER_SECONDS: Final = 5
_CONNECT_SECONDS: Final = 10
# A destination that asks for more than this is asked again anyhow.
_LONGEST_RETRY_AFTER_SECONDS: Final = 3600
_NO_HEADERS: Final[Mapping[str, str]] = {}
_OF_A_BODY: Final = frozenset({"content-type", "content-encoding"})

_CREDENTIALS: Final = {
    401: "the key or token is refused",
    402: "the subscription of the account is not active",
    403: "the key or token may not do this",
    407: "a proxy asks for a user and password",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said with its 2xx."""

    headers: Mapping[str, str]
    body: bytes
    """Its first part."""


class Poster:
    """A pool of connections to one URL."""

    def __init__(
        self, url: str, headers: Mapping[str, str], *, timeout_seconds: float, connections: int, cure: str
    ) -> None:
        """`cure` names the settings to look at, for errors that only an operator can mend."""
        self._url = URL(url)
        # Answers are shown to operators as they come: nobody needs them compressed.
        self._headers = CIMultiDict({"Accept-Encoding": "identity"})
        self._headers.update(headers)
        self._bodiless = CIMultiDict(
            (name, value) for name, value in self._headers.items() if name.lower() not in _OF_A_BODY
        )
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=_CONNECT_SECONDS)
        self._connections = connections
        self._cure = cure
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, body: bytes, url: URL | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> Answer:
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
    ) -> Answer:
        """Send one request without a body and classify its answer, as `post`."""
        return await self._ask(method, url, None, headers, most_bytes)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self,
        method: str,
        url: URL,
        body: bytes | None,
        more: Mapping[str, str],
        most_bytes: int = _ANSWER_BYTES,
    ) -> Answer:
        headers = self._headers if body is not None else self._bodiless
        if more:
            headers = headers.copy()
            headers.update(more)
        try:
            # Redirects are not followed: they would carry the key to somewhere else.
            async with self._open().request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status, retry_after = response.status, response.headers.get("Retry-After")
                answer = await _read_answer(response, most_bytes)
                said = Answer(response.headers, answer)
        except aiohttp.ConnectionTimeoutError as error:
            raise RetryLater(f"{url.origin()} cannot be reached in time", reason="connection") from error
        except TimeoutError as error:
            raise RetryLater(f"no answer from {url.origin()} in time", reason="timeout") from error
        except aiohttp.ClientResponseError as error:
            # Its text holds the whole URL, and that may hold a secret.
            raise RetryLater(
                f"{url.origin()}: no HTTP answer: {error.message}", reason="bad_answer"
            ) from error
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise RetryLater(f"{url.origin()}: {error}", reason="connection") from error
        except aiohttp.ClientError as error:
            raise RetryLater(f"{url.origin()}: {type(error).__name__}", reason="bad_answer") from error
        except ValueError as error:
            # Before anything was sent; the text might hold the value.
            raise NeedsOperator(
                f"{url.origin()}: the request's headers cannot be sent; look at {self._cure}",
                reason="configuration",
            ) from error
        if not 200 <= status < 300:
            text = answer[:_ANSWER_BYTES].decode("utf-8", "replace").strip()
            raise self._classify(status, text, retry_after)
        return said

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                # What cannot be unpacked must not make a refusal of a batch that was taken.
                auto_decompress=False,
            )
        return self._session

    def _classify(self, status: int, answer: str, retry_after: str | None) -> Exception:
        text = f"the destination answered {status}"
        match status:
            case 408 | 429:
                return RetryLater(
                    text,
                    reason="throttled" if status == 429 else "timeout",
                    retry_after_seconds=parse_retry_after(retry_after),
                    status=status,
                    answer=answer,
                )
            case _ if status >= 500:
                return RetryLater(
                    text,
                    reason="server_error",
                    retry_after_seconds=parse_retry_after(retry_after),
                    status=status,
                    answer=answer,
                )
            case 400 | 422:
                return Refused(text, status=status, answer=answer)
            case 413:
                return TooLarge(text, status=status, answer=answer)
            case 401 | 402 | 403 | 407:
                return NeedsOperator(
                    f"{text}: {_CREDENTIALS[status]}; look at {self._cure}",
                    reason="credentials",
                    status=status,
                    answer=answer,
                )
            case _:
                return NeedsOperator(
                    f"{text}: this is not the right address or way; look at {self._cure}",
                    reason="configuration",
                    status=status,
                    answer=answer,
                )


def parse_retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3), None for nonsense."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)


async def _read_answer(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """Return the first part of an answer's body.

    A short one is read to its end, so that its connection can be used again; one that is long or does not
    come is left. The status has been said, and it alone decides.
    """
    answer = b""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            while len(answer) < most_bytes and (piece := await response.content.read(most_bytes)):
                answer += piece
    except (aiohttp.ClientError, OSError):
        pass
    return answer
