"""Moesif's side of the real daemon: tenants, sampling, records and profiles from end to end.

needs from the lanes: a part for each address, parked events, what is sampled out, records for some sinks
"""

import asyncio
import json
import math
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
from rigs.daemon import Daemon, balanced, free_port
from rigs.events import event
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.moesif_lookalike import MoesifLookalike

Json = dict[str, Any]

ACME = "a" * 60
TENANTS = f'[bridge.sinks.moesif.keys]\nacme.com = "{ACME}"\n'


def lines(count: int, **changes: Any) -> list[bytes]:
    """Return so many calls as WSO2 logs them."""
    return [
        b"00:16:33,352 [-] [Worker-1]  INFO ELKCounterMetric apimMetrics: apim:response, properties :"
        + event(number, **changes)
        for number in range(count)
    ]


def dealt_with(status: Json, events: int) -> bool:
    """Whether so many events came in, by whichever way, and no sink has one before it."""
    return status["books"]["journalled"] >= events and not any(
        sink["pending"] for sink in status["sinks"].values()
    )


def tenants(moesif: MoesifLookalike) -> dict[str, Counter[str]]:
    """Return the tenants of the events that came with each key."""
    found: dict[str, Counter[str]] = {}
    for request in moesif.requests:
        for sent in request.events:
            tenant = sent["metadata"].get("apiCreatorTenantDomain", "")
            found.setdefault(request.key, Counter())[tenant] += 1
    return found


async def test_a_refused_tenant_is_parked_alone_and_goes_out_by_itself(tmp_path: Path) -> None:
    """P6, P7: its events wait while everyone else's go on, and go out with the key that works again."""
    mixed = [
        line
        for number, domain in enumerate(["acme.com", "other.org", "carbon.super"] * 40)
        for line in lines(number + 1, apiCreatorTenantDomain=domain)[-1:]
    ]
    write_log(tmp_path, mixed)
    async with MoesifLookalike(key=KEY) as moesif:
        moesif.keys.add(ACME)
        moesif.knobs.refused_keys = {ACME: 403}
        daemon = Daemon(tmp_path, config(tmp_path, moesif.url, sinks=TENANTS))
        async with daemon:
            status = await daemon.until(lambda now: done(now, 120))
            assert balanced(status)
            assert tenants(moesif) == {KEY: Counter({"other.org": 40, "carbon.super": 40})}
            (parked,) = status["sinks"]["moesif"]["parked"]
            assert (parked["tenant"], parked["events"]) == ("acme.com", 40)
            assert status["sinks"]["moesif"]["state"] != "paused"
            code, output, _ = await daemon.command("check")
            assert code == 1
            assert 'acme.com" in [bridge.sinks.moesif.keys]' in output.replace("\n", " ")
            await daemon.stop()
            moesif.knobs.refused_keys = {}
            await daemon.start()
            await moesif.wait_for(lambda: moesif.unique == 120)
            assert tenants(moesif)[ACME] == Counter({"acme.com": 40})
            assert moesif.duplicates == 0
            await daemon.until(balanced)
            assert ACME not in json.dumps(daemon.lines)
            for file in daemon.state_dir.rglob("*"):
                assert not file.is_file() or ACME.encode() not in file.read_bytes()


async def test_sampling_with_the_books(tmp_path: Path) -> None:
    """P7: what is sampled out is counted, the weighted total is right, and a rewind draws the same again."""
    count, rate = 2000, 30
    write_log(tmp_path, lines(count))
    # On a busy machine two seconds may pass before Moesif has told its rates, and then the fallback holds.
    patience = '[bridge.sinks.moesif]\nrequest_timeout = "30s"\n'
    async with MoesifLookalike(key=KEY) as moesif:
        moesif.knobs.config = {"sample_rate": rate}
        # As WSO2 has it in its own file: under its own key, and as a text.
        text = config(tmp_path, moesif.url, sinks=patience)
        text = text.replace("[bridge]\n", 'sampling_enabled = "true"\n[bridge]\n', 1)
        daemon = Daemon(tmp_path, text)
        async with daemon:
            status = await daemon.until(lambda now: done(now, count))
            assert balanced(status)
            kept = dict(moesif.copies)
            assert status["sinks"]["moesif"]["sampled_out"] == count - len(kept)
            total = sum(event.get("weight", 1) for event in moesif.events)
            square = Fraction(rate, 100) * (Fraction(2, 3) * 9 + Fraction(1, 3) * 16)
            assert abs(total - count) <= 3 * math.sqrt(count * (square - 1))
            await daemon.stop()
            # The last good rates hold though Moesif no longer tells them, and every draw is the same.
            moesif.knobs.config_status = 500
            await daemon.start()
            await daemon.ask("rewind", sink="moesif", to_ms=0)
            await daemon.until(lambda now: done(now, count))
            await daemon.stop()
        assert moesif.copies == Counter(dict.fromkeys(kept, 2))
        assert {event.get("weight", 1) for event in moesif.events} == {3, 4}


async def test_records_travel_beside_events(tmp_path: Path) -> None:
    """Users and actions reach Moesif as they are, in one stream with events; no other sink sees them (P6, P7)."""
    port = free_port()
    metrics = "[bridge.api_metrics]\nenabled = true"
    # Long enough for all of it to be one batch: only within one the order is promised.
    sinks = (
        '[bridge.sinks.moesif]\nlinger = "2s"\n'
        f'[bridge.sinks.archive]\ntype = "file"\npath = "{tmp_path}/archive"\n'
    )
    more = f'[bridge.sources.http]\nlisten = "127.0.0.1:{port}"\n{metrics}'
    (tmp_path / "logs").mkdir()
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(
            tmp_path, config(tmp_path, moesif.url, type="moesif, archive", more=more, sinks=sinks)
        ) as daemon,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        moesif.knobs.fail_next = [500]
        sent: list[Json] = [{"user_id": "ada", "metadata": {"step": step}} for step in (1, 2, 1)]
        for step, user in enumerate(sent):
            async with session.post("/v1/users", json=user) as answer:
                assert answer.status == 201
            async with session.post("/events", data=event(step)) as answer:
                assert answer.status == 202
        action = {"action_name": "Paid", "request": {"uri": "https://x/y"}}
        for _ in range(2):
            async with session.post("/v1/actions/batch", json=[action]) as answer:
                assert answer.status == 201
        status = await daemon.until(lambda now: dealt_with(now, 7))
        assert balanced(status)
        assert [item for name, item in moesif.others if name == "users"] == sent
        assert [item for name, item in moesif.others if name == "actions"] == [action]
        assert moesif.unique == 3
        # Nor are they calls of the gateway's APIs.
        async with session.get(daemon.events("started")[-1]["admin"] + "/metrics") as answer:
            calls = re.findall(
                r"^apim_bridge_api_requests_total\{.*\} (\d+)$", await answer.text(), re.MULTILINE
            )
        assert sum(map(int, calls)) == 3
        await daemon.stop()
        archived = b"".join(file.read_bytes() for file in (tmp_path / "archive").glob("*.ndjson"))
        assert len(archived.splitlines()) == 3
        assert b"record" not in archived


async def test_profiles_are_published(tmp_path: Path) -> None:
    """With `publish` the users of delivered events reach Moesif, and the metrics say how many."""
    write_log(tmp_path, lines(20, applicationName="Shop", apiCreatorTenantDomain="acme.com"))
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url, more="[bridge.identity]\npublish = true")) as daemon,
    ):
        await daemon.until(lambda now: done(now, 20))
        async with asyncio.timeout(30):
            await moesif.wait_for(lambda: moesif.others)
        metadata = {"applicationName": "Shop", "tenant": "acme.com"}
        assert moesif.others == [("users", {"user_id": "ada", "metadata": metadata})]
        assert moesif.unique == 20
