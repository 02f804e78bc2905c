"""The annotated sample configuration, written from the models: every setting, its sentence, its default.

Prose lines begin with "# ", settings that are off with "#" alone: take that away, and they are on.
"""

import inspect
import json
import textwrap
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bridge.settings.analytics import AnalyticsSettings
from bridge.settings.api_metrics import ApiMetricsSettings
from bridge.settings.fields import (
    as_toml,
    default_in_words,
    form_in_words,
    has_no_value,
    model_of,
    value_to_show,
)
from bridge.settings.intake import HeaderSettings, IdentitySettings, PrivacySettings
from bridge.settings.model import (
    AdminSettings,
    BridgeSettings,
    DeliveryDefaults,
    DeliverySettings,
    HttpSinkSettings,
    JournalSettings,
    SinkSettings,
    SourceSettings,
)
from bridge.settings.moesif_management import MoesifManagementSettings

_WIDTH: Final = 100

_HEAD: Final = """\
The settings of apim-bridge: each with its meaning, its unit and its default.

Lines that begin with "#" and no space are settings that are off: take the "#" away to use them.
Durations: "250ms", "20s", "10m", "24h", "30d", "1h30m". Sizes: "512KiB", "4MB", "2GiB".
In every text of [apim.analytics] and [bridge], $env{NAME} stands for an environment variable, \
$secret{name} for a file in secrets_dir, $ref{a.b} for another key of this file, and $sys{name} for a key of \
[bridge.sys].

[apim.analytics] is WSO2's own and may stay in WSO2's deployment.toml with all else that is there: \
this file can be that file. [bridge] is ours."""


def sample(*, sinks: Mapping[str, type[SinkSettings]], sources: Mapping[str, type[SourceSettings]]) -> str:
    """Return the sample as TOML, for the known kinds by name; the first sink that WSO2 knows is on."""
    first = next((name for name, model in sinks.items() if model.WSO2_KEYS), next(iter(sinks)))
    paragraphs = [
        [line for part in _HEAD.split("\n") for line in _prose(part) or ["#"]],
        *_wso2(first, sinks[first]),
        _bridge(first),
        *(part for name, model in sources.items() for part in _source(name, model)),
        *_table("bridge.identity", IdentitySettings),
        *_table("bridge.headers", HeaderSettings),
        *_table("bridge.privacy", PrivacySettings),
        *_table("bridge.admin", AdminSettings),
        *_table("bridge.api_metrics", ApiMetricsSettings),
        *_table("bridge.analytics", AnalyticsSettings),
        *_table("bridge.moesif_management", MoesifManagementSettings),
        *_table("bridge.journal", JournalSettings),
        *_table(
            "bridge.delivery", DeliveryDefaults, "Defaults for every sink; a sink's own table overrides them."
        ),
        *_sink(first, sinks[first], on=True),
        *(part for name, model in sinks.items() if name != first for part in _sink(name, model, on=False)),
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs) + "\n"


def _wso2(name: str, model: type[SinkSettings]) -> list[list[str]]:
    properties = [*_prose("WSO2's own keys keep their names and meanings."), "[apim.analytics.properties]"]
    shown: set[str] = set()
    for key, field_name in model.WSO2_KEYS.items():
        if field_name not in shown:
            field = model.model_fields[field_name]
            properties += [*_meaning(field), f"{key} = {as_toml(value_to_show(field_name, field), field)}"]
            shown.add(field_name)
    return [
        [
            "[apim.analytics]",
            *_prose("WSO2's master switch. With enable = false, only [bridge] type turns sinks on."),
            "enable = true",
            *_prose("Which sinks are on: one name, several with commas, or a list such as"),
            *_prose(f'["{name}", "archive"]. Each is a type of sink or a name from [bridge.sinks.NAME].'),
            f"type = {json.dumps(name)}",
        ],
        properties,
        [
            *_prose(
                "Fields that are masked before an event is written to disk, with the kind of mask: IPV4, IPV6, "
                "EMAIL, USERNAME or STRING."
            ),
            "[apim.analytics.mask]",
            '#userIp = "IPV4"',
            '#userName = "USERNAME"',
        ],
    ]


def _bridge(name: str) -> list[str]:
    scalars = [key for key, field in BridgeSettings.model_fields.items() if model_of(field) is None]
    return [
        "[bridge]",
        *_prose("Overrides type in [apim.analytics], if WSO2 needs another word there."),
        f"#type = {json.dumps(name)}",
        *(line for key in scalars for line in _setting(key, BridgeSettings.model_fields[key])),
    ]


def _source(name: str, model: type[SourceSettings]) -> list[list[str]]:
    own = [key for key in model.model_fields if key not in SourceSettings.model_fields]
    table, *inner = _table(f"bridge.sources.{name}", model, keys=own)
    table += [*_meaning(SourceSettings.model_fields["type"]), f"#type = {json.dumps(name)}"]
    return [table, *inner]


def _sink(name: str, model: type[SinkSettings], *, on: bool) -> list[list[str]]:
    own = [key for key, field in model.model_fields.items() if _is_own(key, field)]
    from_wso2 = {field: wso2_key for wso2_key, field in reversed(tuple(model.WSO2_KEYS.items()))}
    table, *inner = _table(f"bridge.sinks.{name}", model, keys=own, on=on, elsewhere=from_wso2)
    if on:
        table += ["#", *_prose("Every sink also takes these, and each key of [bridge.delivery].")]
        table += [*_meaning(SinkSettings.model_fields["type"]), f"type = {json.dumps(name)}"]
        for key in SinkSettings.model_fields:
            if key not in {"type", *DeliverySettings.model_fields, *own}:
                table += _setting(key, SinkSettings.model_fields[key])
    return [table, *inner]


def _is_own(key: str, field: FieldInfo) -> bool:
    inherited = HttpSinkSettings.model_fields.get(key)
    return inherited is None or (inherited.default, inherited.default_factory) != (
        field.default,
        field.default_factory,
    )


def _table(
    key: str,
    model: type[BaseModel],
    prose: str = "",
    *,
    keys: Iterable[str] | None = None,
    on: bool = True,
    elsewhere: Mapping[str, str] | None = None,
) -> list[list[str]]:
    """Return a table and, after it, the tables inside it.

    `elsewhere` names the fields whose values stand in [apim.analytics.properties], with their keys there.
    """
    doc = prose or (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ")
    table = [*_prose(doc), ("" if on else "#") + f"[{key}]"]
    inner: list[list[str]] = []
    for name in model.model_fields if keys is None else keys:
        field = model.model_fields[name]
        nested = model_of(field)
        if nested is not None:
            needed = field.is_required() or field.get_default(call_default_factory=True) is not None
            inner += _table(f"{key}.{name}", nested, field.description or "", on=on and needed)
        else:
            table += _setting(field.alias or name, field, on=on, wso2_key=(elsewhere or {}).get(name))
    return [table, *inner]


def _setting(key: str, field: FieldInfo, *, on: bool = True, wso2_key: str | None = None) -> list[str]:
    rests = not on or has_no_value(field) or wso2_key is not None
    return [
        *_meaning(field, wso2_key),
        f"{'#' if rests else ''}{key} = {as_toml(value_to_show(key, field), field)}",
    ]


def _meaning(field: FieldInfo, wso2_key: str | None = None) -> list[str]:
    details = ", ".join(text for text in (form_in_words(field), default_in_words(field, wso2_key)) if text)
    return _prose(f"{(field.description or '').rstrip('.')}. {details[0].upper()}{details[1:]}.")


def _prose(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
