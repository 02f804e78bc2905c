"""Who called: the user and the company of an event, by the operator's own lists of where to look.

    userName, properties.userName      a field of the event, dotted inside objects, known or not
    header:x-company-id                a captured request header, in any case
    jwt:authorization:org              a claim of a token in such a header, dotted inside objects
    constant:acme                      the same for every event

The first with a real value counts. A token is read and not verified, which is the gateway's work: it is looked
at before credentials are taken out of the event, so that the claim is kept and the token is not.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from bridge.errors import SettingsError
from bridge.events.event import NAMES, PROPERTIES_NAMES
from bridge.events.sentinels import real
from bridge.privacy.credentials import CREDENTIALS
from bridge.privacy.hiding import header_name, owners, read_headers

WSO2_USER: Final = ("userName", "properties.userName")
"""Where WSO2 has the user; what the sinks look at by themselves."""

# WSO2's word for a call without a user: used only when there is nothing else.
_NOBODY: Final = "anonymous"
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FORMS: Final = (
    'write a field ("userName", "properties.tenant"), "header:NAME", "jwt:HEADER:CLAIM" or "constant:TEXT"'
)
_read_json: Final = msgspec.json.Decoder().decode


class Caller(NamedTuple):
    """A value, and the text that it was read from: itself, or the token around it."""

    text: str
    source: str


Look = Callable[[dict[str, Any]], Caller | None]


class Identity:
    """Finds out who called; an empty list is skipped."""

    def __init__(self, user: Sequence[str], company: Sequence[str], kept_headers: Iterable[str] = ()) -> None:
        """Raises SettingsError with a line for each entry that cannot be used.

        `kept_headers` are the credentials that the operator keeps by name.
        """
        secret = CREDENTIALS.difference(map(header_name, kept_headers))
        # The sinks look there themselves, at no cost to intake.
        user = () if tuple(user) == WSO2_USER else user
        faults: list[str] = []
        self._looks: dict[str, list[Look]] = {}
        for kind, entries in (("user", user), ("company", company)):
            for index, entry in enumerate(entries):
                try:
                    self._looks.setdefault(kind, []).append(_look(entry.strip(), secret))
                except ValueError as error:
                    faults.append(f"bridge.identity.{kind}[{index}]: {error}")
        if faults:
            raise SettingsError("\n".join(faults))

    def __bool__(self) -> bool:
        return bool(self._looks)

    def resolve(self, data: dict[str, Any]) -> dict[str, Caller | None]:
        """Return who called by `user` and `company`, as far as they are configured; None if nobody is known."""
        return {kind: _first(looks, data) for kind, looks in self._looks.items()}


def _first(looks: Iterable[Look], data: dict[str, Any]) -> Caller | None:
    nobody = None
    for look in looks:
        found = look(data)
        if found is None:
            continue
        if found.text != _NOBODY:
            return found
        nobody = nobody or found
    return nobody


def _look(entry: str, secret: frozenset[str]) -> Look:
    """Return the function for one entry; raises ValueError with what is wrong and the cure."""
    kind, colon, rest = entry.partition(":")
    match kind if colon else "":
        case "constant":
            if real(rest.strip()) is None:
                raise ValueError(f'"{entry}" says nothing; write it like "constant:acme"')
            constant = Caller(rest.strip(), "")
            return lambda _data: constant
        case "header":
            name = _header(entry, rest)
            if name in secret:
                raise ValueError(
                    f'"{entry}" would keep a credential in the journal; take a claim of it '
                    f'("jwt:{name}:sub"), or name it in [bridge.headers] keep'
                )
            return lambda data: _of_header(data, name)
        case "jwt":
            written, _, claim = rest.partition(":")
            name = _header(entry, written)
            if not claim.strip():
                raise ValueError(f'"{entry}" names no claim; write it like "jwt:authorization:org"')
            claim_path = _path(entry, claim.strip())
            return lambda data: _of_token(data, name, claim_path)
        case _ if colon and not entry.startswith("properties."):
            raise ValueError(f'"{entry}": unknown kind "{kind}"; {_FORMS}')
        case _:
            path = _field(entry)
            return lambda data: _of_field(data, path)


def _header(entry: str, written: str) -> str:
    if _HEADER.fullmatch(written.strip()) is None:
        raise ValueError(f'"{entry}" names no header; {_FORMS}')
    return header_name(written)


def _path(entry: str, written: str) -> tuple[str, ...]:
    path = tuple(written.split("."))
    if not all(path):
        raise ValueError(f'"{entry}" is not a field; {_FORMS}')
    return path


def _field(entry: str) -> tuple[str, ...]:
    """Return the path of a field under its canonical name, as events have it when they come here."""
    first, *rest = _path(entry, entry)
    if first == "properties" and rest:
        return first, PROPERTIES_NAMES.canonical(rest[0]), *rest[1:]
    return NAMES.canonical(first), *rest


def _of_field(data: dict[str, Any], path: tuple[str, ...]) -> Caller | None:
    text = _text(_at(data, path))
    return Caller(text, text) if text is not None else None


def _of_header(data: dict[str, Any], name: str) -> Caller | None:
    for value in _headers(data, name):
        text = _text(value)
        if text is not None:
            return Caller(text, text)
    return None


def _of_token(data: dict[str, Any], name: str, path: tuple[str, ...]) -> Caller | None:
    for value in _headers(data, name):
        token = _text(value)
        if token is not None and (text := _text(_at(_claims(token), path))) is not None:
            return Caller(text, token)
    return None


def _headers(data: dict[str, Any], name: str) -> Iterator[Any]:
    for owner in owners(data):
        for header, value in (read_headers(owner.get("requestHeaders")) or {}).items():
            if header_name(header) == name:
                yield value


def _claims(token: str) -> Any:
    """Return the claims of a JSON Web Token (RFC 7519) after its scheme, if any; None if it is not one."""
    parts = token.rpartition(" ")[2].split(".")
    if len(parts) != 3:
        return None
    try:
        return _read_json(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return None


def _at(node: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at a path; a name may have dots of its own, as WSO2's claims are URLs."""
    if not path:
        return node
    if isinstance(node, Mapping):
        for length in range(1, len(path) + 1):
            name = ".".join(path[:length])
            if name in node and (value := _at(node[name], path[length:])) is not None:
                return value
    return None


def _text(value: Any) -> str | None:
    """Return a text that says something, the first of several; numbers count as identities, booleans do not."""
    if isinstance(value, str):
        return real(value.strip())
    if isinstance(value, list):
        return next((text for one in value if (text := _text(one)) is not None), None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return real(msgspec.json.encode(value).decode())
    return None
