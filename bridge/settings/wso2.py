"""What WSO2 knows under [apim.analytics]: each key of all its releases, and what it does here, or why it does nothing.

Sources: wso2/apim-analytics-publisher (`Constants`, the Moesif reporter's `RetryConfig` and sampling),
wso2/carbon-apimgt (`AnalyticsDataPublisher`, `AnalyticsPayloadUtil`, api-manager.xml.j2) and the documentation,
API Manager 4.0 on. `apim-bridge check` and docs/wso2-keys.md show `TABLE`.
"""

import re
from typing import Final, NamedTuple

# In these words WSO2's reporter writes to the log (or to Choreo); none of them is a destination here.
LOG_WORDS: Final = frozenset({"elk", "log", "opensearch", "datadog", "choreo", "default"})

_PROPERTIES: Final = "properties."


class Row(NamedTuple):
    """Keys of [apim.analytics] with the same answer."""

    keys: tuple[str, ...]
    """As they are written below [apim.analytics]; `N` stands for a number, `*` for any name."""
    honoured: bool
    meaning: str
    """What honours them, or why they have no meaning here."""


def _here(meaning: str, *keys: str) -> Row:
    return Row(keys, True, meaning)


def _elsewhere(meaning: str, *keys: str) -> Row:
    return Row(keys, False, meaning)


def _properties(*names: str) -> tuple[str, ...]:
    return tuple(_PROPERTIES + name for name in names)


_JAVA: Final = "a Java class of the gateway"
_CHOREO: Final = "only Choreo's publisher uses it, and the bridge does not send to Choreo"

TABLE: Final[tuple[Row, ...]] = (
    _here("the master switch, unless [bridge] type is set", "enable"),
    _here("the sinks, unless [bridge] type names them", "type"),
    _elsewhere(_CHOREO, "auth_token", "config_endpoint", *_properties("auth.api.url", "auth.api.token")),
    _elsewhere("the gateway puts its policies into events; what it put there is kept", "enablePolicy"),
    _elsewhere(
        "it chooses the gateway's own check of its events; here every schema is read",
        "response_schema_name",
        "fault_schema_name",
    ),
    _elsewhere(
        f"{_JAVA}; here `type` and [bridge.sinks] say where events go",
        "reporter_impl",
        *_properties("publisher.reporter.class", "publisher.reporterN.class"),
    ),
    _elsewhere(
        "analytics of API Manager 3 and older, which the bridge does not read",
        "store_api_url",
        "username",
        "password",
        "event_publisher_type",
        "event_publisher_impl",
        "publish_response_size",
        "url_group",
    ),
    _here(
        "the key of moesif sinks that have no `key` of their own; senders to the collector API may bring it",
        *_properties("moesifKey"),
    ),
    _here(
        "the address of moesif sinks that have no `base_url` of their own", *_properties("moesif_base_url")
    ),
    _here(
        "false drops captured headers and bodies before the disk; true and unset keep what was captured",
        *_properties("send_headers", "send_payloads"),
    ),
    _here(
        "larger bodies are dropped before the disk; zero or less is WSO2's 100000",
        *_properties("payload_size_limit"),
    ),
    _here(
        "moesif sinks apply the rates that are set in Moesif",
        *_properties("sampling_enabled", "sampling_refresh_interval_ms", "sampling_fallback_rate"),
    ),
    _here(
        "the proxy of every HTTP sink that has no `proxy` of its own",
        *_properties(
            "proxy_config_enable",
            "proxy_config_host",
            "proxy_config_port",
            "proxy_config_username",
            "proxy_config_password",
            "proxy_config_protocol",
        ),
    ),
    _elsewhere(
        "a Java key store is not read here; export its authorities as PEM (keytool -exportcert -rfc) and set ca_file "
        "in [bridge.delivery]",
        *_properties("keystore_location", "keystore_password", "truststore_location"),
    ),
    _elsewhere(
        "the gateway alone can read a body or its size while the call passes; what it reads comes in",
        *_properties("capture_payloads_without_content_length", "build_response_message"),
    ),
    _elsewhere(
        "the journal on disk is the buffer, whatever fails and for however long; its size is max_bytes in "
        "[bridge.journal]",
        *_properties("retry_buffer_enabled", "retry_buffer_size", "queue.size"),
    ),
    _elsewhere(
        "pauses between two tries grow by themselves, up to retry_max in [bridge.delivery]",
        *_properties("retry_interval_seconds"),
    ),
    _elsewhere("trouble is logged when it begins and when it is over", *_properties("retry_log_multiplier")),
    _elsewhere(
        "after an outage a sink opens again step by step; max_requests_per_second of a sink limits it",
        *_properties("retry_drain_burst_size", "retry_drain_batch_delay_ms"),
    ),
    _elsewhere(
        "set concurrency in [bridge.delivery] for more requests at a time",
        *_properties("worker.thread.count"),
    ),
    _elsewhere(
        "set linger in [bridge.delivery] for how long an event may wait",
        *_properties("client.flushing.delay"),
    ),
    _elsewhere(
        f"{_JAVA}; what it adds to `properties` comes in with the events and is kept",
        *_properties("publisher.custom.data.provider.class"),
    ),
    _elsewhere(
        "the gateway writes it into its events as regionId, and there it is kept",
        *_properties("apim.gw.region"),
    ),
    _elsewhere(
        _CHOREO,
        *_properties(
            "eventhub.client.max.retries",
            "eventhub.client.delay",
            "eventhub.client.max.delay",
            "eventhub.client.try.timeout",
            "eventhub.client.retry.mode",
        ),
    ),
    _elsewhere(
        "the bridge does not ask WSO2's service for tenants' keys; write them in [bridge.sinks.moesif.keys]",
        *_properties(
            "moesifProtocolWithFQDN", "moesifMSVersioning", "moesifMSAuthUsername", "moesifMSAuthPwd"
        ),
    ),
    _elsewhere(
        "WSO2's sample for Thrift servers, which the bridge does not send to", *_properties("thrift.*")
    ),
    _here(
        "headers on the list are hidden before the disk; a list that cannot be read is an error at the start",
        "mask.request_headers",
        "mask.response_headers",
    ),
    _here(
        "the field of that name, at the root and in `properties`, is hidden before the disk, in every spelling "
        "(userIp, userIP, user_ip); also under WSO2's longer names (api.analytics.user.ip, api.ut.userName, "
        "api.ut.userId, api.analytics.user.agent)",
        "mask.*",
    ),
)


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(key).replace("reporterN", "reporter[1-9][0-9]*").replace(r"\*", ".+"))


_EXACT: Final = {key: row for row in TABLE for key in row.keys}
_FAMILIES: Final = [(_pattern(key), row) for key, row in _EXACT.items() if "*" in key or "reporterN" in key]
PROPERTIES: Final = frozenset(
    key.removeprefix(_PROPERTIES) for key in _EXACT if key.startswith(_PROPERTIES) and not key.endswith("*")
)
"""Names under [apim.analytics.properties], to name the nearest."""
ROOT_KEYS: Final = frozenset(key for row in TABLE for key in row.keys if "." not in key) | {
    "properties",
    "mask",
}
"""Names under [apim.analytics] itself."""


def row_of(key: str) -> Row | None:
    """Return the row of a key as it is written below [apim.analytics]; None: no release of WSO2 knows it."""
    row = _EXACT.get(key)
    return row or next((row for pattern, row in _FAMILIES if pattern.fullmatch(key)), None)


def is_property(name: str) -> bool:
    """Return whether some release of WSO2 reads this key of [apim.analytics.properties]."""
    return row_of(_PROPERTIES + name) is not None
