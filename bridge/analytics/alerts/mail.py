"""Mails: made without a line end from data in their heads, and given to the mail server."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final

import aiosmtplib

from bridge.analytics.alerts.notices import one_line
from bridge.settings.smtp import SmtpSettings

SECONDS: Final = 30.0
_MOST_SUBJECT: Final = 180


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file that goes with a mail."""

    name: str
    content_type: str
    body: bytes


def mail_of(
    settings: SmtpSettings,
    to: Sequence[str],
    number: str,
    subject: str,
    text: str,
    *,
    now: float,
    files: Sequence[MailFile] = (),
) -> EmailMessage:
    """Return a mail; `number` is in its Message-ID, the same in each try, so that a second copy can be told."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = one_line(subject)[:_MOST_SUBJECT]
    mail["From"] = settings.sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(int(now), UTC))
    mail["Message-ID"] = f"<{number}@{settings.sender.partition('@')[2]}>"
    # RFC 3834: nobody's holiday notice answers it.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    for file in files:
        main, _, sub = file.content_type.partition("/")
        mail.add_attachment(file.body, maintype=main, subtype=sub, filename=file.name)
    return mail


async def send_mail(settings: SmtpSettings, mail: EmailMessage, ca_file: Path | None) -> dict[str, str]:
    """Give a mail to the mail server; returns the addresses for which it was not taken, with what the server said.

    Raises aiosmtplib.SMTPException, OSError or TimeoutError; SMTPRecipientsRefused where it was taken for none.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    password = settings.password.get_secret_value() if settings.password else None
    refused, _ = await aiosmtplib.send(
        mail,
        hostname=settings.host,
        port=settings.port,
        username=settings.username,
        password=password,
        # True, not "if the server offers it": whoever stands between would take the offer away.
        start_tls=settings.security == "starttls",
        use_tls=settings.security == "tls",
        tls_context=context,
        timeout=SECONDS,
    )
    return {address: f"{answer.code} {answer.message}" for address, answer in refused.items()}
