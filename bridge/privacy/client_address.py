"""The client's address: every place where an event has it."""

from typing import Final

from bridge.privacy.hiding import Hiding, remove

# Where proxies write it (Moesif's middlewares look for most of these, too).
ADDRESS_HEADERS: Final = (
    "forwarded",
    "forwarded-for",
    "x-forwarded",
    "x-forwarded-for",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "x-true-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "remote-addr",
    "x-envoy-external-address",
    "x-azure-clientip",
    "x-azure-socketip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "fastly-client-ip",
    "fly-client-ip",
    "proxy-client-ip",
    "wl-proxy-client-ip",
    "x-appengine-user-ip",
    "x-proxyuser-ip",
)
ADDRESS_FIELDS: Final = (
    "userIp",
    "ip_address",
    "ipAddress",
    "ip",
    "clientIp",
    "client_ip",
    "sourceIp",
    "source_ip",
    "remoteAddr",
    "remote_addr",
    "xForwardedFor",
)


def no_address() -> Hiding:
    """Return what removes the client's address from an event."""
    fields = dict.fromkeys((*ADDRESS_FIELDS, *ADDRESS_HEADERS), remove)
    headers = dict.fromkeys(ADDRESS_HEADERS, remove)
    return Hiding(fields, {}, headers, headers)
