"""Sending: messages go to their channels, tried again for a few hours, each channel for itself and in order."""

import asyncio
import email.utils
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import aiosmtplib
import msgspec
from aiohttp import hdrs

from bridge.analytics.alerts.channels import Channel
from bridge.analytics.alerts.forms import BODIES, plain_text, signed
from bridge.analytics.alerts.mail import MailFile, mail_of, send_mail
from bridge.analytics.alerts.notices import Notice
from bridge.settings.analytics import AnalyticsSettings
from bridge.transports.http.reach import Reach

GIVEN_UP_SECONDS: Final = 6 * 3600.0
"""What could not be sent for so long helps nobody any more."""
SECONDS: Final = 15.0
_FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 900.0
_MOST_SAID: Final = 300
# The message is wrong, or nobody is there any more (Standard Webhooks): to send the same again is of no use.
_FINAL: Final = frozenset({400, 410, 413, 422})
_USER_AGENT: Final = "apim-bridge"


class NotDelivered(Exception):  # noqa: N818 - an outcome
    """A message was not taken: what stood against it, and whether to try again."""

    def __init__(self, said: str, *, again: bool = True, after_seconds: float | None = None) -> None:
        super().__init__(said[:_MOST_SAID])
        self.again = again
        self.after_seconds = after_seconds


def pause_after(tries: int, asked: float | None, luck: float) -> float:
    """Return the seconds until the next try: doubling, with jitter, and no earlier than the receiver asks."""
    doubled = _FIRST_PAUSE * float(2 ** min(tries, 10))
    pause = min(LONGEST_PAUSE, doubled) * (0.5 + luck / 2)
    return max(pause, min(asked or 0, LONGEST_PAUSE))


class ChannelSender:
    """Gives one message to a channel."""

    def __init__(self, settings: AnalyticsSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: AnalyticsSettings) -> AsyncIterator["ChannelSender"]:
        """Have a sender while the block runs: what it connects to is looked at in each connection."""
        tls = await asyncio.to_thread(_context, settings.ca_file)
        connector = Reach(settings.reachable_networks).connector(tls=tls, limit=20)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            headers={hdrs.USER_AGENT: _USER_AGENT},
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            yield cls(settings, session)

    async def send(self, channel: Channel, number: str, body: Mapping[str, Any], now: float) -> str | None:
        """Give a message to a channel; `number`: its id, the same in each try. Raises NotDelivered.

        Returns who has not got it, and why, if somebody else of the channel has.
        """
        notice = msgspec.convert(body["notice"], Notice)
        if channel.kind == "mail":
            return await self._mail(channel, number, notice, body.get("files", ()), now)
        written = BODIES[channel.kind](notice)
        headers: dict[str, str] = {"Content-Type": "application/json"}
        if channel.secret:
            headers |= signed(channel.secret, number, written, now)
        await self._post(channel.url, written, headers)
        return None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            # Whom a redirect leads to, nobody has chosen.
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                said = (await answer.content.read(_MOST_SAID)).decode("utf-8", "replace")
                if 200 <= answer.status < 300:
                    return
                raise NotDelivered(
                    _printable(f"it answered {answer.status} {said}"),
                    again=answer.status not in _FINAL,
                    after_seconds=_seconds_of(answer.headers.get(hdrs.RETRY_AFTER)),
                )
        except TimeoutError:
            raise NotDelivered(f"no answer in {SECONDS:g} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # An error of aiohttp may have the URL in it, which is a secret.
            said = str(getattr(error, "os_error", "") or "") or type(error).__name__
            raise NotDelivered(_printable(f"no connection: {said}".replace(url, "the URL"))) from None

    async def _mail(
        self, channel: Channel, number: str, notice: Notice, files: Any, now: float
    ) -> str | None:
        smtp = self._settings.smtp
        if smtp is None:
            raise NotDelivered("there is no mail server; set [bridge.analytics.smtp]")
        mail = mail_of(
            smtp,
            channel.to,
            number,
            notice.title,
            plain_text(notice),
            now=now,
            files=[msgspec.convert(file, MailFile) for file in files],
        )
        try:
            missed = await send_mail(smtp, mail, self._settings.ca_file)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            codes = [one.code for one in refused.recipients]
            raise NotDelivered(
                _printable(f"the mail server takes none of the addresses: {refused.recipients[0].message}"),
                again=not codes or min(codes) < 500,
            ) from None
        except aiosmtplib.SMTPResponseException as answer:
            # A wrong password (535) is mended by an operator; a mail that is refused stays refused.
            again = answer.code < 500 or isinstance(answer, aiosmtplib.SMTPAuthenticationError)
            raise NotDelivered(
                _printable(f"the mail server answered {answer.code} {answer.message}"), again=again
            ) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise NotDelivered(_printable(f"the mail server: {error or type(error).__name__}")) from None
        if not missed:
            return None
        # To send it again would bring the others a second one.
        said = "; ".join(f"{address}: {answer}" for address, answer in missed.items())
        return _printable(f"the mail server did not take it for {said}")[:_MOST_SAID]


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def _printable(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _seconds_of(text: str | None) -> float | None:
    """Return the seconds that Retry-After asks for; a date counts from now."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - email.utils.localtime().timestamp())


def luck() -> float:
    """Return a number from 0 to 1."""
    return random.random()  # noqa: S311 - spreads tries, decides nothing
