"""`apim-bridge dead-letters`, `replay` and `rewind`, as an operator types them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from rigs.daemon import Daemon, balanced
from rigs.events import event
from rigs.rig import opened
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.journal import Letter


@pytest.fixture
async def moesif() -> AsyncIterator[MoesifLookalike]:
    """A Moesif that refuses every fault of a throttled call."""
    async with MoesifLookalike(key=KEY) as lookalike:
        lookalike.knobs.status_for = lambda event: (
            400 if event["metadata"].get("errorType") == "THROTTLED" else None
        )
        lookalike.knobs.answer = "no throttling today"
        yield lookalike


@pytest.fixture
async def daemon(tmp_path: Path, moesif: MoesifLookalike) -> AsyncIterator[Daemon]:
    """A daemon that has dealt with 300 events, and has dead letters."""
    write_log(tmp_path, make_lines(300, seed=8))
    async with Daemon(tmp_path, config(tmp_path, moesif.url)) as running:
        await running.until(lambda now: done(now, 300))
        yield running


async def admin_page(daemon: Daemon, path: str) -> str:
    url: str = daemon.events("started")[-1]["admin"]
    async with aiohttp.ClientSession() as session, session.get(url + path) as response:
        return await response.text()


async def test_list_show_and_export(daemon: Daemon, tmp_path: Path) -> None:
    """`list` has a line for each letter, `show` one whole, `export` all of them as JSON lines."""
    code, output, _ = await daemon.command("dead-letters", "list", "--sink", "moesif")
    assert code == 0
    lines = output.splitlines()[1:]
    assert lines
    assert all("refused" in line and "400" in line and "no throttling today" in line for line in lines)
    number = lines[0].split()[0]
    code, output, _ = await daemon.command("dead-letters", "show", number)
    assert code == 0
    letter = json.loads(output)
    assert letter["event"]["errorType"] == "THROTTLED"
    assert letter["answer"] == "no throttling today"
    code, _, errors = await daemon.command("dead-letters", "show", "999999")
    assert code == 1
    assert "no dead letter 999999" in errors
    code, _, errors = await daemon.command("dead-letters", "export", "--output", str(tmp_path / "out.ndjson"))
    assert code == 0
    exported = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert len(exported) == len(lines)
    assert letter in exported
    code, output, _ = await daemon.command(
        "dead-letters", "list", "--since", "2020-01-01", "--reason", "too_large"
    )
    assert len(output.splitlines()) == 1


async def test_replay_some_and_purge_others(daemon: Daemon, moesif: MoesifLookalike) -> None:
    """Numbers choose single letters; nothing is done without saying which; the books balance after all of it."""
    letters = (await daemon.ask("dead-letters"))["letters"]
    assert len(letters) >= 3
    code, _, errors = await daemon.command("replay", "--sink", "moesif")
    assert code == 2
    assert "say which" in errors
    code, _, errors = await daemon.command("replay", "--sink", "nobody", "--all")
    assert code == 1
    assert "there is moesif" in errors
    moesif.knobs.status_for = None
    first, second = str(letters[0]["number"]), str(letters[1]["number"])
    code, output, errors = await daemon.command("replay", "--sink", "moesif", first, second)
    assert (code, output.strip()) == (0, "2 delivered, 0 refused again"), errors
    assert {letters[0]["id"], letters[1]["id"]} <= set(moesif.copies)
    code, _, errors = await daemon.command("dead-letters", "purge")
    assert code == 2
    code, output, _ = await daemon.command("dead-letters", "purge", "--reason", "refused", "--since", "1h")
    assert (code, output.strip()) == (0, f"{len(letters) - 2} dead letters deleted")
    status = await daemon.ask("status")
    assert balanced(status)
    assert status["sinks"]["moesif"]["dead_letters"] == 0


async def test_replay_says_that_events_are_too_old(
    daemon: Daemon, moesif: MoesifLookalike, tmp_path: Path
) -> None:
    """Moesif takes no events of more than 30 days: a replay says so before it tries."""
    old = next(line for line in make_lines(200, seed=9) if b"THROTTLED" in line)
    stamp = json.loads(old[old.index(b"{") :])["requestTimestamp"].encode()
    before = (await daemon.ask("status"))["sinks"]["moesif"]["dead_letters"]
    # Beside one that passes: alone it would look as if everything were refused.
    fine = next(line for line in make_lines(200, seed=10) if b"apim:response" in line)
    write_log(tmp_path, [old.replace(stamp, b"2026-01-01T00:00:00.000Z"), fine])
    await daemon.until(lambda now: now["sinks"]["moesif"]["dead_letters"] == before + 1)
    moesif.knobs.status_for = None
    code, output, errors = await daemon.command("replay", "--sink", "moesif", "--all")
    assert code == 0
    assert f"of {before + 1} events are older than 30 days, which this destination refuses" in errors
    assert output.startswith(f"{before + 1} delivered")


async def test_rewind_within_what_is_kept(daemon: Daemon) -> None:
    """A time after the last event rewinds nothing; nonsense is a usage error."""
    code, output, _ = await daemon.command("rewind", "--sink", "moesif", "--to", "2999-01-01T00:00Z")
    assert code == 0
    assert "nothing to do" in output
    code, _, errors = await daemon.command("rewind", "--sink", "moesif", "--to", "yesterday")
    assert code == 2
    assert "is not a time" in errors


async def test_parked_events_are_shown_and_go_out_by_themselves(
    tmp_path: Path, moesif: MoesifLookalike
) -> None:
    """`status` says whose events are parked, why and what to do, `list` and `show` too; a start sends them (P3, P7)."""
    why = "the key of acme is refused; set it in [bridge.sinks.moesif.keys]"
    letters = [
        Letter(f"00000000-0000-8000-a000-{n:012x}", event(n), 1000, "parked", 401, why, "acme")
        for n in range(3)
    ]
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    async with opened(state, "moesif") as rig:
        await rig.append(3)
        await rig.deliver("moesif", 2, 0, letters=letters)
    daemon = Daemon(tmp_path, config(tmp_path, moesif.url))
    code, output, _ = await daemon.command("status")
    assert code == 1
    assert "3 events of acme are parked" in output
    assert "[bridge.sinks.moesif.keys]" in output.replace("\n", "")
    code, output, _ = await daemon.command("status", "--json")
    sink = json.loads(output)["sinks"]["moesif"]
    assert (sink["dead"], sink["dead_letters"], sink["parked"][0]["events"]) == (3, 0, 3)
    code, output, _ = await daemon.command("dead-letters", "list", "--reason", "parked")
    lines = output.splitlines()[1:]
    assert len(lines) == 3
    assert all("parked" in line and f"[acme] {why}" in line for line in lines)
    code, output, _ = await daemon.command("dead-letters", "show", "1")
    assert json.loads(output)["tenant"] == "acme"
    code, output, _ = await daemon.command("dead-letters", "purge", "3")
    assert code == 0
    code, output, errors = await daemon.command("replay", "--sink", "moesif", "--reason", "parked", "1")
    assert (code, output.strip()) == (0, "1 delivered, 0 refused again"), errors
    async with daemon:
        status = await daemon.until(lambda now: not now["sinks"]["moesif"]["parked"])
        assert balanced(status)
        metrics = await admin_page(daemon, "/metrics")
        assert 'apim_bridge_parked_events{sink="moesif"} 0.0' in metrics
        assert 'apim_bridge_events_dead_total{reason="parked",sink="moesif"} 3.0' in metrics
    assert moesif.unique == 2
