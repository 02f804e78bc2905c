"""The address of a call: a full URI wherever the event or the configuration tells one."""

import re
from functools import lru_cache
from typing import Final

from bridge.events import Event, Properties
from bridge.shaping.sentinels import NOTHING, real

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
    own = properties.gateway_url
    if own is not None and (own := real(own)) is not None:
        return own
    context, template = event.apiContext, event.apiResourceTemplate
    if context is None or context in NOTHING:
        context = real(properties.apiContext) or ""
    if template is None or template in NOTHING:
        template = real(properties.apiResourceTemplate) or ""
    return _joined(gateway_url, context, template)


# A gateway has few resources, and asks for them again and again.
@lru_cache(maxsize=4096)
def _joined(gateway_url: str | None, context: str, template: str) -> str:
    if not template.startswith("/"):
        channel = _CHANNEL.fullmatch(template)
        template = channel[1] if channel else ""
    path = context.rstrip("/") + template if template else context
    if not path:
        return UNKNOWN
    if not path.startswith("/"):
        path = f"/{path}"
    return f"{gateway_url}{path}" if gateway_url else path


_NO_PROPERTIES = Properties()
