"""Notices in the forms that channels take: a signed webhook's, Slack's and Teams'.

Names of APIs and applications are data: nothing in them becomes a link, a mention or markup.

Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec): a type, a timestamp and data; the signature is
made by its own library. Slack (docs.slack.dev, "Formatting message text"): `&`, `<` and `>` are the characters that
have to be escaped, and with that no `<!channel>`. Teams (learn.microsoft.com, "Text features in cards"): an Adaptive
Card 1.2, as Alertmanager sends it (notify/msteamsv2), whose texts are a small Markdown.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from standardwebhooks import Webhook

from bridge.analytics.alerts.notices import Notice, one_line
from bridge.analytics.alerts.words import group_words

# What marks up a text anywhere, and what does at its beginning only.
_MARKDOWN: Final = re.compile(r"[\\`*_\[\]~<>]|^[#+\-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
_SLACK: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MOST_TEXT: Final = 3000


def webhook_body(notice: Notice) -> bytes:
    """Return the body of a signed webhook."""
    data = asdict(notice) | {"title": notice.title}
    happened = data.pop("happened")
    return msgspec.json.encode({"type": f"alert.{happened}", "timestamp": notice.at, "data": data})


def signed(secret: str, number: str, body: bytes, now: float) -> dict[str, str]:
    """Return the headers of a webhook: its id, which stays the same in each try, its time, and its signature."""
    at = datetime.fromtimestamp(int(now), UTC)
    return {
        "webhook-id": number,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": Webhook(secret).sign(number, at, body.decode()),
    }


def slack_body(notice: Notice) -> bytes:
    """Return a message for an incoming webhook of Slack."""
    lines = "\n".join(f"• {line}" for line in _said(notice, slack_text))
    where = f"\n<{slack_text(notice.url)}|Open it>" if notice.url else ""
    text = f"{slack_text(notice.condition)}\n{lines}"[:_MOST_TEXT] + where
    return msgspec.json.encode(
        {
            "text": slack_text(notice.title),
            "mrkdwn": False,
            "attachments": [
                {
                    "color": "good" if notice.good else "danger",
                    "fallback": slack_text(notice.title),
                    "text": text,
                    "mrkdwn_in": [],
                    "footer": f"apim-bridge, {notice.at}",
                }
            ],
        }
    )


def teams_body(notice: Notice) -> bytes:
    """Return a message for a workflow of Teams."""
    body: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "text": teams_text(notice.title),
            "weight": "Bolder",
            "size": "Medium",
            "wrap": True,
            "style": "heading",
            "color": "Good" if notice.good else "Attention",
        },
        _block(teams_text(notice.condition)),
        *(_block(line) for line in _said(notice, teams_text)),
        _block(f"apim-bridge, {teams_text(notice.at)}", isSubtle=True, size="Small"),
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "msteams": {"width": "full"},
    }
    if notice.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open it", "url": notice.url}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return msgspec.json.encode({"type": "message", "attachments": [attachment]})


def plain_text(notice: Notice) -> str:
    """Return what a mail says."""
    lines = [notice.condition, "", *_said(notice, one_line), "", f"Looked at until {notice.at}."]
    return "\n".join([*lines, *([notice.url] if notice.url else [])]) + "\n"


def _block(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **more}


def _said(notice: Notice, escaped: Callable[[str], str]) -> list[str]:
    said = [
        escaped(f"{group_words(line.group)}: {line.said}" if line.group else line.said)
        + (f" (since {escaped(line.since)})" if line.since and line.since != notice.at else "")
        for line in notice.lines
    ]
    return said + ([f"and {notice.more} more"] if notice.more else [])


def slack_text(text: str) -> str:
    """Return a text that Slack shows as it is: no link, no mention."""
    return one_line(text).translate(_SLACK)


def teams_text(text: str) -> str:
    """Return a text that Teams shows as it is: no Markdown."""
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text))


BODIES: Final[Mapping[str, Callable[[Notice], bytes]]] = {
    "webhook": webhook_body,
    "slack": slack_body,
    "teams": teams_body,
}
"""By the kind of a channel."""
