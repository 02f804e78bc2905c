"""The sample: complete, loadable as it stands, and the same every time."""

import re
from pathlib import Path

import pytest
import tomli
from fakes.settings_toys import SINKS, SOURCES, Loader

from bridge.settings import BridgeSettings, DeliveryDefaults, DeliverySettings, SinkSettings
from bridge.settings.sample import sample


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


@pytest.fixture(scope="module")
def text() -> str:
    return sample(sinks=SINKS, sources=SOURCES)


def _all_on(text: str) -> str:
    return re.sub(r"(?m)^#(?=\S)", "", text)


def test_loads_as_it_stands_with_the_defaults(loader: Loader, text: str) -> None:
    """With MOESIF_KEY in the environment the sample loads, without a warning, to what a short file gives."""
    settings = loader(text, MOESIF_KEY="k")
    short = loader(
        '[apim.analytics]\nenable = true\ntype = "moesif"\n'
        '[apim.analytics.properties]\nmoesifKey = "k"\nmoesif_base_url = "https://api.moesif.net"\n'
        '[bridge.sources.log]\npaths = ["/logs/apim_metrics*.log"]\n[bridge.sources.http]\n'
    )
    assert settings.warnings == ()
    # How the key came in differs, and with it the fingerprint; what it means does not.
    apart = {"wso2", "fingerprint"}
    assert settings.model_dump(exclude=apart) == short.model_dump(exclude=apart)
    assert "apim.analytics.properties.moesifKey" in loader.faults(text)


def test_shows_every_setting(text: str) -> None:
    """With all settings turned on, the sample holds each field of each model, and is TOML."""
    document = tomli.loads(_all_on(text))
    bridge = document["bridge"]
    assert set(bridge) == {*BridgeSettings.model_fields, "type", "sources", "sinks"}
    assert set(bridge["delivery"]) == set(DeliveryDefaults.model_fields)
    for name, model in SOURCES.items():
        assert set(bridge["sources"][name]) == set(model.model_fields)
    for name, sink in SINKS.items():
        own = set(sink.model_fields) - set(SinkSettings.model_fields)
        assert own <= set(bridge["sinks"][name])
        sink.model_validate({"type": name, **bridge["sinks"][name]})
    assert set(SinkSettings.model_fields) - set(DeliverySettings.model_fields) <= set(
        bridge["sinks"]["moesif"]
    )
    assert bridge["sinks"]["http"]["batch_max_events"] == 50


def test_each_setting_has_its_sentence_unit_and_default(text: str) -> None:
    """Above each setting stands what it means, its unit and its default; optional ones are off."""
    for block in [
        '# How long a stop goes on delivering what waits. Duration, default "20s".\ndrain = "20s"\n',
        "# Most events in one batch. 1 to 10000, default 1000.\nbatch_max_events = 1000\n",
        '# Name of this gateway in every event. Default: the host name.\n#instance = "gateway-1"\n',
        '# Logs. Required.\npaths = ["/logs/apim_metrics*.log"]\n',
        '# Who may send. Not set by default.\n#tokens = ["$secret{bridge_token}"]\n',
        '# Where it is. Default: moesif_base_url in [apim.analytics.properties].\n#base_url = "https://api',
        '# Size of a file. Size up to "1GiB", default "64MiB".\n#rotate_bytes = "64MiB"\n',
        "# Transport security.\n[bridge.sinks.moesif.tls]\n# Whether the certificate is checked. Default true.\n",
        "# The relay's own.\n#[bridge.sinks.moesif.relay]\n",
    ]:
        assert block in text
    bare = [line for line in text.splitlines() if re.match(r"#?[A-Za-z_]+ = ", line)]
    assert len(bare) > 40


def test_begins_with_wso2s_part(text: str) -> None:
    """WSO2's tables come first, then ours, in the order of an event's way."""
    tables = re.findall(r"(?m)^#?\[([a-z.]+)\]$", text)
    assert tables == [
        *("apim.analytics", "apim.analytics.properties", "apim.analytics.mask", "bridge"),
        *(
            "bridge.sources.log",
            "bridge.sources.http",
            *("bridge.identity", "bridge.headers", "bridge.privacy"),
            "bridge.admin",
            "bridge.admin.tls",
            "bridge.analytics",
            "bridge.analytics.smtp",
            "bridge.journal",
            "bridge.delivery",
        ),
        *("bridge.sinks.moesif", "bridge.sinks.moesif.tls", "bridge.sinks.moesif.relay"),
        *("bridge.sinks.file", "bridge.sinks.http"),
    ]


def test_is_the_same_every_time(text: str) -> None:
    """Generation is deterministic, and its lines are short enough to read."""
    assert sample(sinks=SINKS, sources=SOURCES) == text
    assert max(map(len, text.splitlines())) <= 110
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
