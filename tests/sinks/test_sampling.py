"""Dynamic sampling: which rate an event has, that the draw lasts, and that totals stay right."""

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts import Gateway
from bridge.events.event import decode, encode
from bridge.formats.moesif.mapping import moesif_form
from bridge.sinks.moesif.sampling import Form, Precedence, Rates, draw, read_rates, sampled

GATEWAY = Gateway("gateway-1", "https://gw.example.com:8243")
IDS = [f"id of event {number}" for number in range(100_000)]
PRECEDENCES: tuple[Precedence, ...] = ("lowest", "regex_first", "no_regex")


def mapped(**fields: Any) -> Form:
    """Return a WSO2 event in Moesif's schema."""
    body: dict[str, Any] = {
        "apiName": "a",
        "apiMethod": "GET",
        "userName": "alice@carbon.super",
        "apiContext": "/health",
        "apiResourceTemplate": "/live",
        "proxyResponseCode": 503,
        "userIp": "203.0.113.45",
        **fields,
    }
    return moesif_form(decode(encode(body)), "00000000-0000-8000-a000-000000000001", 0, GATEWAY)


def sdk(**fields: Any) -> Form:
    """Return an SDK's event, complete as it is sent on."""
    return {"request": {"uri": "/no/host?x=1", "verb": "PUT"}, "user_id": "bob", **fields}


def expected_weight(rate: float) -> dict[int, Fraction]:
    """Return the chance of each weight."""
    chance, whole = Fraction(rate) / 100, 100 // Fraction(rate)
    up = (100 - whole * Fraction(rate)) / Fraction(rate)
    return {0: 1 - chance, int(whole): chance * (1 - up), int(whole) + 1: chance * up}


@pytest.mark.parametrize("rate", [1, 7, 30, 99, 0.5])
def test_weighted_totals_are_those_of_all_events(rate: float) -> None:
    """Over 100,000 events the weighted total is within three standard errors of the true one."""
    weights = [draw(name, rate) for name in IDS]
    square = sum(weight**2 * chance for weight, chance in expected_weight(rate).items())
    error = math.sqrt(len(IDS) * float(square - 1))
    assert abs(sum(weights) - len(IDS)) <= 3 * error
    kept = sum(weight > 0 for weight in weights)
    chance = rate / 100
    assert abs(kept - len(IDS) * chance) <= 3 * math.sqrt(len(IDS) * chance * (1 - chance))
    assert set(weights) == {weight for weight, chance in expected_weight(rate).items() if chance}


@pytest.mark.parametrize("rate", [1, 7, 30, 99])
def test_weights_of_events_that_were_sampled_before(rate: int) -> None:
    """An event that stands for several already keeps that: the total of what they stand for is right, too."""
    own = [1 + number % 5 for number in range(len(IDS))]
    forms: list[Form] = [{"weight": weight} for weight in own]
    kept = sampled(forms, IDS, Rates(rate), "lowest")
    total = sum(form["weight"] for form in kept if isinstance(form, dict))
    square = sum(weight**2 * chance for weight, chance in expected_weight(rate).items())
    assert abs(total - sum(own)) <= 3 * math.sqrt(sum(weight**2 for weight in own) * float(square - 1))


@given(st.text(), st.integers(1, 99))
def test_the_draw_lasts(event_id: str, rate: int) -> None:
    """The same event at the same rate is always drawn the same, and at a higher rate it stays as well."""
    weight = draw(event_id, rate)
    assert draw(event_id, rate) == weight
    assert weight in {0, 100 // rate, 100 // rate + 1}
    assert draw(event_id, 100) == 1
    assert draw(event_id, 0) == 0
    if weight:
        assert draw(event_id, rate + 1)


def test_all_or_nothing() -> None:
    """At 100 every event stays as it is, at 0 none does."""
    forms = [mapped(), sdk(), sdk(weight=3)]
    assert sampled(forms, ["a", "b", "c"], Rates(100), "lowest") == forms
    assert sampled(forms, ["a", "b", "c"], Rates(0), "lowest") == [None] * 3


def test_the_weight_is_sent() -> None:
    """Both forms of an event get their weight, an incoming one multiplied."""
    name = next(name for name in IDS if draw(name, 50))
    forms = [mapped(), sdk(), sdk(weight=3), sdk(weight="nonsense")]
    for form in forms:
        sampled([form], [name], Rates(50), "lowest")
    assert [form["weight"] if isinstance(form, dict) else form.weight for form in forms] == [2, 2, 6, 2]


# Which rate

CONFIG: dict[str, Any] = {
    "org_id": "1",
    "sample_rate": 90,
    "user_sample_rate": {"alice": 40, "carol": 5},
    "company_sample_rate": {"acme": 20},
    "user_rules": {"alice": [{"rules": "x", "values": {}}]},
    "regex_config": [
        {
            "conditions": [
                {"path": "request.route", "value": "/health/.*"},
                {"path": "response.status", "value": "5\\d\\d"},
            ],
            "sample_rate": 10,
        },
        {"conditions": [{"path": "request.verb", "value": "get|PUT"}], "sample_rate": 30},
    ],
}


@pytest.mark.parametrize(
    ("form", "lowest", "regex_first", "no_regex"),
    [
        (mapped(), 10, 10, 40),  # the user's 40, the first pattern's 10
        (mapped(userName="carol"), 5, 10, 5),
        (mapped(userName="dave", proxyResponseCode=200), 30, 30, 90),
        (mapped(userName="dave", proxyResponseCode=200, apiMethod="POST"), 90, 90, 90),
        (sdk(), 30, 30, 90),
        (sdk(company_id="acme"), 20, 30, 20),
        (sdk(user_id="alice", company_id="acme"), 30, 30, 40),
        (sdk(user_id=None, company_id="acme", request={}), 20, 20, 20),
        (mapped(proxyResponseCode=-1), 30, 30, 40),  # no response at all
    ],
)
def test_precedence(form: Form, lowest: int, regex_first: int, no_regex: int) -> None:
    """Each way of Moesif's documentation and SDKs to choose among rates gives what it should."""
    rates = read_rates(CONFIG)
    assert [rates.of(form, precedence) for precedence in PRECEDENCES] == [lowest, regex_first, no_regex]


@pytest.mark.parametrize(
    ("uri", "route"),
    [
        ("https://gw:8243/a/b?x=/c", "^/a/b$"),
        ("https://gw", "^/$"),
        ("/a/b?x", "^/a/b$"),
        ("", "^/$"),
        ("UNKNOWN", "^unknown$"),
    ],
)
def test_route(uri: str, route: str) -> None:
    """The route is the path of the URI."""
    config = {
        "regex_config": [{"conditions": [{"path": "request.route", "value": route}], "sample_rate": 1}],
    }
    assert read_rates(config).of(sdk(request={"uri": uri}), "lowest") == 1


@pytest.mark.parametrize(
    "entry",
    [
        5,
        {"sample_rate": 0},
        {"conditions": [], "sample_rate": 0},
        {"conditions": [{"path": "request.body", "value": "."}], "sample_rate": 0},
        {"conditions": [{"path": "request.verb", "value": "("}], "sample_rate": 0},
        {"conditions": [5], "sample_rate": 0},
        {"conditions": [{"path": "request.verb", "value": "."}], "sample_rate": "all"},
    ],
)
def test_what_cannot_be_read_samples_nothing_out(entry: object) -> None:
    """An entry that the bridge cannot read matches no event, and the others go on."""
    good = {"conditions": [{"path": "request.verb", "value": "PUT"}], "sample_rate": 7}
    rates = read_rates({"regex_config": [entry, good], "user_sample_rate": {"bob": None}})
    assert rates.of(sdk(), "lowest") == 7
    assert rates.of(sdk(request={"verb": "GET"}), "lowest") == 100


def test_rates_are_percents() -> None:
    """A rate beyond 0 to 100 is taken as the nearest, a text as its number; without any all events stay."""
    rates = read_rates({"sample_rate": "30", "user_sample_rate": {"a": 150, "b": -1, "c": True, "d": "x"}})
    assert (rates.everyone, rates.users) == (30, {"a": 100, "b": 0})
    assert read_rates({}) == Rates()


@pytest.mark.parametrize("nonsense", [None, [], "x", 5])
def test_no_rates(nonsense: object) -> None:
    """What is no configuration at all is an error, for its reader to keep what it has."""
    with pytest.raises(ValueError, match="no sampling configuration"):
        read_rates(nonsense)
