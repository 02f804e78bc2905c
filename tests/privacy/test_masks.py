"""What [apim.analytics.mask] hides, and that it hides it before the disk."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from rigs.rig import opened

from bridge.contracts import Arrival
from bridge.errors import SettingsError
from bridge.events.decoding import decoded
from bridge.events.event import encode
from bridge.formats.moesif.parsing import canonical
from bridge.intake import Intake
from bridge.privacy.identity import Identity
from bridge.privacy.masks import masks
from bridge.privacy.rules import Rules


def masked(mask: dict[str, str], event: dict[str, Any]) -> dict[str, Any]:
    hiding = masks(mask)
    hiding.apply(event)
    once = copy.deepcopy(event)
    assert not hiding.apply(event).touched, "masking twice must change nothing more"
    assert event == once
    return event


@pytest.mark.parametrize(
    ("kind", "value", "hidden"),
    [
        ("IPV4", "192.168.7.98", "192.168.***.98"),
        ("ipv4", "10.1.2.3", "10.1.***.3"),
        ("IPV4", "192.168.***.98", "192.168.***.98"),
        ("IPV4", "2001:db8:85a3::8a2e:370:7334", "2001:0db8:85a3:0000:****:****:****:****"),
        ("IPV6", "2001:db8::1", "2001:0db8:0000:0000:****:****:****:****"),
        ("IPV6", "10.1.2.3", "10.1.***.3"),
        ("IPV4", "no address", "*****"),
        ("EMAIL", "jo.doe@acme.com", "*****@acme.com"),
        ("EMAIL", "no mail", "*****"),
        ("USERNAME", "admin", "*****"),
        ("STRING", "admin", "*****"),
        ("WHATEVER", "admin", "*****"),
    ],
)
def test_kinds(kind: str, value: str, hidden: str) -> None:
    """Each kind of mask hides as WSO2 documents it; what does not look as expected is hidden whole."""
    assert masked({"userIp": kind}, {"userIp": value})["userIp"] == hidden


def test_root_and_properties_and_wso2s_own_names() -> None:
    """A field is hidden wherever it is, under WSO2's long names, too, and whatever its type."""
    event = {
        "userName": "jo@acme.com",
        "userAgent": "Chrome",
        "userAgentHeader": "Mozilla/5.0",
        "userIp": "10.1.2.3",
        "properties": {"userName": "jo@acme.com", "tenantCode": 17, "other": "stays"},
    }
    mask = {"api.ut.userName": "EMAIL", "api.analytics.user.agent": "STRING", "tenantCode": "STRING"}
    assert masked(mask, event) == {
        "userName": "*****@acme.com",
        "userAgent": "*****",
        "userAgentHeader": "*****",
        "userIp": "10.1.2.3",
        "properties": {"userName": "*****@acme.com", "tenantCode": "*****", "other": "stays"},
    }


def test_headers_by_name_in_any_case() -> None:
    """Headers on the list are hidden in any case; headers as JSON text are read first."""
    mask = {"request_headers": '["X-Token"]', "response_headers": '["set-thing"]'}
    event = {
        "properties": {
            "requestHeaders": {"x-token": "t", "Accept": "*/*"},
            "responseHeaders": '{"Set-Thing": "s", "Vary": "v"}',
        }
    }
    assert masked(mask, event)["properties"] == {
        "requestHeaders": {"x-token": "*****", "Accept": "*/*"},
        "responseHeaders": {"Set-Thing": "*****", "Vary": "v"},
    }


@pytest.mark.parametrize("value", ["X-Token", "[1]", '{"a": 1}', ""])
def test_a_list_of_headers_that_is_none_is_an_error(value: str) -> None:
    """A malformed list stops the start with the cure: hiding nothing in silence would be worse."""
    with pytest.raises(SettingsError, match="JSON list"):
        masks({"request_headers": value})


def test_one_mask_hides_every_form_of_a_fact() -> None:
    """The address is also in forwarded headers, the user agent in its own, and SDKs have other names for both."""
    event = {
        "userIp": "10.1.2.3",
        "properties": {
            "requestHeaders": {
                "User-Agent": "app/1",
                "X_Forwarded_For": "10.1.2.3, 10.9.9.9",
                "Accept": "*/*",
            }
        },
        "origin": {
            "record": {
                "user_id": "jo",
                "ip_address": "10.1.2.3",
                "session_token": "t",
                "metadata": {"plan": "a"},
            },
            "moesif": {"request": {"ip_address": "10.1.2.3"}, "list": [{"user_agent_string": "app/1"}]},
        },
        "bridge": {"user": "jo", "company": "acme"},
    }
    mask = {"userIp": "IPV4", "userAgent": "STRING", "userName": "USERNAME", "session_token": "STRING"}
    assert masked(mask, event) == {
        "userIp": "10.1.***.3",
        "properties": {
            "requestHeaders": {"User-Agent": "*****", "X_Forwarded_For": "*****", "Accept": "*/*"}
        },
        "origin": {
            "record": {
                "user_id": "*****",
                "ip_address": "10.1.***.3",
                "session_token": "*****",
                "metadata": {"plan": "a"},
            },
            "moesif": {"request": {"ip_address": "10.1.***.3"}, "list": [{"user_agent_string": "*****"}]},
        },
        "bridge": {"user": "*****", "company": "acme"},
    }


SDK = {
    "request": {
        "time": "2026-11-21T00:44:34.208Z",
        "uri": "https://api.example.com/items",
        "verb": "GET",
        "headers": {
            "User-Agent": "SecretAgent/7",
            "X-Real-IP": "203.0.113.77",
            "Authorization": "Bearer hush-hush",
        },
        "ip_address": "203.0.113.77",
    },
    "user_id": "secret.person@acme.com",
    "session_token": "hidden-session",
    "metadata": {"userIp": "203.0.113.77", "requestHeaders": {"Cookie": "hush-hush"}},
}
FLAT = {
    "apiName": "a",
    "userIp": "203.0.113.77",
    "userName": "secret.person@acme.com",
    "userAgentHeader": "SecretAgent/7",
    "properties": {
        "userName": "secret.person@acme.com",
        "requestHeaders": {
            "user-agent": "SecretAgent/7",
            "forwarded": "for=203.0.113.77",
            "x-user": "secret.person@acme.com",
            "x-api-key": "hush-hush",
        },
        "responseHeaders": '{"Set-Cookie": "hush-hush"}',
    },
    "bridge": {"user": "secret.person@acme.com", "company": "acme"},
}
TEXT = {**FLAT, "properties": json.dumps(FLAT["properties"])}
BROKEN = {**FLAT, "properties": json.dumps(FLAT["properties"])[:-2]}


async def test_masked_values_never_reach_the_disk(tmp_path: Path) -> None:
    """What is masked is nowhere in the state folder, whichever way it came: flat, by an SDK, as who called."""
    mask = {"userIp": "IPV4", "userName": "EMAIL", "userAgent": "STRING", "session_token": "STRING"}
    rules = Rules(
        masks=masks(mask), identity=Identity(("header:x-user", "userName"), ("properties.userName", "userIp"))
    )
    bodies = [encode(event) for event in (FLAT, canonical(SDK), TEXT, BROKEN)]
    async with opened(tmp_path, "moesif") as rig:
        intake = Intake(rig.journal, None, rules)
        receipt = await intake(Arrival("http", bodies, [None] * 4, range(4), b""))
        assert receipt.accepted == 4
        block = await rig.journal.next_block(1)
        assert [event.userIp for event in decoded(block.bodies)] == ["203.0.***.77"] * 4
        assert [event.userName for event in decoded(block.bodies)] == ["*****@acme.com"] * 4
        while_open = [file.read_bytes() for file in _files(tmp_path)]
        # The journal keeps its blocks compressed: what is in them is searched as it was.
        readable = b"\n".join(block.bodies)
    for content in (readable, *while_open, *(file.read_bytes() for file in _files(tmp_path))):
        for secret in (b"203.0.113.77", b"secret.person", b"SecretAgent", b"hidden-session", b"hush-hush"):
            assert secret not in content


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]
