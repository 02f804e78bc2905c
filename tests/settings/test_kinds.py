"""The tables of sources and sinks: rows are texts, loaded when they are configured."""

import sys
from pathlib import Path

import pytest
from fakes.settings_toys import SOURCES

from bridge.errors import SettingsError
from bridge.settings import load
from bridge.settings.kinds import Kinds, Models
from bridge.sinks import SinkType

ROOM = "import a_library_that_is_nowhere\n"


@pytest.fixture
def kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kinds[SinkType]:
    """A table with one row of ours and one whose library is not installed."""
    (tmp_path / "a_room_with_a_client.py").write_text(ROOM)
    monkeypatch.syspath_prepend(tmp_path)
    return Kinds("sink", {"file": "bridge.sinks.file:SINK", "kafka": "a_room_with_a_client:SINK [kafka]"})


def test_to_look_at_the_names_loads_nothing(kinds: Kinds[SinkType]) -> None:
    """A table can be listed and asked for a name without a single import."""
    assert list(kinds) == ["file", "kafka"]
    assert "kafka" in kinds
    assert "a_room_with_a_client" not in sys.modules
    assert [kind.settings.__name__ for kind in kinds.there()] == ["FileSettings"]


def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    kinds: Kinds[SinkType], tmp_path: Path
) -> None:
    """The operator sees at which key of which file the type stands, what is missing, and what to install."""
    path = tmp_path / "bridge.toml"
    path.write_text('[bridge]\ntype = "kafka"\n[bridge.sources.log]\npaths = ["/logs/a.log"]\n')
    with pytest.raises(SettingsError) as caught:
        load(path, sinks=Models(kinds), sources=SOURCES, environ={})
    assert str(caught.value) == (
        f'{path}: bridge.sinks.kafka.type: sink of type "kafka": the library a_library_that_is_nowhere is not '
        "installed; pip install 'apim-event-bridge[kafka]'"
    )


def test_an_unknown_kind_is_told_with_the_nearest(kinds: Kinds[SinkType]) -> None:
    """A kind that does not exist is answered with the nearest one."""
    with pytest.raises(SettingsError, match='unknown kind of sink "kafak"; did you mean "kafka"'):
        kinds["kafak"]
