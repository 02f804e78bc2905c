"""Credentials in captured headers: none of them reaches the journal unless someone asks for it by name.

WSO2's newest publisher leaves out `Authorization`, `apikey`, `Cookie` and `Set-Cookie` (carbon-apimgt), API
Platform's gateway `x-api-key` and `x-jwt-assertion`; older releases and other senders leave out nothing.
"""

from collections.abc import Iterable
from typing import Final

from bridge.privacy.hiding import Hiding, header_name, remove_credential

CREDENTIALS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-forwarded-authorization",
        "x-original-authorization",
        "cookie",
        "set-cookie",
        # WSO2: API keys, the key of the developer portal's console, the backend's JWT, and where a browser's
        # WebSocket has its token (APIMgtGatewayConstants).
        "apikey",
        "api-key",
        "internal-key",
        "x-jwt-assertion",
        "sec-websocket-protocol",
        # Other gateways, clouds and model vendors.
        "x-apikey",
        "x-api-key",
        "x-api-token",
        "x-auth-token",
        "x-access-token",
        "x-amz-security-token",
        "x-goog-api-key",
        "ocp-apim-subscription-key",
        "x-functions-key",
        "x-vault-token",
        "x-csrf-token",
        "x-xsrf-token",
        "x-moesif-application-id",
    }
)


def credentials(keep: Iterable[str] = ()) -> Hiding:
    """Return what removes credentials from captured headers, except for the headers named."""
    names = CREDENTIALS.difference(map(header_name, keep))
    shapes = dict.fromkeys(names, remove_credential)
    return Hiding(request_headers=shapes, response_headers=shapes)
