"""The page about workspaces for Moesif's clients: its clauses, names, calls and examples are those of the code."""

import json
import re
from typing import Any, Final

from docs.pages import blocks, page, section
from rigs.analytics_parts import endpoints

from bridge.formats.moesif.aggregations import FIGURES, GROUPS
from bridge.formats.moesif.clauses import CLAUSES
from bridge.formats.moesif.names import FIELD_OF
from bridge.formats.moesif.workspaces import VIEWS, filled, read_workspace

_PAGE: Final = page("moesif-workspaces.md")


def _examples() -> list[dict[str, Any]]:
    return [json.loads(block) for language, block in blocks(_PAGE) if language == "json"]


def test_every_clause_view_and_aggregation_is_named() -> None:
    """What is read stands on the page."""
    words = set(re.findall(r"`([\w|]+)`", _PAGE))
    assert {*CLAUSES, *VIEWS, *GROUPS, *FIGURES} <= words


def test_names_stand_for_the_fields_that_the_page_says() -> None:
    """Row by row; of WSO2's names there are more."""
    rows = re.findall(
        r"^\| (`.*?) \| (.*?) \|$", section(_PAGE, "## What restricts a workspace"), re.MULTILINE
    )
    shown = {
        name: field
        for names, fields in rows
        for name, field in zip(re.findall(r"`([\w.]+)`", names), re.findall(r"`(\w+)`", fields), strict=False)
        if name in FIELD_OF
    }
    assert shown == {name: FIELD_OF[name] for name in shown}
    assert {name for name in FIELD_OF if not name.startswith("metadata.")} <= shown.keys()


def test_the_example_of_a_template_is_one() -> None:
    """And the body that asks for a viewer's token fills it."""
    template, asked = _examples()
    read = read_workspace(template)
    assert read.is_template
    assert filled(read.dynamic, asked["template"]["values"]) == [{"field": "user", "is": ["alice"]}]


def test_calls_have_the_scopes_that_the_page_says() -> None:
    """The first scope of each row is the endpoint's own."""
    rows = re.findall(
        r"^\| (`(?:GET|POST|DELETE).*?) \| `([\w:]+)`", section(_PAGE, "## Calls"), re.MULTILINE
    )
    served = {(one.method, re.sub(r"\{\w+\}", "ID", one.path)): one.scope for one in endpoints()}
    told = 0
    for calls, scope in rows:
        for methods, path in re.findall(
            r"`([A-Z]+(?:`, `[A-Z]+` and `[A-Z]+|` and `[A-Z]+)?) (/[^`?]+)", calls
        ):
            for method in re.findall("[A-Z]+", methods):
                assert served[method, path.replace("ORG", "ID")] == scope, (method, path)
                told += 1
    assert told >= 15
