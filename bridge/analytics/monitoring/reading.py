"""Reads a monitor as people write it, and writes it as they may read it: without its secrets.

What is secret, the values of headers and the body, is answered as null, and null is what keeps it: so a monitor that
was read can be changed and sent back. It is kept only while it goes to where it went: whoever sends a monitor to
another place has to bring its secrets along.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from yarl import URL

from bridge.analytics.monitoring.monitor import (
    LEAST_INTERVAL_SECONDS,
    METHODS,
    MOST_INTERVAL_SECONDS,
    MOST_LIMIT_SECONDS,
    MOST_RETRIES,
    Monitor,
    status_range,
)
from bridge.analytics.questions.words import one_of
from bridge.errors import Unanswerable
from bridge.transports.http.reach import outward_url

MOST_NAME: Final = 100
MOST_URL: Final = 2_000
MOST_HEADERS: Final = 20
MOST_VALUE: Final = 4_000
MOST_BODY: Final = 16 * 2**10
MOST_TEXT: Final = 500
MOST_STATUSES: Final = 10
PAGE_SLUG: Final = r"[a-z0-9][a-z0-9-]{0,63}"

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_SLUG: Final = re.compile(PAGE_SLUG, re.ASCII)
# What the connection says for itself (RFC 9112).
_OURS: Final = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_FIELDS: Final = msgspec.structs.fields(Monitor)
_NAMES: Final = tuple(field.name for field in _FIELDS)
_DEFAULTS: Final = {
    field.name: field.default for field in _FIELDS if field.name not in {"name", "url", "headers"}
}


def read_monitor(given: Any, kept: Monitor | None = None) -> Monitor:
    """Return the monitor that people have written, `kept` being what it takes the place of; raises Unanswerable."""
    if not isinstance(given, dict):
        raise Unanswerable("a monitor is not a JSON object", f"give it {', '.join(_NAMES)}")
    for key in given:
        one_of(key, _NAMES, "key", str(key)[:60])
    url = _url(given.get("url"))
    stays = kept is not None and URL(kept.url).origin() == URL(url).origin()
    secrets = kept if stays else None
    method = one_of(given.get("method", "GET"), METHODS, "method", "method")
    monitor = Monitor(
        name=_text(given, "name", MOST_NAME, least=1).strip(),
        url=url,
        method=method,  # type: ignore[arg-type] # it is one of METHODS
        headers=_headers(given.get("headers"), secrets, moved=kept is not None and not stays),
        body=_body(given, secrets, moved=kept is not None and not stays and bool(kept.body)),
        status=_statuses(given.get("status", _DEFAULTS["status"])),
        contains=_text(given, "contains", MOST_TEXT),
        lacks=_text(given, "lacks", MOST_TEXT),
        interval_seconds=_number(given, "interval_seconds", LEAST_INTERVAL_SECONDS, MOST_INTERVAL_SECONDS),
        limit_seconds=_number(given, "limit_seconds", 1, MOST_LIMIT_SECONDS),
        retries=_number(given, "retries", 0, MOST_RETRIES),
        follow=_truth(given, "follow"),
        verify=_truth(given, "verify"),
        public=_truth(given, "public"),
        page=_page(given),
        paused=_truth(given, "paused"),
    )
    _fits(monitor)
    return monitor


def shown(monitor: Monitor) -> dict[str, Any]:
    """Return a monitor as it is answered: its secrets are null."""
    return {
        **{name: getattr(monitor, name) for name in _NAMES},
        "headers": dict.fromkeys(monitor.headers),
        "body": None if monitor.body else "",
    }


def _fits(monitor: Monitor) -> None:
    if monitor.body and monitor.method != "POST":
        raise Unanswerable(f"{monitor.method} has no body", "take POST, or leave the body out", field="body")
    for name in ("contains", "lacks"):
        if getattr(monitor, name) and monitor.method == "HEAD":
            raise Unanswerable("the answer to HEAD has no text", "take GET", field=name)
    if monitor.limit_seconds > monitor.interval_seconds:
        raise Unanswerable(
            "limit_seconds is longer than interval_seconds", "make it shorter", field="limit_seconds"
        )


def _url(given: Any) -> str:
    if not isinstance(given, str) or len(given) > MOST_URL:
        raise Unanswerable(f"url is not a text of at most {MOST_URL} characters", "give it one", field="url")
    try:
        return str(outward_url(given.strip()))
    except ValueError as error:
        wrong, _, cure = str(error).partition("; ")
        raise Unanswerable(f"url: {wrong}", cure, field="url") from None


def _headers(given: Any, kept: Monitor | None, *, moved: bool) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > MOST_HEADERS:
        raise Unanswerable(
            f"headers is not an object of at most {MOST_HEADERS} names and values",
            "correct it",
            field="headers",
        )
    headers: dict[str, str] = {}
    before: Mapping[str, str] = kept.headers if kept is not None else {}
    for name, value in given.items():
        field = f"headers.{str(name)[:60]}"
        if not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise Unanswerable(f"{field}: no header of this name is sent", "take another", field=field)
        if value is None:
            if name not in before:
                why = (
                    "the URL leads to another place than before"
                    if moved
                    else "there is none that could be kept"
                )
                raise Unanswerable(f"{field}: {why}", "send the value", field=field)
            value = before[name]  # noqa: PLW2901 - null stands for it
        if not isinstance(value, str) or len(value) > MOST_VALUE or not _is_value(value):
            raise Unanswerable(
                f"{field} is not a text of at most {MOST_VALUE} characters on one line",
                "correct it",
                field=field,
            )
        headers[name] = value
    if len({name.lower() for name in headers}) < len(headers):
        raise Unanswerable("headers: a name is there twice", "send it once", field="headers")
    return headers


def _is_value(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return all(char == "\t" or (char >= " " and char != "\x7f") for char in value)


def _body(given: Mapping[str, Any], kept: Monitor | None, *, moved: bool) -> str:
    if "body" in given and given["body"] is None:
        if moved:
            raise Unanswerable(
                "body: the URL leads to another place than before", "send the body", field="body"
            )
        return kept.body if kept is not None else ""
    return _text(given, "body", MOST_BODY)


def _statuses(given: Any) -> tuple[str, ...]:
    wrong = Unanswerable(
        f"status is not a list of 1 to {MOST_STATUSES} statuses",
        'write it like ["2xx", "401"]',
        field="status",
    )
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= MOST_STATUSES:
        raise wrong
    found = []
    for one in given:
        text = str(one) if isinstance(one, str | int) and not isinstance(one, bool) else ""
        if not re.fullmatch(r"[1-5]xx|[1-5]\d\d(-[1-5]\d\d)?", text, re.ASCII):
            raise wrong
        try:
            status_range(text)
        except ValueError:
            raise wrong from None
        found.append(text)
    return tuple(found)


def _text(given: Mapping[str, Any], name: str, most: int, *, least: int = 0) -> str:
    text = given.get(name, "")
    if not isinstance(text, str) or not least <= len(text.strip() if least else text) <= most:
        raise Unanswerable(f"{name} is not a text of {least} to {most} characters", "correct it", field=name)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unanswerable(f"{name} cannot be written as UTF-8", "correct it", field=name) from None
    return text


def _number(given: Mapping[str, Any], name: str, least: int, most: int) -> int:
    number = given.get(name, _DEFAULTS[name])
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise Unanswerable(f"{name} is not a whole number from {least} to {most}", "correct it", field=name)
    return number


def _truth(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, _DEFAULTS[name])
    if not isinstance(value, bool):
        raise Unanswerable(f"{name} is neither true nor false", "correct it", field=name)
    return value


def _page(given: Mapping[str, Any]) -> str:
    page = given.get("page", "")
    if page and (not isinstance(page, str) or not _SLUG.fullmatch(page)):
        raise Unanswerable(
            "page is not of 1 to 64 small letters, digits and hyphens",
            'write it like "payments"',
            field="page",
        )
    return str(page)
