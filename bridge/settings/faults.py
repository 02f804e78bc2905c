"""The faults of a configuration file: collected, so that an operator sees all of them at once."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bridge.errors import SettingsError

_M = TypeVar("_M", bound=BaseModel)


class Faults:
    """What is wrong with one file, a line for each key: file, dotted key, what is wrong, cure."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines: dict[str, str] = {}
        self._concealed: dict[str, str] = {}

    def add(self, key: str, problem: str, cure: str = "") -> None:
        """Note what is wrong at a key; only the first fault of a key counts, the rest follows from it."""
        self._lines.setdefault(key, f"{self._file}: {key}: {problem}" + (f"; {cure}" if cure else ""))

    def conceal(self, value: str, placeholder: str) -> None:
        """Let no message show what a placeholder stood for: it may be a secret in the wrong place."""
        if len(value) > 3:
            self._concealed[value] = placeholder

    def check(self) -> None:
        """Raise SettingsError with all the lines, if there are any."""
        if self._lines:
            raise SettingsError("\n".join(self._lines.values()))

    def table(self, parent: Mapping[str, Any], name: str, key: str) -> dict[str, Any]:
        """Return a table inside another, empty if it is not there or no table."""
        value = parent.get(name, {})
        if isinstance(value, dict):
            return value
        self.add(key, "is a value, not a table", f"write it as [{key}] with its keys below")
        return {}

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
        """Return the model of a table, or None after noting all its faults.

        `places` says where a value stands that came from elsewhere in the file, `cures` what to do about a
        missing one, and `beside` which other keys are known in this table.
        """
        try:
            return model.model_validate(values)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_context=False, include_input=False):
                loc = _written(fault["loc"], values, missing=fault["type"] == "missing")
                place = (places or {}).get(str(loc[0])) if loc else None
                problem, cure = _explain(fault["type"], fault["msg"], loc, model, beside)
                if loc and fault["type"] == "missing" and str(loc[0]) in (cures or {}):
                    cure = (cures or {})[str(loc[0])]
                for value, placeholder in self._concealed.items():
                    problem = problem.replace(value, placeholder)
                if place is not None:
                    problem = f"{problem} (for [{table}])"
                self.add(_dotted(place, loc[1:]) if place else _dotted(table, loc), problem, cure)
            return None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a question for the known word that is most like this one, else all that are known."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1)
    return f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(words)}"


def _explain(
    kind: str, message: str, loc: Sequence[str | int], model: type[BaseModel], beside: Iterable[str]
) -> tuple[str, str]:
    table = _model_at(model, loc[:-1])
    field = table.model_fields.get(str(loc[-1])) if table and loc else None
    meaning = f" ({field.description})" if field and field.description else ""
    match kind:
        case "missing":
            return "is missing", f"set it{meaning}"
        case "extra_forbidden":
            known = {field.alias or name for name, field in table.model_fields.items()} if table else set()
            return "unknown key", nearest(str(loc[-1]), known | (set(beside) if len(loc) == 1 else set()))
        case "value_error":
            return message.removeprefix("Value error, "), ""
        case _:
            return message, f"correct it{meaning}"


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
