"""Users and companies are published beside the events, when they changed, and never in the way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.destinations import SECRET, batch_of, fittings
from rigs.events import event
from rigs.waiting import until
from structlog.testing import CapturingLogger

from bridge.clock import SystemClock
from bridge.contracts import Gateway
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.errors import RetryLater
from bridge.events.event import decode, encode
from bridge.formats.moesif.parsing import canonical
from bridge.sinks.moesif.happenings import MoesifHappenings
from bridge.sinks.moesif.profiles import _MOST_REMEMBERED, _MOST_WAITING, Profiles
from bridge.sinks.moesif.sink import MoesifSettings, MoesifSink
from bridge.telemetry.metrics import Metrics

Json = dict[str, Any]


class Rig:
    """A sink that publishes at once, and what it says."""

    def __init__(self, moesif: MoesifLookalike, *, publish: bool = True) -> None:
        self.moesif = moesif
        self.metrics = Metrics()
        self.said = CapturingLogger()
        settings = {"type": "moesif", "key": SECRET, "base_url": moesif.url}
        self.sink = MoesifSink(
            "moesif",
            MoesifSettings.model_validate(settings),
            fittings(Gateway("gateway-1", "https://gw", publish), metrics=self.metrics, logger=self.said),
        )
        if self.sink._profiles is not None:
            self.sink._profiles._gather_seconds = 0.01

    async def deliver(self, *bodies: bytes) -> None:
        """Send these events."""
        await self.sink.send(await self.sink.encode(batch_of(*bodies)))

    async def published(self, kind: str, number: int) -> list[Json]:
        """Return what was published, when it is so many."""
        await until(lambda: sum(one == kind for one, _ in self.moesif.others) >= number)
        return [profile for one, profile in self.moesif.others if one == kind]

    def count(self, name: str, *labels: str) -> float:
        """Return a counter of the sink."""
        value: float = self.metrics.counter(name, "moesif", *labels)._value.get()
        return value


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    async with MoesifLookalike(key=SECRET) as started:
        yield started


@pytest.fixture
async def rig(moesif: MoesifLookalike) -> AsyncIterator[Rig]:
    made = Rig(moesif)
    yield made
    await made.sink.close()


def sdk(user: str, company: str) -> bytes:
    """Return an event of an SDK that knows the company."""
    request = {"uri": "https://x/y", "verb": "GET", "headers": {}, "time": "2026-11-21T00:00:00.000Z"}
    return encode(canonical({"request": request, "user_id": user, "company_id": company}))


async def test_users_are_linked_and_companies_named(rig: Rig) -> None:
    """A user comes with its company, application and tenant; the company by its id; each once."""
    wso2 = event(1, applicationName="Shop", applicationId="7", apiCreatorTenantDomain="acme.com")
    await rig.deliver(wso2, event(2, applicationName="UNKNOWN", userName="bob"), sdk("eve", "acme"), wso2)
    assert await rig.published("users", 3) == [
        {
            "user_id": "ada",
            "metadata": {"applicationName": "Shop", "applicationId": "7", "tenant": "acme.com"},
        },
        {"user_id": "bob"},
        {"user_id": "eve", "company_id": "acme"},
    ]
    assert await rig.published("companies", 1) == [{"company_id": "acme"}]
    assert rig.count("profiles_published", "users") == 3
    await until(lambda: rig.count("profiles_published", "companies") == 1)


async def test_only_what_changed_is_published(rig: Rig) -> None:
    """The same user again is not sent; one with another company is, and the newest one wins."""
    await rig.deliver(sdk("eve", "acme"))
    await rig.published("users", 1)
    await rig.deliver(sdk("eve", "acme"), sdk("bob", "acme"))
    await rig.published("users", 2)
    await rig.deliver(sdk("eve", "other"), sdk("eve", "acme"), sdk("eve", "other"))
    assert await rig.published("users", 3) == [
        {"user_id": "eve", "company_id": "acme"},
        {"user_id": "bob", "company_id": "acme"},
        {"user_id": "eve", "company_id": "other"},
    ]
    assert await rig.published("companies", 2) == [{"company_id": "acme"}, {"company_id": "other"}]


async def test_nobody_is_not_published(rig: Rig) -> None:
    """An unknown or anonymous caller is not a user."""
    await rig.deliver(event(1, userName=None), event(2, userName="anonymous"), event(3, userName="UNKNOWN"))
    await rig.deliver(event(4))
    assert await rig.published("users", 1) == [{"user_id": "ada"}]


async def test_off_it_costs_nothing(moesif: MoesifLookalike) -> None:
    """Without `publish` nothing is noted and nothing sent."""
    rig = Rig(moesif, publish=False)
    await rig.deliver(event(1))
    assert rig.sink._profiles is None
    await rig.sink.close()
    assert moesif.others == []


async def test_a_failure_holds_no_event_and_passes(rig: Rig) -> None:
    """While users cannot be published events go on; it is counted, logged, and tried again by itself."""
    rig.moesif.knobs.fail_next = [201, 503, 201, 429]
    await rig.deliver(event(1))
    await until(lambda: rig.count("profile_failures") == 1)
    await rig.deliver(event(2))
    assert rig.moesif.unique == 1  # an event sent while a status of 2xx is scripted is taken
    assert await rig.published("users", 1) == [{"user_id": "ada"}]
    assert [call.args[0] for call in rig.said.calls] == ["profiles_wait"]


async def test_a_refused_profile_is_left_alone(rig: Rig) -> None:
    """One that Moesif refuses keeps no other from being published, and is not sent for ever."""
    rig.moesif.knobs.status_for = lambda item: (
        400 if item["user_id"] == "bad" and "request" not in item else None
    )
    await rig.deliver(*(event(number, userName=f"user{number}") for number in range(10)))
    await rig.deliver(event(10, userName="bad", correlationId=None), event(11, userName="good"))
    assert len(await rig.published("users", 11)) == 11
    assert rig.count("profile_failures") == 1
    assert "profile_refused" in [call.args[0] for call in rig.said.calls]


async def test_memory_is_bounded() -> None:
    """While Moesif is away a limited number of new users is kept (P8), and those that fell out come again."""
    tried = asyncio.Event()

    async def refuse(_path: str, _tenant: str, _body: bytes) -> None:
        tried.set()
        raise RetryLater("away", reason="connection")

    happenings = MoesifHappenings(Metrics(), CapturingLogger(), "moesif", SystemClock())
    profiles = Profiles(refuse, happenings, SystemClock(), gather_seconds=0)
    first = decode(event(1))
    for number in range(_MOST_REMEMBERED + 100):
        profiles.note("", [{"user_id": f"user{number}"}], [first])
    assert len(profiles._waiting) == _MOST_WAITING
    assert len(profiles._digests) <= _MOST_REMEMBERED
    profiles.note("", [{"user_id": "user0"}], [first])
    assert ("users", "", "user0") in profiles._waiting
    await tried.wait()
    await profiles.close()
    await profiles.close()
