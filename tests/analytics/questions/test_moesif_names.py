"""Moesif's names stand for fields that there are, of the kind that its clauses take them for."""

from bridge.analytics.questions.fields import FIELDS, FieldKind
from bridge.analytics.questions.filters import read_filters
from bridge.formats.moesif.clauses import read_policy
from bridge.formats.moesif.names import FIELD_OF, NUMBERS, TRUTHS


def test_every_name_stands_for_a_field() -> None:
    """What a clause becomes is a filter that questions take."""
    assert {*FIELD_OF.values()} <= FIELDS.keys()
    for name, field in FIELD_OF.items():
        value = 7 if field in NUMBERS else True if field in TRUTHS else "x"
        assert read_filters(read_policy({"term": {name: value}}).filters)[0].field is FIELDS[field]


def test_numbers_and_truths_are_known() -> None:
    """So that a text such as "17" of a user stays a text, and a status may be one."""
    kinds = {field: FIELDS[field].kind for field in FIELD_OF.values()}
    assert {field for field, kind in kinds.items() if kind is FieldKind.NUMBER} == NUMBERS
    assert {field for field, kind in kinds.items() if kind is FieldKind.TRUTH} == TRUTHS
