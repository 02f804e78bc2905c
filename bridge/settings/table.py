"""The root of all models of the configuration."""

from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator


class Table(BaseModel):
    """A table of the configuration: frozen, without unknown keys, its secrets never shown.

    A field's `json_schema_extra` may hold `sample` (the value that the sample shows) and `default` (a word
    for a default that is worked out at run time).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    @field_validator("*", mode="after")
    @classmethod
    def _refuse_empty_secrets(cls, value: Any) -> Any:
        held = list(value.values()) if isinstance(value, dict) else value
        for secret in held if isinstance(held, list | tuple) else (held,):
            if isinstance(secret, SecretStr) and not secret.get_secret_value().strip():
                raise ValueError("an empty secret; give it its value or leave the key out")
        return value
