"""The tables that say what intake does to events: what they may hold, and what the bridge makes of them."""

from pathlib import Path
from typing import Any

import pytest
from fakes.settings_toys import Loader

from bridge.app.advice import advice
from bridge.app.build import rules_of
from bridge.errors import SettingsError
from bridge.events.event import decode, encode

START = '[bridge]\ntype = "file"\ngateway_url = "https://gw"\n[bridge.sinks.file]\npath = "/a"\n[bridge.sources.http]\n'


@pytest.fixture
def loader(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


def kept(loader: Loader, text: str, event: dict[str, Any], **environ: str) -> Any:
    body = encode(event)
    rules = rules_of(loader(START + text, **environ))
    return decode(rules.applied(body, decode(body))[0])


@pytest.mark.parametrize(
    ("written", "headers", "bodies"),
    [
        ("", True, True),
        ('send_headers = "false"', False, True),
        ("send_headers = false\nsend_payloads = false", False, False),
        ('send_headers = "TRUE"\nsend_payloads = "True"', True, True),
        ('send_headers = "$env{SEND}"', False, True),
        ("payload_size_limit = 5", True, False),
        ('payload_size_limit = "6"', True, True),
        ("payload_size_limit = 0", True, True),
    ],
)
def test_wso2s_keys_are_honoured(loader: Loader, written: str, headers: bool, bodies: bool) -> None:
    """Booleans and texts have WSO2's meaning, placeholders too; what is not set drops nothing."""
    event = {"apiName": "a", "properties": {"requestHeaders": {"A": "b"}, "requestBody": "123456"}}
    shown = kept(loader, f"[apim.analytics.properties]\n{written}\n", event, SEND="no").properties
    assert (shown.requestHeaders is not None, shown.requestBody is not None) == (headers, bodies)


def test_wso2s_default_limit_takes_the_place_of_none(loader: Loader) -> None:
    """A limit that is not positive is 100,000 bytes."""
    for size, stays in ((100_000, True), (100_001, False)):
        event = {"apiName": "a", "properties": {"requestBody": "x" * size}}
        shown = kept(loader, "[apim.analytics.properties]\npayload_size_limit = -1\n", event)
        assert (shown.properties.requestBody is not None) is stays


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            '[apim.analytics.properties]\npayload_size_limit = "large"\n',
            "apim.analytics.properties.payload_size_limit",
        ),
        ("[bridge.privacy]\nlevel = 3\n", "bridge.privacy.level"),
        ("[bridge.identity]\nuser = [7]\n", "bridge.identity.user[0]"),
        ("[bridge.identity]\ncompnay = []\n", "bridge.identity.compnay"),
        ("[bridge.headers]\nkept = []\n", "bridge.headers.kept"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(loader: Loader, text: str, key: str) -> None:
    """As everywhere in the configuration."""
    assert list(loader.faults(START + text)) == [key]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[bridge.identity]\ncompany = "header:Cookie"\n',
            r"bridge.identity.company\[0\]: .*would keep a credential",
        ),
        ('[bridge.identity]\nuser = ["claim:sub"]\n', r'bridge.identity.user\[0\]: .*unknown kind "claim"'),
        (
            '[bridge.privacy]\nlevel = 1\ncountry_database = "/none.mmdb"\n',
            "bridge.privacy.country_database: /none.mmdb: No such file",
        ),
        (
            '[apim.analytics.mask]\nrequest_headers = "X"\n',
            "apim.analytics.mask.request_headers: .*JSON list",
        ),
    ],
)
def test_rules_that_cannot_be_followed_stop_the_start(loader: Loader, text: str, says: str) -> None:
    """Where something is to be hidden or found, nothing is guessed."""
    with pytest.raises(SettingsError, match=says):
        rules_of(loader(START + text))


def test_rules_work_together(loader: Loader) -> None:
    """One file with all of them: the company is found, the header kept by name, the address gone."""
    text = (
        '[bridge.identity]\ncompany = "header:x-co"\n[bridge.headers]\nkeep = "Cookie"\n[bridge.privacy]\nlevel = 2\n'
        '[apim.analytics.mask]\nuserName = "STRING"\n'
    )
    headers = {"X-Co": "acme", "cookie": "c", "authorization": "a", "x-real-ip": "203.0.113.9"}
    event = {"userName": "jo", "userIp": "203.0.113.9", "properties": {"requestHeaders": headers}}
    shown = kept(loader, text, event)
    assert shown.extra == {"bridge": {"company": "acme"}}
    assert (shown.userName, shown.userIp) == ("*****", None)
    assert shown.properties.requestHeaders == {"X-Co": "acme", "cookie": "c"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[bridge.privacy]\nlevel = 1\n", "the same as 2"),
        ('[bridge.privacy]\ncountry_database = "/x.mmdb"\n', "set level = 1"),
        ('[bridge.privacy]\nlevel = 2\ncountry_database = "/x.mmdb"\n', "set level = 1"),
        ('[bridge.identity]\nuser = ["usrName"]\n', 'did you mean "userName"'),
        ('[bridge.identity]\nuser = "userIp"\n[bridge.privacy]\nlevel = 2\n', "look elsewhere"),
        ('[bridge.identity]\nuser = "header:x-real-ip"\n[bridge.privacy]\nlevel = 2\n', "look elsewhere"),
        (
            '[bridge.identity]\ncompany = "jwt:authorization:org"\n[apim.analytics.properties]\nsend_headers = false\n',
            "captures no headers",
        ),
    ],
)
def test_what_works_but_deserves_a_look(loader: Loader, text: str, says: str) -> None:
    """`check` and the start say it, in one line with the cure."""
    (line,) = advice(loader(START + text))
    assert says in line


def test_a_plain_configuration_needs_no_advice(loader: Loader) -> None:
    """Neither do lists that name known and own keys."""
    assert advice(loader(START)) == []
    assert (
        advice(
            loader(START + '[bridge.identity]\nuser = ["applicationOwner", "myTenant", "properties.usr"]\n')
        )
        == []
    )
