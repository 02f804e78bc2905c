"""What the writer remembers of texts."""

from pathlib import Path

import pytest
from fakes.tagged_events import calls

from bridge.analytics.store import ReceivedEvent, Store, names


async def test_it_is_known_of_every_key_whether_it_has_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though there are more texts of other fields than are remembered, before a restart and after it."""
    monkeypatch.setattr(names, "_REMEMBERED", 10)
    known, unknown = "c7" * 16, "d8" * 16
    paths = [
        *calls(20, properties={"x-original-gw-url": "https://h/p"}),
        *calls(1, 50, origin={"api_analytics": {"key": known}}),
    ]
    for number, event in enumerate(paths):
        event["apiName"] = f"API {number}"
    async with Store.opened(tmp_path) as store:
        assert not store.may_have("key", known)
        for event in paths:
            await store.append([ReceivedEvent(event["bridge"]["id"], 1_775_000_000_000, event)])
        assert (store.may_have("key", known), store.may_have("key", unknown)) == (True, False)
    async with Store.opened(tmp_path) as store:
        assert (store.may_have("key", known), store.may_have("key", unknown)) == (True, False)
    # Beyond what is remembered of keys, too, any may be there.
    monkeypatch.setattr(names, "_REMEMBERED", 0)
    async with Store.opened(tmp_path) as store:
        assert store.may_have("key", unknown)
