"""How people write a monitor, and what they read of it."""

from typing import Any

import pytest

from bridge.analytics.monitoring.monitor import Monitor
from bridge.analytics.monitoring.reading import read_monitor, shown
from bridge.errors import Unanswerable

URL = "https://gateway.example.com/health"
KEPT = Monitor(
    name="Pay", url=URL, method="POST", headers={"Authorization": "Bearer s3cr3t"}, body="s3cr3t body"
)


def test_what_is_not_said_has_its_default() -> None:
    """A name and a URL are enough."""
    assert read_monitor({"name": " Pay ", "url": URL}) == Monitor(name="Pay", url=URL)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "\ud800"),
        ("url", "gateway"),
        ("url", "file:///etc/passwd"),
        ("url", "https://user:word@gateway/"),
        ("url", None),
        ("method", "DELETE"),
        ("headers", ["a"]),
        ("headers.a b", {"a b": "x"}),
        ("headers.Content-Length", {"Content-Length": "1"}),
        ("headers.X", {"X": "a\r\nY: b"}),
        ("headers.X", {"X": "€"}),
        ("headers.X", {"X": None}),
        ("headers", {"X": "a", "x": "b"}),
        ("body", 1),
        ("body", "x" * 16_385),
        ("status", []),
        ("status", ["6xx"]),
        ("status", ["299-200"]),
        ("status", ["200\n"]),
        ("status", [True]),
        ("interval_seconds", 29),
        ("interval_seconds", 86_401),
        ("interval_seconds", True),
        ("interval_seconds", 60.5),
        ("limit_seconds", 0),
        ("retries", 11),
        ("verify", "no"),
        ("page", "Übersicht"),
        ("page", "a/b"),
        ("pages", "x"),
    ],
)
def test_what_is_wrong_is_named(field: str, wrong: Any) -> None:
    """The field is named, with what is wrong and the cure."""
    given = {"name": "Pay", "url": URL, "method": "POST", field.partition(".")[0]: wrong}
    with pytest.raises(Unanswerable) as refused:
        read_monitor(given)
    assert refused.value.field in {field, "key"}
    assert refused.value.cure


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("body", {"method": "GET", "body": "x"}),
        ("contains", {"method": "HEAD", "contains": "x"}),
        ("limit_seconds", {"interval_seconds": 30, "limit_seconds": 31}),
    ],
)
def test_what_does_not_fit_together_is_refused(field: str, given: dict[str, Any]) -> None:
    """Fields that exclude each other are refused, and one of them is named."""
    with pytest.raises(Unanswerable) as refused:
        read_monitor({"name": "Pay", "url": URL, **given})
    assert refused.value.field == field


def test_secrets_are_written_and_not_read() -> None:
    """What is answered says that there are secrets, and not which; sent back, it keeps them."""
    answered = shown(KEPT)
    assert "s3cr3t" not in str(answered)
    assert answered["headers"] == {"Authorization": None}
    assert answered["body"] is None
    assert read_monitor(answered, KEPT) == KEPT
    changed = read_monitor({**answered, "name": "Payments", "headers": {}, "body": ""}, KEPT)
    assert (changed.name, changed.headers, changed.body) == ("Payments", {}, "")


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example.com/health",
        "https://evil.example.com/",
        "https://gateway.example.com:8243/health",
    ],
)
@pytest.mark.parametrize("secret", ["headers", "body"])
def test_secrets_stay_with_their_place(url: str, secret: str) -> None:
    """Whoever sends a monitor to another origin has to bring its secrets along; another path is the same place."""
    answered = {**shown(KEPT), "headers": {}, "body": "", secret: shown(KEPT)[secret]}
    with pytest.raises(Unanswerable, match="leads to another place") as refused:
        read_monitor({**answered, "url": url}, KEPT)
    assert refused.value.field.startswith(secret)
    assert read_monitor({**answered, "url": URL + "/deep"}, KEPT).url == URL + "/deep"
