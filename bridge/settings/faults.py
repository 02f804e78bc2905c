"""The faults of a table's values, in words: what is there, and what may be."""

from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, BeforeValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bridge.document import faults as document
from bridge.document.faults import nearest
from bridge.document.units import parse_duration, parse_size
from bridge.errors import SettingsError

_M = TypeVar("_M", bound=BaseModel)

_SHOWN_CHARACTERS: Final = 60
_WORDS_OF_VALIDATORS: Final = ("not ", "neither ")
# What pydantic calls the kinds of values, in an operator's words.
_WANTED: Final[Mapping[str, str]] = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "bool": "true or false",
    "string": "a text in quotes",
    "path": "a path, a text in quotes",
    "tuple": "a list in square brackets",
    "list": "a list in square brackets",
    "dict": "a table",
    "model": "a table",
    "too": "a list with at least one entry",
}


class TableFaults(document.Faults):
    """Knows how to read a table into its model, too."""

    def model(self, models: Mapping[str, type[_M]], kind: str, key: str) -> type[_M] | None:
        """Return the model of a known kind; None if it cannot be loaded, which is noted at the key."""
        try:
            return models[kind]
        except SettingsError as error:
            problem, _, cure = str(error).partition("; ")
            self.add(key, problem, cure)
            return None

    def read(
        self,
        model: type[_M],
        values: Mapping[str, Any],
        table: str,
        *,
        places: Mapping[str, str] | None = None,
        cures: Mapping[str, str] | None = None,
        beside: Iterable[str] = (),
    ) -> _M | None:
        """Return the model of a table; None if it has faults, all of which are noted.

        `places` says where a value stands that came from elsewhere in the file, `cures` what to do about a
        missing one, and `beside` which other keys are known in this table.
        """
        try:
            return model.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                missing = fault["type"] == "missing"
                loc = _written(fault["loc"], values, missing=missing)
                place = (places or {}).get(str(loc[0])) if loc else None
                problem, cure = _explain(fault, loc, values, model, beside)
                if loc and missing and str(loc[0]) in (cures or {}):
                    cure = (cures or {})[str(loc[0])]
                if place is not None:
                    problem = f"{problem} (for [{table}])"
                self.add(_dotted(place, loc[1:]) if place else _dotted(table, loc), problem, cure)
            return None


def _explain(
    fault: ErrorDetails,
    loc: Sequence[str | int],
    values: Mapping[str, Any],
    model: type[BaseModel],
    beside: Iterable[str],
) -> tuple[str, str]:
    kind, message = fault["type"], fault["msg"]
    table = _model_at(model, loc[:-1])
    field = _field_at(model, loc)
    meaning = f" ({field.description})" if field and field.description else ""
    match kind:
        case "missing":
            return "is missing", f"set it{meaning}"
        case "extra_forbidden":
            known = {field.alias or name for name, field in table.model_fields.items()} if table else set()
            return "unknown key", nearest(str(loc[-1]), known | (set(beside) if len(loc) == 1 else set()))
        case "value_error":
            message = message.removeprefix("Value error, ")
            if message.startswith(_WORDS_OF_VALIDATORS):
                return f"{_found(values, loc, field)} is {message}", ""
            return message, ""
        case _:
            return f"{_found(values, loc, field)} is not {_wanted(fault, field)}", f"correct it{meaning}"


def _wanted(fault: ErrorDetails, field: FieldInfo | None) -> str:
    """Return what may stand there, with its bounds."""
    kind = fault["type"]
    if kind == "literal_error":
        return f"one of {fault.get('ctx', {}).get('expected', '')}".replace("'", '"')
    if kind == "string_too_short":
        return "a text with anything in it"
    if kind == "string_pattern_mismatch":
        return "of the form that is wanted here"
    word = kind.partition("_")[0]
    noun = _WANTED.get(word, "a number" if word in {"greater", "less"} else "what may stand here")
    return noun if field is None or "number" not in noun else _number(field)


def _number(field: FieldInfo) -> str:
    readers = {mark.func for mark in field.metadata if isinstance(mark, BeforeValidator)}
    if parse_size in readers:
        noun = "a size"
    elif parse_duration in readers:
        noun = "a duration"
    else:
        noun = "a whole number" if int in _kinds(field.annotation) else "a number"
    least = next((mark for mark in field.metadata if isinstance(mark, Ge | Gt)), None)
    most = next((mark.le for mark in field.metadata if isinstance(mark, Le)), None)
    match least:
        case Ge():
            return f"{noun} from {least.ge} to {most}" if most is not None else f"{noun} from {least.ge} up"
        case Gt():
            return f"{noun} above {least.gt}" + (f" and up to {most}" if most is not None else "")
        case _:
            return noun


def _found(values: Any, loc: Sequence[str | int], field: FieldInfo | None) -> str:
    """Return what stands in the file, as it is written there; nothing of a secret."""
    if field is not None and SecretStr in _kinds(field.annotation):
        return "what stands here"
    for step in loc:
        values = values[step]
    return _shown(values)


def _shown(value: Any) -> str:
    match value:
        case bool():
            text = str(value).lower()
        case str():
            short = value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…"
            text = f'"{short}"'
        case dict():
            text = "a table"
        case list() | tuple():
            text = "a list" if value else "an empty list"
        case int() | float():
            text = str(value)
        case _:
            text = f"{value} (a date or time)"
    return text


def _written(loc: tuple[str | int, ...], values: Any, *, missing: bool) -> list[str | int]:
    # pydantic adds names of union members and validators to a location; only what stands in the file counts.
    path: list[str | int] = []
    for index, step in enumerate(loc):
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return [*path, step] if missing and index == len(loc) - 1 else path
        path.append(step)
    return path


def _dotted(table: str, loc: Sequence[str | int]) -> str:
    return table + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)


def _field_at(model: type[BaseModel], loc: Sequence[str | int]) -> FieldInfo | None:
    """Return the field that a location leads to or into: an item of a list is its list's."""
    for end in range(len(loc), 0, -1):
        table = _model_at(model, loc[: end - 1])
        if table is not None:
            return table.model_fields.get(str(loc[end - 1]))
    return None


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types that an annotation is made of."""
    inner = get_args(annotation)
    return {kind for one in inner for kind in _kinds(one)} if inner else {annotation}


def _model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel] | None:
    """Return the model of a table inside a table, None where there is none (a plain list or mapping)."""
    annotation: Any = model
    for step in loc:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(str(step))
            annotation = field.annotation if field else None
        else:
            annotation = next((one for one in reversed(get_args(annotation)) if one is not ...), None)
        if get_origin(annotation) in (Union, UnionType):
            annotation = next((one for one in get_args(annotation) if one is not type(None)), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
