"""Notices: what is said of a rule in its channels, for all groups together to which the same happened at once."""

from dataclasses import dataclass
from typing import Any, Final

from bridge.analytics.alerts.states import Happened

MOST_LINES: Final = 20
"""Groups that a notice names; it says how many more there are."""
TRIED: Final = "test"
"""What happens when somebody tries a channel."""

HEADLINES: Final = {
    Happened.FIRED: "Alert",
    Happened.STILL: "Still",
    Happened.RESOLVED: "Resolved",
    Happened.FAILING: "Cannot be watched",
    Happened.ANSWERED: "Watched again",
    TRIED: "Test",
}


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One group in a notice."""

    group: dict[str, Any]
    """Its values by field; empty where the rule has none."""
    value: float | None
    said: str
    """What was found, in words."""
    since: str
    """Since when it holds: ISO 8601, in the server's time zone."""
    cause: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said: a value that every form of message is made of, and that is kept until it is sent."""

    happened: str
    rule: str
    """Its id."""
    name: str
    condition: str
    at: str
    """Until when the window went: ISO 8601, in the server's time zone."""
    lines: tuple[NoticeLine, ...]
    more: int = 0
    """Groups that are not named."""
    url: str | None = None
    """Where the rule is shown."""

    @property
    def title(self) -> str:
        """What it says in one line."""
        return one_line(f"{HEADLINES[self.happened]}: {self.name}")

    @property
    def good(self) -> bool:
        """Whether it is good news."""
        return self.happened in {Happened.RESOLVED, Happened.ANSWERED, TRIED}


def page_of(number: str, public_url: str | None) -> str | None:
    """Return the address at which a rule is shown, if people have one."""
    return None if public_url is None else f"{public_url}/?page=alerts&rule={number}"


def one_line(text: str) -> str:
    """Return a text without line ends and other characters that steer: a name in it is data."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
