"""By what an event of WSO2's is known in other programs' text: the marks of its reporters, and its own fields.

WSO2's reporters write an event in three ways (wso2/apim-analytics-publisher): `ELKCounterMetric` (product 4.0 to 4.7,
and the gateways for Kubernetes), `LogCounterMetric`, and the trace of `EventHubClient`. `Prepared event for publish …`
is no fourth: the same event follows as `Adding event`. What that client failed to add is an event nevertheless.
"""

import re
from typing import Final

import msgspec

from bridge.contracts import Kind
from bridge.events.event import NAMES, Event

MARK: Final = b"apimMetrics:"
FORMS: Final = re.compile(
    rb"apimMetrics:\s*(?P<elk>[^,\s]+)\s*,\s*properties\s*:\s*"
    rb"|Metric Name:\s*(?P<log>\S+)\s+Metric Value:\s*(?=\{)"
    rb"|(?:Adding|Failed to add) event:\s*(?=\{)"
)
# One of these is in each of them: looked for first, because the pattern costs far more where nothing is found.
ANY_MARK: Final = (MARK, b"Metric Name:", b" event:")
PREPARED: Final = b"Prepared event for publish"
KINDS: Final[dict[bytes | None, Kind]] = {b"apim:response": "response", b"apim:faulty": "fault"}

COMMON_NAMES: Final = frozenset(
    {
        "applicationId",
        "applicationName",
        "correlationId",
        "destination",
        "environmentId",
        "errorCode",
        "errorMessage",
        "errorType",
        "eventType",
        "organizationId",
        "platform",
        "properties",
        "regionId",
        "userAgent",
        "userIp",
        "userName",
    }
)
"""Fields that other programs' records may have, too: none of them makes an event by itself."""
OWN_NAMES: Final = frozenset(
    field.encode_name for field in msgspec.structs.fields(Event) if field.name != "extra"
).difference(COMMON_NAMES)

# What a release writes first, or most senders do. As a key of a record the mark is what forwarders make of it.
_OPENING: Final = re.compile(rb'\{\\*"(?:apiName|correlationId)')
_MARK: Final = re.compile(rb'apimMetrics\\*"?\s*:')
_FIELD: Final = re.compile(
    r'"({})\\*"\s*:'.format("|".join(sorted(NAMES.known, key=len, reverse=True))).encode()
)


def has_mark(text: bytes) -> bool:
    """Tell whether one of WSO2's reporters says in a text that an event follows, or was about to."""
    if b"apimMetrics" in text and _MARK.search(text) is not None:
        return True
    return any(mark in text for mark in ANY_MARK) and FORMS.search(text) is not None


def has_fields(text: bytes) -> bool:
    """Tell whether a text has two fields of an event, one of which nobody else has."""
    if _OPENING.match(text):
        return True
    found: set[str] = set()
    for field in _FIELD.finditer(text):
        if not found and PREPARED in text[: field.start()]:
            return False
        found.add(field[1].decode())
        if len(found) > 1 and not found <= COMMON_NAMES:
            return True
    return False


def looks_like_event(text: bytes) -> bool:
    """Tell whether a text may not be passed over in silence."""
    return has_mark(text) or has_fields(text)
