"""Erasing over HTTP: a job that is followed, survives a kill, and ends with a receipt."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.analytics_processes import server_process
from fakes.small_disks import small_disk
from fakes.tagged_events import calls
from rigs.analytics_erasing import bytes_with, traces
from rigs.analytics_server import listening, token

from bridge.analytics.admin import for_command
from bridge.analytics.store.people import transaction
from bridge.analytics.store.verification import StoreVerification
from bridge.formats.api_analytics import hashed_key

NDJSON = {"Content-Type": "application/x-ndjson"}
KEY = "4f9c2d0a-8b7e-4c5d-8f9c-2d0a8b7e6c5d"
OTHER_KEY = "0f9c2d0a-8b7e-4c5d-8f9c-2d0a8b7e6c5d"


def named(count: int, start: int = 0, name: str = "zebulon", **members: Any) -> list[dict[str, Any]]:
    """Return calls of somebody, from before today."""
    return [
        *calls(
            count,
            start,
            userName=name,
            userIp="192.0.2.77",
            applicationName=f"App of {name}",
            properties={"requestHeaders": {"X-Who": name}},
            **members,
        )
    ]


async def sent(client: aiohttp.ClientSession, events: Sequence[Any]) -> dict[str, int]:
    body = "\n".join(map(json.dumps, events))
    async with client.post("/ingest", data=body, headers=NDJSON) as answer:
        assert answer.status == 200, await answer.text()
        counts: dict[str, int] = await answer.json()
        return counts


async def asked(client: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with client.delete(path) as answer:
        assert answer.status == 202, await answer.text()
        job: dict[str, Any] = await answer.json()
        assert answer.headers["Location"] == f"/api/erasures/{job['id']}"
        return job


async def done(client: aiohttp.ClientSession, number: str) -> dict[str, Any]:
    """Follow an erasure to its end."""
    async with asyncio.timeout(60):
        while True:
            async with client.get(f"/api/erasures/{number}") as answer:
                job: dict[str, Any] = await answer.json()
            if job["state"] == "done":
                return job
            await asyncio.sleep(0.05)


async def books(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("/api/state") as answer:
        found: dict[str, Any] = (await answer.json())["books"]
        return found


def require_sound(folder: Path) -> None:
    with StoreVerification.opened(folder, memory_bytes=2**28, threads=2) as checks:
        assert [*checks.findings()] == []


async def test_a_user_is_erased_and_stays_away(tmp_path: Path) -> None:
    """The job ends with its counts and a receipt; what is sent again is counted once, and the books balance."""
    events = [*named(30), *named(10, 100, "yolanda")]
    account = {
        "sender": "gateway-1",
        "instance": "host-1",
        "taken": 45,
        "journal": {"retain_seconds": 86_400},
        "sinks": {
            "analytics": {"type": "analytics", "delivered": 40, "pending": 0},
            "archive": {"type": "file", "destination": "/var/archive", "delivered": 40},
            "moesif": {"type": "moesif", "destination": "https://api.moesif.net", "delivered": 40, "dead": 2},
        },
    }
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        await sent(client, events)
        async with client.post("/account", json=account) as answer:
            assert answer.status == 200
        job = await asked(client, "/api/users/zebulon@carbon.super")
        assert (job["field"], job["keep"], job["value"]) == ("user", "nothing", "zebulon")
        receipt = await done(client, job["id"])
        # While the process runs, write-ahead logs are there, too.
        assert bytes_with(tmp_path, "zebulon") == []
        assert (receipt["deleted"], receipt["kept"], receipt["total"]) == (30, 0, 30)
        assert (receipt["value"], receipt["error"], len(receipt["digest"])) == (None, None, 64)
        held = {one["where"]: one["until"] for one in receipt["still_in"]}
        assert held.pop("the journal of the bridge gateway-1 on host-1") is not None
        assert [*held.values()] == [None] * len(held)
        for word in ("dead letters of", "the archive /var/archive of", "moesif, where", "backups"):
            assert [where for where in held if word in where]
        assert await books(client) == {
            "taken": 45,
            "shown": 10,
            "let_go": 0,
            "too_old": 0,
            "erased": 30,
            "records": 0,
            "missing": 5,
        }
        # A rewind sends what was there, and what was on its way.
        again = await sent(client, [*events, *named(5, 50)])
        assert again == {"new": 0, "known": 40, "old": 0, "erased": 5, "records": 0}
        assert (await books(client))["missing"] == 0
        assert await sent(client, [*events, *named(5, 50)]) == again | {"known": 45, "erased": 0}
        async with client.get("/metrics") as answer:
            text = await answer.text()
        assert 'analytics_events_erased_total{reason="asked"} 30.0' in text
        assert 'analytics_events_erased_total{reason="came_again"} 5.0' in text
        assert "analytics_erasure_waiting_seconds 0.0" in text
    folder = tmp_path / "analytics"
    assert traces(folder, "zebulon") == []
    assert traces(folder, "App of zebulon") == []
    require_sound(folder)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("applications/App%20of%20zebulon", "App of zebulon"),
        ("addresses/192.0.2.77", "192.0.2.77"),
        ("companies/Zebra", "Zebra"),
        (f"keys/{KEY}", KEY),
    ],
)
async def test_each_kind_of_subject(tmp_path: Path, path: str, value: str) -> None:
    """Applications, companies, addresses, and keys, which are known by their hash."""
    events = named(20, origin={"api_analytics": {"key": "c7f3a0d1c7f3a0d1c7f3a0d1c7f3a0d1"}})
    for one in events:
        one["bridge"]["company"] = "Zebra"
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        await sent(client, [*events, *calls(5, 100)])
        if value == KEY:
            path = "keys/c7f3a0d1c7f3a0d1c7f3a0d1c7f3a0d1"
        job = await asked(client, f"/api/{path}")
        assert (await done(client, job["id"]))["deleted"] == 20
        kept = await asked(client, f"/api/{path}?keep=counts")
        assert (await done(client, kept["id"]))["kept"] == 0
        async with client.get("/api/erasures") as answer:
            jobs = (await answer.json())["erasures"]
        assert [one["keep"] for one in jobs] == ["counts", "nothing"]
    assert traces(tmp_path / "analytics", value) == []


async def test_what_people_wrote_does_not_name_it(tmp_path: Path) -> None:
    """Boards and markers say `[erased]`, and the receipt says which to look at."""
    board = {
        "name": "Calls of zebulon",
        "filters": [{"field": "user", "is": ["zebulon", "yolanda"]}],
        "views": [{"title": "Errors", "form": "time", "question": {"measures": ["errors"]}}],
    }
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        await sent(client, named(3))
        async with client.put("/api/boards/one", json=board) as answer:
            assert answer.status == 200, await answer.text()
        async with client.post("/api/annotations", json={"text": "zebulon came"}) as answer:
            assert answer.status == 201
        receipt = await done(client, (await asked(client, "/api/users/zebulon"))["id"])
        where = [one["where"] for one in receipt["still_in"]]
        assert {"board one", "a marker in time"} <= {*where}
        async with client.get("/api/boards/one") as answer:
            kept = await answer.json()
        assert kept["name"] == "Calls of [erased]"
        assert kept["filters"] == [{"field": "user", "is": ["[erased]", "yolanda"]}]
        async with client.get("/api/annotations") as answer:
            assert (await answer.json())["annotations"][0]["text"] == "[erased] came"
    assert traces(tmp_path / "analytics", "zebulon") == []


async def test_who_may_erase(tmp_path: Path) -> None:
    """It takes the scope delete:users, or admin."""
    tokens = {name: token(name, name) for name in ("read:data", "delete:users", "admin")}
    tokens = {name.replace(":", "-"): one for name, one in tokens.items()}
    async with listening(tmp_path, tokens=tokens) as url, aiohttp.ClientSession(url) as client:
        for name, status in (("read:data", 403), ("delete:users", 202), ("admin", 202)):
            headers = {"Authorization": f"Bearer {name}"}
            async with client.delete("/api/users/x", headers=headers) as answer:
                assert answer.status == status
            async with client.get("/api/erasures", headers=headers) as answer:
                assert answer.status == (200 if status == 202 else 403)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("users/x?keep=some", "keep is neither"),
        ("users/x?force=1", "force"),
        ("keys/short", "no key"),
        ("users/" + "x" * 3000, "no user"),
    ],
)
async def test_what_cannot_be_asked(tmp_path: Path, path: str, said: str) -> None:
    """It is refused with what is wrong."""
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        async with client.delete(f"/api/{path}") as answer:
            assert answer.status == 400
            assert said in (await answer.json())["error"]
        async with client.get("/api/erasures/none") as answer:
            assert answer.status == 404


async def test_events_come_in_meanwhile(tmp_path: Path) -> None:
    """While it is worked on, other events are taken, and newer ones of the same user, too."""
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        for start in range(0, 20_000, 2_000):
            await sent(client, named(2_000, start))
        job = await asked(client, "/api/users/zebulon")
        following = asyncio.create_task(done(client, job["id"]))
        start = between = 0
        while not following.done():
            assert (await sent(client, named(20, 50_000 + start, "yolanda")))["new"] == 20
            start += 20
            between += 1
        assert (await following)["deleted"] == 20_000
        assert between > 2
        assert (await books(client))["shown"] == start
    require_sound(tmp_path / "analytics")


async def test_kill_9_in_the_middle(tmp_path: Path, *, full: bool) -> None:
    """Whenever it is killed, the next start brings the job to its end, with all that was erased in its receipt."""
    number = ""
    for turn in range(12 if full else 3):
        with server_process(tmp_path) as process:
            kill = None
            async with aiohttp.ClientSession(process.url) as client:
                if not number:
                    for start in range(0, 30_000, 2_000):
                        await sent(client, named(2_000, start))
                    number = (await asked(client, "/api/users/zebulon"))["id"]
                kill = asyncio.get_running_loop().call_later(0.1 + 0.3 * turn, process.kill)
                with contextlib.suppress(aiohttp.ClientError):
                    # From its first moment on nothing of it comes in.
                    while True:
                        assert (await sent(client, named(100, 40_000)))["new"] == 0
            kill.cancel()
    with server_process(tmp_path) as process:
        async with aiohttp.ClientSession(process.url) as client:
            receipt = await done(client, number)
            assert (receipt["deleted"], receipt["total"]) == (30_000, 30_000)
            assert (await sent(client, named(100, 40_000)))["new"] == 0
            assert await sent(client, named(2_000)) == {
                "new": 0,
                "known": 2_000,
                "old": 0,
                "erased": 0,
                "records": 0,
            }
            counted = await books(client)
            assert (counted["shown"], counted["erased"]) == (0, 30_100)
    assert traces(tmp_path, "zebulon") == []
    require_sound(tmp_path)


async def test_a_full_disk_is_said_and_waited_for(tmp_path: Path) -> None:
    """The job says what stands in its way, with the cure."""
    with small_disk(tmp_path / "disk", 256 * 2**20) as disk:
        folder = disk.path / "analytics"
        async with listening(tmp_path, path=folder) as url, aiohttp.ClientSession(url) as client:
            await sent(client, named(100))
            ballast = disk.fill(64 * 2**20)
            job = await asked(client, "/api/users/zebulon")
            async with asyncio.timeout(30):
                while True:
                    async with client.get(f"/api/erasures/{job['id']}") as answer:
                        said = await answer.json()
                    if said["error"]:
                        break
                    await asyncio.sleep(0.05)
            assert "make room on it" in said["error"]
            assert (said["state"], said["value"]) == ("waiting", "zebulon")
            ballast.unlink()
            # Whoever asks for anything makes it look again at once.
            other = await asked(client, "/api/users/nobody")
            assert (await done(client, job["id"]))["deleted"] == 100
            await done(client, other["id"])
        assert traces(folder, "zebulon") == []


async def test_a_key_may_erase_its_own_data(tmp_path: Path) -> None:
    """Whoever has a key of API Analytics erases what came with it, follows that, and nothing else."""
    own, other = hashed_key(KEY), hashed_key(OTHER_KEY)
    events = [
        *calls(10, origin={"api_analytics": {"key": own}}),
        *calls(5, 100, origin={"api_analytics": {"key": other}}),
    ]
    tokens = {"boss": token("boss", "admin")}
    boss, holder = {"Authorization": "Bearer boss"}, {"X-AUTH-TOKEN": KEY}
    async with listening(tmp_path, tokens=tokens) as url:
        async with aiohttp.ClientSession(url, headers=boss) as client:
            await sent(client, events)
            foreign = await asked(client, "/api/users/zebulon")
        async with aiohttp.ClientSession(url, headers=holder) as client:
            for path in (
                f"keys/{OTHER_KEY}",
                "users/zebulon",
                "applications/x",
                "addresses/x",
                "companies/x",
            ):
                async with client.delete(f"/api/{path}") as answer:
                    assert answer.status == 403, path
            job = await asked(client, f"/api/keys/{KEY}")
            assert (await done(client, job["id"]))["deleted"] == 10
            async with client.get("/api/erasures") as answer:
                assert [one["id"] for one in (await answer.json())["erasures"]] == [job["id"]]
            async with client.get(f"/api/erasures/{foreign['id']}") as answer:
                assert answer.status == 404
        async with aiohttp.ClientSession(url, headers=boss) as client:
            assert (await books(client))["shown"] == 5


async def test_workspaces_do_not_name_it(tmp_path: Path) -> None:
    """A workspace about the user alone shows nothing any more, and who looked from the address is not kept."""
    workspace = {
        "name": "Calls of zebulon",
        "filters": [{"field": "user", "is": ["zebulon"]}],
        "public": True,
    }
    async with listening(tmp_path) as url, aiohttp.ClientSession(url) as client:
        await sent(client, named(3))
        async with client.post("/api/workspaces", json=workspace) as answer:
            assert answer.status == 201, await answer.text()
            made = await answer.json()
        receipt = await done(client, (await asked(client, "/api/users/zebulon"))["id"])
        assert "workspaces" in [one["where"] for one in receipt["still_in"]]
        async with client.get(f"/api/workspaces/{made['id']}") as answer:
            kept = await answer.json()
        assert (kept["name"], kept["filters"]) == (
            "Calls of [erased]",
            [{"field": "user", "is": ["[erased]"]}],
        )
        with for_command(tmp_path / "analytics") as admin, transaction(admin):
            admin.execute(
                "INSERT INTO workspace_looks (workspace, name, given, address, at_ms) VALUES (?, 'one', ?, ?, 1)",
                (made["id"], '{"user": "zebulon"}', "192.0.2.77"),
            )
        await done(client, (await asked(client, "/api/addresses/192.0.2.77"))["id"])
        await done(client, (await asked(client, "/api/users/zebulon"))["id"])
    for word in ("zebulon", "192.0.2.77"):
        assert traces(tmp_path / "analytics", word) == []
