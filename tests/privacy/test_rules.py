"""What intake leaves out of events: credentials, captures, the client's address; and that it leaves the rest alone."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from fakes.country_file import write_countries
from hypothesis import given
from hypothesis import strategies as st
from rigs.clock import FakeClock
from rigs.events import event
from rigs.rig import opened

from bridge.contracts import Arrival, Gateway
from bridge.errors import SettingsError, Unacceptable
from bridge.events.event import decode, encode
from bridge.formats.moesif.mapping import moesif_form
from bridge.formats.moesif.parsing import canonical
from bridge.intake import Intake
from bridge.journal.seen_ids import SeenIds
from bridge.privacy.captures import Captures
from bridge.privacy.countries import Countries
from bridge.privacy.credentials import CREDENTIALS
from bridge.privacy.identity import Identity
from bridge.privacy.masks import masks
from bridge.privacy.rules import Rules

Json = dict[str, Any]


def kept(event: Json, rules: Rules | None = None) -> Json:
    """Return what intake keeps of an event; applying the rules again must change nothing."""
    rules = rules or Rules()
    data = encode(event)
    read = decode(data)
    if rules.concern(read):
        data, read = rules.applied(data, read)
        assert rules.applied(data, read)[0] == data
    assert read == decode(data)
    shown: Json = json.loads(data)
    return shown


# Credentials


@pytest.mark.parametrize(
    "name", ["Authorization", "PROXY-AUTHORIZATION", "cookie", "Set-Cookie", "ApiKey", "X_Api_Key"]
)
@pytest.mark.parametrize("where", ["requestHeaders", "responseHeaders"])
@pytest.mark.parametrize("as_text", [False, True])
def test_credentials_are_taken_out(name: str, where: str, as_text: bool) -> None:
    """In any case and way of writing, in an object or in JSON text; the other headers stay."""
    headers: Any = {name: "hush", "Accept": "*/*"}
    event = {"apiName": "a", "properties": {where: json.dumps(headers) if as_text else headers}}
    assert kept(event) == {"apiName": "a", "properties": {where: {"Accept": "*/*"}}}


def test_credentials_in_every_place_that_headers_have() -> None:
    """At the root, in properties as text, in what an SDK sent beside the event, in values that are lists."""
    headers = {"Internal-Key": ["hush"], "A": "b"}
    event = {
        "apiName": "a",
        "requestHeaders": headers,
        "properties": json.dumps({"requestHeaders": headers, "x": 1}),
        "origin": {
            "moesif": {"metadata": {"responseHeaders": json.dumps(headers)}, "request": {"headers": headers}}
        },
    }
    left = {"A": "b"}
    assert kept(event) == {
        "apiName": "a",
        "requestHeaders": left,
        "properties": {"requestHeaders": left, "x": 1},
        "origin": {"moesif": {"metadata": {"responseHeaders": left}, "request": {"headers": left}}},
    }


@pytest.mark.parametrize(
    "headers", ["Authorization: Bearer hush", '{"Authorization": "hush"', [["Cookie", "hush"]]]
)
def test_headers_that_cannot_be_read_are_hidden_whole(headers: Any) -> None:
    """What cannot be read cannot be shown safely; a word for nothing is left."""
    assert kept({"apiName": "a", "properties": {"requestHeaders": headers}})["properties"] == {
        "requestHeaders": "*****"
    }
    nothing = {"apiName": "a", "properties": {"requestHeaders": "UNKNOWN", "responseHeaders": ""}}
    assert kept(nothing) == nothing


def test_who_asks_for_a_header_by_name_gets_it() -> None:
    """`keep` is in any case, and about the headers named only."""
    rules = Rules(kept_headers=["AUTHORIZATION"])
    event = {"apiName": "a", "properties": {"requestHeaders": {"authorization": "shown", "cookie": "hush"}}}
    assert kept(event, rules)["properties"]["requestHeaders"] == {"authorization": "shown"}
    assert "authorization" in CREDENTIALS


@pytest.mark.parametrize(
    "data",
    [
        b'{"apiName" : "a", "properties":{"requestHeaders":{"Accept":"*/*"}}}',
        b'{"apiName":"a","properties" : {"requestHeaders":{"authorization":"*****"}}}',
        b'{"apiName":"a","properties":"{\\"requestHeaders\\": {\\"Accept\\": \\"*/*\\"}}" }',
        b'{"apiName":"a", "origin":{"moesif":{}}}',
        b'{"apiName":"a", "properties":{"requestBody":"x"}}',
    ],
)
def test_an_untouched_event_keeps_its_bytes(data: bytes) -> None:
    """Where nothing had to be hidden, not even a space is changed."""
    event = decode(data)
    rules = Rules()
    assert not rules.concern(event) or rules.applied(data, event) == (data, event)


def test_plain_events_are_not_looked_into() -> None:
    """Without a rule of the operator's, an event without captured headers goes the fast way."""
    assert not Rules().concern(decode(event(1, properties={"userName": "jo", "responseBody": "b"})))
    assert Rules(captures=Captures(bodies=False)).concern(decode(event(1, properties={"responseBody": "b"})))
    assert Rules(masks=masks({"userIp": "IPV4"})).concern(decode(event(1)))


def test_long_names_and_urls_are_looked_at_like_short_ones() -> None:
    """P8: what is too long to be remembered is no less hidden, and no less left alone."""
    long = "x" * 2000
    event = {
        "apiName": "a",
        "destination": f"/{long}?token=hush",
        "properties": {"requestHeaders": {long: "a"}},
    }
    assert kept(event)["destination"] == f"/{long}?token=*****"
    assert kept(event | {"destination": f"/{long}?a=1"}) == event | {"destination": f"/{long}?a=1"}
    assert Rules().concern(decode(encode({"apiName": "a", "destination": f"/{long}?token=hush"})))


def test_a_key_that_stands_twice_hides_nothing() -> None:
    """Of two headers objects only the last one is seen: the first does not stay in the bytes."""
    data = (
        b'{"apiName":"a","properties":{"requestHeaders":{"cookie":"hush"},"requestHeaders":{"Accept":"b"}}}'
    )
    shown, _ = Rules().applied(data, decode(data))
    assert b"hush" not in shown
    assert b"Accept" in shown


@pytest.mark.parametrize("value", ["", "****", "hush", "/a?page=1", "/a?token=****", "/a?b&API%5Fkey=hush"])
@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        Rules(kept_headers=["Cookie"]),
        Rules(masks=masks({"request_headers": '["x"]'})),
        Rules(masks=masks({"userIp": "IPV4"})),
        Rules(keep_address=False),
        Rules(identity=Identity((), ("header:x",))),
        Rules(captures=Captures(headers=False)),
    ],
    ids=["default", "kept", "masked header", "masked field", "no address", "identity", "no headers"],
)
def test_a_look_at_captured_headers_says_the_same(rules: Rules, value: str) -> None:
    """Where a quick look finds nothing to hide, reading the whole event finds nothing either, in each place."""
    places = ["destination", "apiContext", "apiResourceTemplate", "userIp", "x", "properties.apiContext"]
    places += ["properties.apiResourceTemplate", "properties.x-original-gw-url", "properties.x"]
    for headers in ("requestHeaders", "responseHeaders"):
        places += [f"properties.{headers}.{name}" for name in ("Accept", "X", "cOOkie ", "a" * 200)]
    for place in places:
        event: Json = {"apiName": "a", "properties": {"requestHeaders": {"A": "b"}, "responseHeaders": {}}}
        *steps, last = place.split(".")
        owner = event
        for step in steps:
            owner = owner[step]
        owner[last] = value
        data = encode(event)
        shaped = rules.shaped(json.loads(data))
        assert rules.applied(data, decode(data))[0] == (data if shaped is None else encode(shaped)), place


# Captures


CAPTURED: Json = {
    "apiName": "a",
    "properties": {
        "requestHeaders": {"A": "b"},
        "requestBody": "ü" * 10,
        "responseBody": "eHh4eHh4eHh4eA==",
        "responseBodyTransferEncoding": "base64",
        "requestContentType": "text/plain",
    },
}


@pytest.mark.parametrize(
    ("captures", "gone"),
    [
        (Captures(), ()),
        (Captures(headers=False), ("requestHeaders",)),
        (Captures(bodies=False), ("requestBody", "responseBody", "responseBodyTransferEncoding")),
        (Captures(largest_body_bytes=20), ()),
        (Captures(largest_body_bytes=19), ("requestBody",)),
        (Captures(largest_body_bytes=10), ("requestBody",)),
        (Captures(largest_body_bytes=9), ("requestBody", "responseBody", "responseBodyTransferEncoding")),
    ],
)
def test_captures_that_wso2s_keys_leave_out(captures: Captures, gone: tuple[str, ...]) -> None:
    """Headers and bodies go where the key says so; a limit counts the body's own bytes; its type stays."""
    properties = kept(copy.deepcopy(CAPTURED), Rules(captures=captures))["properties"]
    assert properties == {key: value for key, value in CAPTURED["properties"].items() if key not in gone}


def test_who_called_is_read_before_headers_are_dropped() -> None:
    """A header that is not kept can still say who called."""
    rules = Rules(captures=Captures(headers=False), identity=Identity((), ("header:a",)))
    assert kept(copy.deepcopy(CAPTURED), rules)["bridge"] == {"company": "b"}


# The client's address


SDK: Json = {
    "request": {
        "uri": "https://api.example.com/items",
        "verb": "GET",
        "headers": {
            "X-Forwarded-For": "203.0.113.45, 10.0.0.1",
            "Forwarded": "for=203.0.113.45",
            "Via": "203.0.113.45",
        },
        "ip_address": "203.0.113.45",
    },
    "metadata": {"userIp": "203.0.113.45", "sourceIp": "203.0.113.45", "plan": "a"},
}


def test_the_address_is_nowhere() -> None:
    """Levels 1 and 2: fields, forwarded headers, what an SDK sent; Moesif is told that it is not known."""
    shown = kept(canonical(SDK), Rules(keep_address=False))
    assert "203.0.113.45" not in json.dumps(shown)
    assert shown["properties"]["plan"] == "a"
    form = json.loads(encode(moesif_form(decode(encode(shown)), "id", 0, Gateway("g", None))))  # type: ignore[arg-type] # any
    assert form["request"]["ip_address"] == "0.0.0.0"


def test_level_0_keeps_the_address() -> None:
    """By default nothing of it changes."""
    event = canonical(SDK)
    assert kept(copy.deepcopy(event)) == event


@pytest.mark.parametrize(
    "record",
    [
        {"country": {"iso_code": "SE"}, "registered_country": {"iso_code": "US"}},
        {"registered_country": {"iso_code": "SE"}},
        {"country": "SE"},
        {"country_code": "SE"},
    ],
)
def test_the_country_is_derived_and_the_address_discarded(tmp_path: Path, record: Json) -> None:
    """Level 1 with a database: the country goes into `properties`, for GeoLite2's form and those of others."""
    countries = Countries(write_countries(tmp_path / "c.mmdb", {"203.0.113.0/24": record}))
    rules = Rules(keep_address=False, countries=countries)
    assert kept({"apiName": "a", "userIp": "203.0.113.45"}, rules) == {
        "apiName": "a",
        "properties": {"country": "SE"},
    }
    for address in ("198.51.100.1", "203.0.***.45", "UNKNOWN", "2001:db8::1"):
        assert kept({"apiName": "a", "userIp": address}, rules) == {"apiName": "a"}
    known = {"apiName": "a", "properties": {"country": "NO"}}
    assert kept(known | {"userIp": "203.0.113.45"}, rules) == known


def test_a_database_that_is_none_is_an_error(tmp_path: Path) -> None:
    """The message names the key, the file and the cure."""
    (tmp_path / "bad.mmdb").write_bytes(b"x" * 100)
    for name in ("none.mmdb", "bad.mmdb"):
        with pytest.raises(SettingsError, match=rf"country_database: .*{name}: .*\.mmdb file"):
            Countries(tmp_path / name)


# All of it


async def test_the_id_is_made_of_nothing_hidden(tmp_path: Path) -> None:
    """P5: events that differ in hidden values only have one id, also where request and place make it."""
    clock = FakeClock(hasty=True)
    async with opened(tmp_path, "moesif", clock=clock) as rig:
        rules = Rules(masks=masks({"userIp": "IPV4"}), keep_address=True)
        intake = Intake(rig.journal, SeenIds(window_seconds=600, max_ids=100, clock=clock), rules)
        counts = []
        for secret, address in (("one", "10.0.1.5"), ("two", "10.0.2.5")):
            event = {"apiName": "a", "userIp": address, "properties": {"requestHeaders": {"Cookie": secret}}}
            receipt = await intake(Arrival("http", [encode(event)], [None], [0], b""))
            counts.append((receipt.accepted, receipt.duplicates))
        assert counts == [(1, 0), (0, 1)]
        rig.check_books()


SECRET = "s3cr3t-{}-{}"
places = st.sampled_from(
    ["userIp", "userName", "userAgent", "properties.userName", "properties.userIp", "properties.tenant"]
    + [f"{owner}{side}.{name}" for owner in ("", "properties.") for side in ("requestHeaders", "responseHeaders")
       for name in ("Authorization", "cOOkie", "X-Api-Key", "X-Masked")]
    + ["origin.moesif.request.ip_address", "origin.record.user_id", "bridge.user", "origin.moesif.tenant"]
)  # fmt: skip
entries = st.lists(
    st.sampled_from(
        [
            *("userName", "properties.userName", "userIp", "properties.tenant", "bridge.user", "constant:me"),
            *("properties.requestHeaders.Authorization", "properties.requestHeaders"),
            *("header:x-masked", "header:x-open"),
        ]
    ),
    max_size=3,
)


@given(
    found=st.sets(places, min_size=1),
    user=entries,
    company=entries,
    text_properties=st.booleans(),
    repeated=st.booleans(),
    level=st.sampled_from([0, 1]),
)
def test_no_hidden_value_is_in_the_bytes(
    found: set[str], user: list[str], company: list[str], text_properties: bool, repeated: bool, level: int
) -> None:
    """For events with secrets in any of their places, and any lists of where to look, none is in the bytes."""
    event: Json = {"apiName": "a", "properties": {"open": 1, "requestHeaders": {"X-Open": "open"}}}
    secrets = []
    for number, place in enumerate(sorted(found)):
        *steps, last = place.split(".")
        owner = event
        for step in steps:
            owner = owner.setdefault(step, {})
        owner[last] = SECRET.format(number, "x")
        secrets.append(owner[last])
    if repeated and "userName" in event:
        event["properties"]["requestHeaders"]["X-Open"] = f"user={event['userName'].upper()}"
    if text_properties:
        event["properties"] = json.dumps(event["properties"])
    rules = Rules(
        masks=masks(
            {"userIp": "IPV4", "userName": "USERNAME", "userAgent": "STRING", "tenant": "STRING"}
            | dict.fromkeys(("request_headers", "response_headers"), '["x-masked"]')
        ),
        identity=Identity(user, company),
        keep_address=level == 0,
    )
    data = encode(event)
    shown, read = rules.applied(data, decode(data))
    for secret in secrets:
        assert secret not in shown.decode().lower()
    assert read == decode(shown)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "apiName",
    "userName",
    "userIp",
    "requestHeaders",
    "responseHeaders",
    "requestBody",
    "origin",
    "bridge",
    "x",
]
ALL_RULES = Rules(
    masks=masks({"userIp": "IPV4", "userName": "EMAIL", "request_headers": '["x"]'}),
    identity=Identity(("bridge.user", "jwt:x:a"), ("properties.x", "header:x")),
    captures=Captures(headers=False, largest_body_bytes=3),
    keep_address=False,
)


@given(
    st.dictionaries(st.sampled_from(KEYS), values),
    values | st.dictionaries(st.sampled_from(KEYS), values),
    st.sampled_from([Rules(), ALL_RULES]),
)
def test_any_event_can_be_shaped(event: Json, properties: Any, rules: Rules) -> None:
    """Whatever its fields hold, the rules raise nothing, and return bytes that mean the same as the event."""
    data = encode({**event, "apiName": "a", "properties": properties})
    try:
        read = decode(data)
    except Unacceptable:
        return
    shown, shaped = rules.applied(data, read)
    assert shaped == decode(shown)
    if not rules.concern(read):
        assert shown == data
