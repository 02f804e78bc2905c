"""Who called: where [bridge.identity] looks, what it makes of it, and that it keeps no more than that."""

import base64
import json
from typing import Any

import pytest

from bridge.batches import Batch
from bridge.contracts import Gateway
from bridge.errors import SettingsError
from bridge.events.envelope import in_front
from bridge.events.event import decode, encode
from bridge.formats.aws import canonical as from_aws
from bridge.formats.canonical import tagged
from bridge.formats.moesif.mapping import moesif_form
from bridge.formats.moesif.parsing import canonical as from_moesif
from bridge.privacy.identity import Identity
from bridge.privacy.masks import masks
from bridge.privacy.rules import Rules

Json = dict[str, Any]
GATEWAY = Gateway("gateway-1", None)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(**claims: Any) -> str:
    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2ln"


CLAIMS = {
    "org": "acme",
    "sub": "jo@carbon.super",
    "http://wso2.org/claims/org": "by-url",
    "a": {"b.c": {"d": 7}},
}
EVENT: Json = {
    "apiName": "a",
    "correlationId": "7a4f90b1-f2cb-4a10-9054-000000000001",
    "userName": "UNKNOWN",
    "applicationOwner": "owner@acme.com",
    "tenant": "t1",
    "properties": {
        "userName": "admin@carbon.super",
        "tokenIssuer": "https://issuer",
        "requestHeaders": {
            "X-Company-ID": "c-9",
            "X-Empty": " ",
            "Authorization": f"Bearer {token(**CLAIMS)}",
            "X-JWT-Assertion": token(sub="assertion"),
            "X-Broken": "Bearer a.b.c",
        },
    },
}


def bridge_of(
    user: tuple[str, ...] = (), company: tuple[str, ...] = (), event: Json = EVENT, **rules: Any
) -> Any:
    shaped = Rules(identity=Identity(user, company), **rules).shaped(json.loads(json.dumps(event)))
    return None if shaped is None else shaped.get("bridge")


def sent(event: Json) -> Json:
    """Return what Moesif gets."""
    form = json.loads(encode(moesif_form(decode(encode(event)), "id", 0, GATEWAY)))  # type: ignore[arg-type] # any
    assert isinstance(form, dict)
    return form


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("userName", None),
        ("properties.userName", "admin@carbon.super"),
        ("applicationOwner", "owner@acme.com"),
        ("tenant", "t1"),
        ("properties.tokenIssuer", "https://issuer"),
        ("header:x-company-id", "c-9"),
        ("header:X-COMPANY-ID", "c-9"),
        ("header:x-empty", None),
        ("header:x-none", None),
        ("jwt:authorization:org", "acme"),
        ("jwt:Authorization:a.b.c.d", "7"),
        ("jwt:authorization:http://wso2.org/claims/org", "by-url"),
        ("jwt:authorization:a", None),
        ("jwt:x-jwt-assertion:sub", "assertion"),
        ("jwt:x-broken:sub", None),
        ("jwt:x-company-id:sub", None),
        ("constant:acme", "acme"),
        ("properties", None),
        ("properties.none.deeper", None),
    ],
)
def test_where_it_looks(entry: str, found: str | None) -> None:
    """A field, a path, a header in any case, a claim, a constant: each is read, and what says nothing is nothing."""
    assert bridge_of(company=(entry,)) == {"company": found}


def test_the_first_with_a_real_value_counts() -> None:
    """Entries are tried in their order; WSO2's `anonymous` counts only where nothing better is found."""
    assert bridge_of(("userName", "header:x-empty", "applicationOwner", "tenant")) == {
        "user": "owner@acme.com"
    }
    event = EVENT | {"userName": "anonymous"}
    assert bridge_of(("userName", "header:x-company-id"), event=event) == {"user": "c-9"}
    assert bridge_of(("userName", "header:x-none"), event=event) == {"user": "anonymous"}


@pytest.mark.parametrize(
    ("user", "kept"),
    [
        ("jo@carbon.super", "jo"),
        ("a@b.com@carbon.super", "a@b.com"),
        ("jo@acme.com", "jo@acme.com"),
        (17, "17"),
    ],
)
def test_the_super_tenant_is_cut_off_and_others_stay(user: Any, kept: str) -> None:
    """As WSO2's publisher does it."""
    assert bridge_of(("sub",), event=EVENT | {"sub": user}) == {"user": kept}


def test_with_the_defaults_nothing_is_computed_and_moesif_gets_wso2s_user() -> None:
    """The default list is what the sinks look at by themselves."""
    assert not Identity(("userName", "properties.userName"), ())
    form = sent(EVENT)
    assert form["user_id"] == "admin"
    assert "company_id" not in form


def test_what_was_found_goes_to_moesif_and_not_into_its_metadata() -> None:
    """User, company and weight go to their places; the `bridge` object is not sent to Moesif."""
    form = sent(EVENT | {"bridge": {"user": "jo@carbon.super", "company": "acme", "weight": 4}})
    assert (form["user_id"], form["company_id"], form["weight"]) == ("jo", "acme", 4)
    assert "bridge" not in form["metadata"]


@pytest.mark.parametrize(
    "bridge", [{"user": None, "company": None}, {"user": 5, "weight": "x"}, {"weight": True}, 7]
)
def test_an_odd_bridge_object_harms_nothing(bridge: Any) -> None:
    """If nobody was found the user is not known; values that are not a text or a weight are ignored."""
    form = sent(EVENT | {"bridge": bridge})
    found = isinstance(bridge, dict) and "user" in bridge
    assert form["user_id"] == ("UNKNOWN" if found else "admin")
    assert "company_id" not in form
    assert "weight" not in form or form["weight"] == 1


def test_what_another_bridge_said_stays_and_ours_wins() -> None:
    """If this bridge is configured and finds someone, its result counts; else the other bridge's."""
    event = EVENT | {"bridge": {"id": "old", "user": "theirs", "company": "theirs", "weight": 2}}
    assert bridge_of(company=("header:x-company-id",), event=event) == {
        "id": "old",
        "user": "theirs",
        "company": "c-9",
        "weight": 2,
    }
    assert bridge_of(company=("header:x-none",), event=event)["company"] == "theirs"
    assert bridge_of(company=("constant:a",), event=EVENT | {"bridge": 5}) == {"before": 5, "company": "a"}


def test_the_token_itself_is_not_kept() -> None:
    """Its claim is; nothing of the token is in the bytes, and an untouched path to it does not bring it back."""
    rules = Rules(identity=Identity(("jwt:authorization:sub",), ("properties.requestHeaders.Authorization",)))
    body, event = rules.applied(encode(EVENT), decode(encode(EVENT)))
    assert body.startswith(b'{"bridge":{"user":"jo","company":null},')
    assert token(**CLAIMS).split(".")[1].encode() not in body
    assert event.extra is not None


@pytest.mark.parametrize("mask", [{"userName": "USERNAME"}, {"userName": "EMAIL"}])
def test_a_masked_user_does_not_come_back(mask: dict[str, str]) -> None:
    """Who called is shown as the mask shows it, from whichever place it was read."""
    event = json.loads(json.dumps(EVENT))
    event["properties"]["requestHeaders"]["X-User"] = "ADMIN"
    event["properties"]["requestHeaders"]["X-Ref"] = "ref:admin"
    for entry in ("properties.userName", "header:x-user", "header:x-ref"):
        shown = bridge_of((entry,), event=event, masks=masks(mask))
        assert "admin" not in str(shown).lower()
        assert "*****" in str(shown)


def test_a_masked_token_is_not_read() -> None:
    """A header that a mask names gives no claims: the mask wins."""
    hiding = masks({"request_headers": '["Authorization", "X-Company-Id"]'})
    assert bridge_of(("jwt:authorization:sub",), ("header:x-company-id",), masks=hiding) == {
        "user": "*****",
        "company": "*****",
    }


def test_a_discarded_address_is_nobodys_name() -> None:
    """With privacy level 1 or 2 the address is not kept as a user either, and the next entry counts for nothing."""
    event = EVENT | {"userIp": "203.0.113.9"}
    assert bridge_of(("userIp",), event=event, keep_address=False) == {"user": None}
    assert bridge_of(("userIp",), event=event) == {"user": "203.0.113.9"}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("", "is not a field"),
        ("properties.", "is not a field"),
        ("header:", "names no header"),
        ("header:x y", "names no header"),
        ("jwt:authorization", "names no claim"),
        ("jwt::org", "names no header"),
        ("constant:", "says nothing"),
        ("hedaer:x-company-id", 'unknown kind "hedaer"'),
        ("header:Authorization", "take a claim"),
        ("header:x-api-key", "bridge.headers"),
    ],
)
def test_a_bad_entry_is_an_error_with_place_and_cure(entry: str, says: str) -> None:
    """Nothing is guessed: the message names the entry, its place and what to write."""
    with pytest.raises(SettingsError) as caught:
        Identity(("userName", entry), (entry,))
    first, second = str(caught.value).split("\n")
    assert first.startswith("bridge.identity.user[1]: ")
    assert second.startswith("bridge.identity.company[0]: ")
    assert says in first


def test_a_credential_that_is_kept_may_say_who_called() -> None:
    """A header that is asked for by name is kept."""
    identity = Identity((), ("header:x-csrf-token",), ["X-CSRF-Token"])
    event = {"apiName": "a", "properties": {"requestHeaders": {"x-csrf-token": "t-1"}}}
    shaped = Rules(identity=identity, kept_headers=["X-CSRF-Token"]).shaped(event)
    assert shaped is not None
    assert shaped["bridge"] == {"company": "t-1"}
    assert shaped["properties"]["requestHeaders"] == {"x-csrf-token": "t-1"}


def test_an_sdks_event() -> None:
    """What the bridge found goes before what the SDK said; where it looks nowhere, the SDK's word stays."""
    event = from_moesif({"request": {"uri": "/a", "verb": "GET"}, "user_id": "sdk", "company_id": "sdk-co"})
    assert (sent(event)["user_id"], sent(event)["company_id"]) == ("sdk", "sdk-co")
    shaped = Rules(identity=Identity(("constant:u",), ("origin.moesif.company_id",))).shaped(event)
    assert shaped is not None
    assert (sent(shaped)["user_id"], sent(shaped)["company_id"]) == ("u", "sdk-co")
    assert "user_id" not in sent({**event, "bridge": {"user": None}})


def test_the_company_of_an_aws_event() -> None:
    """`companyId` of the access log is the company, unless [bridge.identity] looks elsewhere."""
    event = from_aws({"requestId": "1", "httpMethod": "GET", "companyId": "aws-co"})
    assert sent(event)["company_id"] == "aws-co"
    assert "company_id" not in sent({**event, "bridge": {"company": None}})


def test_the_envelope_goes_around_it() -> None:
    """In the files and over HTTP `bridge` holds both, who called and the event's id, each key once."""

    def once(pairs: list[tuple[str, Any]]) -> Json:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    bodies = [
        b'{"bridge":{"user":"jo","company":null},"apiName":"a"}',
        b'{"bridge":{},"apiName":"a"}',
        b'{"apiName":"a","bridge":{"user":"jo"}}',
    ]
    batch = Batch(["1", "2", "3"], [*bodies[:2], in_front(bodies[2], "bridge")], [0, 0, 0])
    first, second, third = (json.loads(line, object_pairs_hook=once) for line in tagged(batch, "here"))
    tag = {"received": "1970-01-01T00:00:00.000Z", "instance": "here"}
    assert first == {"bridge": {"id": "1", **tag, "user": "jo", "company": None}, "apiName": "a"}
    assert second == {"bridge": {"id": "2", **tag}, "apiName": "a"}
    assert third == {"bridge": {"id": "3", **tag, "user": "jo"}, "apiName": "a"}
