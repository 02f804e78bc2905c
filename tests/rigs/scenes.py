"""What the tests of the whole daemon share: its configuration, its log, and when it is done."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bridge.demo.moesif_lookalike import MoesifLookalike

KEY = "k" * 60

HEAD = """
[apim.analytics]
enable = true
type = "{type}"
[apim.analytics.properties]
moesifKey = "{key}"
moesif_base_url = "{url}"
[bridge]
state_dir = "{folder}/state"
instance = "gateway-1"
gateway_url = "https://gw.example.com:8243"
"""
"""The gateway's own settings, and who it is; keys under [bridge] may follow."""

CONFIG = (
    HEAD
    + """\
drain = "5s"
[bridge.sources.log]
paths = ["{folder}/logs/apim_metrics*.log"]
poll_interval = "50ms"
{more}
[bridge.admin]
listen = "127.0.0.1:0"
[bridge.delivery]
linger = "100ms"
retry_max = "500ms"
request_timeout = "2s"
{sinks}
"""
)


def config(folder: Path, url: str, *, type: str = "moesif", more: str = "", sinks: str = "") -> str:  # noqa: A002 - as the key is called
    return CONFIG.format(folder=folder, url=url, key=KEY, type=type, more=more, sinks=sinks)


def write_log(folder: Path, lines: Iterable[bytes]) -> Path:
    path = folder / "logs" / "apim_metrics.log"
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        for line in lines:
            file.write(line if line.endswith(b"\n") else line + b"\n")
    return path


def done(status: dict[str, Any], events: int) -> bool:
    """Whether so many events were journalled, and every sink has dealt with them."""
    return (
        status["books"]["journalled"] >= events
        and not any(sink["pending"] for sink in status["sinks"].values())
        and status["sources"]["log"]["lag_bytes"] == 0
    )


def correlation_ids(moesif: MoesifLookalike) -> Counter[str]:
    return Counter(event["metadata"]["correlationId"] for event in moesif.events)
