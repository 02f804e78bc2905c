"""Moesif's keys for each tenant, and the records of its SDKs, on the side of the sink."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from fakes.destinations import SECRET, batch_of, fittings
from fakes.settings_toys import SOURCES
from rigs.events import event

from bridge.batches import Batch
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import NeedsOperator, Refused, RetryLater, SettingsError, TenantRefused
from bridge.events.event import encode
from bridge.formats.moesif.parsing import record
from bridge.settings import load
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink

Json = dict[str, Any]

ACME, ORG = "a" * 60, "o" * 60
TENANTS = {"acme.com": ACME, "org-1": ORG}


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike(key=SECRET) as started:
        started.keys |= {ACME, ORG}
        yield started


def sink_to(moesif: MoesifLookalike, **settings: Any) -> MoesifSink:
    """Return a sink with a default key and those of two tenants."""
    given = {"type": "moesif", "key": SECRET, "base_url": moesif.url, "keys": TENANTS, **settings}
    return MoesifSink("moesif", MoesifSettings.model_validate(given), fittings())


def of(path: str, tenant: str = "", **fields: Any) -> bytes:
    """Return a record as it is journalled."""
    return encode(record(fields, tenant, path=path))


def parts(sink: MoesifSink, batch: Batch) -> Iterable[Batch]:
    """Return a batch as the lane sends it, a part for each address."""
    addresses = sink.traits.addresses(batch)
    if addresses is None:
        return [batch]
    return [
        batch_of(*(body for body, one in zip(batch.bodies, addresses, strict=True) if one == address))
        for address in dict.fromkeys(addresses)
    ]


async def deliver(sink: MoesifSink, *bodies: bytes) -> None:
    """Send these as the lane would."""
    for part in parts(sink, batch_of(*bodies)):
        await sink.send(await sink.encode(part))


def calls_by_key(moesif: MoesifLookalike) -> dict[str, list[str]]:
    """Return the APIs of the calls that came with each key."""
    found: dict[str, list[str]] = {}
    for request in moesif.requests:
        found.setdefault(request.key, []).extend(event["metadata"]["apiName"] for event in request.events)
    return found


MIXED = (
    event(1, apiName="none"),
    event(2, apiName="domain", apiCreatorTenantDomain="acme.com"),
    event(3, apiName="unlisted", apiCreatorTenantDomain="other.org"),
    event(4, apiName="org", organizationId="org-1", apiCreatorTenantDomain="acme.com"),
    event(5, apiName="unlisted org", organizationId="org-2", apiCreatorTenantDomain="acme.com"),
    event(6, apiName="caller's", userName="ada@acme.com"),
    event(7, apiName="unknown", apiCreatorTenantDomain="UNKNOWN"),
)


async def test_each_event_goes_out_with_its_tenants_key(moesif: MoesifLookalike) -> None:
    """The organisation counts, then the API's tenant domain, else the default key; never the caller's tenant."""
    sink = sink_to(moesif)
    await deliver(sink, *MIXED)
    assert calls_by_key(moesif) == {
        SECRET: ["none", "unlisted", "caller's", "unknown"],
        ACME: ["domain", "unlisted org"],
        ORG: ["org"],
    }
    addresses = sink.traits.addresses(batch_of(*MIXED))
    assert addresses is not None
    assert not {SECRET, ACME, ORG} & set(addresses)
    await sink.close()


async def test_one_key_needs_no_addresses(moesif: MoesifLookalike) -> None:
    """With one key and no records nothing is sorted, whatever tenants the events name."""
    sink = sink_to(moesif, keys={})
    assert sink.traits.addresses(batch_of(*MIXED)) is None
    await deliver(sink, *MIXED)
    assert list(calls_by_key(moesif)) == [SECRET]
    await sink.close()


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refused_key_is_its_tenants_trouble(moesif: MoesifLookalike, status: int) -> None:
    """A refused key names its tenant and the cure, never the key; everyone else's events go on (P6)."""
    moesif.knobs.refused_keys = {ACME: status}
    sink = sink_to(moesif)
    acme, other = batch_of(MIXED[1]), batch_of(MIXED[0])
    with pytest.raises(TenantRefused) as caught:
        await sink.send(await sink.encode(acme))
    assert caught.value.tenant == "acme.com"
    assert caught.value.status == status
    assert str(caught.value).endswith('set "acme.com" in [bridge.sinks.moesif.keys]')
    assert ACME not in f"{caught.value!r}{caught.value.answer}"
    await sink.send(await sink.encode(other))
    moesif.knobs.refused_keys = {}
    await sink.send(await sink.encode(acme))
    assert calls_by_key(moesif) == {ACME: ["domain"], SECRET: ["none"]}
    await sink.close()


async def test_a_refused_default_key(moesif: MoesifLookalike) -> None:
    """Without tenants the sink waits for an operator; with them only those who have no key of their own do."""
    moesif.knobs.refused_keys = {SECRET: 401}
    alone, sink = sink_to(moesif, keys={}), sink_to(moesif)
    with pytest.raises(NeedsOperator, match="look at moesifKey"):
        await deliver(alone, MIXED[0])
    with pytest.raises(TenantRefused, match=r"set moesifKey .* or key in \[bridge.sinks.moesif\]") as caught:
        await deliver(sink, MIXED[0])
    assert caught.value.tenant == "default"
    await deliver(sink, MIXED[1])
    await alone.close()
    await sink.close()


async def test_other_trouble_is_everyones(moesif: MoesifLookalike) -> None:
    """An address that is wrong, a proxy that asks for a password or a server in trouble is no tenant's fault."""
    sink = sink_to(moesif)
    for status, error in ((404, NeedsOperator), (407, NeedsOperator), (503, RetryLater), (400, Refused)):
        moesif.knobs.fail_next = [status]
        with pytest.raises(error):
            await deliver(sink, MIXED[1])
    await sink.close()


async def test_without_a_default_key_unknown_tenants_wait(moesif: MoesifLookalike) -> None:
    """Events of a tenant without a key are not sent with another's: they are parked, with the cure."""
    sink = sink_to(moesif, key=None, sampling_enabled=True)
    for body, tenant, cure in (
        (MIXED[2], "other.org", 'set "other.org" in [bridge.sinks.moesif.keys]'),
        (MIXED[0], "default", "set moesifKey"),
        (event(8, organizationId="/v1/users/batch x"), "default", "set moesifKey"),
        (of("/v1/users", user_id="ada"), "default", "set moesifKey"),
    ):
        with pytest.raises(TenantRefused, match="no key") as caught:
            await deliver(sink, body)
        assert caught.value.tenant == tenant
        assert cure in str(caught.value)
    assert moesif.requests == []
    assert sink._rates is not None
    assert not sink._rates._tenants  # names that anybody may write are not remembered (P8)
    await deliver(sink, MIXED[1], MIXED[3])
    await sink.close()


async def test_rates_are_each_keys_own(moesif: MoesifLookalike) -> None:
    """Each key has its own sampling rates, and a refused one takes nothing from the others."""
    moesif.knobs.config_of = {ACME: {"sample_rate": 0}}
    moesif.knobs.refused_keys = {ORG: 401}
    sink = sink_to(moesif, sampling_enabled=True)
    counts = {}
    for part in parts(sink, batch_of(*MIXED)):
        payload = await sink.encode(part)
        counts[payload.address] = (payload.count, payload.sampled_out)
    assert counts == {"": (4, 0), "acme.com": (0, 2), "org-1": (1, 0)}
    await sink.close()


async def test_check_probes_each_key(moesif: MoesifLookalike) -> None:
    """`check` asks with every key, and names all tenants whose key is refused."""
    sink = sink_to(moesif)
    assert await sink.probe() == "reachable, all 3 keys are accepted"
    assert {request.key for request in moesif.requests} == {SECRET, ACME, ORG}
    moesif.keys = {SECRET}
    with pytest.raises(NeedsOperator) as caught:
        await sink.probe()
    assert "acme.com" in str(caught.value)
    assert "org-1" in str(caught.value)
    await sink.close()


# Records


async def test_records_go_where_they_were_meant_to(moesif: MoesifLookalike) -> None:
    """Users, companies, actions and subscriptions arrive as they are, in order, with the key they came with."""
    sink = sink_to(moesif)
    user: Json = {"user_id": "ada", "metadata": {"plan": "gold", "n": [1, 2.5, None, "ü"]}, "unknown": True}
    action: Json = {
        "action_name": "Paid",
        "request": {"uri": "https://x/y", "time": "2026-11-21T00:00:00.000Z"},
    }
    subscription: Json = {"subscription_id": "s", "company_id": "c", "status": "active"}
    await deliver(
        sink,
        of("/v1/users", **user),
        event(1),
        of("/v1/companies", company_id="c"),
        of("/v1/users", **user | {"user_id": "bob"}),
        of("/v1/users", "acme.com", **user),
        of("/v1/users", "gone.com", user_id="eve"),
        of("/v1/actions", **action),
        of("/v1/subscriptions", **subscription),
    )
    taken = [(one.path, one.key, list(one.objects)) for one in moesif.requests if one.objects]
    assert taken == [
        ("/v1/users/batch", SECRET, [user, user | {"user_id": "bob"}, {"user_id": "eve"}]),
        ("/v1/companies/batch", SECRET, [{"company_id": "c"}]),
        ("/v1/users/batch", ACME, [user]),
        ("/v1/actions/batch", SECRET, [action]),
        ("/v1/subscriptions/batch", SECRET, [subscription]),
    ]
    assert moesif.accepted == 1
    await sink.close()


async def test_records_need_no_tenants(moesif: MoesifLookalike) -> None:
    """With one key, too, events and records of one batch go their own ways."""
    sink = sink_to(moesif, keys={})
    await deliver(sink, event(1), of("/v1/users", user_id="ada"), event(2))
    assert moesif.others == [("users", {"user_id": "ada"})]
    assert moesif.unique == 2
    await sink.close()


async def test_records_go_nowhere_else(moesif: MoesifLookalike) -> None:
    """A path that Moesif does not have cannot be asked for, wherever the record comes from: it is unmappable."""
    sink = sink_to(moesif)
    for path in ("/v1/../admin", "https://evil.example", "", None, 5):
        body = encode({"eventType": "record", "origin": {"path": path, "record": {"user_id": "ada"}}})
        batch = batch_of(body, event(1))
        assert len(set(sink.traits.addresses(batch) or ())) == 2
        with pytest.raises(ValueError, match="no collection"):
            await sink.encode(batch.part(0, 1))
    assert moesif.requests == []
    await sink.close()


async def test_a_record_that_moesif_refuses(moesif: MoesifLookalike) -> None:
    """A record without what Moesif demands is refused like a bad event: the lane finds it and keeps it."""
    sink = sink_to(moesif)
    with pytest.raises(Refused) as caught:
        await deliver(sink, of("/v1/users", name="nobody"))
    assert "user_id" in caught.value.answer
    await sink.close()


# Settings

CONFIG = """
[bridge]
type = "moesif"
[apim.analytics.properties]
sampling_enabled = true
sampling_refresh_interval_ms = "30000"
sampling_fallback_rate = 50
{key}
[bridge.sources.log]
paths = ["/logs/apim_metrics*.log"]
[bridge.sinks.moesif.keys]
{keys}
"""


def loaded(folder: Path, key: str, keys: str) -> MoesifSettings:
    """Return the settings of a file."""
    path = folder / "bridge.toml"
    path.write_text(CONFIG.format(key=key, keys=keys))
    settings = load(path, sinks={"moesif": MoesifSettings}, sources=SOURCES, environ={"ACME": ACME})
    found = settings.sinks["moesif"]
    assert isinstance(found, MoesifSettings)
    return found


def test_keys_in_the_configuration(tmp_path: Path) -> None:
    """Placeholders work, a domain may stand without quotes, secrets are never shown, and WSO2's keys count."""
    found = loaded(tmp_path, f'moesifKey = "{SECRET}"', f'acme.com = "$env{{ACME}}"\n"org-1" = "{ORG}"')
    assert found.keys_by_tenant == {"": SECRET, "acme.com": ACME, "org-1": ORG}
    assert not any(secret in f"{found!r} {found.model_dump_json()}" for secret in (SECRET, ACME, ORG))
    assert found.sampling_enabled
    assert (found.sampling_refresh_interval_ms, found.sampling_fallback_rate) == (30_000, 50)
    assert loaded(tmp_path, "", f'"org-1" = "{ORG}"').keys_by_tenant == {"org-1": ORG}


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        (
            "",
            "bridge.sinks.moesif.key: is missing; set moesifKey in [apim.analytics.properties] or key in",
        ),
        ('"acme.com" = ""', "bridge.sinks.moesif.keys: an empty secret"),
        ('"/v1/users" = "k"', 'bridge.sinks.moesif.keys: "/v1/users" is not an organizationId'),
        ('" " = "k"', 'bridge.sinks.moesif.keys: " " is not an organizationId'),
    ],
)
def test_keys_are_checked(tmp_path: Path, keys: str, fault: str) -> None:
    """No key at all, an empty one or an impossible name is a fault with its place and cure."""
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, "", keys)
    assert fault in str(caught.value)
