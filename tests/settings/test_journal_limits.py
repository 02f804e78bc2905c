"""The two readers of `[bridge.journal]`: the model, and the one for commands that are to be quick."""

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.document.limits import limits_of
from bridge.settings import JournalSettings

TABLES: list[dict[str, Any]] = [
    {},
    {"max_bytes": "512MiB", "retain": "1h30m", "min_free_bytes": "64MB"},
    {"max_bytes": 1},
    {"max_bytes": 0},
    {"max_bytes": -1},
    {"max_bytes": 1.5},
    {"max_bytes": True},
    {"max_bytes": "1.5KiB"},
    {"max_bytes": "much"},
    {"max_bytes": ["1GiB"]},
    {"max_bytes": {"a": 1}},
    {"retain": 0},
    {"retain": 0.5},
    {"retain": "-1s"},
    {"retain": float("inf")},
    {"retain": float("nan")},
    {"min_free_bytes": 0},
    {"min_free_bytes": "0B"},
    {"min_free_bytes": ""},
    {"keep": "1h"},
    {"retain": "1h", "keep": "1h"},
]


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_both_read_the_same(table: dict[str, Any]) -> None:
    """What the quick one reads is what the model reads, and what the model refuses it leaves to the model."""
    quick = limits_of(table)
    try:
        model = JournalSettings.model_validate(table)
    except ValidationError:
        assert quick is None
    else:
        assert quick is not None
        assert model.model_dump() == {name: getattr(quick, name) for name in JournalSettings.model_fields}
