"""Reads a JSON object from bytes, and repairs what other programs have damaged."""

import json
import re
from typing import Any, Final

import msgspec

from bridge.errors import Unacceptable
from bridge.events.sizes import LARGE_BYTES, check_size

Json = dict[str, Any]
"""A JSON object."""

# Deeper than any analytics event, and far from the interpreter's own limit.
MAX_DEPTH: Final = 64

_JAVA_MAP: Final = re.compile(r"\{[A-Za-z][\w.-]*=")
_decode_any = msgspec.json.Decoder().decode


def read_plain(body: bytes) -> Any:
    """Return the JSON value in these bytes. Raises Unacceptable for too much nesting, and what msgspec raises."""
    _check_depth(body)
    return _decode_any(body)


def read_object(body: bytes) -> tuple[dict[str, Any], bool]:
    r"""Return the JSON object in these bytes, and whether they are plain JSON just as they stand.

    Mended, in this order, as other programs damage them: bytes that are not UTF-8 are replaced, JSON
    that another logger has escaped (`{\"apiName\":…`) is unescaped, text behind the object is cut off,
    lone surrogates are replaced, numbers beyond all measure become null. Raises Unacceptable.
    """
    if len(body) > LARGE_BYTES:
        check_size(body)
    plain = True
    try:
        value = read_plain(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value, plain = _read_damaged(body), False
    if not isinstance(value, dict):
        raise Unacceptable("not_an_object", f"JSON, but {type(value).__name__} instead of an object")
    return value, plain


def _check_depth(body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    # A string without its end counts as one, or every quote would begin a search to the end of the input.
    for bracket in re.finditer(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', body, re.DOTALL):
        match body[bracket.start()]:
            case 0x5B | 0x7B:
                depth += 1
                if depth > MAX_DEPTH:
                    raise Unacceptable("too_deep", f"more than {MAX_DEPTH} levels")
            case 0x5D | 0x7D:
                depth -= 1


def _read_damaged(body: bytes) -> Any:
    text = body.decode("utf-8", "replace").strip("\ufeff \t\r\n\0")
    decoder = json.JSONDecoder(strict=False, parse_int=_whole)
    try:
        if text.startswith('{\\"'):
            inner = decoder.raw_decode(f'"{text}"' if not text.endswith('"') else f'"{text}')[0]
            # Its quotes were escaped, so the depth check saw one long string.
            _check_depth(inner.encode("utf-8", "replace"))
            return _clean(decoder.raw_decode(inner)[0])
        return _clean(decoder.raw_decode(text)[0])
    except (ValueError, RecursionError) as error:
        if _JAVA_MAP.match(text):
            raise Unacceptable("ambiguous", "a Java map as text; can be read in more than one way") from None
        raise Unacceptable("not_json", _where(error)) from None


def _whole(digits: str) -> int | None:
    # The interpreter refuses to read thousands of digits.
    return int(digits) if len(digits) < 400 else None


def _where(error: Exception) -> str:
    # The decoder's message names a position, never the text.
    return str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case list():
            return [_clean(item) for item in value]
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
            return None
        case _:
            return value
