"""The settings of the mail server that alerts and reports are sent by."""

import re
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from bridge.settings.table import Table

# No quoted local parts and no comments: an address is put into a head, and into SMTP's own lines.
_ADDRESS: Final = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}@[^\s@<>()\[\]\\,;:\"]{1,255}")


def is_mail_address(text: str) -> bool:
    """Return whether a text is a plain mail address: NAME@HOST, on one line."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None


class SmtpSettings(Table):
    """The mail server that alerts and reports are sent by."""

    host: str = Field(
        min_length=1,
        description="Name or address of the mail server.",
        json_schema_extra={"sample": "smtp.example.com"},
    )
    port: int = Field(default=587, ge=1, le=65535, description="Its port: 587 for starttls, 465 for tls.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How the connection is secured. With starttls nothing is sent before it is; none only without a "
        "user.",
    )
    sender: str = Field(
        description="Address that mails come from.",
        json_schema_extra={"sample": "apim-bridge@example.com"},
    )
    username: str | None = Field(
        default=None,
        description="User at the mail server.",
        json_schema_extra={"sample": "apim-bridge"},
    )
    password: SecretStr | None = Field(
        default=None,
        description="The user's password.",
        json_schema_extra={"sample": "$secret{smtp_password}"},
    )

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        if not is_mail_address(value):
            raise ValueError('not a mail address; write it like "apim-bridge@example.com"')
        return value

    @model_validator(mode="after")
    def _check_user(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; set both, or neither")
        if self.username is not None and self.security == "none":
            raise ValueError('a password is not sent in the open; set security to "starttls" or "tls"')
        return self
