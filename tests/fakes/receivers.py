"""Receivers of alerts on loopback: of webhooks, which can refuse and be slow, and of mails, over real SMTP."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as MAIL
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class HookReceiver:
    """A receiver of webhooks: what it gets, and how it answers."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: str = "ok"
    delay: float = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        await asyncio.sleep(self.delay)
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, body))
        return web.Response(status=self.status, headers=self.headers, text=self.answer)


@asynccontextmanager
async def hook_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[HookReceiver]:
    """Receive webhooks at /hook while the block runs."""
    receiver = HookReceiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "https" if tls else "http"
        receiver.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class MailReceiver:
    """A mail server: what it gets, and what it refuses."""

    port: int = 0
    refused: tuple[str, ...] = ()
    """Addresses that it takes no mail for."""
    answer: str = "250 taken"
    """To a mail's content."""
    raw: list[bytes] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes, bool]] = field(default_factory=list)
    """User, password, and whether the connection was secured by then."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 nobody of that name here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - see above
        if not self.answer.startswith("250"):
            return self.answer
        content = envelope.content
        assert isinstance(content, bytes)
        self.raw.append(content)
        self.mails.append(BytesParser(EmailMessage, policy=MAIL).parsebytes(content))
        self.to.append(envelope.rcpt_tos)
        return self.answer

    def login(
        self, _server: SMTP, session: Session, _envelope: Envelope, _kind: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password, session.ssl is not None))
        return AuthResult(success=data.password == b"right", handled=False)


@asynccontextmanager
async def mail_receiver(
    starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, *, asks: bool = False
) -> AsyncIterator[MailReceiver]:
    """Serve SMTP while the block runs; `asks`: for a user and a password."""
    receiver = MailReceiver()

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            # It cannot know that its socket is secured from the start.
            warnings.simplefilter("ignore")
            return made()

    def made() -> SMTP:
        return SMTP(
            receiver,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=receiver.login if asks else None,
            auth_required=asks,
            auth_require_tls=starttls is not None,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
