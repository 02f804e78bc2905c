"""An API Gateway's access log as WSO2's own event."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contracts import Gateway
from bridge.errors import Unacceptable
from bridge.events.event import decode, encode, from_object
from bridge.events.ids import event_id
from bridge.events.uri import uri
from bridge.formats.aws import canonical
from bridge.formats.moesif.mapping import moesif_event
from bridge.privacy.masks import masks

KEY = "dGhpcyBpcyBhIHNlY3JldA"
LINE = {
    "apiId": "a1b2c3d4e5",
    "requestId": "5f3c1d8e-4c7b-4f61-9b6e-0d6f3c1a2b4c",
    "requestTime": "07/Oct/2026:08:21:45 +0000",
    "protocol": "HTTP/1.1",
    "httpMethod": "GET",
    "resourcePath": "/prod/pets/7",
    "requestHostHeader": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
    "requestUserAgentHeader": "curl/8.5.0",
    "ip": "203.0.113.9",
    "status": "200",
    "responseLength": "299",
    "durationMs": "253",
    "caller": "-",
    "user": "-",
    "principalId": "auth0|42",
    "cognitoIdentityId": "-",
    "userArn": "-",
    "apiKey": KEY,
    "apiKeyId": "kxyz12",
}


def line(**changes: Any) -> dict[str, Any]:
    return LINE | changes


def test_the_nineteen_keys_are_mapped() -> None:
    """Each key of the format has its place; numbers are numbers, what says nothing is not there."""
    assert canonical(LINE) == {
        "gatewayType": "AWS",
        "apiId": "a1b2c3d4e5",
        "apiMethod": "GET",
        "userIp": "203.0.113.9",
        "userAgentHeader": "curl/8.5.0",
        "proxyResponseCode": 200,
        "responseLatency": 253,
        "correlationId": "5f3c1d8e-4c7b-4f61-9b6e-0d6f3c1a2b4c",
        "requestTimestamp": "2026-10-07T08:21:45.000Z",
        "userName": "kxyz12",
        "properties": {
            "responseSize": 299,
            "requestHeaders": {"Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"},
            "x-original-gw-url": "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/prod/pets/7",
            "protocol": "HTTP/1.1",
            "principalId": "auth0|42",
        },
    }


def test_moesif_gets_a_whole_event_of_it() -> None:
    """The full address, both times, the user, host and user agent are where Moesif looks for them."""
    sent = moesif_event(from_object(canonical(LINE)), "id", 0, Gateway("here", "https://wso2.example"))
    assert sent.request.uri == "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/prod/pets/7"
    assert sent.request.time == "2026-10-07T08:21:45.000Z"
    assert sent.request.headers == {
        "Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        "User-Agent": "curl/8.5.0",
    }
    assert (sent.request.verb, sent.request.ip_address, sent.user_id) == ("GET", "203.0.113.9", "kxyz12")
    assert sent.response is not None
    assert (sent.response.time, sent.response.status) == ("2026-10-07T08:21:45.253Z", 200)


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({"user": "u", "principalId": "p"}, "u"),
        ({"user": "-", "apiKeyId": "k", "principalId": "p"}, "k"),
        ({"apiKeyId": "", "principalId": "p", "caller": "c"}, "p"),
        ({"cognitoIdentityId": "i", "caller": "c", "userArn": "a"}, "i"),
        ({"caller": "c", "userArn": "a"}, "c"),
        ({"userArn": "a"}, "a"),
        ({}, None),
    ],
)
def test_the_first_that_says_who_called_is_the_user(fields: dict[str, str], user: str | None) -> None:
    """user, apiKeyId, principalId, cognitoIdentityId, caller, userArn, in this order."""
    assert canonical({"requestId": "1", **fields}).get("userName") == user


def test_a_mask_on_the_user_hides_all_of_it() -> None:
    """The user is in one place only, however many keys of the log named it."""
    event = canonical(line(user="alice", caller="alice", apiKeyId="-", principalId="-"))
    masks({"userName": "USERNAME", "userAgent": "STRING"}).apply(event)
    assert b"alice" not in encode(event)
    assert b"curl" not in encode(event)


@pytest.mark.parametrize("name", ["apiKey", "APIKEY", "api_key", "x-api-key"])
def test_the_key_of_the_caller_is_left_out(name: str) -> None:
    """`apiKey` is a credential: however it is spelt, not a letter of it gets through."""
    data = {key: value for key, value in LINE.items() if key != "apiKey"} | {name: KEY}
    assert KEY.encode() not in encode(canonical(data))


def test_extra_keys_stay_in_properties() -> None:
    """The company, metadata and whatever else the format has are kept as they are."""
    event = canonical(line(companyId="acme", metadata={"tier": 1}, stage="prod", wafStatus="-", userName="x"))
    properties = event["properties"]
    assert (properties["companyId"], properties["metadata"], properties["stage"]) == (
        "acme",
        {"tier": 1},
        "prod",
    )
    assert "wafStatus" not in properties
    assert properties["userName"] == "x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("07/Oct/2026:08:21:45 +0000", "2026-10-07T08:21:45.000Z"),
        ("31/Dec/2026:23:30:00 -0130", "2027-01-01T01:00:00.000Z"),
        ("2026-10-07T08:21:45.5Z", "2026-10-07T08:21:45.500Z"),
    ],
)
def test_times_become_utc(text: str, expected: str) -> None:
    """The common log format with any zone is read, and ISO 8601 as well."""
    assert canonical(line(requestTime=text))["requestTimestamp"] == expected


def test_a_time_to_the_millisecond_goes_first() -> None:
    """`requestTimeEpoch` is the time where the format has it."""
    event = canonical(line(requestTimeEpoch="1791361305123"))
    assert event["requestTimestamp"] == "2026-10-07T08:21:45.123Z"


@pytest.mark.parametrize(
    ("key", "value"),
    [("requestTime", "yesterday"), ("requestTime", "31/Feb/2026:08:21:45 +0000"), ("status", "2xx")],
)
def test_what_cannot_be_read_is_kept(key: str, value: str) -> None:
    """A value that is not what its key promises stays in `properties`."""
    assert canonical(line(**{key: value}))["properties"][key] == value


def test_without_a_host_the_path_is_kept() -> None:
    """AWS's own suggested format has no host: the address is the path, nothing is invented."""
    assert uri(from_object(canonical(line(requestHostHeader="-"))), "https://wso2.example") == "/prod/pets/7"


def test_every_copy_has_the_same_id_and_other_calls_another() -> None:
    """P5: the id is made of the request's id; a client that overrides it does not hide its other calls."""

    def name(**changes: Any) -> str | None:
        return event_id(decode(encode(canonical(line(**changes)))))

    assert name() is not None
    assert name() == name(apiKey="-", responseLength="300")
    assert name() != name(requestTime="07/Oct/2026:08:21:46 +0000")
    assert name() != name(requestId="another")
    assert name(extendedRequestId="X1=") != name(extendedRequestId="X2=")
    # What has no id of its own is known by the request that it came in.
    assert event_id(from_object(canonical({"httpMethod": "GET"}))) is None


@pytest.mark.parametrize(
    "data", [{}, {"ticker_symbol": "QXZ", "price": 84.5}, {"status": "200"}, {"requestId": "-"}]
)
def test_other_data_is_not_taken_for_an_access_log(data: dict[str, Any]) -> None:
    """Firehose's demo data, or any other program's line, is refused by itself."""
    with pytest.raises(Unacceptable) as refused:
        canonical(data)
    assert refused.value.reason == "unrecognised"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {"requestId": st.just("r")}, optional={key: JSON for key in LINE if key != "requestId"}
    )
)
def test_whatever_the_values_are_it_is_an_event(data: dict[str, Any]) -> None:
    """No value of any type makes the mapping fail, and an API key of text never gets through."""
    event = canonical(data | {"apiKey": KEY})
    from_object(event)
    assert KEY not in json.dumps(event)
