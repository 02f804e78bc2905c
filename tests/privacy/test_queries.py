"""Credentials in the queries of URLs: their values are not kept, all else of the URL is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.events.event import decode, encode
from bridge.formats.moesif.parsing import canonical
from bridge.privacy.identity import Identity
from bridge.privacy.queries import PARAMETERS
from bridge.privacy.rules import Rules

Json = dict[str, Any]
DEFAULT = Rules()
URL = "https://gw.example.com:8243/pizza/1.0/order"


def kept(event: Json, rules: Rules = DEFAULT) -> Json:
    """Return an event as it is kept, decided as intake decides."""
    body = encode(event)
    read = decode(body)
    if rules.concern(read):
        body, read = rules.applied(body, read)
        assert read == decode(body)
        assert rules is not DEFAULT or rules.applied(body, read) == (body, read), "once is enough"
    shown: Json = json.loads(body)
    return shown


def of_call(url: str) -> Json:
    return {"apiName": "a", "correlationId": "c", "properties": {"x-original-gw-url": url}}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?apikey=hush", "?apikey=*****"),
        ("?a=1&ApiKey=hush&b=2", "?a=1&ApiKey=*****&b=2"),
        ("?api_key=hush;more#top", "?api_key=*****#top"),
        ("?access-token=hush&key=hush", "?access-token=*****&key=*****"),
        ("?a=1;token=hush", "?a=1;token=*****"),
        ("?api%5Fkey=hush", "?api%5Fkey=*****"),
        ("?X-Amz-Signature=hush&X-Amz-Date=1", "?X-Amz-Signature=*****&X-Amz-Date=1"),
        ("?a#access_token=hush", "?a#access_token=*****"),
        ("?token=hush&token=hush", "?token=*****&token=*****"),
        ("?keyword=open&monkey=open&tokens=open", "?keyword=open&monkey=open&tokens=open"),
        ("?key=&token", "?key=&token"),
        ("?q=key%3Dopen", "?q=key%3Dopen"),
        ("/key=open", "/key=open"),
    ],
)
def test_values_of_credentials_are_hidden(query: str, shown: str) -> None:
    """By their names in any spelling; other parameters, and names that only look alike, stay."""
    assert kept(of_call(URL + query)) == of_call(URL + shown)


@pytest.mark.parametrize("field", ["destination", "apiContext", "apiResourceTemplate"])
def test_every_address_of_an_event_is_looked_into(field: str) -> None:
    """A sender may put a query into any field that is a URL or a path."""
    assert kept({"apiName": "a", field: "/x?apikey=hush"}) == {"apiName": "a", field: "/x?apikey=*****"}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_each_name_is_known_in_every_spelling(name: str) -> None:
    """With an underscore, a dash, a dot or nothing between its words, in any case."""
    for spelling in (name, name.replace("_", "-"), name.replace("_", "."), name.replace("_", "").title()):
        assert kept(of_call(f"{URL}?{spelling}=hush")) == of_call(f"{URL}?{spelling}=*****")


def test_in_every_place_that_has_urls() -> None:
    """The backend's URL, what a data provider adds, captured headers, and what an SDK sent."""
    url = f"{URL}?token=hush"
    event = {
        "apiName": "a",
        "destination": url,
        "properties": {
            "requestUri": url,
            "requestHeaders": {"Referer": url, ":path": "/order?apikey=hush"},
            "responseHeaders": json.dumps({"Location": url}),
            "requestBody": "see ?token=open",
        },
        "callbackUrl": url,
    }
    assert "hush" not in json.dumps(kept(event))
    assert kept(event)["properties"]["requestBody"] == "see ?token=open"
    for uri in (url, "/order?token=hush"):
        sent = canonical({"request": {"uri": uri, "verb": "GET"}, "metadata": {"page": url}})
        assert "hush" not in json.dumps(kept(sent))


@pytest.mark.parametrize(
    "field", ["destination", "callbackUrl", "properties.page", "properties.x-original-gw-url"]
)
def test_one_place_is_enough(field: str) -> None:
    """Wherever the only URL with a credential stands, the event is looked into."""
    event: Json = {"apiName": "a", "properties": {}}
    owner = event["properties"] if field.startswith("properties.") else event
    owner[field.removeprefix("properties.")] = f"{URL}?apikey=hush"
    assert "hush" not in json.dumps(kept(event))


def test_who_asks_for_a_name_gets_it() -> None:
    """Where `key` is no credential, [bridge.headers] keep names it; the others stay hidden."""
    rules = Rules(kept_headers=["Key"])
    assert kept(of_call(f"{URL}?key=open&token=hush"), rules) == of_call(f"{URL}?key=open&token=*****")


def test_it_does_not_come_back_as_who_called() -> None:
    """A URL with a credential never becomes a user, and an event with nothing to hide keeps its bytes."""
    rules = Rules(identity=Identity(("properties.x-original-gw-url",), ("destination",)))
    event = of_call(f"{URL}?token=hush-hush") | {"destination": "https://b/?token=hush-hush"}
    shown = kept(event, rules)
    assert "hush" not in json.dumps(shown)
    assert shown["bridge"] == {"user": None, "company": None}
    body = b'{"apiName": "a", "destination":"http:\\/\\/b\\/?region=eu"}'
    assert Rules().applied(body, decode(body)) == (body, decode(body))


@pytest.mark.parametrize("piece", ["%41", "&%41", "&key", "?", "&token=%41", ";a=%"])
def test_a_long_url_takes_no_time_of_its_own(piece: str) -> None:
    """Callers choose the query: half a megabyte of anything is read once, not once for each of its characters."""
    url = f"{URL}?{piece * 100_000}"
    assert kept(of_call(url))["properties"]["x-original-gw-url"].startswith(URL)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["token", "API-KEY", "q", "page", "a%62", "sig"]),
            st.sampled_from(["?", "&", ";", "#"]),
            st.text("ab=?;%/ *", max_size=5),
        ),
        max_size=6,
    )
)
def test_no_secret_is_left(parameters: list[tuple[str, str, str]]) -> None:
    """However a query is put together, no value behind the name of a credential is in the bytes."""
    query = "".join(f"{mark}{name}=SECRET{value}" for name, mark, value in parameters)
    shown = kept(of_call(f"{URL}?{query}"))["properties"]["x-original-gw-url"]
    for part in shown.replace("#", "&").replace(";", "&").replace("?", "&").split("&"):
        name, _, value = part.partition("=")
        if name.lower() in {"token", "api-key", "sig"}:
            assert "SECRET" not in value
