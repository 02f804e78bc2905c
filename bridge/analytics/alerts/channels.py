"""Channels: where notices go. Addresses and secrets can be written, and are never read again."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.analytics.alerts.rules import read_name
from bridge.analytics.questions.words import one_of
from bridge.errors import Unanswerable
from bridge.settings.smtp import is_mail_address
from bridge.transports.http.reach import outward_url

CHANNEL_KINDS: Final = ("webhook", "slack", "teams", "mail")
KEYS: Final = ("name", "kind", "url", "secret", "to")
MOST_TO: Final = 20
_MOST_URL: Final = 2000
_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where notices go."""

    name: str
    kind: str
    """One of `CHANNEL_KINDS`."""
    url: str = ""
    """Whoever knows Slack's or Teams' may post there: it is a secret."""
    secret: str = ""
    """What a webhook is signed with, as Standard Webhooks writes it."""
    to: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """Return what may be read of it."""
        shown: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.kind == "mail":
            return shown | {"to": [*self.to]}
        url = outward_url(self.url)
        return shown | {"host": url.host}


def read_channel(given: Any, before: Channel | None, *, mails: bool) -> Channel:
    """Return the channel that a JSON object is; what is secret and left out stays as it is in `before`.

    `mails`: whether there is a mail server. Raises Unanswerable.
    """
    if not isinstance(given, dict):
        raise Unanswerable("a channel is a JSON object", "see the examples in /api/openapi.json")
    for key in given:
        one_of(key, KEYS, "key", str(key)[:60])
    name = read_name(given)
    kind = one_of(given.get("kind", before.kind if before else None), CHANNEL_KINDS, "kind", "kind")
    kept = before if before is not None and before.kind == kind else Channel(name, kind)
    if kind == "mail":
        _leave_out(given, kind, "url", "secret")
        if not mails:
            raise Unanswerable(
                "there is no mail server", "set host and sender in [bridge.analytics.smtp]", field="kind"
            )
        return Channel(name, kind, to=_addresses(given.get("to", [*kept.to])))
    _leave_out(given, kind, "to", *(() if kind == "webhook" else ("secret",)))
    url = _url(given.get("url", kept.url))
    if url != kept.url and kept.secret and "secret" not in given:
        # Else whoever may write here could have it sign for an address of their own.
        raise Unanswerable("a new url needs its secret", "send both", field="secret")
    secret = _secret(given.get("secret", kept.secret)) if kind == "webhook" else ""
    return Channel(name, kind, url=url, secret=secret)


def _leave_out(given: Mapping[str, Any], kind: str, *keys: str) -> None:
    for key in keys:
        if key in given:
            raise Unanswerable(f"a channel of kind {kind} has no {key}", "leave it out", field=key)


def _url(text: Any) -> str:
    try:
        if not isinstance(text, str) or not 0 < len(text) <= _MOST_URL:
            raise ValueError('it is not a URL; write it like "https://hooks.example.com/…"')
        return str(outward_url(text))
    except ValueError as error:
        said, _, cure = str(error).partition("; ")
        raise Unanswerable(f"url: {said}", cure or "correct it", field="url") from None


def _secret(text: Any) -> str:
    try:
        if not isinstance(text, str) or not text.startswith(_PREFIX):
            raise ValueError
        enough = 24 <= len(base64.b64decode(text.removeprefix(_PREFIX), validate=True)) <= 64
    except (ValueError, binascii.Error):
        enough = False
    if not enough:
        raise Unanswerable(
            "secret is not whsec_ and 24 to 64 bytes in base64",
            "make one: printf whsec_ && head -c 32 /dev/urandom | base64",
            field="secret",
        )
    return str(text)


def _addresses(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MOST_TO:
        raise Unanswerable(
            f"to is not a list of 1 to {MOST_TO} mail addresses",
            'write it like ["ops@example.com"]',
            field="to",
        )
    for address in given:
        if not isinstance(address, str) or not is_mail_address(address):
            raise Unanswerable(f'to: "{str(address)[:60]}" is not a mail address', "correct it", field="to")
    return tuple(dict.fromkeys(given))
