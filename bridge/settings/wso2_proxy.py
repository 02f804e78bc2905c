"""WSO2's `proxy_config_*`: what they mean for the bridge's own connections.

WSO2 hands every property to its publisher as a text and reads `enable` by Boolean.parseBoolean; a blank user
or password means no authentication (wso2/apim-analytics-publisher, `AuthProxyUtils`).
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from bridge.document.placeholders import Placeholders, as_text
from bridge.settings.faults import TableFaults
from bridge.settings.model import HttpSinkSettings, SinkSettings

_PREFIX: Final = "proxy_config_"
PROXY_HOST: Final = f"{_PREFIX}host"
_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def wso2_proxy(properties: Mapping[str, str], placeholders: Placeholders, faults: TableFaults) -> str | None:
    """Return the URL of the proxy that WSO2's publisher should use, None if there is none.

    What cannot be used is noted in `faults`.
    """

    def said(name: str) -> str:
        key = _PREFIX + name
        value = placeholders.resolve(properties.get(key, ""), f"apim.analytics.properties.{key}")
        return as_text(value).strip()

    if said("enable").lower() != "true":
        return None
    scheme, host, port = said("protocol").lower() or "http", said("host"), said("port")
    for name, wrong, cure in (
        ("host", not host, "set it to the proxy's host, or proxy_config_enable = false"),
        ("port", not port.isdecimal() or not 0 < int(port) < 65536, "set it to the proxy's port, 1 to 65535"),
        ("protocol", scheme not in {"http", "https"}, 'set it to "http" or "https"'),
    ):
        if wrong:
            problem = "cannot be used" if said(name) else "is missing, and proxy_config_enable is true"
            faults.add(f"apim.analytics.properties.{_PREFIX}{name}", problem, cure)
            return None
    user, password = said("username"), said("password")
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user and password else ""
    return f"{scheme}://{who}{f'[{host}]' if ':' in host else host}:{port}"


def connection_advice(sinks: Mapping[str, SinkSettings], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what an operator may expect to have an effect on connections, and has none."""
    direct = any(isinstance(sink, HttpSinkSettings) and sink.proxy is None for sink in sinks.values())
    variable = next((name for name in _VARIABLES if environ.get(name)), None)
    if direct and variable:
        yield (
            f"bridge.delivery.proxy: {variable} is set in the environment, but only the configuration decides; "
            f'set proxy = "$env{{{variable}}}" to use it, or proxy = "none"'
        )
