"""The usual form of an event: known members, with the types that WSO2 writes. A decoder reads it in one step.

A struct is decoded in half the time of a dict, and the members of many become columns in a twentieth. What does not
fit, an unknown member or a number as text, is left beside it (`usual_of`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from bridge.analytics.store.columns import FACTS, MOST, NUMBERS, TAGS, TEXTS

NO_NUMBER: Final = -1
"""What WSO2 writes for none: the status of a backend that did not answer."""
# Where a member is missing. It is in no type, so that null, which has to come back, does not fit.
_MISSING: Final[Any] = None


class UsualTag(msgspec.Struct, gc=False):
    """The `bridge` object; `columns.TAGS` are added below."""

    id: str = ""
    received: str = ""
    user: str | UnsetType | None = UNSET
    """None: nobody is known to have called."""


class UsualEvent(msgspec.Struct, gc=False):
    """The event; `columns.TEXTS` and `columns.NUMBERS` are added below. A member that is missing is None."""

    bridge: UsualTag
    properties: dict[str, Any] = _MISSING
    origin: dict[str, Any] = _MISSING
    requestTimestamp: str = _MISSING
    correlationId: str = _MISSING
    eventType: str = _MISSING
    errorMessage: str = _MISSING
    apiId: str = _MISSING
    applicationId: str = _MISSING
    organizationId: str = _MISSING
    userName: str = _MISSING
    userIp: str = _MISSING
    userAgent: str = _MISSING
    userAgentHeader: str = _MISSING
    responseCacheHit: bool = _MISSING


_MOST: Final = {name: MOST[FACTS[column]] for name, column in NUMBERS.items()}
_NUMBERS: Final = [
    (name, Annotated[int, msgspec.Meta(ge=NO_NUMBER, le=most)], None) for name, most in _MOST.items()
]
_Tag: Final = cast(
    "type[UsualTag]",
    msgspec.defstruct(
        "_Tag", [(name, str, None) for name in TAGS], bases=(UsualTag,), forbid_unknown_fields=True, gc=False
    ),
)
_Event: Final = cast(
    "type[UsualEvent]",
    msgspec.defstruct(
        "_Event",
        [("bridge", _Tag), *((name, str, None) for name in TEXTS), *_NUMBERS],
        bases=(UsualEvent,),
        forbid_unknown_fields=True,
        gc=False,
    ),
)
decode_usual: Final = msgspec.json.Decoder(_Event).decode
"""Raises what msgspec raises for what does not fit."""
_KINDS: Final = {
    **dict.fromkeys(_Event.__struct_fields__, str),
    **dict.fromkeys(NUMBERS, int),
    **dict.fromkeys(("bridge", "properties", "origin"), dict),
    "responseCacheHit": bool,
}
_IN_FACTS: Final = frozenset({"id", "received"})


def usual_of(event: Mapping[str, Any]) -> tuple[UsualEvent, dict[str, Any]]:
    """Return what fits of an event, and what is left of it; the event is not changed."""
    fitting: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for name, value in event.items():
        fits = type(value) is _KINDS.get(name)
        if fits and type(value) is int:
            fits = NO_NUMBER <= value <= _MOST[name]
        (fitting if fits else left)[name] = value
    fitting["bridge"], tag_left = _usual_tag(fitting.get("bridge", {}))
    if tag_left:
        left["bridge"] = tag_left
    for name in ("properties", "origin"):
        if name in fitting:
            fitting[name] = fitting[name].copy()
    return _Event(**fitting), left


def _usual_tag(tag: Mapping[str, Any]) -> tuple[UsualTag, dict[str, Any]]:
    fitting: dict[str, Any] = {name: value for name in ("user", *TAGS) if type(value := tag.get(name)) is str}
    left = {name: value for name, value in tag.items() if name not in fitting and name not in _IN_FACTS}
    if "user" in left:
        fitting["user"] = None
    return _Tag(**fitting), left


def by_member(structs: Sequence[msgspec.Struct]) -> dict[str, tuple[Any, ...]]:
    """Return the values of each member of these structs, which are of one type; there is at least one."""
    rows = zip(*map(msgspec.structs.astuple, structs), strict=True)
    return dict(zip(structs[0].__struct_fields__, rows, strict=True))
