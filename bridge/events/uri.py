"""The address of a call: a full URI whenever the event or the configuration has one."""

import re
from functools import lru_cache
from typing import Final

from bridge.events.event import Event, Properties
from bridge.events.sentinels import real

UNKNOWN = "UNKNOWN"
# Choreo Connect's WebSocket has `init-request:/chat`, WebSub the type of the message in front.
_CHANNEL: Final = re.compile(r"[A-Za-z][A-Za-z_-]*:(/.*)")


def uri(event: Event, gateway_url: str | None) -> str:
    """Return the URI of the call.

    `x-original-gw-url` is the call's own. Else it is the gateway's address, the API's context and the
    resource's template, without what an asynchronous API writes before it. A template that is no path
    (GraphQL has the operations' names there, see wso2-apim's SynapseAnalyticsDataProvider) adds nothing to
    the address. Without `gateway_url` it stays a path, which is what WSO2's own publisher sends; where
    nothing is known it is `UNKNOWN`.
    """
    properties = event.properties or _NO_PROPERTIES
    own = real(properties.gateway_url)
    if own is not None:
        return own
    context = real(event.apiContext) or properties.apiContext
    template = real(event.apiResourceTemplate) or properties.apiResourceTemplate
    return joined(gateway_url, context, template)


# A gateway has few resources, and asks for them again and again.
@lru_cache(maxsize=4096)
def joined(gateway_url: str | None, context: str | None, template: str | None) -> str:
    """Return the URI that these make, see `uri`."""
    path = real(context) or ""
    if template is not None and not template.startswith("/"):
        channel = _CHANNEL.fullmatch(template)
        template = channel[1] if channel else None
    if template:
        path = path.rstrip("/") + template
    if not path:
        return UNKNOWN
    if not path.startswith("/"):
        path = f"/{path}"
    return f"{gateway_url}{path}" if gateway_url else path


@lru_cache(maxsize=1024)
def host_and_path(url: str) -> tuple[str | None, str | None]:
    """Return host and path of a URL, without its query; None for what it does not have, as a path alone has no host."""
    _, found, behind = url.partition("://")
    if url.startswith("/"):
        behind = url
    elif not found:
        return None, None
    authority, slash, path = behind.partition("/")
    host = authority.rpartition("@")[2].partition("?")[0]
    path = path.partition("?")[0].partition("#")[0]
    return host.lower() or None, slash + path or None


_NO_PROPERTIES = Properties()
