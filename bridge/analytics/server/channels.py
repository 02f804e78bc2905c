"""Channels: kept without a way to read their secrets, tried, and shown with what was sent in them."""

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import uuid4

from aiohttp import web

from bridge.analytics.admin import alerts as rules
from bridge.analytics.admin import channels as kept
from bridge.analytics.admin.channels import MOST_CHANNELS, Message
from bridge.analytics.alerts.channels import Channel, read_channel
from bridge.analytics.alerts.notices import TRIED, Notice, NoticeLine, page_of
from bridge.analytics.alerts.outbox import show_counts
from bridge.analytics.alerts.rules import RULE_ID
from bridge.analytics.alerts.sending import ChannelSender, NotDelivered
from bridge.analytics.questions.intervals import microseconds
from bridge.analytics.questions.periods import shown
from bridge.analytics.server.alert_schemas import CHANNELS, channel_schema
from bridge.analytics.server.asked import parameters, read_body, whole_number
from bridge.analytics.server.describing import LIMIT, body, gives, in_path, listed, parameter, takes, text
from bridge.analytics.server.endpoint import ApiEndpoint
from bridge.analytics.server.refusals import RequestRefused
from bridge.analytics.server.served import Served
from bridge.errors import Unanswerable
from bridge.web.answers import json_response

_ID: Final = re.compile(RULE_ID, re.ASCII)
_MOST_MESSAGES: Final = 1000


def endpoints(served: Served) -> Sequence[ApiEndpoint]:
    """Return the endpoints of channels."""
    channels = _Channels(served)
    channel: dict[str, Any] = {"type": "object"}
    in_id = in_path("id", pattern=f"^{RULE_ID}$")
    return [
        ApiEndpoint(
            "GET",
            "/api/channels",
            channels.all,
            "admin",
            "List the channels that alerts are sent in, without what is secret",
            gives(listed("channels", channel)),
        ),
        ApiEndpoint(
            "PUT",
            "/api/channels/{id}",
            channels.keep,
            "admin",
            "Keep a channel under an id of your choice; what is secret and left out stays as it is",
            takes(in_id) | body(channel_schema(), examples=CHANNELS) | gives(channel),
        ),
        ApiEndpoint(
            "DELETE",
            "/api/channels/{id}",
            channels.remove,
            "admin",
            "Remove a channel that no rule names",
            takes(in_id) | gives({"type": "object"}),
        ),
        ApiEndpoint(
            "POST",
            "/api/channels/{id}/test",
            channels.test,
            "admin",
            "Send a test in a channel, and tell how it went",
            takes(in_id) | gives(channel),
        ),
        ApiEndpoint(
            "GET",
            "/api/messages",
            channels.messages,
            "admin",
            "List what was sent in channels, or waits to be, the newest first",
            takes(parameter("channel", text()), LIMIT) | gives(listed("messages", {"type": "object"})),
        ),
    ]


class _Channels:
    def __init__(self, served: Served) -> None:
        self._served = served
        self._admin = served.admin

    async def all(self, _request: web.Request) -> web.Response:
        found, waiting, last, used = await self._admin.read(
            lambda connection: (
                kept.channels(connection),
                kept.waiting_counts(connection),
                kept.last_settled(connection),
                rules.rules(connection),
            )
        )
        listed_ = [
            {
                "id": number,
                "version": version,
                **channel.shown(),
                "rules": [one.id for one in used if number in one.body.get("channels", ())],
                "waiting": waiting.get(number, 0),
                "last": self._message(last[number]) if number in last else None,
            }
            for number, (version, channel) in found.items()
        ]
        return json_response({"channels": listed_, "mails": self._served.settings.smtp is not None})

    async def keep(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        if not _ID.fullmatch(number):
            raise Unanswerable(
                "the id is not of 1 to 64 small letters, digits and hyphens", "choose another", field="id"
            )
        given = await read_body(request)
        mails = self._served.settings.smtp is not None

        def keep(connection: sqlite3.Connection) -> tuple[int, Channel]:
            before = kept.channel_of(connection, number)
            if before is None and len(kept.channels(connection)) >= MOST_CHANNELS:
                raise RequestRefused(409, f"there are {MOST_CHANNELS} channels already", "delete some")
            channel = read_channel(given, before[1] if before else None, mails=mails)
            return kept.keep_channel(connection, number, channel), channel

        version, channel = await self._admin.write(keep)
        show_counts(self._served.metrics, number)
        return json_response({"id": number, "version": version, **channel.shown()})

    async def remove(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]

        def remove(connection: sqlite3.Connection) -> bool:
            using = [
                one.body["name"] for one in rules.rules(connection) if number in one.body.get("channels", ())
            ]
            if using:
                raise RequestRefused(
                    409, f"rules send in this channel: {', '.join(using[:5])}", "take it out of them first"
                )
            return kept.remove_channel(connection, number)

        if not await self._admin.write(remove):
            raise _unknown()
        return json_response({})

    async def test(self, request: web.Request) -> web.Response:
        number, settings = request.match_info["id"], self._served.settings
        found = await self._admin.read(lambda connection: kept.channel_of(connection, number))
        if found is None:
            raise _unknown()
        now = self._served.clock.time()
        at = shown(microseconds(self._served.now()) // 1_000_000 * 1_000_000, self._served.zone)
        line = NoticeLine({}, None, "this channel works", at, "")
        notice = Notice(TRIED, "", found[1].name, "somebody tries this channel", at, (line,))
        notice_body = {"notice": asdict(notice) | {"url": page_of("", settings.public_url)}}
        outcome: dict[str, Any] = {"outcome": "sent", "said": None}
        async with ChannelSender.opened(settings) as sender:
            try:
                outcome["said"] = await sender.send(found[1], f"msg_{uuid4().hex}", notice_body, now)
            except NotDelivered as failure:
                outcome = {"outcome": "failed", "said": str(failure)}
        return json_response(outcome)

    async def messages(self, request: web.Request) -> web.Response:
        given = parameters(request, "channel", "limit")
        limit = whole_number(given, "limit", 100, _MOST_MESSAGES)
        found = await self._admin.read(
            lambda connection: kept.messages(connection, given.get("channel"), limit)
        )
        return json_response({"messages": [self._message(one) for one in found]})

    def _message(self, one: Message) -> dict[str, Any]:
        return {
            "id": one.id,
            "channel": one.channel,
            "subject": one.subject,
            "made": self._time(one.made_ms),
            "outcome": one.outcome,
            "tries": one.tries,
            "said": one.said,
            "next": self._time(one.next_ms) if one.outcome == "waiting" else None,
            "done": self._time(one.done_ms),
        }

    def _time(self, at_ms: int | None) -> str | None:
        return None if at_ms is None else shown(at_ms * 1000, self._served.zone)


def _unknown() -> RequestRefused:
    return RequestRefused(404, "no channel has this id", "take one from /api/channels")
