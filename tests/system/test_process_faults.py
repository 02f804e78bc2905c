"""Deaths, stops and twins: what becomes of the journal and the events when a process does not end as it should."""

import asyncio
import json
import random
import signal
import sys
from pathlib import Path

from rigs.daemon import Daemon, balanced
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike

KILLED_AT_EACH_STEP = Path(__file__).with_name("killed_at_each_step.py")


async def test_kill_9_at_every_statement(tmp_path: Path, full: bool) -> None:
    """P1, P2, P3, P7: wherever the process dies, the next start finds whole transactions and true books."""
    step = 1 if full else 8
    first = random.randrange(1, step + 1)
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(KILLED_AT_EACH_STEP),
        str(tmp_path),
        str(first),
        str(step),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await program.communicate()
    assert program.returncode == 0, (first, errors.decode())
    assert int(out) > 60


async def test_sigterm_during_a_replay(tmp_path: Path) -> None:
    """P3: a stop in the middle of a replay delivers no letter twice and loses none; the next replay does the rest."""
    write_log(tmp_path, make_lines(300, seed=6))
    async with MoesifLookalike(key=KEY) as moesif:
        moesif.knobs.status_for = lambda event: 400 if refuse(event) else None
        sinks = "batch_max_events = 5"
        async with Daemon(tmp_path, config(tmp_path, moesif.url, sinks=sinks)) as daemon:
            status = await daemon.until(lambda now: done(now, 300))
            dead = status["sinks"]["moesif"]["dead_letters"]
            assert dead > 20
            before = moesif.unique
            moesif.knobs.status_for = None
            moesif.knobs.delay_seconds = 0.1
            replay = asyncio.create_task(daemon.command("replay", "--sink", "moesif", "--all"))
            await moesif.wait_for(lambda: moesif.unique > before)
            daemon.process.send_signal(signal.SIGTERM)
            assert await daemon.stop() == 0
            await replay
            moesif.knobs.delay_seconds = 0
            await daemon.start()
            left = (await daemon.ask("status"))["sinks"]["moesif"]["dead_letters"]
            assert moesif.unique == 300 - left
            code, output, errors = await daemon.command("replay", "--sink", "moesif", "--all")
            assert (code, output.strip()) == (0, f"{left} delivered, 0 refused again"), errors
            status = await daemon.ask("status")
            assert balanced(status)
            assert status["sinks"]["moesif"]["dead_letters"] == 0
        assert moesif.unique == 300
        assert moesif.duplicates == 0


def refuse(event: dict[str, dict[str, str]]) -> bool:
    return int(event["metadata"]["correlationId"].replace("-", ""), 16) % 5 == 0


async def test_two_daemons_started_at_once(tmp_path: Path) -> None:
    """Of two that start at the same moment one runs and the other ends with 1 and names it; no event comes twice."""
    write_log(tmp_path, make_lines(50, seed=7))
    async with MoesifLookalike(key=KEY) as moesif:
        text = config(tmp_path, moesif.url)
        twins = [Daemon(tmp_path, text), Daemon(tmp_path, text)]
        await asyncio.gather(*(twin.launch() for twin in twins))
        ends = [asyncio.create_task(twin.process.wait()) for twin in twins]
        async with asyncio.timeout(60):
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        loser = next(at for at, end in enumerate(ends) if end.done())
        winner = twins[1 - loser]
        assert await twins[loser]._ended() == 1
        assert f"process {winner.process.pid}" in json.dumps(twins[loser].lines)
        try:
            async with asyncio.timeout(60):
                await winner._started.wait()
            assert balanced(await winner.until(lambda now: done(now, 50)))
        finally:
            await winner.kill()
            for end in ends:
                await end
        assert moesif.unique == 50
        assert moesif.duplicates == 0
