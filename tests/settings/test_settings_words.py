"""What is said of wrong values and wrong places: always what was found and what is wanted, in an operator's words."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from fakes.settings_toys import LOG, WSO2, Loader

from bridge.cli.settings import read
from bridge.errors import SettingsError
from bridge.settings.model import BridgeSettings
from bridge.settings.table import Table
from bridge.sinks import SINKS
from bridge.sources import SOURCES

WRONG: tuple[Any, ...] = (
    5,
    -1,
    0.5,
    1e400,
    True,
    "",
    "x",
    "-1s",
    [],
    [5],
    ["x"],
    {},
    {"a": 1},
    {"a": {"b": []}},
    10**30,
)
# Words of the library that reads the tables, and of Python: an operator knows neither.
FOREIGN = (
    "Input should",
    "valid ",
    "unable to",
    "parsing",
    "tuple",
    "dict",
    "NoneType",
    "an instance",
    "str ",
)


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


def tables() -> dict[str, list[str]]:
    """Every table, dotted, with its keys."""
    found: dict[str, list[str]] = {}

    def look(table: str, model: type[Table]) -> None:
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Table):
                look(f"{table}.{name}", field.annotation)
            elif name != "type":
                found.setdefault(table, []).append(name)

    look("bridge", BridgeSettings)
    for name, source in SOURCES.items():
        look(f"bridge.sources.{name}", source.settings)
    for name, sink in SINKS.items():
        look(f"bridge.sinks.{name}", sink.settings)
    return found


def needed(model: type[Table]) -> dict[str, Any]:
    """What a table has to say, as the sample configuration shows it."""
    return {
        name: field.json_schema_extra["sample"]
        for name, field in model.model_fields.items()
        if field.is_required() and isinstance(field.json_schema_extra, dict) and name != "type"
    }


def configured(table: str, keys: list[str], value: Any) -> dict[str, Any]:
    """A configuration with all sources and sinks, and this value at these keys."""
    document: dict[str, Any] = {
        "bridge": {
            "type": list(SINKS),
            "sources": {name: needed(kind.settings) for name, kind in SOURCES.items()},
            "sinks": {name: needed(kind.settings) for name, kind in SINKS.items()},
        },
        "apim": {"analytics": {"properties": {"moesifKey": "k" * 20}}},
    }
    place = document
    for step in table.split("."):
        place = place.setdefault(step, {})
    place.update(dict.fromkeys(keys, value))
    return document


@pytest.mark.parametrize("table", tables())
def test_every_wrong_value_is_told_in_an_operators_words(tmp_path: Path, table: str) -> None:
    """Each value that a key does not take is named with file, key, what was found and what is wanted."""
    path, keys = tmp_path / "bridge.toml", tables()[table]
    told = set()
    for value in WRONG:
        path.write_text(tomli_w.dumps(configured(table, keys, value)))
        try:
            read(path)
        except SettingsError as error:
            for line in str(error).splitlines():
                assert line.startswith(f"{path}: "), line
                assert not [word for word in FOREIGN if word in line], line
                assert "; " in line, line
                told.add(line.removeprefix(f"{path}: ").partition(":")[0].partition("[")[0])
    assert {f"{table}.{key}" for key in keys} <= told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("batch_size = 100", 'did you mean "batch_max_events"?'),
        ("batchMaxEvents = 100", 'did you mean "batch_max_events"?'),
        ("batch-max-events = 100", 'did you mean "batch_max_events"?'),
        ('timeout = "5s"', 'did you mean "request_timeout"?'),
        ('concurrency = "many"', '"many" is not a whole number from 1 to 64'),
        ("concurrency = 2.5", "2.5 is not a whole number from 1 to 64"),
        ("concurrency = []", "an empty list is not a whole number from 1 to 64"),
        ('batch_max_bytes = "0B"', '"0B" is not a size above 0'),
        ("linger = 2026-11-20", "2026-11-20 (a date or time) is not a duration"),
        ("linger = true", "true is not a duration"),
    ],
)
def test_the_nearest_key_and_the_value_found_are_named(loader: Loader, line: str, said: str) -> None:
    """Other products' names of a key lead to ours; a wrong value is shown beside what is allowed."""
    [fault] = loader.faults(f"{WSO2}{LOG}[bridge.delivery]\n{line}\n").values()
    assert said in fault


def test_a_text_of_another_form_is_told_from_what_is_no_text(loader: Loader) -> None:
    """Whoever writes a token where its hash belongs learns that, not that it needs quotes."""
    key = "bridge.analytics.tokens.reports.sha256"
    faults = loader.faults(f'{WSO2}{LOG}[bridge.analytics.tokens.reports]\nsha256 = "secret"\n')
    assert faults[key].startswith(
        '"secret" is not of the form that is wanted here; correct it (The token\'s SHA-256'
    )


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [
        ('[sources.log]\npaths = ["/logs/a.log"]\n', "sources.log", "[bridge.sources.log]"),
        ('[log]\npaths = ["/logs/a.log"]\n', "log", "[bridge.sources.log]"),
        ('[bridge.log]\npaths = ["/logs/a.log"]\n', "bridge.log", "[bridge.sources.log]"),
        ('[bridge.sinks.log]\npaths = ["/logs/a.log"]\n', "bridge.sinks.log", "[bridge.sources.log]"),
        ('[apim.sources.log]\npaths = ["/a"]\n', "apim.sources", "[bridge.sources.log]"),
        ('[apim.analytics.sinks.moesif]\nkey = "k"\n', "apim.analytics.sinks", "[bridge.sinks.moesif]"),
        (f'{LOG}[sinks.archive]\ntype = "file"\n', "sinks.archive", "[bridge.sinks.archive]"),
        (f'{LOG}[bridge.sources.moesif]\nkey = "k"\n', "bridge.sources.moesif", "[bridge.sinks.moesif]"),
        (f'{LOG}[bridge.moesif]\nkey = "k"\n', "bridge.moesif", "[bridge.sinks.moesif]"),
        (f"{LOG}[bridge.http]\nlisten = '[::1]:1'\n", "bridge.http", "[bridge.sources.http]"),
        (f'{LOG}[journal]\nretain = "1h"\n', "journal", "[bridge.journal]"),
        (f'{LOG}[admin]\nlisten = "127.0.0.1:1"\n', "admin", "[bridge.admin]"),
        (f'{LOG}[brigde]\ndrain = "1s"\n', "brigde", "[bridge]"),
        (f'{LOG}[apim.bridge]\ndrain = "1s"\n', "apim.bridge", "[bridge]"),
    ],
)
def test_a_table_in_the_wrong_place_is_named(loader: Loader, text: str, key: str, meant: str) -> None:
    """A table in the wrong place gets its right place named, and not that something is missing."""
    faults = loader.faults(WSO2 + text)
    assert faults[key] == f"nobody reads it here; did you mean {meant}?"
    assert "bridge.sources" not in faults


def test_a_key_at_the_root_is_named(loader: Loader) -> None:
    """A setting of [bridge] before the first table is named, because nobody would read it."""
    faults = loader.faults(f'state_dir = "/x"\n{WSO2}{LOG}')
    assert faults == {"state_dir": "nobody reads it here; did you mean state_dir in [bridge]?"}


def test_tables_of_wso2_are_left_alone(loader: Loader) -> None:
    """A table of WSO2's whose name is one of ours counts only with a key of ours in it."""
    text = '[admin]\nusername = "a"\n[headers]\nx = 1\n[sources]\nx = 1\n[http]\nport = 1\n[delivery]\n'
    assert loader(WSO2 + LOG + text).warnings == ()


@pytest.mark.parametrize(
    "written",
    [
        "$sys{carbon.home}",
        "${carbon.home}",
        "a/${HOME}/b",
        "$ENV{X}",
        "$file{a}",
        "x${",
    ],
)
def test_other_placeholders_are_refused(loader: Loader, written: str) -> None:
    """What looks like a placeholder but is not one of ours is a fault at its key, never a folder's name."""
    faults = loader.faults(f'{WSO2}[bridge]\nstate_dir = "{written}"\n{LOG}')
    assert list(faults) == ["bridge.state_dir"]


def test_system_properties_come_from_their_table(loader: Loader) -> None:
    """$sys{carbon.home} is what [bridge.sys] says of it, with dots in its name, quoted or not."""
    text = f'{WSO2}[bridge]\nstate_dir = "$sys{{carbon.home}}/state"\n{LOG}[bridge.sys]\n'
    assert loader(f'{text}"carbon.home" = "/wso2"\n').state_dir == Path("/wso2/state")
    assert loader(f'{text}carbon.home = "$env{{W}}"\n', W="/w").state_dir == Path("/w/state")
    fault = loader.faults(text)["bridge.state_dir"]
    assert 'write its value into [bridge.sys]: "carbon.home" = …' in fault


def test_a_byte_order_mark_and_windows_line_ends_are_read(loader: Loader) -> None:
    """A file that Windows' editor wrote means the same, and so does a secret."""
    text = WSO2.replace("k-e-y", "$secret{key}") + f"[bridge]\nsecrets_dir = '{loader.secrets}'\n{LOG}"
    (loader.secrets / "key").write_bytes(b"\xef\xbb\xbfk-e-y\r\n")
    plain = loader(text)
    loader.file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    again = loader.again()
    assert again == plain


def test_a_file_of_utf_16_says_so(loader: Loader) -> None:
    """Windows' other encoding is refused with the cure."""
    loader.file.write_bytes(WSO2.encode("utf-16"))
    with pytest.raises(SettingsError, match="save the file as UTF-8"):
        loader.again()


@pytest.mark.parametrize(
    ("filters", "key", "said"),
    [
        (
            'only = { eventType = ["falut"] }',
            "only.eventType",
            'no event is of the type "falut"; did you mean "fault"?',
        ),
        (
            'only = { event_type = ["falut"] }',
            "only.event_type",
            'no event is of the type "falut"; did you mean "fault"?',
        ),
        (
            'exclude = { apiNmae = ["A"] }',
            "exclude.apiNmae",
            'no event has this field; did you mean "apiName"?',
        ),
    ],
)
def test_a_filter_that_can_match_nothing_is_a_fault(
    loader: Loader, filters: str, key: str, said: str
) -> None:
    """A slip in a field or a kind of event would let everything or nothing through, and is named instead."""
    table = f"{WSO2}{LOG}[bridge.sinks.moesif]\n"
    assert loader.faults(f"{table}{filters}\n").keys() == {f"bridge.sinks.moesif.{key}"}
    assert said in loader.faults(f"{table}{filters}\n")[f"bridge.sinks.moesif.{key}"]
    fine = 'only = { eventType = ["fault"], "properties.x" = ["1"], tenantShard = ["a"], userIP = ["192.0.2.1"] }'
    assert loader(f"{table}{fine}\n").sinks["moesif"].only
