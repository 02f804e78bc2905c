"""What people have written in the dashboard does not name what was erased."""

from typing import Any

import pytest

from bridge.analytics.erasures.written import WrittenBlotting
from bridge.analytics.store.subjects import Erasure

USER = Erasure("user", "zebulon", 1)
APPLICATION = Erasure("application", "orders", 1)


@pytest.mark.parametrize(
    ("erasure", "before", "after"),
    [
        (
            USER,
            {"field": "user", "is": ["zebulon@carbon.super", "joe"]},
            {"field": "user", "is": ["[erased]", "joe"]},
        ),
        (USER, {"field": "api", "is": ["zebulon"]}, {"field": "api", "is": ["zebulon"]}),
        (USER, {"user": "zebulon", "view": "events"}, {"user": "[erased]", "view": "events"}),
        (USER, {"user": ["zebulon"]}, {"user": ["[erased]"]}),
        (USER, {"title": "Of zebulon and joe"}, {"title": "Of [erased] and joe"}),
        (USER, {"scopes": ["zebulon"]}, {"scopes": ["zebulon"]}),
        (
            Erasure("user", "user", 1),
            {"field": "user", "is": ["user"]},
            {"field": "user", "is": ["[erased]"]},
        ),
        (
            APPLICATION,
            [{"field": "application", "is_not": ["orders"]}],
            [{"field": "application", "is_not": ["[erased]"]}],
        ),
        (APPLICATION, {"title": "All orders"}, {"title": "All orders"}),
        (APPLICATION, {"name": "orders"}, {"name": "[erased]"}),
    ],
)
def test_what_is_blotted(erasure: Erasure, before: Any, after: Any) -> None:
    """Filters on its field and values of its field; names and titles of a person, too; nothing else."""
    assert WrittenBlotting(erasure).body(before) == after
