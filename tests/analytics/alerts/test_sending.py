"""How notices reach people: signed, escaped, without a line end in a head, and with one id in every try."""

import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from fakes.certificates import Authority
from fakes.receivers import HookReceiver, hook_receiver, mail_receiver
from standardwebhooks import Webhook, WebhookVerificationError

from bridge.analytics.alerts.channels import Channel
from bridge.analytics.alerts.forms import slack_body, teams_body
from bridge.analytics.alerts.mail import mail_of
from bridge.analytics.alerts.notices import Notice, NoticeLine
from bridge.analytics.alerts.sending import ChannelSender, NotDelivered, pause_after
from bridge.clock import SystemClock
from bridge.settings import AnalyticsSettings
from bridge.settings.smtp import SmtpSettings

_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
_EVIL = (
    "Orders\r\nBcc: eve@example.com\r\n\r\n<!channel> <https://evil.example|click> "
    "[x](https://evil.example) *b* & co"
)
_LOOPBACK = {"reachable_networks": ["127.0.0.0/8"]}


def _notice(name: str = "Orders fails", group: str = "Orders") -> Notice:
    return Notice(
        happened="fired",
        rule="orders",
        name=name,
        condition="error rate above 5 % in 10 minutes",
        at="2026-03-10T08:10:00+00:00",
        lines=(NoticeLine({"api": group}, 0.07, "7 %", "2026-03-10T08:05:00+00:00", "figure"),),
        more=3,
        url="https://analytics.example.com/?page=alerts&rule=orders",
    )


def _body(notice: Notice) -> dict[str, Any]:
    return {"notice": asdict(notice)}


@pytest.fixture
async def receiver() -> AsyncIterator[HookReceiver]:
    async with hook_receiver() as receiver:
        yield receiver


async def _send(
    channel: Channel, notice: Notice, number: str = "msg_1", **settings: Any
) -> NotDelivered | None:
    async with ChannelSender.opened(AnalyticsSettings.model_validate(_LOOPBACK | settings)) as sender:
        try:
            await sender.send(channel, number, _body(notice), SystemClock().time())
        except NotDelivered as failure:
            return failure
    return None


async def test_a_webhook_is_signed_as_its_standard_says(receiver: HookReceiver) -> None:
    """Its own library verifies what came, and nothing else; a second try has the same id."""
    channel = Channel("Pager", "webhook", url=receiver.url, secret=_SECRET)
    for _ in range(2):
        assert await _send(channel, _notice()) is None
    ids = set()
    for headers, body in receiver.got:
        said = Webhook(_SECRET).verify(body, headers)
        assert said["type"] == "alert.fired"
        assert said["data"]["lines"][0]["group"] == {"api": "Orders"}
        ids.add(headers["webhook-id"])
        with pytest.raises(WebhookVerificationError):
            Webhook(_SECRET).verify(body + b" ", headers)
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 32).verify(body, headers)
    assert ids == {"msg_1"}


async def test_names_are_data_in_slack_and_teams(receiver: HookReceiver) -> None:
    """No name becomes a mention, a link or markup: what the forms steer with is escaped, and line ends are gone."""
    for kind in ("slack", "teams"):
        assert await _send(Channel("Ops", kind, url=receiver.url), _notice(_EVIL, _EVIL)) is None
    slack, teams = (json.loads(body) for _, body in receiver.got)
    said = slack["text"] + slack["attachments"][0]["text"].partition("\n<https://analytics")[0]
    assert "<" not in said
    assert "&lt;!channel&gt;" in said
    assert "&amp; co" in said
    assert slack["mrkdwn"] is False
    assert slack["attachments"][0]["mrkdwn_in"] == []
    (attachment,) = teams["attachments"]
    card = attachment["content"]
    assert (attachment["contentType"], card["version"]) == (
        "application/vnd.microsoft.card.adaptive",
        "1.2",
    )
    texts = [block["text"] for block in card["body"]]
    assert any(r"\[x\](https://evil.example) \*b\*" in one for one in texts)
    assert not any("\n" in one or "[x]" in one or " *b*" in one for one in texts)
    assert card["actions"][0]["url"].startswith("https://analytics.example.com/")


@pytest.mark.parametrize("name", ["# big", "- item", "1. first", "+ more"])
def test_no_name_begins_a_list_or_heading_in_teams(name: str) -> None:
    """What is markup at the beginning of a line only is escaped there."""
    notice = replace(_notice(group=name), condition=name)
    texts = [
        block["text"] for block in json.loads(teams_body(notice))["attachments"][0]["content"]["body"][1:3]
    ]
    assert all("\\" in one for one in texts)
    assert name in json.loads(slack_body(notice))["attachments"][0]["text"]


async def test_answers_say_whether_to_try_again(receiver: HookReceiver) -> None:
    """A receiver that is busy is asked again when it says; one that refuses the message, or is gone, is not."""
    channel = Channel("Pager", "webhook", url=receiver.url, secret=_SECRET)
    receiver.status, receiver.headers = 503, {"Retry-After": "120"}
    busy = await _send(channel, _notice())
    receiver.status, receiver.headers, receiver.answer = 410, {}, "gone\r\n\x1b[31m"
    gone = await _send(channel, _notice())
    receiver.status, receiver.headers = 302, {"Location": receiver.url}
    receiver.got.clear()
    moved = await _send(channel, _notice())
    assert busy is not None
    assert (busy.again, busy.after_seconds) == (True, 120)
    assert gone is not None
    assert (gone.again, str(gone)) == (False, "it answered 410 gone [31m")
    assert moved is not None
    assert moved.again
    # The redirect was not followed.
    assert len(receiver.got) == 1


async def test_this_machine_is_reached_only_where_that_is_allowed(receiver: HookReceiver) -> None:
    """An address that leads inside is refused as the connection is made, and its URL is not in what is said."""
    channel = Channel("Slack", "slack", url=receiver.url + "/T00/B00/hidden")
    failure = await _send(channel, _notice(), reachable_networks=())
    assert failure is not None
    assert "this machine itself" in str(failure)
    assert "hidden" not in str(failure)
    assert receiver.got == []


def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    """Tries come apart, and no earlier than the receiver asks, within reason."""
    assert [pause_after(tries, None, 1) for tries in range(8)] == [10, 20, 40, 80, 160, 320, 640, 900]
    assert pause_after(0, None, 0) == 5
    assert pause_after(0, 300, 1) == 300
    assert pause_after(0, 1e9, 1) == 900


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
async def test_mails_are_given_to_a_real_mail_server(tmp_path: Path, security: str) -> None:
    """Secured as configured before anything is said, with user and password, and with one Message-ID in each try."""
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue())
    secured = security != "none"
    async with mail_receiver(
        context if security == "starttls" else None, context if security == "tls" else None, asks=secured
    ) as server:
        user = {"username": "bridge", "password": "right"} if secured else {}
        smtp = {"host": "localhost", "port": server.port, "security": security, "sender": "apim@example.com"}
        settings: dict[str, Any] = {"smtp": smtp | user, "ca_file": authority.cert}
        channel = Channel("On call", "mail", to=("a@example.com", "b@example.com"))
        assert await _send(channel, _notice(_EVIL, _EVIL), **settings) is None
        assert await _send(channel, _notice(), **settings) is None
        first, second = server.mails
        assert server.to[0] == ["a@example.com", "b@example.com"]
        assert [login[:2] for login in server.logins] == ([(b"bridge", b"right")] * 2 if secured else [])
        assert first["Message-ID"] == second["Message-ID"] == "<msg_1@example.com>"
        assert (first["Auto-Submitted"], first["Bcc"]) == ("auto-generated", None)
        assert first["Subject"].startswith("Alert: Orders Bcc: eve@example.com <!channel>")
        assert "Orders: 7 % (since 2026-03-10T08:05:00+00:00)" in second.get_content()
        head = server.raw[0].partition(b"\r\n\r\n")[0]
        assert b"\nBcc:" not in head


async def test_a_mail_server_that_refuses_is_said(tmp_path: Path) -> None:
    """A password that is wrong, a certificate that nobody knows, nobody who takes it: each is said, none is sent."""
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue())
    channel = Channel("On call", "mail", to=("a@example.com",))
    async with mail_receiver(context, asks=True) as server:
        smtp = {"host": "localhost", "port": server.port, "sender": "apim@example.com", "username": "bridge"}
        wrong = await _send(channel, _notice(), smtp=smtp | {"password": "wrong"}, ca_file=authority.cert)
        unknown = await _send(channel, _notice(), smtp=smtp | {"password": "right"})
        assert wrong is not None
        assert wrong.again
        assert "535" in str(wrong)
        assert unknown is not None
        assert "certificate" in str(unknown).lower()
        server.refused = ("a@example.com",)
        nobody = await _send(channel, _notice(), smtp=smtp | {"password": "right"}, ca_file=authority.cert)
        assert nobody is not None
        assert (nobody.again, "nobody of that name here" in str(nobody)) == (False, True)
        assert server.mails == []
    async with mail_receiver() as plain:
        smtp = {"host": "localhost", "port": plain.port, "sender": "apim@example.com"}
        # Without the offer of STARTTLS nothing is said in the open.
        open_ = await _send(channel, _notice(), smtp=smtp)
        assert open_ is not None
        assert plain.mails == []


@pytest.mark.parametrize("evil", ["a\r\nBcc: eve@example.com", "a\nX: y", "a\x0bb", "a\u2028b", "a\x85b\x00"])
def test_no_text_ends_a_line_in_a_head(evil: str) -> None:
    """Whatever ends a line, for anybody, is a space in a subject."""
    smtp = SmtpSettings(host="localhost", sender="apim@example.com")
    mail = mail_of(smtp, ("a@example.com",), "msg_1", f"Alert: {evil}", "text", now=0)
    lines = bytes(mail).partition(b"\r\n\r\n")[0].split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines if not line.startswith(b" ")]
    assert sorted(names) == sorted(
        [
            b"Subject", b"From", b"To", b"Date", b"Message-ID", b"Auto-Submitted",
            b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("address", ["a@b@c", "a b@c", "a@b\r\nX: y", "Eve <eve@c>", "a@b,c@d", "@", ""])
def test_an_address_is_one_address(address: str) -> None:
    """What could be two addresses, or a line of its own, is none."""
    with pytest.raises(ValueError, match="not a mail address"):
        SmtpSettings(host="localhost", sender=address)


async def test_who_has_not_got_a_mail_is_said() -> None:
    """Where the mail server refuses one of two addresses, the other gets it once, and who did not is kept."""
    channel = Channel("On call", "mail", to=("a@example.com", "b@example.com"))
    async with mail_receiver() as server:
        server.refused = ("b@example.com",)
        smtp = {"host": "localhost", "port": server.port, "sender": "x@example.com", "security": "none"}
        settings = AnalyticsSettings.model_validate({"smtp": smtp})
        async with ChannelSender.opened(settings) as sender:
            missed = await sender.send(channel, "msg_1", {"notice": asdict(_notice())}, 0)
        assert missed is not None
        assert missed.startswith("the mail server did not take it for b@example.com: 550 ")
        assert server.to == [["a@example.com"]]
