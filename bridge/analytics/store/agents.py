"""Who is behind a user agent: browser, system, device, and whether it is a bot."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

import ua_parser

# A look at one takes up to a millisecond, and callers send the same few thousand again and again.
_REMEMBERED: Final = 4096
_LONGEST: Final = 1000
_BOTS: Final = re.compile(r"bot\b|bot/|crawl|spider|slurp|scrap", re.IGNORECASE)
# What ua-parser calls the device of a robot (ua-parser/uap-core, regexes.yaml).
_SPIDER: Final = "Spider"


class Agent(NamedTuple):
    """What a user agent says of itself; None: nothing."""

    browser: str | None
    os: str | None
    device: str | None
    bot: bool


def agent_of(header: str) -> Agent:
    """Return who sent this User-Agent; of a long one its beginning counts."""
    return _agent_of(header[:_LONGEST])


@lru_cache(maxsize=_REMEMBERED)
def _agent_of(header: str) -> Agent:
    result = ua_parser.parse(header)
    device = None if result.device is None else result.device.family
    return Agent(
        None if result.user_agent is None else result.user_agent.family,
        None if result.os is None else result.os.family,
        None if device == _SPIDER else device,
        device == _SPIDER or _BOTS.search(header) is not None,
    )


@lru_cache(maxsize=_REMEMBERED)
def is_bot(browser: str) -> bool:
    """Tell whether the name of a browser, as WSO2 writes it, is a robot's."""
    return _BOTS.search(browser) is not None
