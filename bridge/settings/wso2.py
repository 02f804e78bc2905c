"""What WSO2 knows under [apim.analytics]: the property keys of all its releases, and its words for the log.

Sources: wso2/apim-analytics-publisher (`Constants`, the Moesif reporter's `RetryConfig` and sampling),
wso2/carbon-apimgt (`AnalyticsDataPublisher`, `AnalyticsPayloadUtil`) and the documentation, API Manager 4.0 on.
"""

import re
from typing import Final

# In these words WSO2's reporter writes to the log (or to Choreo); none of them is a destination here.
LOG_WORDS: Final = frozenset({"elk", "log", "opensearch", "datadog", "choreo", "default"})

PROPERTIES: Final = frozenset(
    {
        "moesifKey",
        "moesif_base_url",
        "send_headers",
        "send_payloads",
        "payload_size_limit",
        "capture_payloads_without_content_length",
        "build_response_message",
        "sampling_enabled",
        "sampling_refresh_interval_ms",
        "sampling_fallback_rate",
        "retry_buffer_enabled",
        "retry_buffer_size",
        "retry_interval_seconds",
        "retry_log_multiplier",
        "retry_drain_burst_size",
        "retry_drain_batch_delay_ms",
        "worker.thread.count",
        "queue.size",
        "client.flushing.delay",
        "publisher.reporter.class",
        "publisher.custom.data.provider.class",
        "apim.gw.region",
        "proxy_config_enable",
        "proxy_config_host",
        "proxy_config_port",
        "proxy_config_username",
        "proxy_config_password",
        "proxy_config_protocol",
        "keystore_location",
        "keystore_password",
        "eventhub.client.max.retries",
        "eventhub.client.delay",
        "eventhub.client.max.delay",
        "eventhub.client.try.timeout",
        "eventhub.client.retry.mode",
        "auth.api.url",
        "auth.api.token",
        "moesifProtocolWithFQDN",
        "moesifMSVersioning",
        "moesifMSAuthUsername",
        "moesifMSAuthPwd",
    }
)
_FAMILIES: Final = re.compile(r"publisher\.reporter[1-9][0-9]*\.class|thrift\..+")


def is_property(key: str) -> bool:
    """Return whether some release of WSO2 reads this key of [apim.analytics.properties]."""
    return key in PROPERTIES or _FAMILIES.fullmatch(key) is not None
