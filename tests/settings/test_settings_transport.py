"""Proxies and certificates in the configuration: WSO2's keys, ours, and which of them wins."""

from pathlib import Path

import pytest

from bridge.errors import SettingsError
from bridge.settings import Settings, load
from bridge.sinks import SINKS
from bridge.sources import SOURCES

PASSWORD = "pa$$/w@rd:ü"
WSO2_PROXY = """
proxy_config_enable = true
proxy_config_host = "proxy.example"
proxy_config_port = 3128
"""


def settings_of(
    folder: Path, *, properties: str = "", delivery: str = "", sink: str = "", more: str = "", **environ: str
) -> Settings:
    file = folder / "bridge.toml"
    file.write_text(f"""
[apim.analytics]
enable = true
type = "moesif, hook, archive"
[apim.analytics.properties]
moesifKey = "k"
{properties}
[bridge.sources.http]
[bridge.delivery]
{delivery}
[bridge.sinks.hook]
type = "http"
url = "https://hook.example/in"
{sink}
[bridge.sinks.archive]
type = "file"
path = "/nowhere"
{more}
""")
    return load(
        file,
        sinks={name: kind.settings for name, kind in SINKS.items()},
        sources={name: kind.settings for name, kind in SOURCES.items()},
        environ=environ,
    )


def proxies(settings: Settings) -> list[str | None]:
    """Return what the sinks moesif and hook are told."""
    secrets = [getattr(settings.sinks[name], "proxy", None) for name in ("moesif", "hook")]
    return [secret and secret.get_secret_value() for secret in secrets]


@pytest.mark.parametrize(
    ("properties", "url"),
    [
        (WSO2_PROXY, "http://proxy.example:3128"),
        (WSO2_PROXY.replace("true", '"TRUE"').replace("3128", '"3128"'), "http://proxy.example:3128"),
        (f'{WSO2_PROXY}proxy_config_protocol = "HTTPS"', "https://proxy.example:3128"),
        (WSO2_PROXY.replace("proxy.example", "2001:db8::7"), "http://[2001:db8::7]:3128"),
        (
            f'{WSO2_PROXY}proxy_config_username = "ada"\nproxy_config_password = "$env{{PROXY_PASSWORD}}"',
            "http://ada:pa%24%24%2Fw%40rd%3A%C3%BC@proxy.example:3128",
        ),
        (
            f'{WSO2_PROXY}proxy_config_username = "ada"\nproxy_config_password = ""',
            "http://proxy.example:3128",
        ),
        (WSO2_PROXY.replace("true", "false"), None),
        (WSO2_PROXY.replace("true", '"yes"'), None),
        ('proxy_config_host = "proxy.example"', None),
    ],
)
def test_wso2s_proxy_is_that_of_every_http_sink(tmp_path: Path, properties: str, url: str | None) -> None:
    """`proxy_config_*` have WSO2's meaning, as texts or not; the password is in nothing that is shown."""
    settings = settings_of(tmp_path, properties=properties, PROXY_PASSWORD=PASSWORD)
    assert proxies(settings) == [url, url]
    assert PASSWORD not in repr(settings.sinks)
    assert "pa%24" not in repr(settings)


@pytest.mark.parametrize(
    ("properties", "key", "said"),
    [
        ("proxy_config_enable = true", "host", "is missing"),
        (WSO2_PROXY.replace("3128", '"many"'), "port", "cannot be used"),
        (WSO2_PROXY.replace("3128", "70000"), "port", "cannot be used"),
        (f'{WSO2_PROXY}proxy_config_protocol = "socks5"', "protocol", "cannot be used"),
    ],
)
def test_wso2s_proxy_that_cannot_be_used(tmp_path: Path, properties: str, key: str, said: str) -> None:
    """A proxy without host or port is a fault at its key, with the cure."""
    with pytest.raises(SettingsError, match=f"apim.analytics.properties.proxy_config_{key}: {said}"):
        settings_of(tmp_path, properties=properties)


def test_what_wins(tmp_path: Path) -> None:
    """[bridge.sinks.NAME] overrides [bridge.delivery], which overrides WSO2's; "none" is no proxy."""
    settings = settings_of(
        tmp_path, properties=WSO2_PROXY, delivery='proxy = "http://ours:1"', sink='proxy = "none"'
    )
    assert proxies(settings) == ["http://ours:1", "none"]
    settings = settings_of(tmp_path, properties=WSO2_PROXY, sink='proxy = "http://own:2"')
    assert proxies(settings) == ["http://proxy.example:3128", "http://own:2"]


def test_certificates_are_every_http_sinks(tmp_path: Path) -> None:
    """What [bridge.delivery] says of certificates goes to HTTP sinks, and to no other."""
    settings = settings_of(
        tmp_path, delivery='ca_file = "/ca"\nclient_cert = "/cert"', sink='ca_file = "/own"'
    )
    assert [getattr(settings.sinks[name], "ca_file", None) for name in settings.sinks] == [
        Path("/ca"),
        Path("/own"),
        None,
    ]
    assert settings.delivery.client_cert == Path("/cert")


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        (f'proxy = "{PASSWORD}"', "proxy is not the URL of a proxy; write it like"),
        ('proxy = "socks5://proxy:1080"', "proxy is not the URL of a proxy"),
        ('proxy = "http://proxy:3128/path"', "proxy is not the URL of a proxy"),
        ('proxy = "http://proxy:99999"', "proxy is not the URL of a proxy"),
        ('proxy = ""', "an empty secret"),
        ('client_key = "/key"', "client_key is set without client_cert"),
    ],
)
def test_settings_that_cannot_work(tmp_path: Path, sink: str, said: str) -> None:
    """What makes no sense is refused with the cure, and without showing what may be a secret."""
    with pytest.raises(SettingsError, match=said) as caught:
        settings_of(tmp_path, sink=sink)
    assert PASSWORD not in str(caught.value)


def test_what_has_no_effect_is_said(tmp_path: Path) -> None:
    """A proxy that only the environment names is warned about with what to do."""
    (variable,) = settings_of(tmp_path, HTTPS_PROXY="http://proxy:1").warnings
    assert 'set proxy = "$env{HTTPS_PROXY}"' in variable
    assert (
        settings_of(tmp_path, delivery='proxy = "$env{HTTPS_PROXY}"', HTTPS_PROXY="http://proxy:1").warnings
        == ()
    )


def test_a_listeners_tls_is_a_table(tmp_path: Path) -> None:
    """`tls = { … }` and `[….tls]` say the same; without its key it is a fault."""
    settings = settings_of(
        tmp_path,
        more='[bridge.admin]\ntls = { cert = "/a", key = "/b" }\n[bridge.sources.http.tls]\ncert = "/c"\nkey = "/d"',
    )
    assert settings.admin.tls is not None
    assert settings.admin.tls.key == Path("/b")
    with pytest.raises(SettingsError, match=r"bridge.admin.tls.key: is missing"):
        settings_of(tmp_path, more='[bridge.admin]\ntls = { cert = "/a" }')
