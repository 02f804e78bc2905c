"""A batch laid out by address: the events that one request cannot mix go into parts of their own."""

from collections.abc import Sequence

from bridge.batches import Batch
from bridge.contracts import Addresses
from bridge.delivery.part import Part


def lay_out(batch: Batch, addresses: Addresses) -> tuple[list[Part], list[tuple[int, str]]]:
    """Return a part for each address, its events in their own order, and which events have none, with the reason."""
    if not len(batch):
        return [], []
    failed: list[tuple[int, str]] = []
    try:
        told: Sequence[str | None] | None = addresses(batch)
        if told is not None and len(told) != len(batch):
            raise ValueError(f"{len(told)} addresses for {len(batch)} events")
    except Exception:  # noqa: BLE001 - a fault of the mapping must cost one event, not the lane
        told = [_address(batch, place, addresses, failed) for place in range(len(batch))]
    if told is None:
        return [Part(range(len(batch)), "")], failed
    groups: dict[str, list[int]] = {}
    for place, address in enumerate(told):
        if address is not None:
            groups.setdefault(address, []).append(place)
    if len(groups) == 1 and not failed:
        return [Part(range(len(batch)), next(iter(groups)))], failed
    return [Part(places, address) for address, places in groups.items()], failed


def _address(batch: Batch, place: int, addresses: Addresses, failed: list[tuple[int, str]]) -> str | None:
    try:
        told = addresses(batch.part(place, place + 1))
        (address,) = told if told is not None else ("",)
    except Exception as error:  # noqa: BLE001 - as above
        failed.append((place, f"{type(error).__name__}: {error}"))
        return None
    return address
