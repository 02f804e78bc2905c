"""Every spelling of a field's name that a gateway writes: hidden alike, known by the same id, mapped to one name."""

import json
from typing import Any

import msgspec
import pytest

from bridge.contracts import Gateway
from bridge.events.event import decode, encode, mend
from bridge.events.ids import event_id
from bridge.formats.moesif.mapping import moesif_form
from bridge.privacy.identity import Identity
from bridge.privacy.masks import hides_a_field, masks
from bridge.privacy.rules import Rules

# As wso2/apk writes it, `ELKResponseEvent`.
KUBERNETES: dict[str, Any] = {
    "apiName": "OrdersAPI",
    "apiId": "8a972559",
    "apiCreation": "admin",
    "correlationID": "3f1c8f5e-6d0c-4c39-9d55-9a27b2b6f0a1",
    "applicationID": "app-7",
    "organizationID": "acme",
    "environmentID": "prod",
    "regionID": "eu",
    "userIP": "192.0.2.10",
    "requestTimestamp": "2026-11-21T00:46:24.099Z",
    "proxyResponseCode": 200,
}
CANONICAL = {
    "apiName": "OrdersAPI",
    "apiId": "8a972559",
    "apiCreator": "admin",
    "correlationId": "3f1c8f5e-6d0c-4c39-9d55-9a27b2b6f0a1",
    "applicationId": "app-7",
    "organizationId": "acme",
    "environmentId": "prod",
    "regionId": "eu",
    "userIp": "192.0.2.10",
    "requestTimestamp": "2026-11-21T00:46:24.099Z",
    "proxyResponseCode": 200,
}
SPELLINGS = ["userIp", "userIP", "user_ip", "UserIp", "USER_IP", "userip", "user-ip"]


def kept(event: dict[str, Any], rules: Rules) -> dict[str, Any]:
    """Return what would be journalled of an event."""
    body, read = mend(encode(event))
    if rules.concern(read):
        body, read = rules.applied(body, read)
    assert read == decode(body)
    shown: dict[str, Any] = json.loads(body)
    return shown


def test_the_kubernetes_gateways_names_are_settled() -> None:
    """Its event becomes the one that WSO2's other gateways write, with the same id (P5) and Moesif's fields."""
    body, event = mend(encode(KUBERNETES))
    assert json.loads(body) == CANONICAL
    assert event == decode(encode(CANONICAL))
    assert event_id(event) == event_id(decode(encode(CANONICAL))) is not None
    mapped = json.loads(msgspec.json.encode(moesif_form(event, "id", 1, Gateway("gateway-1", None))))
    assert mapped["request"]["ip_address"] == "192.0.2.10"
    assert mapped["metadata"]["applicationId"] == "app-7"
    assert not {"userIP", "applicationID", "apiCreation"} & mapped["metadata"].keys()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("written", SPELLINGS)
@pytest.mark.parametrize("where", ["root", "properties", "origin"])
def test_a_mask_hides_every_spelling(spelling: str, written: str, where: str) -> None:
    """However the mask is written and however the event writes the field, nothing of the address is kept."""
    fact = {spelling: "192.0.2.10"}
    event = {"apiName": "a", "apiId": "b", **(fact if where == "root" else {where: fact})}
    for rules in (Rules(masks=masks({written: "STRING"})), Rules(keep_address=False)):
        assert "192.0.2.10" not in json.dumps(kept(event, rules))


def test_two_spellings_in_one_event() -> None:
    """Both are hidden; the canonical name keeps its meaning, and what merely repeats it is left out."""
    event = {"apiName": "a", "userIP": "192.0.2.10", "userIp": "192.0.2.11"}
    assert kept(event, Rules()) == event
    assert decode(encode(event)).userIp == "192.0.2.11"
    shown = json.dumps(kept(event, Rules(masks=masks({"userIp": "IPV4"}))))
    assert "192.0.2.10" not in shown
    assert "192.0.2.11" not in shown
    assert "192.0" not in json.dumps(kept(event, Rules(keep_address=False)))
    same = {"apiName": "a", "userIP": "192.0.2.10", "userIp": "192.0.2.10"}
    assert kept(same, Rules()) == {"apiName": "a", "userIp": "192.0.2.10"}
    unknown = {"apiName": "a", "userIp": None, "userIP": "192.0.2.10"}
    assert kept(unknown, Rules()) == {"apiName": "a", "userIp": "192.0.2.10"}


@pytest.mark.parametrize("mask", ["apiCreator", "apiCreation", "api_creation"])
@pytest.mark.parametrize("other", ["apiCreation", "API_Creation"])
def test_another_name_of_the_same_fact(mask: str, other: str) -> None:
    """A mask hides the API's creator under the Kubernetes gateway's name for it, also beside WSO2's own."""
    event = {
        "apiName": "a",
        "apiCreator": "admin",
        other: "somebody",
        "apiContext": "/a",
        "creation": "today",
    }
    assert kept(event, Rules()) == event
    shown = Rules(masks=masks({mask: "STRING"})).shaped(dict(event))
    assert shown == event | {"apiCreator": "*****", other: "*****"}


def test_names_in_properties_are_settled_as_far_as_they_are_fields() -> None:
    """A custom property keeps its own name, and is hidden under any spelling of it."""
    event = {"apiName": "a", "properties": {"UserName": "jo@acme.com", "tenant_code": "17"}}
    assert kept(event, Rules())["properties"] == {"userName": "jo@acme.com", "tenant_code": "17"}
    hidden = kept(event, Rules(masks=masks({"username": "EMAIL", "tenantCode": "STRING"})))
    assert hidden["properties"] == {"userName": "*****@acme.com", "tenant_code": "*****"}


def test_identity_looks_under_every_spelling() -> None:
    """A field that is named in [bridge.identity] is found however it and the event spell it."""
    for entry in ("applicationId", "applicationID", "application_id"):
        rules = Rules(identity=Identity((entry,), ()))
        assert kept(KUBERNETES, rules)["bridge"] == {"user": "app-7"}
    rules = Rules(identity=Identity(("properties.user_name",), ()))
    assert kept({"apiName": "a", "properties": {"userName": "jo"}}, rules)["bridge"] == {"user": "jo"}


def test_a_name_in_another_spelling_alone_makes_no_event() -> None:
    """Other programs write `user_name` and `destination-id`, too."""
    for data in ({"user_name": "jo", "level": "info"}, {"UserIP": "192.0.2.10"}):
        with pytest.raises(Exception, match="unrecognised"):
            mend(encode(data))


@pytest.mark.parametrize(
    ("key", "known"), [*((key, True) for key in SPELLINGS), ("api.ut.userName", True), ("usrIp", False)]
)
def test_which_masks_hide_a_field(key: str, known: bool) -> None:
    """`check` says of a mask that names no field of WSO2's that it hides nothing but a property of that name."""
    assert hides_a_field(key) == known
