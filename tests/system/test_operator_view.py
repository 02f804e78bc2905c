"""What an operator sees of the real daemon: metrics, probes, status, check, tap, logs, stopping."""

import asyncio
import json
import re
from pathlib import Path

import aiohttp
import pytest
from rigs.daemon import Daemon, balanced, free_port
from rigs.scenes import KEY, config, done, write_log

from bridge.demo.gateway import make_lines
from bridge.demo.moesif_lookalike import MoesifLookalike
from bridge.sinks import SINKS
from bridge.sources import SOURCES
from bridge.telemetry.metrics import TABLE


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def admin_url(daemon: Daemon) -> str:
    url: str = daemon.events("started")[-1]["admin"]
    return url


async def test_metrics_show_the_whole_table_and_the_books(tmp_path: Path) -> None:
    """P7: every metric of the table is exposed, and the counts are those of the events."""
    write_log(
        tmp_path,
        [*make_lines(300, seed=1), b"just a line", b'x apimMetrics: apim:response, properties :{"a"'],
    )
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon,
    ):
        await daemon.until(lambda now: done(now, 300))
        status, text = await get(admin_url(daemon) + "/metrics")
    assert status == 200
    for metric in (*TABLE, *SOURCES["log"].metrics, *SINKS["moesif"].metrics):
        assert f"# TYPE {metric.exposed} " in text, metric.exposed
    values = dict(re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE))
    assert float(values['apim_bridge_events_received_total{source="log"}']) == 301
    assert float(values['apim_bridge_events_journalled_total{source="log"}']) == 300
    assert float(values['apim_bridge_events_rejected_total{reason="not_json",source="log"}']) == 1
    assert float(values['apim_bridge_lines_ignored_total{source="log"}']) == 1
    assert float(values['apim_bridge_events_delivered_total{sink="moesif"}']) == 300
    assert float(values['apim_bridge_pending_events{sink="moesif"}']) == 0
    assert float(values["apim_bridge_ready"]) == 1
    assert "process_cpu_seconds_total" in values


async def test_probes_tell_sinks_trouble_from_the_bridges_own(tmp_path: Path) -> None:
    """/readyz shows a paused sink, but fails only with ?sinks=1; /healthz stays good."""
    write_log(tmp_path, make_lines(10, seed=1))
    async with MoesifLookalike(key="another key") as moesif:
        async with Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon:
            status = await daemon.until(lambda now: now["sinks"]["moesif"]["state"] == "paused")
            assert status["sinks"]["moesif"]["pause_reason"] == "credentials"
            assert status["sinks"]["moesif"]["pending"] == 10
            url = admin_url(daemon)
            code, text = await get(url + "/readyz")
            assert code == 200
            assert "401" in json.loads(text)["sinks"]["moesif"]
            assert (await get(url + "/readyz?sinks=1"))[0] == 503
            assert (await get(url + "/healthz"))[0] == 200
            code, text = await get(url + "/metrics")
            assert 'apim_bridge_sink_paused{reason="credentials",sink="moesif"} 1.0' in text
            # The right key: everything goes out by itself.
            moesif.keys.add(KEY)
            assert balanced(await daemon.until(lambda now: done(now, 10)))
        assert moesif.unique == 10


async def test_status_with_and_without_a_daemon(tmp_path: Path) -> None:
    """The same facts from the running daemon and from the state folder; trouble is exit code 1."""
    write_log(tmp_path, make_lines(20, seed=1))
    async with MoesifLookalike(key=KEY) as moesif:
        daemon = Daemon(tmp_path, config(tmp_path, moesif.url))
        code, _, errors = await daemon.command("status")
        assert code == 1
        assert "there is no journal" in errors
        async with daemon:
            await daemon.until(lambda now: done(now, 20))
            code, running, _ = await daemon.command("status", "--json")
            assert code == 0
            code, table, _ = await daemon.command("status")
            assert code == 0
            assert "the books balance" in table
            assert await daemon.stop() == 0
        code, stopped, _ = await daemon.command("status", "--json")
        assert code == 0
    assert json.loads(running)["running"] is True
    assert json.loads(stopped)["running"] is False
    assert json.loads(stopped)["books"] == json.loads(running)["books"]
    assert json.loads(stopped)["sinks"]["moesif"]["delivered"] == 20


async def test_check_finds_what_would_not_work(tmp_path: Path) -> None:
    """`check` looks at state folder, logs and sinks; each finding has its cure, a fault is exit code 1."""
    write_log(tmp_path, make_lines(20, seed=1))
    async with MoesifLookalike(key=KEY) as moesif:
        daemon = Daemon(tmp_path, config(tmp_path, moesif.url))
        code, output, _ = await daemon.command("check")
        assert code == 0, output
        assert "20 events in its last lines" in output
        assert "the key is accepted" in output
        assert "gateway_url" not in output
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace("gateway_url", "#gateway_url"))
        code, output, _ = await daemon.command("check")
        assert code == 0
        assert "set gateway_url in [bridge]" in output
        daemon.config.write_text(text)
        moesif.keys.clear()
        code, output, _ = await daemon.command("check")
        assert code == 1
        assert "fault" in output
        assert "look at moesifKey" in output
        await moesif.refuse_connections()
        code, output, _ = await daemon.command("check")
        assert code == 1
        (tmp_path / "logs" / "apim_metrics.log").write_text("a line of another log\n")
        code, output, _ = await daemon.command("check")
        assert 'type = "elk"' in output


async def test_tap_shows_events_as_they_pass(tmp_path: Path) -> None:
    """`tap` shows what is journalled from now on, filtered by fields, one JSON object a line."""
    lines = list(make_lines(200, seed=1))
    faults = sum(b"apim:faulty" in line for line in lines)
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon,
    ):
        tapping = asyncio.create_task(
            daemon.command("tap", "--only", "eventType=fault", "--count", str(faults))
        )
        # Events are written until the tap, whenever it is there, has seen as many faults as it wants.
        while not tapping.done():
            write_log(tmp_path, lines)
            await asyncio.wait([tapping], timeout=0.3)
        code, output, errors = await tapping
    assert code == 0, errors
    shown = [json.loads(line) for line in output.splitlines()]
    assert len(shown) == faults
    assert all("errorCode" in event["event"] for event in shown)


async def test_a_second_daemon_says_who_holds_the_state_folder(tmp_path: Path) -> None:
    """One daemon for each state folder: the second one ends with 1 and names the first."""
    async with (
        MoesifLookalike(key=KEY) as moesif,
        Daemon(tmp_path, config(tmp_path, moesif.url)) as daemon,
    ):
        code, _, errors = await daemon.command("run")
        assert code == 1
        assert f"process {daemon.process.pid}" in errors
        assert (await daemon.ask("status"))["taking_events"]


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
async def test_stopping_takes_what_is_there_and_loses_nothing(tmp_path: Path, signal_name: str) -> None:
    """A stop reads the log to its end, delivers, commits and exits with 0; with a sink down it does not wait."""
    async with MoesifLookalike(key=KEY) as moesif:
        text = config(tmp_path, moesif.url).replace('poll_interval = "50ms"', 'poll_interval = "1h"')
        daemon = Daemon(tmp_path, text)
        async with daemon:
            # Written after the last look at the log: only the stop's own look can find it.
            write_log(tmp_path, make_lines(50, seed=1))
            if signal_name == "SIGINT":
                daemon.process.send_signal(2)
            assert await daemon.stop() == 0
        assert moesif.unique == 50
        assert daemon.events("stopped")[-1]["pending"] == {"moesif": 0}
        await moesif.refuse_connections()
        write_log(tmp_path, make_lines(50, seed=2))
        async with daemon:
            await daemon.until(lambda now: now["sinks"]["moesif"]["state"] == "retrying")
            assert await daemon.stop() == 0
        assert daemon.events("stopped")[-1]["pending"] == {"moesif": 50}


async def test_no_secret_is_shown_and_nothing_is_logged_for_each_event(tmp_path: Path) -> None:
    """Neither key nor token is in a log line, /status or an error; thousands of events make a handful of lines."""
    token = "t0ken-that-nobody-may-see"
    more = f'[bridge.sources.http]\nlisten = "127.0.0.1:{free_port()}"\ntokens = ["{token}"]'
    write_log(tmp_path, make_lines(3_000, seed=1))
    async with MoesifLookalike(key=KEY) as moesif:
        moesif.knobs.fail_next = [500] * 5
        async with Daemon(tmp_path, config(tmp_path, moesif.url, more=more)) as daemon:
            status = await daemon.until(lambda now: done(now, 3_000))
            pages = [
                (await get(admin_url(daemon) + path))[1]
                for path in ("/status", "/metrics", "/readyz", "/healthz")
            ]
            assert await daemon.stop() == 0
    everything = json.dumps([daemon.lines, status, pages])
    assert KEY not in everything
    assert token not in everything
    assert len(daemon.lines) < 30
    # The same failure again and again is said once, then rarely, with a count.
    assert len(daemon.events("delivery_failed")) == 1


async def test_a_bad_configuration_is_exit_code_2_with_the_cure(tmp_path: Path) -> None:
    """Commands that need all of it end with 2 and name file, key and nearest known key."""
    daemon = Daemon(tmp_path, config(tmp_path, "http://127.0.0.1:1").replace("poll_interval", "pol_interval"))
    for command in ("run", "check"):
        code, _, errors = await daemon.command(command)
        assert code == 2
        assert "bridge.sources.log.pol_interval" in errors
        assert "poll_interval" in errors
