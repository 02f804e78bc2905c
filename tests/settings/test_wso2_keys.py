"""Every key that WSO2 knows under [apim.analytics]: it starts, and `check` says what it does here."""

import json
from pathlib import Path
from typing import Any

import pytest
from rigs.daemon import Daemon

from bridge.app.advice import advice
from bridge.app.build import rules_of, sender_keys
from bridge.cli.settings import read
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import SettingsError
from bridge.settings import load
from bridge.settings.wso2 import ROOT_KEYS, TABLE, row_of
from bridge.sinks import SINKS
from bridge.sources import SOURCES

KEY = "k" * 60

# As WSO2's documentation and templates have them, each with a value of its own type.
ROOT: dict[str, Any] = {
    "auth_token": "choreo-token",
    "config_endpoint": "https://localhost:8080/auth/v1",
    "enablePolicy": True,
    "response_schema_name": "CHOREO_RESPONSE",
    "fault_schema_name": "CHOREO_ERROR",
    "reporter_impl": "org.example.Reporter",
    "store_api_url": "https://localhost:7444",
    "username": "admin",
    "password": "admin",
    "event_publisher_type": "CUSTOM",
    "event_publisher_impl": "org.example.Publisher",
    "publish_response_size": True,
}
HONOURED: dict[str, Any] = {
    "moesifKey": KEY,
    "moesif_base_url": "https://api-eu.moesif.net",
    "send_headers": True,
    "send_payloads": False,
    "payload_size_limit": 5000,
    "sampling_enabled": True,
    "sampling_refresh_interval_ms": 30000,
    "sampling_fallback_rate": 50,
    "proxy_config_enable": False,
    "proxy_config_host": "proxy.example.com",
    "proxy_config_port": 3128,
    "proxy_config_username": "u",
    "proxy_config_password": "p",
    "proxy_config_protocol": "https",
}
WITHOUT_EFFECT: dict[str, Any] = {
    "capture_payloads_without_content_length": True,
    "build_response_message": True,
    "retry_buffer_enabled": True,
    "retry_buffer_size": 10000,
    "retry_interval_seconds": 5,
    "retry_log_multiplier": 10,
    "retry_drain_burst_size": 5,
    "retry_drain_batch_delay_ms": 100,
    "worker.thread.count": 2,
    "queue.size": 20000,
    "client.flushing.delay": 15,
    "publisher.reporter.class": "org.example.Reporter",
    "publisher.reporter1.class": "org.example.Reporter",
    "publisher.reporter12.class": "org.example.Reporter",
    "publisher.custom.data.provider.class": "org.example.Provider",
    "apim.gw.region": "eu",
    "keystore_location": "repository/resources/security/client-truststore.jks",
    "keystore_password": "wso2carbon",
    "truststore_location": "repository/resources/security/client-truststore.jks",
    "eventhub.client.max.retries": 2,
    "eventhub.client.delay": 15,
    "eventhub.client.max.delay": 30,
    "eventhub.client.try.timeout": 30,
    "eventhub.client.retry.mode": "fixed",
    "auth.api.url": "https://localhost:8080/auth/v1",
    "auth.api.token": "t",
    "moesifProtocolWithFQDN": "https://keys.example.com/",
    "moesifMSVersioning": "v1/",
    "moesifMSAuthUsername": "u",
    "moesifMSAuthPwd": "p",
    "thrift.receiver.url": "tcp://localhost:7612",
}
MASKS: dict[str, Any] = {
    "userIp": "IPV4",
    "api.analytics.user.ip": "IPV6",
    "userName": "EMAIL",
    "api.ut.userName": "USERNAME",
    "userId": "STRING",
    "api.ut.userId": "STRING",
    "userAgent": "STRING",
    "api.analytics.user.agent": "STRING",
    "applicationOwner": "USERNAME",
    "tenantCode": "STRING",
    "request_headers": ["X-Secret"],
    "response_headers": ["X-Secret"],
}
EVERY = [
    *((key, value, False) for key, value in ROOT.items()),
    *((f"properties.{key}", value, True) for key, value in HONOURED.items()),
    *((f"properties.{key}", value, False) for key, value in WITHOUT_EFFECT.items()),
    *((f"mask.{key}", value, True) for key, value in MASKS.items()),
]


def written(value: Any, *, as_text: bool) -> str:
    """Return a value of TOML: its own type, or the text that WSO2 makes of it."""
    if as_text and not isinstance(value, str):
        value = json.dumps(value)
    return json.dumps(value)


def configuration(folder: Path, keys: dict[str, Any], *, as_text: bool, more: str = "") -> str:
    """Return a configuration with these dotted keys below [apim.analytics]."""
    tables: dict[str, dict[str, Any]] = {
        "": {"enable": True, "type": "moesif"},
        "properties": {"moesifKey": KEY},
        "mask": {},
    }
    for key, value in keys.items():
        table, dot, name = key.partition(".")
        tables[table if dot else ""][name if dot else key] = value
    lines = []
    for table, values in tables.items():
        lines.append(f"[apim.analytics.{table}]" if table else "[apim.analytics]")
        lines += (f'"{key}" = {written(value, as_text=as_text)}' for key, value in values.items())
    return "\n".join(lines) + (
        f'\n[bridge]\nstate_dir = "{folder}/state"\ngateway_url = "https://gw.example.com"\n'
        f'[bridge.sources.http]\nlisten = "127.0.0.1:0"\n[bridge.admin]\nlisten = "127.0.0.1:0"\n{more}'
    )


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "own type"])
@pytest.mark.parametrize(("key", "value", "honoured"), EVERY, ids=[key for key, _, _ in EVERY])
def test_each_key_is_known(tmp_path: Path, key: str, value: Any, honoured: bool, as_text: bool) -> None:
    """Each key loads as a text and in its own type; it is warned about exactly when it has no effect here."""
    file = tmp_path / "bridge.toml"
    file.write_text(configuration(tmp_path, {key: value}, as_text=as_text))
    settings = read(file)
    rules_of(settings)
    row = row_of(key)
    assert row is not None
    assert row.honoured is honoured
    assert key in settings.wso2_keys
    expected = [] if honoured else [f"apim.analytics.{key} has no effect here: {row.meaning}"]
    assert advice(settings) == expected


def test_the_table_knows_nothing_else() -> None:
    """The table has no key that WSO2 does not have: here they are listed once more, from WSO2's side."""
    named = {key for row in TABLE for key in row.keys if "*" not in key and "reporterN" not in key}
    assert named - {key for key, _, _ in EVERY} == {"enable", "type", "url_group"}
    assert len([key for row in TABLE for key in row.keys]) == len({key for row in TABLE for key in row.keys})
    assert set(ROOT) <= ROOT_KEYS


def test_what_honoured_keys_do(tmp_path: Path) -> None:
    """Texts arrive with their meaning, in the sink and at intake."""
    keys = {f"properties.{key}": value for key, value in HONOURED.items()}
    keys["properties.proxy_config_enable"] = True
    for as_text in (True, False):
        file = tmp_path / "bridge.toml"
        file.write_text(configuration(tmp_path, keys, as_text=as_text))
        settings = read(file)
        sink: Any = settings.sinks["moesif"]
        assert sink.key.get_secret_value() == KEY
        assert sink.base_url == "https://api-eu.moesif.net"
        assert (sink.sampling_enabled, sink.sampling_refresh_interval_ms) == (True, 30000)
        assert sink.sampling_fallback_rate == 50
        assert sink.proxy.get_secret_value() == "https://u:p@proxy.example.com:3128"
        captures = settings.captures
        assert (captures.send_headers, captures.send_payloads) == (True, False)
        assert captures.largest_body_bytes == 5000


@pytest.mark.parametrize("key", ["enable", "properties.sampling_enabled"])
def test_what_is_neither_true_nor_false(tmp_path: Path, key: str) -> None:
    """WSO2 takes "yes" for false; guessing otherwise would drop events, so it is a fault with its cure."""
    file = tmp_path / "bridge.toml"
    file.write_text(configuration(tmp_path, {key: "yes"}, as_text=True))
    with pytest.raises(SettingsError, match=rf'{key}: "yes" is neither true nor false'):
        read(file)


def test_keys_that_say_nothing(tmp_path: Path) -> None:
    """WSO2's own file has an empty `auth_token`: no warning. A key that no release knows is asked about."""
    file = tmp_path / "bridge.toml"
    file.write_text(configuration(tmp_path, {"auth_token": "", "auth_tokn": "x"}, as_text=True))
    (warning,) = advice(read(file))
    assert "apim.analytics.auth_tokn: no release of WSO2 knows this key" in warning
    assert 'did you mean "auth_token"?' in warning


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "own type"])
async def test_with_all_of_them_it_starts_and_check_explains_each(tmp_path: Path, as_text: bool) -> None:
    """The real daemon takes a configuration with every key; its start warns, and `check` has a line for each."""
    keys = {key: value for key, value, _ in EVERY}
    async with MoesifLookalike(key=KEY) as moesif:
        keys["properties.moesif_base_url"] = moesif.url
        text = configuration(tmp_path, keys, as_text=as_text)
        async with Daemon(tmp_path, text) as daemon:
            warned = "\n".join(line["warning"] for line in daemon.events("configuration"))
            code, output, errors = await daemon.command("check")
            assert code == 0, output + errors
            for key, _, honoured in EVERY:
                (line,) = [line for line in output.splitlines() if key in line.split()]
                state = " if there" if key == "mask.tenantCode" else " honoured"
                assert line.startswith(state if honoured else "no effect"), line
                assert (f"apim.analytics.{key} has no effect here" in warned) is not honoured, key
            assert await daemon.stop() == 0


async def test_check_shows_what_is_set_and_with_an_option_everything(tmp_path: Path) -> None:
    """By default the table has the keys that are set; with `--keys` each one that WSO2 knows."""
    async with MoesifLookalike(key=KEY) as moesif:
        keys = {"properties.moesif_base_url": moesif.url, "mask.userip": "IPV4", "mask.usrIp": "IPV4"}
        daemon = Daemon(tmp_path, configuration(tmp_path, keys, as_text=True))
        _, output, _ = await daemon.command("check")
        assert "properties.moesifKey " in output
        # A mask in another spelling hides the field; one that no event of WSO2's has may hide nothing.
        (line,) = [line for line in output.splitlines() if "mask.userip " in line]
        assert line.startswith(" honoured")
        (line,) = [line for line in output.splitlines() if "mask.usrIp " in line]
        assert line.startswith(" if there")
        assert line.endswith('did you mean "userIp"?')
        assert "queue.size" not in output
        _, output, _ = await daemon.command("check", "--keys")
    table = [line[9:].split() for line in output.splitlines() if line[:9] in {" honoured", "no effect"}]
    assert {key for row in TABLE for key in row.keys} == {key for key, *_ in table} - {"mask.userip"}


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ('"the-key"', True),
        ('"$env{MOESIF_KEY}"', True),
        ('"$secret{not_here}"', False),
        ('""', False),
    ],
)
def test_moesifkey_lets_senders_in_whatever_the_sinks_are(tmp_path: Path, written: str, known: bool) -> None:
    """WSO2's publisher brings its moesifKey also where events go to files only; one out of reach is no fault."""
    file = tmp_path / "bridge.toml"
    file.write_text(
        f'[apim.analytics.properties]\nmoesifKey = {written}\n[bridge]\ntype = "file"\n'
        '[bridge.sources.http]\nlisten = "0.0.0.0:0"\n[bridge.sinks.file]\npath = "/a"\n'
    )
    settings = load(
        file,
        sinks={name: sink.settings for name, sink in SINKS.items()},
        sources={name: source.settings for name, source in SOURCES.items()},
        environ={"MOESIF_KEY": "the-key"},
    )
    assert sender_keys(settings) == ({"the-key": ""} if known else {})
    assert "the-key" not in repr(settings)
