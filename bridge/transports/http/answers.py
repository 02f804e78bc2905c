"""Turns an answer, or the lack of one, into one of the contract's errors, in an operator's words.

None of these texts shows a secret. aiohttp's own may contain the whole URL, so only parts of them are used.
"""

import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from bridge.errors import NeedsOperator, Refused, RetryLater, SinkError, TooLarge

# A destination that asks for more is tried again after this time.
_LONGEST_RETRY_AFTER_SECONDS: Final = 3600

_CREDENTIALS: Final = {
    401: "the key or token is refused",
    402: "the subscription of the account is not active",
    403: "the key or token may not do this",
}
# What OpenSSL finds wrong with a certificate (x509_vfy.h), and what to do about it.
_UNTRUSTED: Final = {
    9: "is not valid yet; look at the clocks of both machines",
    10: "has expired; the destination has to renew it",
    18: "is self-signed; set ca_file to it if you trust it",
    19: "comes from an authority that is not known here; set ca_file to that authority's certificate",
    20: "comes from an authority that is not known here; set ca_file to that authority's certificate",
    21: "comes without its chain; the destination has to send it, or set ca_file to the missing certificate",
    62: "is for another host name; use the name that the certificate has",
    64: "is for another address; use the name that the certificate has",
}


@dataclass(frozen=True, slots=True)
class Cures:
    """Where an operator has to look."""

    settings: str
    """The settings of address and credentials."""
    sink: str

    @property
    def proxy(self) -> str:
        """What to do about a proxy that does not let us through."""
        return (
            f'set proxy = "http://user:password@host:port" in [bridge.sinks.{self.sink}] or [bridge.delivery], or '
            "proxy_config_* in [apim.analytics.properties]"
        )


def of_failure(error: aiohttp.ClientError | OSError, where: str) -> RetryLater:
    """Return the error for a request without an answer; `where`: to whom it went."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            reason, text = "connection", "cannot be reached in time"
        case TimeoutError():
            reason, text = "timeout", "no answer in time"
        case aiohttp.ClientResponseError():
            reason, text = "bad_answer", f"no HTTP answer: {error.message}"
        case aiohttp.ClientConnectorCertificateError():
            reason, text = "connection", _untrusted(error)
        case aiohttp.ClientConnectorError(os_error=ssl.SSLError() as found):
            reason, text = "connection", f"TLS failed: {found.reason or found}"
        case aiohttp.ClientConnectorError(os_error=socket.gaierror() as found):
            reason, text = "connection", f"the name {error.host} cannot be resolved: {found.strerror}"
        case aiohttp.ClientProxyConnectionError():
            reason, text = "connection", f"the proxy cannot be reached: {error.os_error}"
        case aiohttp.ClientConnectorError():
            reason, text = "connection", str(error.os_error)
        case aiohttp.ClientConnectionError() | OSError():
            reason, text = "connection", str(error)
        case _:
            reason, text = "bad_answer", type(error).__name__
    return RetryLater(f"{where}: {text}", reason=reason)


def of_proxys_answer(status: int, proxy: str, cures: Cures) -> SinkError:
    """Return the error for a proxy that refuses to connect us to the destination."""
    text = f"{proxy} answered {status} to CONNECT"
    if status == 407:
        return NeedsOperator(
            f"{text}: it asks for a user and password; {cures.proxy}", reason="credentials", status=status
        )
    if status in {408, 429} or status >= 500:
        return RetryLater(f"{text}: it cannot reach the destination", reason="connection", status=status)
    return NeedsOperator(
        f"{text}: it does not let us through to the destination; {cures.proxy}",
        reason="configuration",
        status=status,
    )


def of_answer(status: int, answer: str, retry_after: str | None, cures: Cures) -> SinkError:
    """Return the error for an answer other than 2xx."""
    text = f"the destination answered {status}"
    match status:
        case 400 | 422:
            return Refused(text, status=status, answer=answer)
        case 413:
            return TooLarge(text, status=status, answer=answer)
        case _ if status in {408, 429} or status >= 500:
            return RetryLater(
                text,
                reason={408: "timeout", 429: "throttled"}.get(status, "server_error"),
                retry_after_seconds=parse_retry_after(retry_after),
                status=status,
                answer=answer,
            )
        case 407:
            reason, why = "credentials", f"a proxy asks for a user and password; {cures.proxy}"
        case 401 | 402 | 403:
            reason, why = "credentials", f"{_CREDENTIALS[status]}; look at {cures.settings}"
        case 410:
            reason = "gone"
            why = f"the address wants nothing any more; take the sink out of `type`, or correct {cures.settings}"
        case _:
            reason = "configuration"
            why = f"this is not the right address or method; look at {cures.settings}"
    return NeedsOperator(f"{text}: {why}", reason=reason, status=status, answer=answer)


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


def _untrusted(error: aiohttp.ClientConnectorCertificateError) -> str:
    found = error.certificate_error
    known = _UNTRUSTED.get(getattr(found, "verify_code", 0))
    return f"the certificate of {error.host}:{error.port} {known or f'is not trusted ({found})'}"
