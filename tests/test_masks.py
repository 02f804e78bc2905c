"""What [apim.analytics.mask] hides, and that it hides it before the disk."""

from pathlib import Path
from typing import Any

import pytest
from rigs import opened

from bridge.contracts import Arrival
from bridge.errors import SettingsError
from bridge.intake import Intake
from bridge.shaping.masks import Masks


def masked(mask: dict[str, str], event: dict[str, Any]) -> dict[str, Any]:
    masks = Masks(mask)
    masks.apply(event)
    once = dict(event)
    masks.apply(event)
    assert event == once, "masking twice must change nothing more"
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
    """A field is hidden wherever it stands, under WSO2's long names, too, and whatever its type."""
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
        Masks({"request_headers": value})


async def test_masked_values_never_reach_the_disk(tmp_path: Path) -> None:
    """What is masked is found nowhere in the state folder, and the event goes on with its mask."""
    body = b'{"apiName":"a","userIp":"203.0.113.77","userName":"secret.person@acme.com","properties":{}}'
    async with opened(tmp_path, "moesif") as rig:
        intake = Intake(rig.journal, None, Masks({"userIp": "IPV4", "userName": "EMAIL"}))
        await intake(Arrival("log", [body], [None], [0], b"file"))
        block = await rig.journal.next_block(1)
        assert block.events[0].userIp == "203.0.***.77"
        assert block.events[0].userName == "*****@acme.com"
        while_open = [file.read_bytes() for file in _files(tmp_path)]
    for content in (*while_open, *(file.read_bytes() for file in _files(tmp_path))):
        assert b"203.0.113.77" not in content
        assert b"secret.person" not in content


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]
